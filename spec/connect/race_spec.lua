-- Names with several addresses, which race (src/loop/race.h).

local Peer = require "spec.support.peer"
local host = require "spec.support.host"
local ports = require "spec.support.ports"
local util = require "spec.support.util"

local embed = host.embedder "spec.connect.scripts.race"

-- So long connect_timeout is where time decides: half of it for each address would be too long.
local TIMEOUT = util.choose(20, 60)

-- 127.0.0.2 does not answer at the port, until the test ends.
local function begin_black_hole(port)
  ports.black_hole("127.0.0.2", port)
end

describe("a name with two addresses", function()
  before_each(host.begin)
  after_each(function()
    ports.close_all()
    util.finish()
  end)

  it("connects to the second one when the first does not answer [F43]", function()
    local good = Peer.start { mode = "echo" }
    begin_black_hole(good.port)
    local seconds = tonumber(embed("connects_to_the_second", good.port, TIMEOUT):match "seconds%s+([%d.]+)")
    assert(seconds > 0.2 and seconds < TIMEOUT / 4, seconds) -- SW_RACE_DELAY is 0.25 s
  end)

  it("connects to the second one at once when the first refuses", function()
    local good = Peer.start { mode = "echo" }
    local seconds = tonumber(embed("connects_to_the_second", good.port, TIMEOUT):match "seconds%s+([%d.e-]+)")
    assert(seconds < TIMEOUT / 4, seconds)
  end)

  it("tells that one refuses, and that the other does not answer [F43]", function()
    local port = ports.closed()
    begin_black_hole(port)
    embed("tells_the_refusal", port)
  end)

  it("tells which one was not tried, because connect_timeout was over", function()
    local port = ports.closed()
    begin_black_hole(port)
    embed("tells_what_was_not_tried", port)
  end)

  it("avoids the first one after that has accepted and ended at once", function()
    local good = Peer.start { mode = "echo" }
    local bad = Peer.start { host = "127.0.0.2", port = good.port }
    bad:command "close-on-accept on"
    embed("avoids_what_ends_at_once", good.port)
  end)

  it("leaves no socket of the address that lost", function()
    local good = Peer.start { mode = "echo" }
    begin_black_hole(good.port)
    embed("closes_the_losers", good.port)
  end)
end)
