-- Plays ping-pong with an echo server while a clock ticks ten times a second; each is a coroutine of a cqueues loop:
-- lua examples/loops/cqueues.lua HOST PORT COUNT

local sidewire = require "sidewire"

local USAGE = "usage: lua examples/loops/cqueues.lua HOST PORT COUNT (needs cqueues)\n"
local host, port, count = arg[1], tonumber(arg[2]), tonumber(arg[3])
if host == "--help" then io.write(USAGE) os.exit(0) end
if not (sidewire.is_port(port) and count) or arg[4] then io.stderr:write(USAGE) os.exit(2) end
local cqueues = require "cqueues"

local loop, answers, polls = cqueues.new(), 0, 0

local made, client = pcall(sidewire.new, { host = host, port = port, reconnect = false })
if not made then io.stderr:write(client, "\n", USAGE) os.exit(2) end -- it is no host's name
local function fail(_, why) io.stderr:write(why, "\n") os.exit(1) end
client:on { error = fail, disconnect = fail }
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
