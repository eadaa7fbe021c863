-- spec/stress/fates.lua, for a short time. By hand: tools/run release lua spec/stress/fates.lua.
-- Its output, which ends up in the message when it fails, begins with the seed.

local Program = require "spec.support.program"
local build = require "spec.support.build"
local util = require "spec.support.util"

-- Runs it, and wants to see its seed.
local function run(...)
  local output = Program.check("spec/stress/fates.lua", ...)
  assert.truthy(output:find("seed %d+"), output)
end

describe("a peer that is killed under load", function()
  for _, retain in ipairs { "none", "unsent", "unacked", "unconfirmed" } do
    it("[F19] leaves every message finished, sent again whole or reported, retain = " .. retain, function()
      if retain == "unacked" then build.needs("acks", pending) end
      run("killed", util.choose(8, 4), retain)
    end)
  end
end)

describe("a peer that is behind when it is killed", function()
  it("leaves every message finished, sent again whole or reported", function()
    run("behind", util.choose(4, 2))
  end)
end)

describe("a peer that half-closes and drains before it restarts", function()
  for _, retain in ipairs { "unsent", "unacked" } do
    it("[F22] costs no message and repeats none, retain = " .. retain, function()
      if retain == "unacked" then build.needs("acks", pending) end
      run("drained", util.choose(8, 4), retain)
    end)
  end
end)
