-- How processes end. TEARDOWN_RUNS says how often; by hand: TEARDOWN_RUNS=500.

local build = require "spec.support.build"
local host = require "spec.support.host"
local shell = require "spec.support.shell"
local util = require "spec.support.util"

local RUNS = tonumber(os.getenv "TEARDOWN_RUNS" or util.choose(20, 3))

local WAYS = { ["by itself"] = 0, ["by os.exit()"] = 0, ["by os.exit(7)"] = 7, ["by os.exit(0, true)"] = 0,
  ["by os.exit(7, true)"] = 7, ["by an error"] = 1 } -- and the exit status
local PLACES = { "at top level", "in a coroutine", "in a handler", "in a handler in a coroutine", "in a finalizer" }

local run = host.runner "spec.life.scripts.state"

describe("a process", function()
  local echo, silent
  before_each(function() echo, silent = host.begin() end)
  after_each(util.finish)

  -- Runs spec/life/scripts/exit.lua in the stock interpreter again and again, and wants the same exit status each time.
  local function exits(wanted, place, way)
    local script = ("%s spec/life/scripts/exit.lua %s %d %d"):format(build.LUA, shell.words(place, way), echo.port,
      silent.port)
    local said = shell.run(("for run in $(seq %d); do timeout -k 5 60 %s >/dev/null 2>&1; echo status $?; done "
      .. "| sort | uniq -c"):format(RUNS, script))
    assert.equal(("%d status %d"):format(RUNS, wanted), said:match "^%s*(.-)%s*$")
  end

  for _, place in ipairs(PLACES) do
    for way, status in pairs(WAYS) do
      local ends_there = (way ~= "by itself" or place == "at top level") -- a handler's return ends nothing
        and (way ~= "by an error" or place ~= "in a finalizer") -- is a warning only
      if ends_there then
        it(("[F34] ends %s %s with status %d"):format(way, place, status), function() exits(status, place, way) end)
      end
    end
  end

  it("[F34] ends by os.exit while a stuck client has data to send", function()
    exits(5, "with a stuck client", "by os.exit(5, false)")
    exits(5, "with a stuck client", "by os.exit(5, true)")
  end)

  it("[F35] may take 30 ms in a destructor at exit while the loop thread still runs", function()
    for _ = 1, RUNS do run("embed exit", "keeps_the_loop_busy") end
  end)
end)
