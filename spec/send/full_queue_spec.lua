-- A queue that is full, and the drain event that tells of room.

local sidewire = require "sidewire"
local Peer = require "spec.support.peer"
local build = require "spec.support.build"
local delivery = require "spec.support.delivery"
local numbered = require "spec.support.numbered"
local util = require "spec.support.util"

local account = numbered.check_account
local small, kilobyte = delivery.small, delivery.kilobyte
local wait_finished = delivery.wait_finished
local start_peer, recorded, all_data = delivery.start_peer, delivery.recorded, delivery.all_data
local KIB = 1024

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
    return (s.in_flight > 0 or build.has_fallbacks) and since >= 10
  end))
  return n
end

describe("a full queue", function()
  before_each(util.begin)
  after_each(util.finish_without_peers)

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

describe("the drain event", function()
  before_each(util.begin)
  after_each(util.finish)

  local function fill(client, message)
    local accepted = 0
    while true do
      local id, _, code = client:send(message)
      if not id then
        assert.equal("EFULL", code)
        return accepted
      end
      accepted = accepted + 1
    end
  end

  it("comes once after a refused send, when half of the queue is free", function()
    local peer = Peer.start { mode = "silent" }
    local client = util.connected(peer, { queue_limit = 64 * 1024, framing = "u32be" })
    local events = util.collect(client)
    local message = ("x"):rep(1020)
    local accepted = 0
    assert(util.wait_until(function() -- until the kernel takes no more either
      local before = accepted
      accepted = accepted + fill(client, message)
      return accepted == before and client:pending() > 62 * 1024
    end))
    sidewire.poll()
    events:clear() -- the kernel took some between the rounds
    peer:command "mode sink"
    assert(events:wait "drain")
    assert(client:pending() <= 32 * 1024)
    assert(client:send(message))
    assert(client:flush(util.DEADLINE))
    sidewire.poll()
    assert.equal(1, events:count "drain")
    assert(peer:wait_bytes((accepted + 1) * 1024, util.DEADLINE))
  end)

  it("does not come when no send was refused", function()
    local peer = Peer.start { mode = "sink" }
    local client = util.connected(peer, { queue_limit = 4096 })
    local events = util.collect(client)
    for _ = 1, 50 do
      assert(client:send(("x"):rep(3000)))
      assert(client:flush(util.DEADLINE))
    end
    sidewire.poll()
    assert.equal(0, events:count "drain")
  end)

  it("comes before the connection too: a refused send is remembered", function()
    local peer = Peer.start { mode = "sink" }
    local client = util.client(peer, { queue_limit = 4096 })
    local events = util.collect(client)
    local accepted = fill(client, ("x"):rep(99))
    assert.equal(math.floor(4096 / 108), accepted) -- each counts 8 bytes more
    assert.same({ accepted * 100, accepted }, { client:pending() })
    assert.same({ nil, "ETOOBIG" }, { (function(id, _, code) return id, code end)(client:send(("x"):rep(4096))) })
    client:connect()
    assert(events:wait "drain")
    assert(peer:wait_bytes(accepted * 100))
  end)
end)
