local socket = require "socket"
local Peer = require "spec.support.peer"
local util = require "spec.support.util"

describe("a lost connection", function()
  before_each(util.begin)
  after_each(util.finish_without_peers)

  it("is made again, each connect event with its disconnect event", function()
    local peer = Peer.start()
    local client = util.client(peer, { reconnect = 0.005 })
    local events = util.collect(client)
    assert(client:connect())
    for round = 1, 3 do
      assert(events:wait("connect", round))
      peer:command "close"
      local disconnect = assert(events:wait("disconnect", round))
      assert.is_true(disconnect[4].will_retry)
    end
    assert(events:wait("connect", 4))
    local names = {}
    for _, name in ipairs(events:names()) do
      if name ~= "retry" then names[#names + 1] = name end
    end
    assert.same({ "connect", "disconnect", "connect", "disconnect", "connect", "disconnect", "connect" }, names)
    assert.equal(4, client:stats().connects)
  end)

  it("without reconnecting is a disconnect event and no error", function()
    local peer = Peer.start { mode = "echo" }
    local client = util.client(peer)
    local events = util.collect(client)
    assert(client:connect())
    assert(client:set_reconnect(false))
    client:send "the loop has seen the command when this comes back"
    assert(events:wait "message")
    events:clear()
    peer:command "close"
    local disconnect = assert(events:wait "disconnect")
    assert.is_false(disconnect[4].will_retry)
    assert.equal("idle", client:state())
    assert(client:connect()) -- what would have come by now has
    assert(events:wait "connect")
    assert.same({ "disconnect", "connect" }, events:names())
  end)

  it("counts the connections that did not hold as attempts", function()
    local peer = Peer.start()
    peer:command "close-on-accept on"
    local client = util.client(peer, { reconnect = { delay = 0.001, attempts = 3 } })
    local events = util.collect(client)
    assert(client:connect())
    assert(util.poll_until(function()
      local last = events:last "disconnect"
      return last and not last[4].will_retry or events:count "error" > 0
    end))
    assert.equal("idle", client:state())
    assert.equal(3, peer:stats().accepted)
  end)

  it("[F28] by a server that accepts and closes at once is made again after growing delays", function()
    local peer = Peer.start()
    peer:command "close-on-accept on"
    local client = util.client(peer, { reconnect = { delay = 0.05, factor = 2, max = 10, jitter = false } })
    local delays = {}
    client:on("retry", function(_, _, delay) delays[#delays + 1] = delay end)
    local began = socket.gettime()
    assert(client:connect())
    assert(util.poll_until(function() return #delays >= 5 end))
    for i, delay in ipairs(delays) do assert.near(0.05 * 2 ^ (i - 1), delay, 1e-9) end
    -- At least 0.05 + 0.1 + 0.2 + 0.4 s lie before the fifth delay: this is no busy loop.
    assert.is_true(socket.gettime() - began >= 0.7)
    assert.is_true(peer:stats().accepted <= 6)
  end)
end)
