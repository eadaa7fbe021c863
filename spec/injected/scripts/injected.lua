-- What specs of this folder run in C hosts, where all that is opened once for each Lua state is opened anew.

local build = require "spec.support.build"
local faults = require "spec.support.faults"
local session = require "spec.support.session"
local sidewire = require "sidewire.core"

local new = session.new

local scripts = {}

-- Prints the name of each call that rules can name, and whether it was called.
function scripts.makes_every_call()
  local client = new { host = "localhost", retain = "unacked" }
  assert(client:connect())
  assert(client:wait("connected", build.DEADLINE))
  client:send "answered and acknowledged"
  assert(client:receive(build.DEADLINE))
  assert(client:flush(build.DEADLINE))
  assert(client:disconnect())
  assert(client:wait("disconnected", build.DEADLINE))
  for name, count in pairs(faults.counts()) do print(name, count.calls > 0) end
end

-- In `frail`: its epoll fails, and delays widen the moments in which the two threads may meet.
function scripts.disconnects_while_the_loop_ends(seed)
  local EBADF = 9
  local client = new { reconnect = false }
  for round = 1, 30 do
    repeat
      if client:state() == "idle" then assert(client:connect()) end
    until client:wait("connected", build.DEADLINE)
    faults.set(("malloc delay 1.0; seed %d"):format(seed + round))
    frail.fail("epoll_wait", EBADF, 1)
    client:send "wakes the thread, which then wants to sleep"
    assert(client:disconnect())
    faults.set ""
    assert(client:wait("disconnected", build.DEADLINE), client:state() .. ", seed " .. seed)
    sidewire.poll()
  end
end

-- The opening of the nth wake-up fails.
function scripts.has_no_wake_up(n, code)
  faults.set(("eventfd %s @%d"):format(code, n))
  local client = new { reconnect = false }
  local ok, message, found = client:connect()
  assert(not ok and found == code, message)
  assert(client:state() == "idle")
  assert(client:connect())
  assert(client:wait("connected", 20))
end

return scripts
