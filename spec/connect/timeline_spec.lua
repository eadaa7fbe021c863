-- What the connect event tells of the seconds of an attempt.

local Peer = require "spec.support.peer"
local host = require "spec.support.host"
local ports = require "spec.support.ports"
local util = require "spec.support.util"

local embed = host.embedder "spec.connect.scripts.race"

local function timeline_of(client)
  local events = util.collect(client)
  client:connect()
  local info = assert(events:wait "connect")[2]
  return info.timeline, info.seconds
end

local function check_sum(timeline, seconds)
  local sum = timeline.dns + timeline.tcp + timeline.stages
  assert(math.abs(sum - seconds) <= 1e-6 + 1e-6 * seconds, sum - seconds)
  for name, value in pairs(timeline) do assert(value >= 0, name) end
  assert(timeline.turn <= timeline.dns)
end

describe("info.timeline", function()
  before_each(host.begin)
  after_each(function()
    ports.close_all()
    util.finish()
  end)

  it("has no dns for a numeric address, and its parts add up to the seconds", function()
    local timeline, seconds = timeline_of(util.client(Peer.start()))
    check_sum(timeline, seconds)
    assert.same({ 0, 0 }, { timeline.dns, timeline.turn })
    assert(timeline.tcp > 0)
  end)

  it("has the lookup of a name in dns, and its parts add up to the seconds", function()
    local timeline, seconds = timeline_of(util.client(Peer.start(), { host = "localhost" }))
    check_sum(timeline, seconds)
    assert(timeline.dns > 0 and timeline.tcp > 0)
  end)

  it("has the time lost with an address that does not answer in tcp", function()
    local good = Peer.start { mode = "echo" }
    ports.black_hole("127.0.0.2", good.port)
    local tcp = tonumber(embed("tells_the_timeline", good.port):match "tcp%s+([%d.]+)")
    assert(tcp > 0.2, tcp) -- SW_RACE_DELAY is 0.25 s; a timer may end a moment early
  end)
end)
