-- What `disconnect` does in each state of a client, and what becomes of messages.

local sidewire = require "sidewire"
local Peer = require "spec.support.peer"
local build = require "spec.support.build"
local delivery = require "spec.support.delivery"
local numbered = require "spec.support.numbered"
local ports = require "spec.support.ports"
local util = require "spec.support.util"

local account = numbered.check_account
local small, kilobyte, overfill = delivery.small, delivery.kilobyte, delivery.overfill
local wait_stuck, wait_finished = delivery.wait_stuck, delivery.wait_finished
local start_peer, recorded, all_data = delivery.start_peer, delivery.recorded, delivery.all_data
local LONG = util.LONG

describe("disconnect", function()
  before_each(util.begin)
  after_each(util.finish)

  it("flushes, ends the connection, and lets connect be called again", function()
    local peer = Peer.start { mode = "sink" }
    local client = util.connected(peer)
    local events = util.collect(client)
    for _ = 1, 1000 do client:send(("x"):rep(99)) end
    assert.is_true(client:disconnect())
    local state = client:state()
    assert(state == "closing" or state == "idle", state)
    assert(client:wait("disconnected", util.DEADLINE))
    assert.equal("idle", client:state())
    local disconnect = assert(events:wait "disconnect")
    assert.equal("ECLOSED", disconnect[3])
    assert.same({
      stage = "close", unsent = 0, unacked = 0, partial = "", once_lost = 0, merged = 0, will_retry = false
    }, disconnect[4])
    assert(peer:wait_bytes(100000))
    assert.equal(1000, account(client).finished)
    client:connect()
    assert(events:wait("connect", 2))
    assert.same({ "connect", "disconnect", "connect" }, events:names())
  end)

  it("has nothing to do, and no event, when idle", function()
    local client = sidewire.new { host = "127.0.0.1", port = 1 }
    local events = util.collect(client)
    assert.is_true(client:disconnect())
    assert.is_true(client:disconnect(0))
    assert.equal("idle", client:state())
    sidewire.poll()
    assert.same({}, events:names())
    assert.is_true(client:wait("disconnected", 0))
  end)

  it("ends waiting with an error", function()
    local client = sidewire.new { host = "127.0.0.1", port = ports.closed(), reconnect = 1000 }
    local events = util.collect(client)
    client:connect()
    assert(events:wait "retry")
    client:disconnect()
    assert(client:wait("disconnected", util.DEADLINE))
    assert.equal("ECLOSED", assert(events:wait "error")[3])
    assert.same({ "retry", "error" }, events:names())
  end)

  it("and then connect, at once, give one end and one new connection", function()
    local peer = Peer.start { mode = "echo" }
    local client = util.connected(peer)
    local events = util.collect(client)
    client:send "a"
    client:disconnect()
    client:connect()
    client:send "b"
    assert(client:wait("connected", util.DEADLINE))
    assert(util.poll_until(function() return events:last "message" and events:last "message"[2] == "b" end))
    local states = {}
    for _, event in ipairs(events) do
      if event[1] ~= "message" then states[#states + 1] = event[1] end
    end
    assert.same({ "connect", "disconnect", "connect" }, states)
  end)
end)

describe("disconnect", function()
  before_each(util.begin)
  after_each(util.finish_without_peers)

  it("ends a connection with ECLOSED and no retry", function()
    local peer = Peer.start()
    local client = util.connected(peer)
    local events = util.collect(client)
    assert(client:disconnect())
    assert(client:wait("disconnected", util.DEADLINE))
    assert.equal("idle", client:state())
    local disconnect = assert(events:wait "disconnect")
    assert.equal("ECLOSED", disconnect[3])
    assert.is_false(disconnect[4].will_retry)
    assert.same({ "connect", "disconnect" }, events:names())
    assert(peer:wait_connections(0))
    assert.same({ 1, 0 }, { peer:stats().ends, peer:stats().errors })
  end)

  it("while connecting gives an error with ECLOSED", function()
    local hole = ports.black_hole()
    local client = util.client(hole)
    local events = util.collect(client)
    assert(client:connect())
    assert(client:disconnect())
    assert(client:wait("disconnected", util.DEADLINE))
    assert.equal("ECLOSED", assert(events:wait "error")[3])
    assert.same({ "error" }, events:names())
  end)

  it("while resolving gives an error with ECLOSED", function()
    local client = sidewire.new { host = "localhost", port = ports.closed(), reconnect = LONG }
    local events = util.collect(client, "connect", "error", "disconnect")
    assert(client:connect())
    assert(client:disconnect())
    assert(client:wait("disconnected", util.DEADLINE))
    assert.equal("ECLOSED", assert(events:wait "error")[3])
    assert.same({ "error" }, events:names())
  end)

  it("when idle does nothing", function()
    local peer = Peer.start()
    local client = util.client(peer)
    local events = util.collect(client)
    assert.is_true(client:disconnect())
    assert(client:wait("disconnected", 0))
    assert.equal("idle", client:state())
    util.settle()
    assert.same({}, events:names())
  end)

  it("twice is one end", function()
    local peer = Peer.start { mode = "silent" }
    local client = util.connected(peer)
    local events = util.collect(client)
    assert(client:disconnect())
    assert(client:disconnect())
    assert(client:wait("disconnected", util.DEADLINE))
    util.settle()
    assert.same({ "connect", "disconnect" }, events:names())
  end)
end)

describe("disconnect", function()
  before_each(util.begin)
  after_each(util.finish_without_peers)

  it("flushes what was accepted before it", function()
    local peer, dir = recorded()
    local client = util.connected(peer, { linger = LONG })
    local expected = numbered.lines(kilobyte, 1, 3000)
    overfill(client)
    assert(client:disconnect())
    assert(client:wait("disconnected", util.DEADLINE))
    assert.equal(3000, account(client).finished)
    assert(peer:wait_connections(0))
    assert.is_true(all_data(dir)[1] == expected)
  end)

  it("keeps, for the next connection, what it could not flush", function()
    build.needs("acks", pending)
    local peer, dir = recorded { mode = "silent" }
    local client = util.connected(peer)
    local events = util.collect(client)
    overfill(client)
    wait_stuck(client)
    assert(client:disconnect(0.05))
    assert(client:wait("disconnected", util.DEADLINE))
    local disconnect = assert(events:wait "disconnect")
    local lost = util.losses(events)
    local kept = account(client).queued
    assert.is_true(kept > 0)
    assert.equal(kept, disconnect[4].unsent)
    assert.equal("unknown", lost[#lost][3])
    assert.equal(3000 - kept, lost[#lost][2])

    peer:command "mode sink"
    assert(client:connect())
    wait_finished(client)
    local expected = numbered.lines(kilobyte, 3000 - kept + 1, 3000)
    assert(util.wait_until(function() return #all_data(dir)[2] >= #expected end))
    assert.is_true(all_data(dir)[2] == expected)
  end)

  it("with linger 0 ends it at once", function()
    local peer = start_peer { mode = "silent" }
    local client = util.connected(peer)
    overfill(client)
    wait_stuck(client)
    assert(client:disconnect(0))
    assert(client:wait("disconnected", util.DEADLINE))
    assert.is_true(account(client).queued > 0)
  end)

  for _, retain in ipairs { "unsent", "none" } do
    it("is a fence: what is accepted after it waits for the next connection, retain = " .. retain, function()
      local rounds, per_round = util.choose(60, 15), 200
      local peer, dir = recorded()
      local client = util.client(peer, { retain = retain, linger = LONG })
      local expected, n = {}, 0
      for _ = 1, rounds do
        assert(client:connect())
        assert(client:wait("connected", util.DEADLINE))
        for _ = 1, per_round do
          n = n + 1
          client:send(small(n))
        end
        assert(client:disconnect()) -- while the loop is sending
        expected[#expected + 1] = n
        n = n + 1
        assert.equal(n, client:send(small(n)))
        assert(client:wait("disconnected", util.DEADLINE))
        assert.equal(1, account(client).queued)
      end
      assert.equal(0, account(client).lost)
      assert(client:connect())
      assert(client:flush(util.DEADLINE))
      assert(client:disconnect())
      assert(client:wait("disconnected", util.DEADLINE))
      expected[#expected + 1] = n
      assert(peer:wait_connections(0))
      local data, first = all_data(dir), 1
      assert.equal(rounds + 1, #data)
      for round, last in ipairs(expected) do
        assert.equal(numbered.lines(small, first, last), data[round])
        first = last + 1
      end
    end)
  end

  it("is a fence also when its flush is cut by the peer, retain = none", function()
    local peer = start_peer { mode = "silent" }
    local client = util.connected(peer, { retain = "none" })
    local events = util.collect(client)
    overfill(client)
    wait_stuck(client)
    assert(client:disconnect(LONG))
    assert.equal(3001, client:send(kilobyte(3001)))
    peer:command "reset"
    assert(client:wait("disconnected", util.DEADLINE))
    assert(events:wait "disconnect")
    local lost = util.losses(events)
    assert.equal(3000, lost[#lost][2])
    assert.equal(1, account(client).queued)
  end)

  it("is a fence as connect to another server is one", function()
    local one = recorded()
    local other, other_dir = recorded()
    local client = util.connected(one)
    assert.equal(1, client:send "one")
    assert(client:flush(util.DEADLINE))
    assert(client:connect(other.host, other.port))
    assert.equal(2, client:send "other")
    wait_finished(client)
    assert(other:wait_bytes(6))
    assert.same({ "other\n" }, all_data(other_dir))
    assert.equal(4, one:stats().bytes)
  end)
end)
