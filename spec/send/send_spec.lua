-- What `send` does in each state of a client, and what becomes of each message while all goes well.

local sidewire = require "sidewire"
local Peer = require "spec.support.peer"
local build = require "spec.support.build"
local delivery = require "spec.support.delivery"
local numbered = require "spec.support.numbered"
local util = require "spec.support.util"

local overfill, small = delivery.overfill, delivery.small
local account = numbered.check_account
local send_all, wait_stuck, wait_finished = delivery.send_all, delivery.wait_stuck, delivery.wait_finished
local start_peer, recorded, all_data = delivery.start_peer, delivery.recorded, delivery.all_data
local KIB = 1024

describe("send", function()
  before_each(util.begin)
  after_each(util.finish)

  it("before connect queues: all arrives in order after it [F8]", function()
    local peer = Peer.start { mode = "echo" }
    local client = util.client(peer)
    local events = util.collect(client)
    for i = 1, 100 do assert.equal(i, client:send(i)) end
    local bytes, messages = client:pending()
    assert.same({ 9 * 2 + 90 * 3 + 4, 100 }, { bytes, messages })
    assert.equal(100, account(client).queued)
    client:connect()
    assert.equal(101, client:send(101))
    assert(events:wait("message", 101))
    for i, message in ipairs(events:all "message") do assert.equal(tostring(i), message) end
    assert.same({ 0, 0 }, { client:pending() })
  end)

  it("while waiting queues: all arrives in order after the reconnect [F8]", function()
    local peer = util.stopped_peer()
    local client = sidewire.new { host = "127.0.0.1", port = peer.port, reconnect = 1000 }
    local events = util.collect(client)
    client:send(1)
    client:connect()
    assert(events:wait "retry")
    for i = 2, 50 do assert.equal(i, client:send(i)) end
    assert.equal("waiting", client:state())
    assert.equal(50, select(2, client:pending()))
    peer.options.mode = "echo"
    peer:start_again()
    client:set_reconnect(0.01)
    assert(events:wait("message", 50))
    for i, message in ipairs(events:all "message") do assert.equal(tostring(i), message) end
    assert.equal(0, events:count "lost")
  end)

  it("after close is refused and takes no id [F8]", function()
    local client = sidewire.new()
    client:send "a"
    client:close()
    assert.same({ nil, "this client is closed: make a new one", "ECLOSED" }, { client:send "b" })
    assert.equal(1, client:stats().accepted)
  end)

  it("gives ids that go on over connections; a refused one takes none", function()
    local peer = Peer.start { mode = "sink" }
    local client = util.connected(peer)
    assert.same({ 1, 2 }, { client:send "a", (client:write "b\n") })
    assert.is_nil((client:send "no\nline"))
    client:disconnect()
    assert.equal(3, client:send "c")
    client:connect()
    assert(client:wait("connected", util.DEADLINE))
    assert.equal(4, client:send "d")
    assert(client:flush(util.DEADLINE))
    assert(peer:wait_bytes(8))
  end)
end)

describe("every message", function()
  before_each(util.begin)
  after_each(util.finish_without_peers)

  it("is in exactly one of the four groups at every step", function()
    local peer = start_peer()
    local client = util.client(peer, { reconnect = 0.005, linger = 0.05 })
    assert.equal(0, account(client).accepted)

    local s = send_all(client, small, 3)
    assert.same({ 3, 3, 0, 0, 0 }, { s.accepted, s.queued, s.in_flight, s.finished, s.lost })
    assert(client:connect())
    s = wait_finished(client)
    assert.same({ 3, 3, 0 }, { s.accepted, s.finished, s.lost })

    peer:command "mode silent"
    overfill(client)
    s = wait_stuck(client)
    local _, messages = client:pending()
    assert.equal(s.queued, messages)

    peer:command "reset"
    assert(util.poll_until(function()
      s = account(client)
      return s.lost > 0 or build.has_fallbacks and s.connects > 1
    end))
    peer:command "mode sink"
    s = wait_finished(client)
    assert.same({ 3003, 0 }, { s.accepted, s.lost_unsent })
    assert.equal(not build.has_fallbacks, s.lost_unknown > 0) -- there, what was handed over is finished

    peer:command "mode silent"
    overfill(client)
    wait_stuck(client)
    assert(client:close())
    assert(util.poll_until(function()
      s = account(client)
      return s.queued == 0 and s.in_flight == 0
    end))
    assert.equal(6003, s.accepted)
    assert.is_true(s.lost_unsent > 0)
    assert(client:wait("disconnected", util.DEADLINE))
  end)

  it("arrives exactly as accepted, in order, whatever its size", function()
    local peer, dir = recorded()
    local client = util.connected(peer, { queue_limit = 64 * KIB * KIB })
    local sizes = { 0, 1, 2, 63, 64, 65, 1000, 4095, 4096, 65535, 65536, 65537, 200000 }
    local message = numbered.maker(function(n) return sizes[n * 7 % #sizes + 1] end)
    local count = util.choose(600, 100)
    for n = 1, count do
      assert.equal(n, client:send(message(n)))
      if n % 50 == 0 then account(client) end
    end
    local expected = numbered.lines(message, 1, count)
    assert(peer:wait_bytes(#expected, util.DEADLINE))
    local s = wait_finished(client)
    assert.equal(count, s.finished)
    assert.equal(#expected, s.sent_bytes)
    assert.is_true(all_data(dir)[1] == expected)
  end)

  it("has ids that count on over connections, and a refused one takes none", function()
    local peer = Peer.start()
    local client = util.client(peer, { queue_limit = 100, framing = "u8" })
    assert.equal(1, client:send "a")
    assert.equal(2, client:write "b")
    assert.equal("ETOOBIG", (select(3, client:send(("x"):rep(256)))))
    assert.equal("ETOOBIG", (select(3, client:send(("x"):rep(100)))))
    assert.equal("EFULL", (select(3, client:send(("x"):rep(98)))))
    assert.equal(3, client:send "c")
    assert(client:connect())
    wait_finished(client)
    assert(client:disconnect())
    assert(client:wait("disconnected", util.DEADLINE))
    assert.equal(4, client:send "d")
    assert(client:connect())
    assert.equal(5, client:send "e")
    assert.equal(5, wait_finished(client).finished)
  end)
end)
