local engine = require "spec.support.engine"
local host = require "spec.support.host"
local util = require "spec.support.util"

local embed = host.embedder "spec.life.scripts.fork"

describe("a fork", function()
  local echo
  before_each(function() echo = host.begin() end)
  after_each(util.finish)

  it("[F42] leaves the child with EFORKED from every method, and the parent as it was", function()
    embed "forks_and_goes_on"
    assert(echo:wait_connections(0, util.DEADLINE)) -- no process holds a copy
  end)

  it("[F42] is followed by lua_close alone, in a child that calls nothing", function()
    embed "forks_and_does_nothing"
  end)

  it("[F42] is harmless before the loop thread was started, and after it was stopped", function()
    embed "forks_without_thread"
  end)

  it("[F42] ends, in the child, a poll that a handler of the parent's left by a yield", function()
    if not engine.has_yields then return pending(engine.lacks "yields across handlers") end
    embed "forks_with_a_yielded_poll"
  end)

  it("[F42] and exec leave the new program no descriptor", function()
    embed "starts_a_program"
  end)
end)
