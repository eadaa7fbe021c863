-- What a script can do of which the host trusts nothing (docs/embedding.md).

local Peer = require "spec.support.peer"
local build = require "spec.support.build"
local files = require "spec.support.files"
local host = require "spec.support.host"
local shell = require "spec.support.shell"
local util = require "spec.support.util"

local embed = host.embedder "spec.life.scripts.untrusted"

describe("a script that a host does not trust", function()
  before_each(host.begin)
  after_each(util.finish)

  it("connects to any address and any name, under a policy without allow and deny [E32]", function()
    embed "connects_anywhere"
  end)

  it("has the host wait for as long as it likes, in calls that no count hook interrupts [E33]", function()
    embed "waits_under_a_hook"
  end)

  it("has poll take as long as its handler does, and a count hook ends that [E34]", function()
    embed "handles_for_long"
  end)

  it("has lua_close wait for its finalizers [E35]", function()
    local said = embed "waits_in_a_finalizer"
    assert(host.closing(said) > 0.9, said)
  end)

  it("keeps a processor busy with spin [E36]", function()
    embed "spins"
  end)

  it("replaces functions for all scripts that share its module table, and for none when it has a copy [E37]", function()
    embed "replaces_functions"
  end)

  it("takes messages of other scripts in its Lua state, and closes their clients [E24]", function()
    embed "takes_others_messages"
  end)

  it("fills the memory of Lua, as far as the host's allocator lets it [E38]", function()
    embed "fills_memory"
  end)

  it("reaches all that the state has loaded when it gets debug [E39]", function()
    embed "reaches_the_registry"
  end)

  it("runs any library of the machine when it gets package.loadlib or require [E40]", function()
    embed "loads_libraries"
  end)

  it("crashes Lua itself when it gets load, by bytecode that is none [E41]", function()
    local _, status = shell.run(("%s spec/life/scripts/crash.lua"):format(build.PROGRAM))
    assert(status > 128, status)
    local dir = Peer.tempdir()
    finally(function() Peer.remove(dir) end)
    files.write(dir .. "/script", string.dump(function() end))
    local said = shell.run(("tools/run %s %s/examples/embed %s/script 127.0.0.1 1"):format(build.KIND, build.PATH, dir))
    assert.matches("attempt to load a binary chunk", said)
  end)

  it("changes the methods of all strings when it gets getmetatable [E42]", function()
    embed "changes_strings"
  end)
end)
