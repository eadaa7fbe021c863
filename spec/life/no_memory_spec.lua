-- A host whose Lua has no memory to give: in `frail` (spec/support/frail.c), a C host that also sees to it that no
-- state leaves anything behind.

local engine = require "spec.support.engine"
local files = require "spec.support.files"
local host = require "spec.support.host"
local util = require "spec.support.util"

describe("Lua's allocator", function()
  if not engine.survives_lack_of_memory then return pending "LuaJIT itself loses memory and crashes when it fails" end

  local echo
  before_each(function() echo = host.begin() end)
  after_each(util.finish)

  -- Runs a file of spec/life/scripts as often as it takes, each time with another allocation that fails. The file is
  -- the whole script: what loads a module would be starved, too.
  local function starve(name)
    host.run_text("frail starve", files.read(("spec/life/scripts/%s.lua"):format(name)), echo.port, util.DEADLINE)
  end

  it("[F39] may fail at each allocation of a whole life: the script's error is all that comes of it", function()
    starve "whole_life"
  end)

  it("[F39] may fail in calls that the script protects: no message is lost, and it goes on with memory", function()
    starve "protected_calls"
  end)
end)
