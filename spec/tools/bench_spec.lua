-- `make bench` on a very small scale: does the harness run every workload, and does it notice a run that went wrong?
-- What the figures are does not matter here.

local Program = require "spec.support.program"

local SCALE = "SCALE=0.001"

local function run(...)
  finally(Program.stop_all)
  return Program.run("bench/run.lua", "ROUNDS=1", "OUTPUT=none", ...)
end

describe("the benchmark", function()
  it("measures every workload with sidewire and with LuaSocket", function()
    local output, status = run(SCALE, "CANDIDATES=sidewire luasocket luasocket_queue",
      "WORKLOADS=flood bulk frames pingpong idle receive fan100 queued")
    assert.equal(0, status, output)
    for _, name in ipairs { "flood", "bulk", "frames", "pingpong", "idle", "receive", "fan100", "queued" } do
      assert.truthy(output:find(("\n**%s**: "):format(name), 1, true), output)
    end
    local _, rows = output:gsub("\n| sidewire  [ |%d.]+\n", "")
    assert.equal(8, rows, output)
  end)

  it("refuses a run after which the peer has other bytes than were sent", function()
    finally(Program.stop_all)
    local output, status = Program.run("-e", [[
      local idle = require "bench.workloads".list[5]
      assert(idle.name == "idle")
      idle.bytes = function() return 1 end
    ]], "bench/run.lua", SCALE, "ROUNDS=1", "OUTPUT=none", "WORKLOADS=idle", "CANDIDATES=luasocket")
    assert.equal(1, status)
    assert.truthy(output:find("idle, luasocket: the peer got 0 bytes instead of 1", 1, true), output)
  end)

  it("names the candidates that it cannot run", function()
    finally(Program.stop_all)
    local output, status = Program.run("-e", [[
      local engine = require "spec.support.engine"
      local searchpath = engine.searchpath
      engine.searchpath = function(name, ...) return name ~= "luv" and searchpath(name, ...) or nil end
    ]], "bench/run.lua", SCALE, "ROUNDS=1", "OUTPUT=none", "WORKLOADS=idle", "CANDIDATES=luasocket luv")
    assert.equal(0, status, output)
    assert.truthy(output:find("NOT TESTED: luv, a write per message: there is no Lua module luv\n", 1, true), output)
    assert.truthy(output:find("\n| LuaSocket, blocking ", 1, true), output)
    assert.falsy(output:find("\n| luv", 1, true), output)
  end)
end)
