local sidewire = require "sidewire"
local Peer = require "spec.support.peer"
local util = require "spec.support.util"

describe("the state", function()
  before_each(util.begin)
  after_each(util.finish_without_peers)

  it("never shows what was before the last command", function()
    local peer = Peer.start()
    local client = util.client(peer)
    local events = util.collect(client)
    local rounds = util.choose(100, 30)
    for _ = 1, rounds do
      assert(client:connect())
      assert.not_equal("idle", client:state())
      assert(client:wait("connected", util.DEADLINE))
      assert.is_true(client:is_connected())
      assert(client:disconnect())
      assert.is_false(client:is_connected())
      assert(client:wait("disconnected", util.DEADLINE))
      assert.equal("idle", client:state())
    end
    assert(events:wait("disconnect", rounds))
    assert.equal(rounds, events:count "connect")
    assert.equal(0, events:count "error")
  end)

  it("follows the last of several commands given at once", function()
    local peer = Peer.start()
    for _ = 1, util.choose(100, 30) do
      local client = util.client(peer, { linger = 0.1 })
      assert(client:connect())
      assert(client:disconnect())
      assert(client:connect())
      assert(client:wait("connected", util.DEADLINE))
      assert(client:disconnect())
      assert(client:connect())
      assert(client:disconnect())
      assert(client:wait("disconnected", util.DEADLINE))
      assert.equal("idle", client:state())
      client:close()
    end
  end)

  it("is idle before any connect, and a wait for a connection fails with ENOTCONN", function()
    local client = sidewire.new { host = "127.0.0.1", port = 1 }
    assert.equal("ENOTCONN", (select(3, client:wait("connected", 1))))
    assert.is_true(client:wait("disconnected", 0))
  end)
end)
