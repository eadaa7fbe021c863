-- What the specs start is ended by them, whatever becomes of a test.

local files = require "spec.support.files"

local Peer = require "spec.support.peer"
local Program = require "spec.support.program"

local ENDLESS = [[
  io.write("process ", io.open("/proc/self/stat"):read "*n", " runs\n")
  io.flush()
  while true do end
]]

describe("a Lua program that a spec started", function()
  local dir

  before_each(function() dir = Peer.tempdir() end)
  after_each(function()
    Program.stop_all()
    Peer.remove(dir)
  end)

  local function start(text)
    local path = dir .. "/program.lua"
    files.write(path, text)
    return Program.start(path)
  end

  it("is gone after stop_all, and not only what watches its time", function()
    local program = start(ENDLESS)
    program:wait_for "runs"
    local proc = "/proc/" .. program:output():match "process (%d+)"
    assert(io.open(proc .. "/stat")):close()
    Program.stop_all()
    assert.is_nil(io.open(proc .. "/stat"))
  end)

  it("tells its exit status, or the signal that ended it", function()
    local _, status = start("os.exit(7)"):finish()
    assert.equal(7, status)
    local program = start(ENDLESS)
    program:wait_for "runs"
    program:signal "TERM"
    local _, no_status, signal = program:finish()
    assert.same({ nil, 15 }, { no_status, signal })
  end)
end)
