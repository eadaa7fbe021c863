-- How fast messages come in, by framing: lines, behind a length, and behind a length with a type in front of it.
--
--     tools/run release lua spec/stress/framing.lua [MESSAGES]      (1000000)
--
-- Each is received three times, in turns, in messages of about 64 bytes; the best run counts. Checked, exit status 1 if
-- it is not so: with a length at least 0.9 of the rate of lines.

local usage = require "spec.support.usage"
local amount = usage.integer(1, "MESSAGES", 1000000)
usage.no_more(1)

local sidewire = require "sidewire.core"
local Peer = require "spec.support.peer"
local clock = require("socket").gettime
local util = require "spec.support.util"

local ROUNDS, LEAST = 3, 0.9

local FRAMINGS = {
  { name = "lines", peer = "line", framing = "line" },
  { name = "u32be", peer = "u32be", framing = "u32be" },
  { name = "a type, u32be", peer = "typed", framing = { length = "u32be", offset = 1, adjustment = -4 } },
}

-- Messages a second.
local function rate(case)
  local peer = Peer.start { mode = "flood 64", framing = case.peer }
  local taken, first, ended = 0, nil, nil
  local client = util.client(peer, { framing = case.framing, on = { message = function()
    taken = taken + 1
    if taken == 1 then first = clock() end
    if taken == amount then ended = clock() end
  end } })
  assert(client:connect())
  while not ended do
    assert(sidewire.wait(util.DEADLINE))
    sidewire.poll()
  end
  client:close(0)
  peer:stop()
  return (amount - 1) / (ended - first)
end

for _ = 1, ROUNDS do
  for _, case in ipairs(FRAMINGS) do case.rate = math.max(case.rate or 0, rate(case)) end
end

local is_fast = true
for _, case in ipairs(FRAMINGS) do
  local share = case.rate / FRAMINGS[1].rate
  is_fast = is_fast and share >= LEAST
  print(("%-14s %.2f million messages a second, %.2f of lines"):format(case.name, case.rate / 1e6, share))
end
assert(is_fast, "a framing is too slow")
sidewire.stop(0)
