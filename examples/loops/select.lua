-- Plays ping-pong with an echo server in a loop around LuaSocket's select, which also waits for a clock that ticks ten
-- times a second: lua examples/loops/select.lua HOST PORT COUNT

local sidewire = require "sidewire"

local USAGE = "usage: lua examples/loops/select.lua HOST PORT COUNT (needs LuaSocket)\n"
local host, port, count = arg[1], tonumber(arg[2]), tonumber(arg[3])
if host == "--help" then io.write(USAGE) os.exit(0) end
if not (sidewire.is_port(port) and count) or arg[4] then io.stderr:write(USAGE) os.exit(2) end
local socket = require "socket"

local TICK = 0.1 -- seconds
local answers, polls = 0, 0

local made, client = pcall(sidewire.new, { host = host, port = port, reconnect = false })
if not made then io.stderr:write(client, "\n", USAGE) os.exit(2) end -- it is no host's name
local function fail(_, why) io.stderr:write(why, "\n") os.exit(1) end
client:on {
  error = fail,
  disconnect = fail,
  connect = function() client:send "ping" end,
  message = function()
    answers = answers + 1
    if answers < count then client:send "ping" end
  end,
}
client:connect()

local notifier = assert(sidewire.notifier())
local tick = socket.gettime() + TICK
while answers < count do
  -- A real program has sockets of its own in this list, too.
  local readable = socket.select({ notifier }, nil, math.max(0, tick - socket.gettime()))
  if readable[notifier] then
    polls = polls + 1
    sidewire.poll()
  end
  if socket.gettime() >= tick then
    tick = tick + TICK
    print(("tick: %d answers, %d polls"):format(answers, polls))
  end
end
print(("%d answers, %d polls"):format(answers, polls))
