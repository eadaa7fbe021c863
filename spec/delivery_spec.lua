-- The fate of every message (design.md, section 5), fences, limits and flushing.

local sidewire = require "sidewire.core"
local Peer = require "spec.support.peer"
local delivery = require "spec.support.delivery"
local numbered = require "spec.support.numbered"
local util = require "spec.support.util"

local LONG = 60 -- seconds: a delay that no spec outlives
local KIB = 1024

local account = numbered.check_account
local small, kilobyte = delivery.small, delivery.kilobyte
local send_all, overfill, cut = delivery.send_all, delivery.overfill, delivery.cut
local wait_stuck, wait_finished = delivery.wait_stuck, delivery.wait_finished
local start_peer, recorded, all_data = delivery.start_peer, delivery.recorded, delivery.all_data

-- Sends until the queue and the kernel's buffers are full for good; returns how many were accepted in all.
local function fill_up(client, message, limit)
  local sent, since, n = -1, 0, client:stats().accepted
  assert(util.poll_until(function()
    repeat
      local id, _, code = client:send(message(n + 1))
      if id then
        n = n + 1
        assert.equal(n, id)
      else
        assert.equal("EFULL", code)
      end
      assert.is_true((client:pending()) <= limit)
    until not id
    local s = account(client)
    since = s.sent_bytes == sent and since + 1 or 0
    sent = s.sent_bytes
    return s.in_flight > 0 and since >= 10
  end))
  return n
end

describe("every message", function()
  before_each(util.begin)
  after_each(delivery.finish)

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
    assert(util.poll_until(function() return account(client).lost > 0 end))
    peer:command "mode sink"
    s = wait_finished(client)
    assert.same({ 3003, 0 }, { s.accepted, s.lost_unsent })
    assert.is_true(s.lost_unknown > 0)

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

describe("a lost connection", function()
  before_each(util.begin)
  after_each(delivery.finish)

  it("with retain = 'unsent' loses what was not acknowledged, as unknown, and replays what was not sent", function()
    local client, events, disconnect, peer, dir, before = cut { retain = "unsent" }
    local lost = util.losses(events)
    assert.equal(1, #lost)
    local first, last, fate = table.unpack(lost[1])
    assert.equal("unknown", fate)
    local s = account(client)
    assert.same({ last - first + 1, 0 }, { s.lost_unknown, s.lost_unsent })
    assert.same({ first - 1, 0, 3000 - last }, { s.finished, s.in_flight, s.queued })
    assert.equal(before.queued, s.queued)
    assert.same({ last - first + 1, 3000 - last }, { disconnect[4].unacked, disconnect[4].unsent })
    assert.equal(3000 - last, (select(2, client:pending())))

    assert.equal(3001, client:send(kilobyte(3001)))
    assert(client:connect())
    local expected = numbered.lines(kilobyte, last + 1, 3001)
    assert(peer:wait_bytes(#expected, util.DEADLINE))
    wait_finished(client)
    assert.is_true(all_data(dir)[2] == expected)
  end)

  it("with retain = 'none' loses all that was accepted before it, by fate", function()
    local client, events, disconnect, peer, dir, before = cut { retain = "none" }
    local lost = util.losses(events)
    assert.equal(2, #lost)
    assert.same({ "unknown", "unsent" }, { lost[1][3], lost[2][3] })
    assert.equal(lost[1][2] + 1, lost[2][1])
    assert.equal(3000, lost[2][2])
    assert.equal(before.queued, lost[2][2] - lost[2][1] + 1)
    assert.equal(before.queued, disconnect[4].unsent)
    local s = account(client)
    assert.same({ 0, 0, 0, 0 }, { s.queued, s.in_flight, client:pending() })

    assert.equal(3001, client:send(kilobyte(3001))) -- accepted after the disconnect: waits
    assert.equal(1, account(client).queued)
    assert(client:connect())
    local expected = numbered.lines(kilobyte, 3001, 3001)
    assert(peer:wait_bytes(#expected, util.DEADLINE))
    wait_finished(client)
    assert.is_true(all_data(dir)[2] == expected)
  end)

  it("tells its losses before the disconnect event", function()
    local _, events = cut { retain = "none" }
    assert.same({ "connect", "lost", "lost", "disconnect", "retry" }, (function()
      events:wait "retry"
      return events:names()
    end)())
  end)

  local BIG = 4 * KIB * KIB
  local function big(n) return numbered.maker(function() return BIG - 2 end)(n) end

  -- The peer reads one and a half of three messages, then ends the connection.
  local function cut_in_the_middle(send)
    local peer, dir = recorded()
    peer:command(("close-after %d"):format(BIG + BIG // 2))
    local client = util.client(peer, { reconnect = LONG, retain = "unsent" })
    local events = util.collect(client)
    for n = 1, 3 do assert.equal(n, send(client, n)) end
    assert(client:connect())
    local disconnect = assert(events:wait "disconnect")
    peer:command "close-after 0"
    assert.equal(1, account(client).finished)
    return client, events, disconnect, peer, dir
  end

  it("[F23] replays a message cut in the middle, whole", function()
    local client, events, disconnect, peer, dir = cut_in_the_middle(function(client, n) return client:send(big(n)) end)
    assert.same({ {}, 2, 0 }, { util.losses(events), disconnect[4].unsent, disconnect[4].unacked })
    local s = account(client)
    assert.same({ 2, 0 }, { s.queued, s.lost })
    assert.equal(2 * (BIG + 1), (client:pending()))
    assert(client:connect())
    assert(peer:wait_bytes(BIG + BIG // 2 + 2 * (BIG + 1), util.DEADLINE))
    wait_finished(client)
    local data = all_data(dir)
    local whole = numbered.lines(big, 1, 3)
    assert.equal(2, #data)
    assert.is_true(data[1] == whole:sub(1, #data[1]))
    assert.is_true(data[2] == numbered.lines(big, 2, 3))
  end)

  it("[F23] reports bytes of write() cut in the middle as unknown, and sends none of them again", function()
    local client, events, _, peer, dir =
      cut_in_the_middle(function(client, n) return client:write(big(n) .. "\n") end)
    assert.same({ { 2, 2, "unknown" } }, util.losses(events))
    local s = account(client)
    assert.same({ 1, 1, 0 }, { s.queued, s.lost_unknown, s.lost_unsent })
    assert.equal(BIG + 1, (client:pending()))
    assert(client:connect())
    assert(peer:wait_bytes(BIG + BIG // 2 + BIG + 1, util.DEADLINE))
    wait_finished(client)
    assert.is_true(all_data(dir)[2] == numbered.lines(big, 3, 3))
  end)

  it("[F23] reports a raw message cut in the middle as unknown, also with retain = 'none'", function()
    local peer = start_peer { mode = "silent" }
    local client = util.client(peer, { reconnect = LONG, retain = "none", framing = "raw" })
    local events = util.collect(client)
    for n = 1, 3 do assert.equal(n, client:send(big(n))) end
    assert(client:connect())
    assert(util.poll_until(function() return account(client).sent_bytes > 0 end))
    peer:command "reset"
    assert(events:wait "disconnect")
    assert.same({ { 1, 1, "unknown" }, { 2, 3, "unsent" } }, util.losses(events))
    assert.same({ 0, 0 }, { client:pending() })
  end)
end)

describe("disconnect", function()
  before_each(util.begin)
  after_each(delivery.finish)

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

  it("lets connect to another server be a fence, too", function()
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

describe("close", function()
  before_each(util.begin)
  after_each(delivery.finish)

  it("ends what it cannot flush as lost, by fate, and counts no message twice", function()
    local peer = start_peer { mode = "silent" }
    local client = util.connected(peer)
    local events = util.collect(client)
    overfill(client)
    wait_stuck(client)
    assert(client:close(0.05))
    assert(events:wait "close")
    local lost = util.losses(events)
    assert.same({ "unknown", "unsent" }, { lost[1][3], lost[2][3] })
    assert.equal(lost[1][2] + 1, lost[2][1])
    assert.equal(3000, lost[2][2])
    local s = account(client)
    assert.same({ lost[1][1] - 1, 3000 - lost[1][1] + 1 }, { s.finished, s.lost })
    assert.same({ 0, 0 }, { client:pending() })
  end)

  it("of a client that never connected loses all as unsent", function()
    local client = sidewire.new { host = "127.0.0.1", port = 1 }
    local events = util.collect(client)
    send_all(client, small, 5)
    assert(client:close())
    assert(events:wait "close")
    assert.same({ { 1, 5, "unsent" } }, util.losses(events))
    assert.same({ "lost", "close" }, events:names())
    assert.equal(5, account(client).lost_unsent)
  end)

  it("of an idle client that was connected loses what waits as unsent", function()
    local peer = Peer.start()
    local client = util.connected(peer)
    send_all(client, small, 5)
    wait_finished(client)
    assert(client:disconnect())
    assert(client:wait("disconnected", util.DEADLINE))
    local events = util.collect(client, "lost", "close")
    send_all(client, small, 2)
    assert(client:close())
    assert(events:wait "close")
    assert.same({ { 6, 7, "unsent" } }, util.losses(events))
  end)
end)

describe("a full queue", function()
  before_each(util.begin)
  after_each(delivery.finish)

  it("[F7] refuses with EFULL, drains later, and nothing is dropped", function()
    local limit = 256 * KIB
    local peer, dir = recorded { mode = "silent" }
    local client = util.connected(peer, { queue_limit = limit })
    local events = util.collect(client)
    local n = fill_up(client, kilobyte, limit)
    local id, refused, code = client:send(kilobyte(n + 1))
    assert.same({ nil, "EFULL" }, { id, code })
    assert.truthy(refused:find("full", 1, true))
    assert.equal("ETOOBIG", (select(3, client:send(("x"):rep(limit)))))
    assert.equal("ETOOBIG", (select(3, client:write(("x"):rep(limit + 1)))))
    events:clear()
    peer:command "mode sink"
    assert(events:wait "drain")
    assert.is_true((client:pending()) <= limit / 2)
    n = n + 1
    assert.equal(n, client:send(kilobyte(n)))
    assert.equal(n, wait_finished(client).finished)
    assert.equal(1, events:count "drain")
    local expected = numbered.lines(kilobyte, 1, n)
    assert(peer:wait_bytes(#expected))
    assert.is_true(all_data(dir)[1] == expected)
  end)

  it("[F7] of an idle client drains when it is connected", function()
    local peer = Peer.start()
    local client = util.client(peer, { queue_limit = 4 * KIB })
    local events = util.collect(client)
    local n = 0
    while client:send(small(n + 1)) do n = n + 1 end
    assert.equal(n, account(client).queued)
    assert(client:connect())
    assert(events:wait "drain")
    assert.equal(n, wait_finished(client).finished)
  end)

  it("drains only when the message that was refused fits", function()
    local peer = Peer.start()
    local client = util.client(peer, { queue_limit = 100, framing = "raw" })
    local events = util.collect(client)
    client:send "x"
    assert.equal("EFULL", (select(3, client:send(("x"):rep(100)))))
    assert(client:connect())
    assert(events:wait "drain")
    assert.truthy(client:send(("x"):rep(100)))
    assert.equal(1, events:count "drain")
  end)

  it("drains when what fills it is lost", function()
    local peer = start_peer { mode = "silent" }
    local client = util.connected(peer, { queue_limit = 64 * KIB, retain = "none", reconnect = false })
    local events = util.collect(client)
    fill_up(client, kilobyte, 64 * KIB)
    events:clear()
    peer:command "reset"
    assert(events:wait "drain")
    assert.equal(0, (client:pending()))
  end)
end)

describe("flush", function()
  before_each(util.begin)
  after_each(delivery.finish)

  it("waits until all accepted messages are handed to the kernel", function()
    local peer = Peer.start()
    local client = util.connected(peer)
    for _ = 1, 5 do
      send_all(client, kilobyte, 500)
      assert.is_true(client:flush(util.DEADLINE))
      assert.equal(0, account(client).queued)
      assert.same({ 0, 0 }, { client:pending() })
    end
    assert.is_true(client:flush(0)) -- there is nothing to wait for
  end)

  it("that times out harms nothing, and the next succeeds", function()
    local peer, dir = recorded { mode = "silent" }
    local client = util.connected(peer)
    overfill(client)
    for _ = 1, 3 do
      local ok, message, code = client:flush(0.01)
      assert.same({ nil, "ETIMEDOUT" }, { ok, code })
      assert.matches("^timed out: %d+ messages are not sent", message)
      assert.equal(3000, account(client).accepted)
    end
    assert.equal("ETIMEDOUT", (select(3, client:flush(0))))
    peer:command "mode sink"
    assert.is_true(client:flush(util.DEADLINE))
    local expected = numbered.lines(kilobyte, 1, 3000)
    assert(peer:wait_bytes(#expected, util.DEADLINE))
    assert.equal(0, account(client).lost)
    assert.is_true(all_data(dir)[1] == expected)
  end)

  it("works under load, with replies coming in that nobody polls for", function()
    local peer = Peer.start { mode = "lines" }
    local client = util.connected(peer)
    local replies = 0
    client:on("message", function() replies = replies + 1 end)
    local rounds = util.choose(200, 40)
    local timeouts = 0
    for _ = 1, rounds do
      send_all(client, small, 100)
      if not client:flush(0.0001) then timeouts = timeouts + 1 end
      assert.is_true(client:flush(util.DEADLINE))
    end
    assert(util.poll_until(function() return replies == rounds * 100 end))
    assert.equal(rounds * 100, wait_finished(client).finished)
  end)

  it("does not wait for what is accepted later, nor for acknowledgements", function()
    local peer = start_peer { mode = "silent" }
    local client = util.connected(peer)
    send_all(client, small, 10)
    assert.is_true(client:flush(util.DEADLINE))
    assert.equal(0, account(client).queued)
  end)

  it("goes on through a reconnect", function()
    local peer = Peer.start()
    peer:command "accept off"
    local client = util.client(peer, { reconnect = 0.01 })
    send_all(client, small, 3)
    assert(client:connect())
    assert.equal("ETIMEDOUT", (select(3, client:flush(0.03))))
    peer:command "accept on"
    assert.is_true(client:flush(util.DEADLINE))
    assert(peer:wait_bytes(1))
  end)

  it("fails with ENOTCONN when idle", function()
    local client = sidewire.new { host = "127.0.0.1", port = 1 }
    send_all(client, small, 1)
    local ok, _, code = client:flush(util.DEADLINE)
    assert.same({ nil, "ENOTCONN" }, { ok, code })
  end)

  it("fails at once with the reason when there will be no further attempt", function()
    local peer = Peer.start()
    peer:command "accept off"
    local client = util.client(peer, { reconnect = { delay = 0.01, attempts = 3 } })
    send_all(client, small, 1)
    assert(client:connect())
    local ok, _, code = client:flush(util.DEADLINE)
    assert.same({ nil, "ECONNREFUSED" }, { ok, code })
  end)

  -- Reads slowly, then resets: while a flush is waiting.
  local function failing_peer()
    local peer = start_peer()
    peer:command(("throttle %d"):format(1024 * KIB))
    peer:command(("reset-after %d"):format(256 * KIB))
    return peer
  end

  it("fails with the reason when messages that it waits for are lost", function()
    local client = util.client(failing_peer(), { retain = "none", reconnect = LONG })
    send_all(client, kilobyte, 8000)
    assert(client:connect())
    local ok, _, code = client:flush(util.DEADLINE)
    assert.is_nil(ok)
    assert.is_true(code == "ECONNRESET" or code == "EPIPE", code)
    assert.is_true(account(client).lost_unsent > 0)
  end)

  it("fails with the reason when bytes of write() that it waits for are cut", function()
    local client = util.client(failing_peer(), { reconnect = LONG })
    assert.equal(1, client:write(("x"):rep(8 * KIB * KIB)))
    assert(client:connect())
    local ok, _, code = client:flush(util.DEADLINE)
    assert.is_nil(ok)
    assert.is_true(code == "ECONNRESET" or code == "EPIPE", code)
    assert.same({ 1, 0 }, { account(client).lost_unknown, account(client).lost_unsent })
  end)

  it("fails with ECLOSED after close", function()
    local peer = start_peer { mode = "silent" }
    local client = util.connected(peer)
    overfill(client)
    wait_stuck(client)
    assert(client:close(0.05))
    assert.equal("ECLOSED", (select(3, client:flush(util.DEADLINE))))
  end)
end)
