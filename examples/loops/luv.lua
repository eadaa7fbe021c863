-- Plays ping-pong with an echo server in a libuv loop in which a timer ticks ten times a second:
-- lua examples/loops/luv.lua HOST PORT COUNT
--
-- In Neovim `uv` is vim.loop, and its callback needs vim.schedule_wrap if the handlers use Neovim's functions.

local sidewire = require "sidewire"

local USAGE = "usage: lua examples/loops/luv.lua HOST PORT COUNT (needs luv)\n"
local host, port, count = arg[1], tonumber(arg[2]), tonumber(arg[3])
if host == "--help" then io.write(USAGE) os.exit(0) end
if not (sidewire.is_port(port) and count) or arg[4] then io.stderr:write(USAGE) os.exit(2) end
local uv = require "luv"

local answers, polls = 0, 0
local notifier = assert(sidewire.notifier())
local watcher, timer = uv.new_poll(notifier:fd()), uv.new_timer()

local made, client = pcall(sidewire.new, { host = host, port = port, reconnect = false })
if not made then io.stderr:write(client, "\n", USAGE) os.exit(2) end -- it is no host's name
local function fail(_, why) io.stderr:write(why, "\n") os.exit(1) end
client:on {
  error = fail,
  disconnect = fail,
  connect = function() client:send "ping" end,
  message = function()
    answers = answers + 1
    if answers < count then return client:send "ping" end
    watcher:close()
    timer:close()
  end,
}
client:connect()

watcher:start("r", function()
  polls = polls + 1
  sidewire.poll()
end)
timer:start(100, 100, function() print(("tick: %d answers, %d polls"):format(answers, polls)) end)
uv.run() -- ends when the watcher and the timer are closed
print(("%d answers, %d polls"):format(answers, polls))
