-- docs/hosts.md: its program of coroutines.

local Peer = require "spec.support.peer"
local Program = require "spec.support.program"
local files = require "spec.support.files"

local PROGRAM = files.read("docs/hosts.md"):match "\n## Coroutines\n.-\n```lua\n(.-)```\n"

describe("docs/hosts.md, coroutines", function()
  local dir

  before_each(function() dir = Peer.tempdir() end)
  after_each(function()
    Program.stop_all()
    Peer.stop_all()
    Peer.remove(dir)
  end)

  it("has a program whose tasks get their answers", function()
    local peer = Peer.start { mode = "echo" }
    files.write(dir .. "/program.lua", PROGRAM)
    local lines = files.lines_of(Program.check(dir .. "/program.lua", peer.host, peer.port))
    table.sort(lines)
    assert.same({ "one: hello from one", "two: hello from two" }, lines)
  end)

  it("has a program that gives up at its deadline, and sleeps until then", function()
    local peer = Peer.start { mode = "sink" }
    local text, count = PROGRAM:gsub("receive%(client, 10%)", "receive(client, 1)")
    assert.equal(1, count)
    files.write(dir .. "/program.lua", [[
      local sidewire, waits = require "sidewire", 0
      local wait = sidewire.wait
      sidewire.wait = function(...) waits = waits + 1 return wait(...) end
    ]] .. text .. " print(waits < 100 and 'slept' or waits)")
    local lines = files.lines_of(Program.check(dir .. "/program.lua", peer.host, peer.port))
    table.sort(lines)
    assert.same({ "one: no answer", "slept", "two: no answer" }, lines)
  end)
end)
