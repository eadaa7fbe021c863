-- Plays ping-pong with an echo server while a clock ticks ten times a second; each is a coroutine of a cqueues loop:
-- lua examples/loops/cqueues.lua HOST PORT COUNT

local cqueues = require "cqueues"
local sidewire = require "sidewire"

local loop, count, answers, polls = cqueues.new(), tonumber(arg[3]), 0, 0

local client = sidewire.new { host = arg[1], port = tonumber(arg[2]) }
client:on("connect", function() client:send "ping" end)
client:on("message", function()
  answers = answers + 1
  if answers < count then client:send "ping" end
end)
client:connect()

loop:wrap(function()
  local notifier = assert(sidewire.notifier())
  while answers < count do
    cqueues.poll(notifier) -- until there is something for sidewire.poll
    polls = polls + 1
    sidewire.poll()
  end
end)

loop:wrap(function()
  while answers < count do
    print(("tick: %d answers, %d polls"):format(answers, polls))
    cqueues.sleep(0.1)
  end
end)

assert(loop:loop())
print(("%d answers, %d polls"):format(answers, polls))
