-- Many clients lose one server at the same moment: jitter spreads their attempts, and all come back.
--
--     ulimit -n 2000; tools/run release lua spec/stress/herd.lua [CLIENTS]      (1000)
--
-- Checked, exit status 1 if it is not so: the delays of the first attempts lie between 75 and 150 % of the policy's,
-- and each tenth of that range has its share of them; so have those of the second attempts; when the server is back,
-- every client connects. There is no seed to set: the share of a tenth is given so much room that chance fails it once
-- in a hundred thousand runs.

local usage = require "spec.support.usage"
local count = usage.integer(1, "CLIENTS", 1000)
usage.no_more(1)

local sidewire = require "sidewire.core"
local Peer = require "spec.support.peer"
local util = require "spec.support.util"

local DELAY, FACTOR = 0.5, 2
local PARTS = 10

local peer = Peer.start()
local connects = 0
local delays = { {}, {} } -- of the first and the second attempts
local clients = {}
for i = 1, count do
  clients[i] = util.client(peer, { reconnect = { delay = DELAY, factor = FACTOR, max = 5 } })
  clients[i]:on {
    connect = function() connects = connects + 1 end,
    retry = function(_, attempt, delay)
      local list = delays[attempt - 1]
      if list then list[#list + 1] = delay end
    end,
  }
  assert(clients[i]:connect())
end
assert(util.poll_until(function() return connects == count end, 10 * util.DEADLINE))

peer:kill()
assert(util.poll_until(function() return #delays[1] == count and #delays[2] == count end, 10 * util.DEADLINE))
peer:start_again()
assert(util.poll_until(function() return connects == 2 * count end, 10 * util.DEADLINE))

local share = count / PARTS
local room = 5 * math.sqrt(share * (1 - 1 / PARTS)) -- five standard deviations
for attempt, list in ipairs(delays) do
  local least, parts = 0.75 * DELAY * FACTOR ^ (attempt - 1), {}
  for part = 1, PARTS do parts[part] = 0 end
  for _, delay in ipairs(list) do
    local part = math.floor((delay - least) / (least / PARTS)) + 1 -- the range is as wide as its lower end
    parts[part] = parts[part] + 1
  end
  print(("attempt %d after %.3f..%.3f s, by tenths: %s"):format(attempt, least, 2 * least, table.concat(parts, " ")))
  for _, number in ipairs(parts) do assert(math.abs(number - share) <= room, "a peak") end
end
print(("%d clients, no peak"):format(count))
sidewire.stop()
peer:stop()
