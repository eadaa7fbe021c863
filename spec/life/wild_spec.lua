-- spec/stress/wild.lua, for a short time. By hand: tools/run asan lua spec/stress/wild.lua 600.
-- Its output, which ends up in the message when it fails, begins with the seed and the command that repeats it.

local Program = require "spec.support.program"
local Attacks = require "spec.stress.wild.attacks"
local engine = require "spec.support.engine"
local core = require "sidewire.core"
local util = require "spec.support.util"

local function run(...)
  local output = Program.check("spec/stress/wild.lua", util.choose(3, 6), os.time(), ...)
  assert.truthy(output:find "\nseed %d+: 0 violations\n", output)
end

describe("a hostile script", function()
  for _, mode in ipairs(Attacks.MODES) do
    it("neither crashes nor hangs nor breaks the module: " .. mode, function() run(mode) end)
  end

  if not engine.has_safe_setupvalue then
    it("neither crashes nor hangs nor breaks the module: upvalues", function()
      return pending(engine.lacks "safe debug.setupvalue")
    end)
  end

  if core.lock_policy then
    it("gets no further with a locked policy", function() run("plain", "lock") end)
  end
end)
