-- examples/ship.lua --state and examples/ship/receiver.lua: whatever is killed, each line arrives once.

local lfs = require "lfs"
local socket = require "socket"
local State = require "examples.ship.state"
local files = require "spec.support.files"
local Peer = require "spec.support.peer"
local Program = require "spec.support.program"
local Shipment = require "spec.support.shipment"
local shell = require "spec.support.shell"
local util = require "spec.support.util"

local shipment

-- Starts ship.lua and waits for its end.
local function ship(...)
  shipment:start(...)
  return shipment:finish()
end

-- Has ship.lua save these lines while there is no receiver.
local function save_without_receiver(text)
  shipment:write(text)
  shipment:start_receiver() -- for its port
  shipment:kill_receiver()
  shipment:start()
  shipment.ship:wait_for "trying again"
  shipment.ship:signal "INT"
  return shipment:finish()
end

local function begin()
  util.begin()
  shipment = Shipment.new()
end

local function finish()
  shipment:stop()
  Program.stop_all()
  util.finish()
end

describe("ship.lua --state", function()
  before_each(begin)
  after_each(finish)

  it("ships each line once, and in order, though it and the receiver are killed again and again", function()
    local output, status = Program.run("spec/stress/ship_state.lua", util.choose(20, 5), 6)
    assert.equal(0, status, output)
    assert(output:find("received is the source", 1, true), output)
  end)

  it("goes on with what was appended, and not before a line has its end", function()
    shipment:start_receiver()
    shipment:write "one\n\ntwo\r\nhalf a li"
    local output, status = ship()
    assert.equal(1, status, output)
    assert(output:find("3 lines confirmed, 0 saved", 1, true), output)
    assert(output:find("not shipped: from line 4 on", 1, true), output)
    shipment:write("ne\nfive\n", "ab")
    files.write(shipment.state .. ".new", "ship 1\nname so") -- from one that was killed while it saved
    output, status = ship()
    assert.equal(0, status, output)
    assert(output:find("5 lines confirmed, 0 saved", 1, true), output)
    assert.is_nil(shipment:difference())
    assert.equal(0, select(2, ship()))
    assert.is_nil(shipment:difference())
  end)

  it("saves what was not confirmed, and ships it though the source is another file by then", function()
    local output, status = save_without_receiver "one\ntwo\nthree\n"
    assert.equal(1, status, output)
    assert(output:find("0 lines confirmed, 3 saved", 1, true), output)
    shipment:write "other lines\nin a rotated log\n"
    shipment:start_receiver()
    output, status = ship()
    assert.equal(1, status, output)
    assert(output:find("line 4 cannot be shipped: it is another file now", 1, true), output)
    assert.equal("one\ntwo\nthree\n", files.read(shipment:received()))
    local state = files.read(shipment.state)
    output, status = ship() -- again, with nothing saved
    assert.equal(1, status, output)
    assert.equal(state, files.read(shipment.state))
    shipment:write "one\ntwo\nthree\nfour\n" -- as the file that was moved would be
    output, status = ship()
    assert.equal(0, status, output)
    assert.is_nil(shipment:difference())
  end)

  it("leaves a broken state alone, and says so", function()
    save_without_receiver "one\ntwo\n"
    local whole = files.read(shipment.state)
    assert(State.open(shipment.state, shipment.source))
    for size = 0, #whole - 1 do -- wherever a power cut ends it
      files.write(shipment.state, whole:sub(1, size))
      local state, why = State.open(shipment.state, shipment.source)
      assert(not state and why:find("left as it is", 1, true), size)
    end
    local gap, surplus = whole:gsub("2 two", "3 two"), (whole:gsub("lines 2", "lines 1"))
    for _, broken in ipairs { gap, surplus, whole .. "3 three\n" } do
      files.write(shipment.state, broken)
      local output, status = ship()
      assert.equal(1, status, output)
      assert(output:find(shipment.state .. ": this is no state of ship.lua", 1, true), output)
      assert.equal(broken, files.read(shipment.state))
    end
    assert.is_nil(shipment:received())
  end)

  it("stops when it cannot save", function()
    shipment.port = 1 -- never connected to
    shipment:write "one\n"
    assert(lfs.mkdir(shipment.state .. ".new"))
    local output, status = ship()
    assert.equal(1, status, output)
    assert(output:find("state.new: Is a directory", 1, true), output)
    shipment.state = shipment.dir -- a directory
    output, status = ship()
    assert.equal(1, status, output)
    assert(output:find("directory", 1, true), output)
  end)

  it("stops when the receiver has fewer lines than it had", function()
    shipment:start_receiver()
    shipment:write "one\ntwo\n"
    assert.equal(0, select(2, ship()))
    shipment:kill_receiver()
    files.write(shipment:received(), "one\n")
    shipment:start_receiver()
    shipment:write("three\n", "ab")
    local output, status = ship()
    assert.equal(1, status, output)
    assert(output:find("stopped: the receiver has source%-%x+ up to line 1, and had it up to line 2"), output)
    assert.equal("one\n", files.read(shipment:received()))
    assert(output:find("2 lines confirmed, 1 saved", 1, true), output)
  end)

  it("stops when what answers is no receiver", function()
    local peer = Peer.start { mode = "echo" }
    shipment.port = peer.port
    shipment:write "one\n"
    local output, status = ship()
    assert.equal(1, status, output)
    assert(output:find('stopped: the receiver answers "ship source-', 1, true), output)
  end)

  it("wants a file that can be read again, and no framing", function()
    shell.execute(("mkfifo %s; (echo one >%s) &"):format(shipment.source, shipment.source))
    shipment.port = 1
    local output, status = ship()
    assert.equal(1, status, output)
    assert(output:find("cannot be read again", 1, true), output)
    output, status = ship("--framing", "u8")
    assert.equal(2, status, output)
    output, status = Program.run("examples/ship.lua", shipment.source, "127.0.0.1", 1, "--state")
    assert.equal(2, status, output)
    assert.is_nil(lfs.attributes(shipment.state))
  end)
end)

describe("the receiver of ship.lua", function()
  before_each(begin)
  after_each(finish)

  -- What is said first in return.
  local function say(connection, text)
    assert(connection:send(text))
    return assert(connection:receive "*l")
  end

  local function connect(greeting)
    local connection = assert(socket.connect("127.0.0.1", shipment.port))
    connection:settimeout(util.DEADLINE)
    return connection, greeting and say(connection, greeting)
  end

  it("stores a number once, though several clients send it", function()
    shipment:start_receiver()
    local first, count = connect "ship source-1\n"
    assert.equal("0", count)
    assert.equal("2", say(first, "1 one\n2 two\n3 th"))
    local second
    second, count = connect "ship source-1\n"
    assert.equal("2", count)
    assert.equal("3", say(second, "2 two\n3 three\n"))
    assert.equal("3", say(first, "ree\n"))
    assert.equal("one\ntwo\nthree\n", files.read(shipment:received()))
    first:close()
    second:close()
  end)

  it("overwrites a line that was cut when it was killed", function()
    files.write(shipment.store .. "/source-1", "one\n\ntw")
    shipment:start_receiver()
    local connection, count = connect "ship source-1\n"
    assert.equal("2", count)
    assert.equal("3", say(connection, "3 two\n"))
    assert.equal("one\n\ntwo\n", files.read(shipment:received()))
    connection:close()
  end)

  it("refuses what would leave out a line, or a name that is no file's, and ends the connection", function()
    shipment:start_receiver()
    local function refuses(text, expected)
      local connection = connect()
      assert(connection:send(text))
      assert.equal(expected, (connection:receive "*a"))
      connection:close()
    end
    refuses("ship source-1\n2 two\n", "0\nerror line 2 cannot follow line 0\n")
    refuses("ship source-1\n1 one\n3 three\n", "1\nerror line 3 cannot follow line 1\n")
    refuses("ship source-1\none\n", "1\nerror no number in front of a line\n")
    refuses("ship ../source\n", "error the first line is not `ship NAME`\n")
    refuses("GET / HTTP/1.0\n", "error the first line is not `ship NAME`\n")
    assert.equal("one\n", files.read(shipment:received()))
  end)
end)
