-- docs/migrating.md: each of its programs runs against the same server, and both of a pair receive and send the same.

local Peer = require "spec.support.peer"
local Program = require "spec.support.program"
local build = require "spec.support.build"
local files = require "spec.support.files"
local ports = require "spec.support.ports"
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
    local _, count = DOCUMENT:match("\n## Whole programs\n.*"):gsub("\n```%w+\n", "")
    assert.equal(6, count)
  end)
end)

describe("docs/migrating.md, piece by piece", function()
  local dir

  before_each(function() dir = Peer.tempdir() end)
  after_each(function()
    Program.stop_all()
    Peer.stop_all()
    Peer.remove(dir)
  end)

  local PIECES = assert(DOCUMENT:match "\n## LuaSocket, piece by piece\n(.-)\n## ")
  local CELLS = "<tr>\n<td[^\n]*>\n\n```lua\n(.-\n)```\n\n</td>\n<td[^\n]*>\n\n```lua\n(.-\n)```\n\n</td>\n</tr>"

  -- Theirs and ours of a heading, as paths; theirs stands left.
  local function pair(heading)
    local text = assert(("\n" .. PIECES .. "\n### "):match("\n### " .. heading .. "\n(.-)\n### "), heading)
    local theirs, ours = text:match(CELLS)
    assert(theirs:find('require "socket"', 1, true) and not theirs:find("sidewire", 1, true), heading)
    assert(ours:find('require "sidewire"', 1, true) and not ours:find('require "socket"', 1, true), heading)
    files.write(dir .. "/theirs.lua", theirs)
    files.write(dir .. "/ours.lua", ours)
    return { dir .. "/theirs.lua", dir .. "/ours.lua" }
  end

  -- Both of a pair print this, with an echo server.
  local function both_print(heading, expected)
    for _, path in ipairs(pair(heading)) do
      local peer = Peer.start { mode = "echo" }
      assert.equal(expected, Program.check(path, peer.host, peer.port), path)
    end
  end

  it("connects with a time-out, and says why it did not", function()
    both_print("Connect with a time%-out", "connected\n")
    for _, path in ipairs(pair "Connect with a time%-out") do
      local output = Program.check(path, "127.0.0.1", ports.closed())
      assert(output:find "connection refused\n$", output)
    end
  end)

  it("sends and receives a line", function() both_print("Send a line, receive a line", "hello\n") end)

  it("receives lines in a frame loop", function()
    both_print("A frame loop, with settimeout%(0%)", "one\ntwo\n")
  end)

  it("tries again until there is a server", function()
    for _, path in ipairs(pair "Reconnect by hand") do
      local peer = Peer.start { mode = "echo" }
      peer:kill()
      local program = Program.start(path, peer.host, peer.port)
      program:wait_for("not connected: ", 2)
      peer:start_again()
      local output, status = program:finish()
      assert.equal(0, status, output)
      assert(output:find "connection refused\nhello\n$", output)
    end
  end)

  it("queues more than the system takes at once", function()
    local expected = {}
    for i = 1, 10000 do expected[i] = ("line %d\n"):format(i) end
    for _, path in ipairs(pair "A queue by hand") do
      local peer, record = Peer.start_recorded()
      assert.equal("", Program.check(path, peer.host, peer.port))
      assert(peer:wait_connections(0))
      assert.equal(table.concat(expected), Peer.streams(record)[1].data)
    end
  end)

  it("serves several connections", function()
    for _, path in ipairs(pair "Several connections, with select") do
      local peer = Peer.start { mode = "echo" }
      local lines = files.lines_of(Program.check(path, peer.host, peer.port))
      table.sort(lines)
      assert.same({ "number 1", "number 2", "number 3" }, lines)
    end
  end)

  it("asks again after a time-out, and takes no late reply for the next", function()
    for _, path in ipairs(pair "Request and reply with a time%-out") do
      local peer = Peer.start { mode = "echo" }
      peer:command "stall on" -- the server reads, and so answers, when the second question is on its way
      local program = Program.start(path, peer.host, peer.port)
      assert(peer:wait_accepted(2))
      peer:command "stall off"
      assert.same({ "no reply\nquick\n", 0 }, { program:finish() }, path)
    end
  end)

  it("leaves no reply that came between a time-out and the end of its connection", function()
    local ours = pair("Request and reply with a time%-out")[2]
    local text, count = files.read(ours):gsub("\nprint%(ask.*$", [[

      for i = 1, 300 do
        local reply = ask("hasty " .. i, 0.0002 * (i %% 10))
        assert(not reply or reply == "hasty " .. i, reply)
        if i %% 3 == 0 then assert(ask("patient " .. i, 30) == "patient " .. i) end
      end
    ]])
    assert.equal(1, count)
    files.write(ours, text)
    local peer = Peer.start { mode = "echo" }
    Program.check(ours, peer.host, peer.port)
  end)

  it("has seven pairs, each of them run here", function()
    assert.equal(7, select(2, PIECES:gsub(CELLS, "")))
    assert.equal(14, select(2, PIECES:gsub("\n```%w+\n", "")))
  end)
end)
