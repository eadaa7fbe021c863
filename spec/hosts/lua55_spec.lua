-- sidewire in Lua 5.5, for which Debian 12 has neither a package nor busted: a plain script and two C hosts. LUA55=DIR
-- names a built source tree of it. The script also runs in this build's Lua, which shows that it can.

local Peer = require "spec.support.peer"
local Program = require "spec.support.program"
local engine = require "spec.support.engine"
local hosts = require "spec.support.hosts"
local shell = require "spec.support.shell"

local PLAIN = "spec/hosts/scripts/plain.lua"

after_each(hosts.finish)

describe("the script for a Lua without busted", function()
  it("runs here", function()
    if not engine.has_integers then return pending(engine.lacks "integers, as docs/errors.md writes them") end
    local peer = Peer.start { mode = "echo" }
    assert.matches(": 2 programs, %d+ rows of misuse, %d+ values refused\n$", Program.check(PLAIN, peer.port))
  end)
end)

describe("Lua 5.5", function()
  local program, status = shell.run "env -u LUA_BIN tools/engine program 5.5"
  program = program:match "[^\n]+"
  if status ~= 0 then
    return pending "Lua 5.5 is not installed; LUA55=DIR names a built source tree of it"
  end

  -- Runs a command with the module; returns what it printed. It must succeed.
  local function run(command, ...)
    local path = hosts.build "5.5"
    local paths = ("LUA_PATH='lua/?.lua;lua/?/init.lua;./?.lua' LUA_CPATH='%s/?.so'"):format(path)
    local output, code = hosts.start(("env %s %s %s"):format(paths, command, shell.words(...))):finish()
    assert.equal(0, code, output)
    return output
  end

  it("runs programs of the documents, and refuses misuse", function()
    local peer = Peer.start { mode = "echo" }
    assert.matches("^5%.5: 2 programs, %d%d rows of misuse, %d+ values refused\n$", run(program, PLAIN, peer.port))
  end)

  it("connects, reconnects, and stops, with the module where a user copies it", function()
    local dir = Peer.tempdir()
    finally(function() Peer.remove(dir) end)
    hosts.install("5.5", dir .. "/sidewire")
    local peer, brief = Peer.start { mode = "echo" }, Peer.start { mode = "echo" }
    brief:command "close-after 5"
    run(("env LUA_PATH='%s/?.lua;%s/?/init.lua' LUA_CPATH='%s/?.so' %s"):format(dir, dir, dir, program),
      "spec/support/installed.lua", dir, peer.port, brief.port)
  end)

  it("is opened and closed many times by a C host, and nothing is left", function()
    local peer = Peer.start { mode = "echo" }
    local path = hosts.build("5.5", "embed")
    local output = run(path .. "/embed", "cycles", 12, ("assert(loadfile '%s')(...)"):format(PLAIN), peer.port)
    assert.equal(12, select(2, output:gsub("5%.5: 2 programs", "")))
  end)

  it("runs a script in examples/embed.c, with a locked policy", function()
    local peer = Peer.start { mode = "echo" }
    local path = hosts.build("5.5", "examples/embed")
    local said = run(path .. "/examples/embed", "spec/examples/scripts/forbidden.lua", peer.host, peer.port)
    assert.matches("\nEPOLICY\tEPOLICY\n8\tEPOLICY\n", said)
  end)
end)
