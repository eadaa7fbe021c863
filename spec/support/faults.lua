-- Faults on purpose, in builds with FAULTS=1 (spec/injector/rules.h says what rules are).
--
--     local faults = require "spec.support.faults"
--     local counts = faults.during("seed 7; send cut 0.5", function() ... end)   -- then there are none again
--     assert(counts.send.faults > 0)
--
-- A failure in there names the rules, and so the seed.

local engine = require "spec.support.engine"
local faults = {}

-- The module itself has no function for it: such a build has a second opener, which returns one.
local core = assert(engine.searchpath("sidewire.core", package.cpath))
local open = package.loadlib(core, "luaopen_sidewire_faults")
if not open then error("spec/injected needs a build with FAULTS=1: tools/test release-faults", 0) end
local control = open()

--- Seeds for random rules: some that never change, and one of the day for luck. SEED=n: only that one.
function faults.seeds(count)
  local given = tonumber(os.getenv "SEED" or "")
  if given then return { given } end
  local seeds = { os.time() % 1000000 + 1000 }
  for seed = 1, count - 1 do seeds[#seeds + 1] = seed end
  return seeds
end

--- Replaces the rules; "" is none.
-- @treturn table what the ones before did: call -> { calls =, faults = }
function faults.set(rules)
  return control(rules)
end

--- What the rules did so far.
function faults.counts()
  return control()
end

--- Runs the function under these rules, and clears them.
-- @treturn table what the rules did
function faults.during(rules, body)
  faults.set(rules)
  local ok, why = pcall(body)
  local counts = faults.set ""
  if ok then return counts end
  if type(why) == "table" then why = why.message or why end -- an assertion's
  error(("%s\nwith the faults: %s"):format(why, rules), 0)
end

return faults
