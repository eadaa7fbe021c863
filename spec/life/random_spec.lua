-- spec/stress/stress.lua, for a short time. By hand: make stress SECONDS=600.
-- Its output, which ends up in the message when it fails, begins with the seed.

local Program = require "spec.support.program"

describe("random faults and random scripts", function()
  it("[F49] leave every message accounted for, every stream whole, and no descriptor or thread behind", function()
    local output = Program.check("spec/stress/stress.lua", 5)
    assert.truthy(output:find("\nseed %d+: 0 violations\n"), output)
  end)
end)
