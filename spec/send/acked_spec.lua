local sidewire = require "sidewire"
local engine = require "spec.support.engine"
local Peer = require "spec.support.peer"
local build = require "spec.support.build"
local delivery = require "spec.support.delivery"
local util = require "spec.support.util"

local small, send_all = delivery.small, delivery.send_all
local wait_finished = delivery.wait_finished

describe("the acked event", function()
  before_each(util.begin)
  after_each(util.finish_without_peers)

  it("tells the newest acknowledged id, once for many, and never again what it told", function()
    build.needs("acks", pending)
    local peer = delivery.start_peer()
    local client = util.connected(peer, { retain = "unconfirmed", reconnect = 0.01 })
    local events = util.collect(client, "acked", "disconnect", "connect")
    send_all(client, small, 5000)
    assert(util.wait_until(function() return client:stats().in_flight == 5000 end))
    assert(util.poll_until(function()
      local newest = events:last "acked"
      return newest and newest[2] == 5000
    end))
    assert.is_true(events:count "acked" < 500)
    peer:command "reset"
    assert(events:wait "disconnect")
    assert(util.poll_until(function() return events:count "connect" == 2 end))
    send_all(client, small, 1)
    assert(util.poll_until(function() return events:last "acked"[2] == 5001 end))
    local before = 0
    for _, id in ipairs(events:all "acked") do
      assert.is_true(id > before)
      before = id
    end
  end)

  it("waits while the inbox is full, and then tells the newest id", function()
    build.needs("acks", pending)
    local client = util.connected(Peer.start { mode = "sink" }, { inbox_limit = 4096, queue_limit = 1080 })
    local events = util.collect(client, "acked", "drain")
    local rounds = 100 -- each with a drain, so that one acked event cannot take the place of the one before
    for _ = 1, rounds do
      while client:send(("x"):rep(300)) do end -- luacheck: ignore 542
      assert(util.wait_until(function() return client:stats().finished == client:stats().accepted end))
    end
    sidewire.poll()
    assert(events:count "acked" < rounds / 2)
    local accepted = client:stats().accepted
    assert(util.poll_until(function() return events:last "acked"[2] == accepted end))
  end)

  it("comes before the loss and the disconnect that follow it", function()
    build.needs("acks", pending)
    local peer = delivery.start_peer { mode = "silent" }
    local client = util.connected(peer, { reconnect = 60 })
    local events = util.collect(client, "acked", "lost", "disconnect")
    delivery.overfill(client)
    delivery.wait_stuck(client)
    peer:command "reset"
    assert(events:wait "disconnect")
    local names = events:names()
    assert.same({ "acked", "lost", "disconnect" }, { engine.unpack(names, #names - 2) })
    assert.equal(events[#events - 2][2] + 1, events[#events - 1][2])
  end)

  it("is no work for a script without a handler for it", function()
    local peer = Peer.start()
    local client = util.connected(peer)
    sidewire.poll()
    send_all(client, small, 10)
    wait_finished(client)
    local ok, _, code = sidewire.wait(0.02)
    assert.same({ "ETIMEDOUT" }, { code, ok })
  end)
end)
