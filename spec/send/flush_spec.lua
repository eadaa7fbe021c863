local sidewire = require "sidewire.core"
local Peer = require "spec.support.peer"
local delivery = require "spec.support.delivery"
local numbered = require "spec.support.numbered"
local util = require "spec.support.util"

local account = numbered.check_account
local small, kilobyte, send_all, overfill = delivery.small, delivery.kilobyte, delivery.send_all, delivery.overfill
local wait_stuck, wait_finished = delivery.wait_stuck, delivery.wait_finished
local start_peer, recorded, all_data = delivery.start_peer, delivery.recorded, delivery.all_data
local LONG = util.LONG
local KIB = 1024

describe("flush", function()
  before_each(util.begin)
  after_each(util.finish_without_peers)

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
      assert.matches("^timed out: not all of the queue is sent", message)
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

  it("works under load, with replies coming in that are not polled for", function()
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
