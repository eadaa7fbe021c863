-- A script for mpv: it tells a server what mpv plays, and carries out what the server says, a command of mpv in each
-- line. The server can do all that mpv can, so it must be one that you trust.
--
--     mpv --script=DIR --script-opts=remote-host=127.0.0.1,remote-port=4000 FILE
--
-- DIR is a copy of this folder with sidewire/core.so in it, which `make LUA=5.2` builds.

package.cpath = mp.get_script_directory() .. "/?.so;" .. package.cpath
local sidewire = require "sidewire.core"

local options = { host = "127.0.0.1", port = 4000 }
require("mp.options").read_options(options, "remote")

local client = sidewire.new { host = options.host, port = options.port, linger = 1 }
client:on { message = function(_, command) mp.command(command) end }
client:connect()

for _, property in ipairs { "path", "pause", "volume" } do
  mp.observe_property(property, "string", function(_, value) client:send(property, " ", value or "none") end)
end

mp.add_periodic_timer(0.05, sidewire.poll)
mp.register_event("shutdown", function()
  client:send "shutdown"
  client:close() -- delivers what is queued, within a second
end)
