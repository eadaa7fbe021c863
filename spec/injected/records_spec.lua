-- A transport that writes more bytes than it takes (`open record`, spec/injector/rules.h): messages are finished when
-- the peer's TCP has acknowledged them, never by bytes that carry none, and the rest is sent again.

local delivery = require "spec.support.delivery"
local faults = require "spec.support.faults"
local numbered = require "spec.support.numbered"
local util = require "spec.support.util"

local SEEDS = util.choose(4, 2)
local COUNT = 3000 -- delivery.overfill's
local GREETING = "hello"
local LATE = 16384 + 2 * #delivery.kilobyte(COUNT) -- a record and the messages at its ends

local function sent_after(finished)
  return GREETING .. "\n" .. numbered.lines(delivery.kilobyte, finished + 1, COUNT)
end

-- Bytes that the peer's TCP has received and the peer has not read.
local function unread(port)
  for line in io.lines "/proc/net/tcp" do
    local at, bytes = line:match "^%s*%d+: %x+:(%x+) %x+:%x+ 01 %x+:(%x+)" -- 01: the connection is open
    if at and tonumber(at, 16) == port then return tonumber(bytes, 16) end
  end
  return 0
end

-- With a peer that has stopped reading: what is finished of the messages after `before` is what its TCP has of them.
local function check_finished(client, peer, dir, before)
  delivery.wait_stuck(client)
  local streams = delivery.all_data(dir)
  local read = #streams[#streams]
  assert(util.poll_until(function()
    local finished = numbered.check_account(client).finished
    local received = read + unread(peer.port)
    local carried = #GREETING + 1 + #numbered.lines(delivery.kilobyte, before + 1, finished)
    assert(carried <= received, ("%d finished, of %d bytes"):format(finished, received))
    return received - carried <= LATE
  end))
end

local function connect(client, peer)
  peer:command "rcvbuf 65536"
  assert(client:connect())
  assert(client:wait("connected", util.DEADLINE))
end

describe("a transport that makes records", function()
  before_each(util.begin)
  after_each(util.finish_without_peers)

  -- Kills the peer in the middle of what it is sent; returns how many messages are finished.
  local function cut(client, peer, dir, before)
    peer:command "throttle 2000000" -- a second: it is far from the end when it stops
    connect(client, peer)
    assert(peer:wait_bytes(200000, util.DEADLINE))
    peer:command "stall on"
    check_finished(client, peer, dir, before)
    peer:kill()
    assert(util.poll_until(function() return client:state() == "waiting" end))
    local s = numbered.check_account(client)
    assert.same({ 0, 0, COUNT - s.finished }, { s.lost, s.in_flight, s.queued })
    peer:start_again()
    return s.finished
  end

  it("finishes what the peer's TCP has acknowledged, and sends the rest again when the peer is killed", function()
    for _, seed in ipairs(faults.seeds(SEEDS)) do
      local rules = "open record @1; open record 0.6; send cut 0.3; send EAGAIN 0.1; acked EINVAL 0.05; seed " .. seed
      local counts = faults.during(rules, function()
        local peer, dir = delivery.recorded()
        local client = util.client(peer, { retain = "unacked", reconnect = 60, greeting = GREETING })
        local losses = numbered.note_losses(client)
        delivery.overfill(client)
        local starts = { 0 }
        for n = 1, 4 do starts[n + 1] = cut(client, peer, dir, starts[n]) end
        connect(client, peer)
        assert.equal(COUNT, delivery.wait_finished(client).finished)
        client:close()
        assert(peer:wait_connections(0, util.DEADLINE))
        assert.same({ faults = {} }, losses)
        local streams = delivery.all_data(dir)
        assert.equal(#starts, #streams)
        for n, data in ipairs(streams) do
          local whole = sent_after(starts[n])
          assert(data == whole:sub(1, n < #starts and #data or nil), "the peer received other bytes")
        end
        peer:stop()
      end)
      assert(counts.open.faults > 0 and counts.send.faults > 0 and counts.acked.faults > 0)
    end
  end)
end)
