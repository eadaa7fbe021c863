-- Many clients of one server that is away for a while: all come back, and not all at once.
--
--     ulimit -n 2000; tools/run release lua spec/stress/away.lua [CLIENTS] [SECONDS]      (1000, 10)
--
-- Checked, exit status 1 if it is not so: every client connects again. Printed, and to be read on a quiet machine: from
-- the server's return on, how many connections the busiest 100 ms hold, which are to be 15 % at most.

local usage = require "spec.support.usage"
local count, away = usage.integer(1, "CLIENTS", 1000), usage.integer(2, "SECONDS", 10)
usage.no_more(2)

local socket = require "socket"
local sidewire = require "sidewire.core"
local Peer = require "spec.support.peer"
local util = require "spec.support.util"

local WINDOW = 0.1 -- seconds

local peer = Peer.start()
local times = {}
for _ = 1, count do
  local client = util.client(peer, {}) -- as clients are when nothing is said
  client:on("connect", function() times[#times + 1] = socket.gettime() end)
  assert(client:connect())
end
assert(util.poll_until(function() return #times == count end, 10 * util.DEADLINE))

peer:kill()
times = {}
local back = socket.gettime() + away
util.poll_until(function() return socket.gettime() > back end, away + 1)
assert(#times == 0)
peer:start_again()
back = socket.gettime()
assert(util.poll_until(function() return #times == count end, 10 * util.DEADLINE), "some did not come back")

-- The most connections that any WINDOW holds; the times rise.
local most, first, at = 0, 1, nil
for last = 1, count do
  while times[last] - times[first] > WINDOW do first = first + 1 end
  if last - first + 1 > most then most, at = last - first + 1, times[first] - back end
end
print(("%d clients, server away for %d s: all back, from %.2f to %.2f s after its return"):format(count, away,
  times[1] - back, times[count] - back))
print(("the busiest %g s, at %.2f s, holds %d connections, %.1f %%"):format(WINDOW, at, most, 100 * most / count))
sidewire.stop()
peer:stop()
