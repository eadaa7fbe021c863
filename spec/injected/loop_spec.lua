-- A loop that ends by itself just as the host tells it something: in `frail` (spec/support/frail.c), whose epoll fails,
-- and with delays that widen the moments in which the two threads may meet.

local host = require "spec.support.host"
local util = require "spec.support.util"
local faults = require "spec.support.faults"

local run = host.runner "spec.injected.scripts.injected"

describe("a loop that ends by itself", function()
  before_each(host.begin)
  after_each(util.finish)

  it("[F17] leaves no client closing that is told to disconnect meanwhile", function()
    for _, seed in ipairs(faults.seeds(3)) do run("frail run", "disconnects_while_the_loop_ends", seed) end
  end)
end)
