-- What a new connection sends again with retain = "unacked" and "unconfirmed"; confirm.

local Peer = require "spec.support.peer"
local build = require "spec.support.build"
local delivery = require "spec.support.delivery"
local numbered = require "spec.support.numbered"
local engine = require "spec.support.engine"
local util = require "spec.support.util"

local account = numbered.check_account
local small, kilobyte, groups, send_all = delivery.small, delivery.kilobyte, delivery.groups, delivery.send_all
local wait_finished, all_data = delivery.wait_finished, delivery.all_data

describe("retain = 'unacked'", function()
  before_each(util.begin)
  after_each(util.finish_without_peers)

  it("sends again what was not acknowledged, from a message's first byte, and loses nothing", function()
    build.needs("acks", pending)
    local client, events, disconnect, peer, dir, before = delivery.cut { retain = "unacked" }
    assert.same({}, util.losses(events))
    local s = account(client)
    local acked = s.finished
    assert.same({ 3000 - acked, 0, acked, 0 }, { s.queued, s.in_flight, s.finished, s.lost })
    assert.same({ 3000 - acked - before.queued, before.queued }, { disconnect[4].unacked, disconnect[4].unsent })
    assert.is_true(disconnect[4].unacked > 0)
    assert.equal(3000 - acked, (select(2, client:pending())))

    assert(client:connect())
    local expected = numbered.lines(kilobyte, acked + 1, 3000)
    assert(peer:wait_bytes(#expected, util.DEADLINE))
    assert.same({ 0, 0, 3000, 0 }, (function()
      wait_finished(client)
      return groups(client)
    end)())
    assert.is_true(all_data(dir)[2] == expected)
  end)

  it("counts what is in flight against queue_limit, until it is acknowledged", function()
    build.needs("acks", pending)
    local peer = delivery.start_peer()
    local client = util.connected(peer, { retain = "unacked", queue_limit = 100 * 1025 })
    local accepted = 0
    assert(util.poll_until(function()
      while client:send(kilobyte(accepted + 1)) do accepted = accepted + 1 end
      local bytes, messages = client:pending()
      local s = account(client)
      assert.is_true(bytes <= 100 * 1025)
      assert.is_true(messages <= 100 and s.queued + s.in_flight <= 100)
      return accepted >= 2000 -- so room comes with the acknowledgements
    end))
    wait_finished(client)
    assert.same({ 0, 0 }, { client:pending() })
  end)

  it("ends as lost by fate on close: unknown is whatever any connection was given", function()
    build.needs("acks", pending)
    local client, events = delivery.cut { retain = "unacked" }
    local s = account(client)
    assert(client:close(0))
    assert(events:wait "close")
    local lost = util.losses(events)
    assert.same({ s.finished + 1, 3000 }, { lost[1][1], lost[#lost][2] })
    assert.same({ "unknown", "unsent" }, { lost[1][3], lost[2][3] })
    assert.equal(lost[1][2] + 1, lost[2][1])
  end)
end)

describe("retain = 'unconfirmed'", function()
  before_each(util.begin)
  after_each(util.finish_without_peers)

  it("sends everything that was not confirmed again, to whichever server", function()
    local first, first_dir = delivery.recorded()
    local second, second_dir = delivery.recorded()
    local client = util.connected(first, { retain = "unconfirmed", reconnect = 60 })
    local events = util.collect(client)
    send_all(client, small, 100)
    local everything = numbered.lines(small, 1, 100)
    assert(first:wait_bytes(#everything, util.DEADLINE))
    assert(client:flush(util.DEADLINE)) -- the loop tells what it has handed over after that
    assert.is_true(client:confirm(40))
    assert(util.poll_until(function() return account(client).finished == 40 end))
    assert.same({ 0, 60, 40, 0 }, groups(client))
    assert.equal(60, (select(2, client:pending())))

    first:command "reset"
    assert(events:wait "disconnect")
    assert.same({ 60, 0, 40, 0 }, groups(client))
    assert.same({}, util.losses(events))
    assert(client:connect(second.host, second.port))
    local rest = numbered.lines(small, 41, 100)
    assert(second:wait_bytes(#rest, util.DEADLINE))
    assert.is_true(client:confirm(100))
    wait_finished(client)
    assert.same({ 0, 0, 100, 0 }, groups(client))
    assert.same({ { everything }, { rest } }, { all_data(first_dir), all_data(second_dir) })
  end)

  it("skips what is confirmed before it was sent again", function()
    local peer, dir = delivery.recorded()
    local client = util.connected(peer, { retain = "unconfirmed", reconnect = 60 })
    local events = util.collect(client)
    send_all(client, small, 10)
    assert(peer:wait_bytes(#numbered.lines(small, 1, 10), util.DEADLINE))
    peer:command "reset"
    assert(events:wait "disconnect")
    assert.is_true(client:confirm(7)) -- a word of the server's from another way
    assert.equal(11, client:send(small(11)))
    assert(client:connect())
    assert(peer:wait_bytes(#numbered.lines(small, 1, 10) + #numbered.lines(small, 8, 11), util.DEADLINE))
    -- The peer told it by another way than the connection: it may be a moment ahead of the thread's own account.
    assert(util.poll_until(function() return client:confirm(11) end))
    wait_finished(client)
    assert.equal(numbered.lines(small, 8, 11), all_data(dir)[2])
  end)

  it("does nothing where all is confirmed already, and refuses ids that were never handed over", function()
    local peer = Peer.start()
    local client = util.client(peer, { retain = "unconfirmed" })
    assert.is_true(client:confirm(0))
    assert.same({ nil, "there is no message 1: none was sent yet", "EINVAL" }, { client:confirm(1) })
    send_all(client, small, 3)
    local function refused(id, why)
      assert.same({ nil, why:format(id), "EINVAL" }, { client:confirm(id) })
    end
    refused(1, "message %d was never handed over, so it cannot be confirmed")
    assert(client:connect())
    assert(client:flush(util.DEADLINE))
    assert.is_true(client:confirm "2") -- as a peer's line may have it
    assert.is_true(client:confirm(1))
    assert.is_true(client:confirm(2))
    refused(4, "there is no message %d: the newest is 3")
    refused(-1, "there is no message %d: ids begin at 1")
    refused(engine.MAX_INTEGER, "there is no message %d: the newest is 3")
    assert(util.poll_until(function() return account(client).finished == 2 end))
    client:close()
    assert.equal("ECLOSED", (select(3, client:confirm(3))))
  end)

  it("drains when confirming makes room", function()
    local peer = Peer.start()
    local client = util.connected(peer, { retain = "unconfirmed", queue_limit = 1080 })
    local events = util.collect(client)
    local last
    repeat
      local id, _, code = client:send(("x"):rep(99))
      last = id or last
    until code == "EFULL"
    assert.equal(10, last)
    assert(client:flush(util.DEADLINE))
    assert.same({ 1000, 10 }, { client:pending() })
    assert.is_true(client:confirm(4))
    assert(util.poll_until(function() return client:pending() == 600 end))
    assert.equal(0, events:count "drain")
    assert.is_true(client:confirm(5))
    assert(events:wait "drain")
  end)
end)
