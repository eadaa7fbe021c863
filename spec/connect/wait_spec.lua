-- What `client:wait` and `flush` say in each state of a client.

local sidewire = require "sidewire"
local Peer = require "spec.support.peer"
local util = require "spec.support.util"

describe("wait and flush", function()
  before_each(util.begin)
  after_each(util.finish)

  it("fail at once where nothing can come", function()
    local client = sidewire.new { host = "127.0.0.1", port = 1 }
    assert.equal("ENOTCONN", select(3, client:wait("connected", util.DEADLINE)))
    assert.equal("ENOTCONN", select(3, client:wait "connected"))
    assert.is_true(client:wait "disconnected")
    client:send "x"
    assert.equal("ENOTCONN", select(3, client:flush(util.DEADLINE)))
  end)

  it("time out and harm nothing", function()
    local peer = util.stopped_peer()
    local client = sidewire.new { host = "127.0.0.1", port = peer.port, reconnect = 0.01 }
    client:connect()
    client:send "x"
    local function late(format) return { nil, format:format("127.0.0.1 port " .. peer.port), "ETIMEDOUT" } end
    assert.same(late "timed out: no connection to %s yet", { client:wait("connected", 0.02) })
    assert.same(late "timed out: no connection to %s yet", { client:wait("connected", 0) })
    assert.same(late "timed out: the connection to %s has not ended yet", { client:wait("disconnected", 0.02) })
    assert.same(late "timed out: not all of the queue is sent to %s yet", { client:flush(0.02) })
    assert.same(late "timed out: not all of the queue is sent to %s yet", { client:flush(0) })
    peer:start_again()
    assert.is_true(client:flush(util.DEADLINE)) -- goes on through retries
    assert.is_true(client:wait("connected", util.DEADLINE))
    assert.is_true(client:flush(0))
    assert(peer:wait_bytes(2))
  end)

  it("see the peer end the connection", function()
    local peer = Peer.start()
    local client = util.connected(peer, { reconnect = false })
    peer:command "finish"
    assert.is_true(client:wait "disconnected")
    assert.equal("EPEER", select(3, client:wait "connected"))
  end)
end)
