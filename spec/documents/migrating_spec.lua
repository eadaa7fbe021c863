-- docs/migrating.md: each of its programs runs against the same server, and both of a pair receive and send the same.

local Peer = require "spec.support.peer"
local Program = require "spec.support.program"
local build = require "spec.support.build"
local files = require "spec.support.files"
local shell = require "spec.support.shell"

local LINES = { "one", "two", "three" }
local DOCUMENT = files.read "docs/migrating.md"

-- The code under a heading of a section, and its language.
local function block(section, heading)
  local text = assert(("\n" .. DOCUMENT .. "\n## "):match("\n## From " .. section .. "\n(.-)\n## "), section)
  local language, code = (text .. "\n### "):match("\n### " .. heading .. "\n\n```(%w+)\n(.-\n)```\n")
  return assert(code, section .. ", " .. heading), language
end

local COMPILE = "g++ -std=c++17 -Wall -Wextra -Werror -fPIC $(pkg-config --cflags Qt6Core Qt6Network) %s -o %s "
  .. "$(pkg-config --libs Qt6Core Qt6Network) -pthread"

-- Runs the compiled program, since Program starts Lua files.
local LAUNCHER = [[
local done = os.execute(("exec timeout 90 '%s' '%%s' '%%s'"):format(...))
os.exit((done == true or done == 0) and 0 or 1)
]]

-- Writes a program into a folder; returns the Lua file to start.
local function prepare(dir, section, heading)
  local code, language = block(section, heading)
  local path = dir .. "/program.lua"
  if language == "cpp" then
    files.write(dir .. "/program.cpp", code)
    local said, status = shell.run(COMPILE:format(dir .. "/program.cpp", dir .. "/program"))
    assert.equal(0, status, said)
    code = LAUNCHER:format(dir .. "/program")
  end
  files.write(path, code)
  return path
end

local function has_luv()
  local _, status = shell.run(build.LUA .. [[ -e 'require "luv"']])
  return status == 0
end

local function has_qt()
  local _, status = shell.run "{ command -v g++ && pkg-config --exists Qt6Core Qt6Network; }"
  return status == 0
end

-- What a program needs that the specs do not, and whether that is there.
local NEEDS = {
  ["luv, before"] = { "the Lua module luv", has_luv },
  ["luv, with sidewire"] = { "the Lua module luv", has_luv },
  ["Qt, before"] = { "Qt 6 or g++", has_qt },
}

local function received(output)
  local list = {}
  for line in output:gmatch "received ([^\n]*)\n" do list[#list + 1] = line end
  return list
end

-- Runs a program with a server that is there, or with one that comes after the first failure.
local function check(path, comes_later)
  local peer, record = Peer.start_recorded { mode = "echo" }
  if comes_later then peer:kill() end
  local program = Program.start(path, peer.host, peer.port)
  if comes_later then
    program:wait_for "not connected: "
    peer:start_again()
  end
  local output, status = program:finish()
  assert.equal(0, status, output)
  assert.same(LINES, received(output), output)
  assert.equal(comes_later, output:find("not connected: ", 1, true) ~= nil, output)
  assert(peer:wait_connections(0))
  local streams = Peer.streams(record)
  assert.equal(1, #streams)
  assert.equal(table.concat(LINES, "\n") .. "\n", streams[1].data)
end

describe("docs/migrating.md", function()
  local dir

  before_each(function() dir = Peer.tempdir() end)
  after_each(function()
    Program.stop_all()
    Peer.stop_all()
    Peer.remove(dir)
  end)

  for _, section in ipairs { "LuaSocket", "luv", "Qt" } do
    for _, heading in ipairs { "before", "with sidewire" } do
      it(("has a program for %s, %s, that sends and receives its lines"):format(section, heading), function()
        local needs = NEEDS[section .. ", " .. heading]
        if needs and not needs[2]() then return pending(needs[1] .. " is not installed") end
        local path = prepare(dir, section, heading)
        check(path, false)
        check(path, true)
      end)
    end
  end

  it("has no program that is not run here", function()
    local _, count = DOCUMENT:gsub("\n```%w+\n", "")
    assert.equal(6, count)
  end)
end)
