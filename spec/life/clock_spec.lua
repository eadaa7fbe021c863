-- The wall clock is set while timers run: in `embed` (spec/support/embed.c), whose wall clock can jump.

local host = require "spec.support.host"
local util = require "spec.support.util"

local embed = host.embedder "spec.life.scripts.clock"

describe("the wall clock", function()
  before_each(host.begin)
  after_each(util.finish)

  for jump, how in pairs { [86400] = "forward", [-86400] = "back" } do
    it(("[F47] that jumps a day %s changes no delay and no time-out, and nothing spins"):format(how), function()
      embed("waits_while_it_jumps", jump, util.choose(5, 20))
    end)
  end
end)
