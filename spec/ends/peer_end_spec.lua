-- Connections that the peer ends, in order or by a reset.

local socket = require "socket"
local Peer = require "spec.support.peer"
local delivery = require "spec.support.delivery"
local numbered = require "spec.support.numbered"
local util = require "spec.support.util"

local account = numbered.check_account
local small, kilobyte, send_all = delivery.small, delivery.kilobyte, delivery.send_all
local wait_stuck, wait_finished, start_peer = delivery.wait_stuck, delivery.wait_finished, delivery.start_peer
local recorded = delivery.recorded
local LONG = util.LONG
local KIB = 1024

local RESTARTS = 20 -- by hand: 200

describe("the peer's orderly end", function()
  before_each(util.begin)
  after_each(util.finish_without_peers)

  it("[F20] is seen within 0.1 s, as a disconnect with EPEER", function()
    local peer = Peer.start()
    local client = util.client(peer, { reconnect = 0.001 })
    local events = util.collect(client)
    assert(client:connect())
    local best = math.huge
    for round = 1, 5 do
      assert(events:wait("connect", round))
      assert(peer:wait_connections(1))
      local began = socket.gettime()
      peer:command "finish"
      local disconnect = assert(events:wait("disconnect", round))
      best = math.min(best, socket.gettime() - began)
      assert.equal("EPEER", disconnect[3])
      assert.same({
        stage = "receive", unsent = 0, unacked = 0, partial = "", once_lost = 0, merged = 0, will_retry = true
      }, disconnect[4])
    end
    assert.is_true(best < 0.1)
  end)

  it("[F20] is seen at once also without any polling", function()
    local peer = Peer.start()
    local client = util.connected(peer, { reconnect = false })
    peer:command "finish"
    assert(client:wait("disconnected", util.DEADLINE))
    assert.equal("EPEER", (select(3, client:receive())))
  end)

  it("[F20] with our data in the kernel: each message is acknowledged, reported or sent again", function()
    local peer, dir = recorded { mode = "silent" }
    local client = util.connected(peer, { reconnect = 0.01 })
    local events = util.collect(client)
    send_all(client, kilobyte, 2000)
    local before = wait_stuck(client)
    peer:command "close" -- unread input: our data in its kernel is gone
    assert(events:wait "disconnect")
    peer:command "mode sink"
    local s = wait_finished(client)
    assert.equal(2000, s.accepted)
    local fates = {}
    for _, range in ipairs(util.losses(events)) do
      assert.equal("unknown", range[3])
      for id = range[1], range[2] do fates[id] = true end
    end
    local seen, faults = numbered.read(Peer.streams(dir), kilobyte)
    assert.same({}, faults)
    for id = before.finished + 1, 2000 do
      if id > before.finished + before.in_flight then assert.is_true(seen[id]) end
      assert.is_true(seen[id] or fates[id] or id <= s.finished)
    end
  end)

  it("delivers what came before it, and hands over the tail that is no message", function()
    local peer = Peer.start()
    local client = util.client(peer, { reconnect = false })
    local events = util.collect(client)
    assert(client:connect())
    assert(events:wait "connect")
    peer:command("send-finish " .. Peer.hex "one\ntwo\nthr")
    local disconnect = assert(events:wait "disconnect")
    assert.same({ "one", "two" }, events:all "message")
    assert.equal("thr", disconnect[4].partial)
    assert.same({ "connect", "message", "message", "disconnect" }, events:names())
  end)

  it("[F22] costs and duplicates nothing when it half-closes and drains, " .. RESTARTS .. " times", function()
    local peer, dir = recorded()
    local client = util.client(peer, { reconnect = 0.001, queue_limit = 64 * KIB * KIB })
    local fates = numbered.note_losses(client)
    local connects, ended, n = 0, {}, 0
    client:on("connect", function() connects = connects + 1 end)
    client:on("disconnect", function(_, _, code) ended[code] = (ended[code] or 0) + 1 end)
    assert(client:connect())
    local function feed()
      for _ = 1, 50 do
        n = n + 1
        assert.equal(n, client:send(small(n)))
      end
      account(client)
    end
    for round = 1, RESTARTS do
      assert(util.poll_until(function()
        feed()
        return connects == round
      end))
      local goal = peer:stats().bytes + 20000
      assert(util.poll_until(function()
        feed()
        return peer:stats().bytes >= goal
      end))
      peer:command "finish"
    end
    local s = wait_finished(client)
    local expected = #numbered.lines(small, 1, n)
    assert(peer:wait_bytes(expected, util.DEADLINE))
    local seen, faults, counts = numbered.read(Peer.streams(dir), small)
    assert.same({}, faults)
    assert.same({ lost = 0, finished = n }, { lost = s.lost, finished = s.finished })
    assert.same({ messages = n, twice = 0, disorder = 0, partial = 0, cut = 0 }, counts)
    assert.equal(expected, peer:stats().bytes)
    assert.same({ faults = {} }, fates)
    assert.is_true(seen[n])
    assert(util.poll_until(function() return ended.EPEER == RESTARTS end))
    assert.same({ EPEER = RESTARTS }, ended)
  end)
end)

describe("a reset by the peer", function()
  before_each(util.begin)
  after_each(util.finish_without_peers)

  it("[F21] delivers the data that came before it, then a disconnect with ECONNRESET", function()
    local peer = Peer.start()
    for round = 1, 10 do
      local client = util.client(peer, { reconnect = false })
      local events = util.collect(client)
      assert(client:connect())
      assert(events:wait "connect")
      assert(peer:wait_connections(1))
      local lines = {}
      for i = 1, 20 do lines[i] = ("%d of round %d %s"):format(i, round, ("x"):rep(i * 100)) end
      peer:command("send-reset " .. Peer.hex(table.concat(lines, "\n") .. "\n"))
      local disconnect = assert(events:wait "disconnect")
      assert.equal("ECONNRESET", disconnect[3])
      assert.same(lines, events:all "message")
      assert.equal("disconnect", events[#events][1])
    end
  end)

  it("[F21] in the middle of our sending loses no data that it sent before", function()
    local peer = start_peer { mode = "silent" }
    local client = util.client(peer, { reconnect = false })
    local events = util.collect(client)
    assert(client:connect())
    assert(events:wait "connect")
    send_all(client, kilobyte, 2000)
    wait_stuck(client)
    peer:command("send-reset " .. Peer.hex "last words\n")
    local disconnect = assert(events:wait "disconnect")
    assert.same({ "last words" }, events:all "message")
    assert.equal("ECONNRESET", disconnect[3])
    assert.equal("idle", client:state())
    account(client)
  end)

  it("in the middle of our sending leaves every message a fate, and the rest arrives on the next connection", function()
    local peer, dir = recorded()
    peer:command(("reset-after %d"):format(500 * KIB))
    local client = util.connected(peer, { reconnect = LONG })
    local events = util.collect(client)
    send_all(client, kilobyte, 3000)
    local disconnect = assert(events:wait "disconnect")
    assert.is_true(disconnect[3] == "ECONNRESET" or disconnect[3] == "EPIPE")
    local s = account(client)
    local lost = util.losses(events)
    local kept_from = lost[#lost] and lost[#lost][2] + 1 or s.finished + 1
    assert.equal(3000 - kept_from + 1, s.queued)
    peer:command "reset-after 0"
    assert(client:connect())
    wait_finished(client)
    assert(util.wait_until(function() return peer:stats().lines >= 3000 - kept_from + 1 end))
    local streams = Peer.streams(dir)
    local expected = numbered.lines(kilobyte, kept_from, 3000)
    assert(util.wait_until(function()
      streams = Peer.streams(dir)
      return #streams[2].data >= #expected
    end))
    assert.is_true(streams[2].data == expected)
    assert.is_true(streams[1].data == numbered.lines(kilobyte, 1, 600):sub(1, #streams[1].data))
  end)
end)
