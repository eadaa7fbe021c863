-- Ends of connections on links where an acknowledgement takes up to 0.3 s: between two network namespaces, where there
-- are any. By hand, for long: spec/stress/round_trip.lua.

local build = require "spec.support.build"
local netns = require "spec.support.netns"
local round_trip = require "spec.support.round_trip"
local shell = require "spec.support.shell"
local util = require "spec.support.util"

local CLIENTS = util.choose(25, 10) -- of each retain, all at once

-- What it says is shown only when it fails.
local function run(options)
  options.clients, options.margin = options.clients or CLIENTS, util.choose(2, 20)
  return round_trip.run(options)
end

describe("the program that delays", function()
  local function exit_status(arguments)
    local said, status = shell.run(("%s/delay %s"):format(build.PATH, arguments))
    return status, said
  end

  it("says how it is used", function()
    local status, said = exit_status "-h"
    assert.equal(0, status)
    assert.truthy(said:find("^usage: delay DEVICE PLACE MILLISECONDS\n"), said)
  end)

  it("refuses what it cannot take", function()
    for _, arguments in ipairs {
      "", "wire far", "wire far 1 2", "--no-such-thing", "wire far soon", "wire far -1", "wire far nan",
      "wire far 60001", "'' far 1", "sixteen-letters- far 1", "wire ../far 1",
    } do
      local status, said = exit_status(arguments)
      assert.equal(2, status, arguments .. ": " .. said)
      assert.truthy(said:find "\nusage: delay DEVICE", said)
    end
  end)
end)

describe("on a link", function()
  local missing = netns.missing { delay = 0 }
  if missing then
    pending("ends lose nothing: " .. missing)
    return
  end

  for _, milliseconds in ipairs { 0, 50, 150, 300 } do
    local trip = ("of %d ms round trip, "):format(milliseconds)

    it(trip .. "disconnect(2) loses nothing, and nothing is sent twice [F53]", function()
      run { way = "ours", delay = milliseconds / 2000, ends = 2, linger = util.choose(2, 10) }
    end)

    it(trip .. "a peer that ends in order costs no message and repeats none [F53]", function()
      run { way = "theirs", delay = milliseconds / 2000, ends = 2, linger = util.choose(2, 10) }
    end)
  end

  it("of 300 ms round trip, disconnect(5) after 50 messages loses nothing, and nothing is sent twice", function()
    run { way = "ours", delay = 0.15, ends = 1, clients = 1, linger = 5 }
  end)

  it("of 150 ms round trip, a peer that ends while the system holds a lot costs no message and repeats none", function()
    run { way = "theirs-bulk", delay = 0.075, ends = 1, clients = 2, linger = util.choose(2, 10) }
  end)

  it("that is cut in the middle of our end: it takes no longer than its linger, and the fates are true", function()
    build.needs("acks", pending)
    run { way = "ours-cut", delay = 0.15, ends = 1, linger = 1 }
  end)

  it("that is cut in the middle of the peer's end: the fates are true", function()
    build.needs("acks", pending)
    run { way = "theirs-cut", delay = 0.15, ends = 1, linger = 1 }
  end)
end)
