-- The greeting comes first on every connection, also on one that becomes ready while the client is being closed. In a
-- build with FAULTS=1, where the look at the outcome of a connect (a recv) takes some time, in which close is called.

local sidewire = require "sidewire.core"
local Peer = require "spec.support.peer"
local faults = require "spec.support.faults"
local util = require "spec.support.util"

local TRIES = util.choose(300, 100)

describe("the greeting of a client that is closed while it connects", function()
  before_each(util.begin)
  after_each(util.finish)

  it("comes before its messages, if these are sent at all", function()
    local dir = Peer.tempdir()
    finally(function() Peer.remove(dir) end)
    local peer = Peer.start { mode = "sink", record = dir }
    local counts = faults.during("recv delay 1.0", function()
      for try = 1, TRIES do
        local client = util.client(peer, { greeting = "hello", reconnect = false })
        assert(client:connect())
        assert(client:send "message")
        for _ = 1, try % 20 * 200 do client:is_connected() end
        client:close(1)
      end
      assert(sidewire.stop(util.DEADLINE))
    end)
    assert(counts.recv.calls > 0)
    assert(peer:wait_connections(0))
    local sent = 0
    for _, stream in ipairs(Peer.streams(dir)) do
      if #stream.data > 0 then
        sent = sent + 1
        assert.equal("hello\nmessage\n", stream.data)
      end
    end
    assert(sent > 0, "no message was sent: the clients were closed too soon")
  end)
end)
