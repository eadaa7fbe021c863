-- Plays ping-pong with an echo server in a loop around LuaSocket's select, which also waits for a clock that ticks ten
-- times a second: lua examples/loops/select.lua HOST PORT COUNT

local sidewire = require "sidewire"
local socket = require "socket"

local TICK = 0.1 -- seconds
local count, answers, polls = tonumber(arg[3]), 0, 0

local client = sidewire.new { host = arg[1], port = tonumber(arg[2]) }
client:on {
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
