-- A script for WeeChat: it shows the lines of a server in the core buffer, and sends it those of the command /bridge.
--
--     /set plugins.var.lua.bridge.port 4000
--     /lua load bridge.lua
--     /bridge hello
--
-- It stands in WeeChat's folder `lua`, with sidewire/core.so beside it, which `make LUA=5.3` builds.

-- luacheck: globals show_lines send_line (WeeChat finds callbacks by their names)
weechat.register("bridge", "sidewire", "1.0", "MIT", "Lines to and from a TCP server", "", "")
package.cpath = weechat.info_get("weechat_data_dir", "") .. "/lua/?.so;" .. package.cpath
local sidewire = require "sidewire.core"

local function option(name, default)
  return weechat.config_is_set_plugin(name) == 1 and weechat.config_get_plugin(name) or default
end

local client = sidewire.new { host = option("host", "127.0.0.1"), port = tonumber(option("port", 4000)), linger = 1 }
client:on {
  connect = function() weechat.print("", "bridge\tconnected") end,
  message = function(_, line) weechat.print("", "bridge\t" .. line) end,
  disconnect = function(_, why) weechat.print("", "bridge\tdisconnected: " .. why) end,
}
client:connect()

function show_lines()
  sidewire.poll(100)
  return weechat.WEECHAT_RC_OK
end

function send_line(_, _, line)
  client:send(line)
  return weechat.WEECHAT_RC_OK
end

local notifier = assert(sidewire.notifier())
weechat.hook_fd(notifier:fd(), 1, 0, 0, "show_lines", "")
weechat.hook_command("bridge", "Sends a line to the server", "LINE", "", "", "send_line", "")
