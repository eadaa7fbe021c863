-- examples/ship.lua, run as a user would: what it says and its exit status must be true.

local engine = require "spec.support.engine"
local files = require "spec.support.files"

local Peer = require "spec.support.peer"
local Program = require "spec.support.program"
local shell = require "spec.support.shell"
local util = require "spec.support.util"

local SHIP = "examples/ship.lua"
local COUNT = util.choose(200000, 20000) -- lines
local MANY = 200000 -- lines that are still on their way when the third server is ended

local dir, file

local PADS = {}
for i = 0, 8 do PADS[i] = " " .. ("abcdefghij"):rep(i) end

local function line(n)
  return n .. PADS[n % 9]
end

local function write(mode, text)
  files.write(file, text, mode)
end

local function lines(first, last)
  local list = {} -- of parts of lines: Lua 5.1 is slow with many long strings that look alike
  for n = first, last do
    local at = #list
    list[at + 1], list[at + 2], list[at + 3] = n, PADS[n % 9], "\n"
  end
  return table.concat(list)
end

local function slow_down(peer, bytes_a_second)
  peer:command "rcvbuf 65536"
  peer:command("throttle " .. bytes_a_second)
end

local function start_sink(throttle)
  local record = dir .. "/record"
  shell.execute("mkdir -p " .. record)
  local peer = Peer.start { record = record }
  if throttle then slow_down(peer, throttle) end
  return peer, record
end

-- Ends it as most servers end: what its system has acknowledged is read before.
local function finish(peer)
  peer:command "accept off"
  peer:command "throttle 0"
  peer:command "finish"
  assert(peer:wait_connections(0, util.DEADLINE))
  peer:stop()
end

-- All that the sink got, without the beginnings of lines that the ends of connections cut off.
local function received(record)
  local parts = {}
  for _, stream in ipairs(Peer.streams(record)) do parts[#parts + 1] = stream.data:match "^(.*\n)" end
  return table.concat(parts)
end

-- The numbers of these lines, which must be whole and in order.
local function read_numbers(text)
  local seen, newest = {}, 0
  for each in text:gmatch "[^\n]+" do
    local n = tonumber(each:match "^%d+")
    assert.equal(line(n), each)
    assert(n > newest, n .. " after " .. newest)
    newest, seen[n] = n, true
  end
  return seen
end

-- The numbers in the output's account: "  lost: lines 3 to 5".
local function told(output)
  local set, doubtful = {}, tonumber(output:match "in doubt: the last lines up to (%d+)") or 0
  for first, last in output:gmatch "\n  lost: lines? (%d+) ?t?o? ?(%d*)" do
    for n = first, last == "" and first or last do set[n] = true end
  end
  return set, doubtful
end

describe("examples/ship.lua", function()
  before_each(function()
    util.begin()
    dir = Peer.tempdir()
    file = dir .. "/file"
  end)
  after_each(function()
    Program.stop_all()
    util.finish()
    Peer.remove(dir)
  end)

  it("ships a file and exits with 0 when all of it was acknowledged", function()
    write("w", lines(1, COUNT) .. "\r\n\n")
    local peer, record = start_sink()
    local output, status = Program.run(SHIP, file, peer.host, peer.port)
    assert.equal(0, status, output)
    assert(output:find(("%d lines accepted, %d acknowledged, 0 lost"):format(COUNT + 2, COUNT + 2), 1, true), output)
    assert.equal(lines(1, COUNT) .. "\r\n\n", received(record))
  end)

  it("ships an empty file", function()
    write("w", "")
    local peer = start_sink()
    local output, status = Program.run(SHIP, file, peer.host, peer.port)
    assert.equal(0, status, output)
  end)

  it("puts into each message a line, whatever the framing", function()
    write("w", "one\ntwo") -- the last one without its end
    local expected = { line = "one\ntwo\n", nul = "one\0two\0", u16be = "\0\3one\0\3two", u8 = "\3one\3two" }
    for framing, bytes in pairs(expected) do
      local peer, record = start_sink()
      local output, status = Program.run(SHIP, file, peer.host, peer.port, "--framing", framing)
      assert.equal(0, status, output)
      local streams = Peer.streams(record)
      assert.equal(bytes, streams[#streams].data, framing)
      peer:stop()
    end
  end)

  it("stops at a line that its framing cannot carry, and says which", function()
    write("w", "one\n" .. ("x"):rep(256) .. "\nthree\n")
    local peer, record = start_sink()
    local output, status = Program.run(SHIP, file, peer.host, peer.port, "--framing", "u8")
    assert.equal(1, status, output)
    assert(output:find("line 2 cannot be shipped", 1, true), output)
    assert(output:find("not shipped: from line 2 on", 1, true), output)
    assert.equal("\3one", Peer.streams(record)[1].data)
  end)

  for _, way in ipairs { "ended in order", "killed" } do
    it("goes on when the server is " .. way .. " and started again, thrice, and tells what did not arrive", function()
      write("w", lines(1, MANY))
      local size = #lines(1, MANY)
      local peer, record = start_sink(size)
      local program = Program.start(SHIP, file, peer.host, peer.port)
      for restart = 1, 3 do
        program:wait_for("connected to", restart)
        assert(peer:wait_bytes(math.floor(size / 10), util.DEADLINE)) -- counted anew by each process
        if way == "killed" then peer:kill() else finish(peer) end
        peer:start_again()
        slow_down(peer, size)
      end
      program:wait_for("connected to", 4)
      peer:command "throttle 0"
      local output, status = program:finish()
      assert(peer:wait_connections(0, util.DEADLINE))

      local seen = read_numbers(received(record))
      local lost, doubtful = told(output)
      local missing = 0
      for n = 1, MANY do
        if not seen[n] then
          missing = missing + 1
          assert(lost[n] or way == "killed" and n <= doubtful, ("line %d is missing, untold:\n%s"):format(n, output))
        end
      end
      assert.equal((next(lost) or doubtful > 0) and 1 or 0, status, output)
      assert(missing == 0 or status == 1, output)
    end)
  end

  it("interrupted while the server is slow, sends no more, and tells where it stopped", function()
    write("w", lines(1, 10 * COUNT))
    local peer, record = start_sink(1000)
    local program = Program.start(SHIP, file, peer.host, peer.port)
    program:wait_for "connected"
    program:signal "INT"
    program:wait_for "interrupted"
    peer:command "throttle 0"
    local output, status = program:finish()
    assert.equal(1, status, output)
    assert(peer:wait_connections(0, util.DEADLINE))
    local accepted, acknowledged = output:match "(%d+) lines accepted, (%d+) acknowledged"
    assert(output:find(("not shipped: from line %d on"):format(accepted + 1), 1, true), output)
    local _, count = received(record):gsub("\n", "")
    assert(count >= tonumber(acknowledged), output)
  end)

  it("interrupted while there is no server, gives up at once", function()
    write("w", lines(1, 3))
    local peer = start_sink()
    peer:stop()
    local program = Program.start(SHIP, file, peer.host, peer.port)
    program:wait_for "trying again"
    program:signal "INT"
    local output, status = program:finish()
    assert.equal(1, status, output)
    assert(output:find("  lost: lines 1 to 3\n", 1, true), output)
  end)

  it("with --follow ships what is appended, until it is interrupted", function()
    write("w", lines(1, 10))
    local peer, record = start_sink()
    local program = Program.start(SHIP, file, peer.host, peer.port, "--follow")
    assert(peer:wait_bytes(#lines(1, 10), util.DEADLINE))
    write("a", "half a li")
    write("a", "ne\n" .. lines(1, 2))
    local text = lines(1, 10) .. "half a line\n" .. lines(1, 2)
    assert(peer:wait_bytes(#text, util.DEADLINE))
    program:signal "INT"
    local output, status = program:finish()
    assert.equal(0, status, output)
    assert(output:find("13 lines accepted, 13 acknowledged", 1, true), output)
    assert.equal(text, received(record))
  end)

  it("ended by SIGTERM, where luv is there, tells what became of the lines", function()
    if not Program.has_library "luv" then return pending "luv is not installed for this Lua" end
    write("w", lines(1, 10))
    local peer, record = start_sink()
    local program = Program.start(SHIP, file, peer.host, peer.port, "--follow")
    assert(peer:wait_bytes(#lines(1, 10), util.DEADLINE))
    program:signal "TERM"
    local output, status = program:finish()
    assert.equal(0, status, output)
    assert(output:find("10 lines accepted, 10 acknowledged", 1, true), output)
    assert.equal(lines(1, 10), received(record))
  end)

  it("ended by SIGTERM with --state and without a server, saves the lines", function()
    if not Program.has_library "luv" then return pending "luv is not installed for this Lua" end
    write("w", lines(1, 3))
    local peer = start_sink()
    peer:stop()
    local program = Program.start(SHIP, file, peer.host, peer.port, "--state", file .. ".state")
    program:wait_for "trying again"
    program:signal "TERM"
    local output, status = program:finish()
    assert.equal(1, status, output)
    assert(output:find("0 lines confirmed, 3 saved in ", 1, true), output)
  end)

  it("with --follow tells of a file that became shorter", function()
    write("w", lines(1, 10))
    local peer = start_sink()
    local program = Program.start(SHIP, file, peer.host, peer.port, "--follow")
    assert(peer:wait_bytes(#lines(1, 10), util.DEADLINE))
    write("w", "new\n")
    local output, status = program:finish()
    assert.equal(1, status, output)
    assert(output:find("line 11 cannot be shipped: the file became shorter", 1, true), output)
  end)

  it("refuses what it does not understand, with 2", function()
    write("w", "one\n")
    for _, words in ipairs {
      {}, { file }, { file, "127.0.0.1" }, { file, "127.0.0.1", "0" }, { file, "127.0.0.1", "port" },
      { file, "a b", "1" }, { file, "127.0.0.1", "1", "--framing" }, { file, "127.0.0.1", "1", "--framing", "u7" },
      { file, "127.0.0.1", "1", "--fast" }, { file, "127.0.0.1", "1", "more" },
    } do
      local output, status = Program.run(SHIP, engine.unpack(words))
      assert.equal(2, status, output)
      assert(output:find("usage: ", 1, true), output)
    end
  end)

  it("says that there is no such file, with 1", function()
    local output, status = Program.run(SHIP, file, "127.0.0.1", 1)
    assert.equal(1, status)
    assert(output:find("No such file", 1, true), output)
    output, status = Program.run(SHIP, dir, "127.0.0.1", 1)
    assert.equal(1, status)
    assert(output:find("directory", 1, true), output)
  end)
end)
