-- What the loss of a connection means for messages, with retain = "unsent" and "none". spec/send/retain_spec.lua has
-- the other modes.

local build = require "spec.support.build"
local delivery = require "spec.support.delivery"
local engine = require "spec.support.engine"
local numbered = require "spec.support.numbered"
local util = require "spec.support.util"

local account = numbered.check_account
local kilobyte = delivery.kilobyte
local cut, wait_finished = delivery.cut, delivery.wait_finished
local start_peer, recorded, all_data = delivery.start_peer, delivery.recorded, delivery.all_data
local LONG = util.LONG
local KIB = 1024

describe("a lost connection", function()
  before_each(util.begin)
  after_each(util.finish_without_peers)

  it("with retain = 'unsent' loses what was not acknowledged, as unknown, and replays what was not sent", function()
    build.needs("acks", pending)
    local client, events, disconnect, peer, dir, before = cut { retain = "unsent" }
    local lost = util.losses(events)
    assert.equal(1, #lost)
    local first, last, fate = engine.unpack(lost[1])
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
    build.needs("acks", pending)
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
    local expected = { "connect", "lost", "lost", "disconnect", "retry" }
    if build.has_fallbacks then table.remove(expected, 2) end -- what was handed over is finished
    assert.same(expected, (function()
      events:wait "retry"
      return events:names()
    end)())
  end)

  local BIG = 4 * KIB * KIB
  local function big(n) return numbered.maker(function() return BIG - 2 end)(n) end

  -- The peer reads one and a half of three messages, then ends the connection.
  local function cut_in_the_middle(send)
    local peer, dir = recorded()
    peer:command(("close-after %d"):format(BIG + BIG / 2))
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
    assert(peer:wait_bytes(BIG + BIG / 2 + 2 * (BIG + 1), util.DEADLINE))
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
    assert(peer:wait_bytes(BIG + BIG / 2 + BIG + 1, util.DEADLINE))
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
