local sidewire = require "sidewire.core"
local Peer = require "spec.support.peer"
local util = require "spec.support.util"

describe("receive", function()
  before_each(util.begin)
  after_each(util.finish)

  -- A channel that receive emptied, but left in the engine's list, was once put there twice: poll went around in it.
  it("leaves nothing behind for poll, however many messages it took", function()
    local peer = Peer.start { mode = "echo" }
    local client = util.connected(peer)
    for i = 1, 100 do
      client:send(i)
      assert.equal(tostring(i), client:receive(util.DEADLINE))
    end
    assert.same({ 0, false }, { sidewire.poll() })
    client:disconnect()
    assert(client:wait("disconnected", util.DEADLINE))
  end)
end)
