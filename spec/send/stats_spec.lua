local sidewire = require "sidewire"
local Peer = require "spec.support.peer"
local numbered = require "spec.support.numbered"
local ports = require "spec.support.ports"
local util = require "spec.support.util"

local account = numbered.check_account

describe("stats and pending", function()
  before_each(util.begin)
  after_each(util.finish)

  it("show every message in one group, at any time", function()
    local peer = Peer.start { mode = "echo" }
    local client = util.client(peer)
    local stats = account(client)
    assert.same({ "idle", 0, 0, 0, 0, 0, 0, 0, 0, false }, { stats.state, stats.accepted, stats.queue_bytes,
      stats.inbox_bytes, stats.sent_bytes, stats.received_bytes, stats.received, stats.connects, stats.failures,
      stats.paused })
    client:send "12345"
    stats = account(client)
    assert.same({ 1, 1, 6 }, { stats.accepted, stats.queued, stats.queue_bytes })
    client:connect()
    for _ = 1, 1000 do
      client:send "12345"
      account(client)
    end
    assert(util.wait_received(client, 1001 * 6))
    stats = account(client)
    assert.same({ "connected", 1001, 0, 1, 1001 * 6, 1001 * 6, 0 }, { stats.state, stats.accepted, stats.queued,
      stats.connects, stats.sent_bytes, stats.received_bytes, stats.received })
    assert(stats.inbox_bytes > 1001 * 5)
    client:on("message", function() end)
    sidewire.poll()
    assert(util.wait_until(function() return account(client).finished == 1001 end))
    stats = account(client)
    assert.same({ 1001, 0 }, { stats.received, stats.inbox_bytes })
    peer:command "reset"
    assert(util.poll_until(function() return account(client).connects == 2 end))
  end)

  it("count failures in a row anew after a give-up, a disconnect and a connect to another server", function()
    local peer = Peer.start()
    local policy = { delay = 0.01, attempts = 3 }
    local client = sidewire.new { host = "127.0.0.1", port = ports.closed(), reconnect = policy }
    local events = util.collect(client)
    client:connect()
    assert(events:wait "error")
    assert.equal(0, client:stats().failures)
    client:set_reconnect(0.01)
    client:connect()
    assert(util.poll_until(function() return client:stats().failures >= 2 end))
    client:disconnect()
    assert(client:wait("disconnected", util.DEADLINE))
    assert(util.poll_until(function() return client:stats().failures == 0 end))
    client:connect()
    assert(util.poll_until(function() return client:stats().failures >= 2 end))
    client:connect(peer.host, peer.port)
    assert(client:wait("connected", util.DEADLINE))
    assert.equal(0, client:stats().failures)
  end)

  it("count failures in a row", function()
    local client = sidewire.new { host = "127.0.0.1", port = ports.closed(), reconnect = 0.01 }
    local events = util.collect(client)
    client:connect()
    assert(events:wait("retry", 3))
    assert(client:stats().failures >= 3)
    for i, retry in ipairs { events[1], events[2], events[3] } do
      assert.equal(i + 1, retry[2]) -- the attempt that follows
      assert.equal(0.01, retry[3])
      assert.is_string(retry[4])
      assert.equal("ECONNREFUSED", retry[5])
    end
  end)
end)
