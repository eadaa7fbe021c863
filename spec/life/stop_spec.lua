local socket = require "socket"
local sidewire = require "sidewire.core"
local Peer = require "spec.support.peer"
local host = require "spec.support.host"
local util = require "spec.support.util"

-- What closing may take beyond the linger. A sanitizer is slow, but hangs no less visibly.
local MARGIN = util.choose(0.5, 5)

describe("stop", function()
  before_each(util.begin)
  after_each(util.finish)

  it("closes all clients, joins the thread, and the next connect starts it again", function()
    local peer = Peer.start { mode = "echo" }
    local threads = util.count_threads()
    local a, b = util.connected(peer), util.client(peer)
    local events = util.collect(a, "close")
    assert.equal(threads + 1, util.count_threads())
    assert.is_true(sidewire.stop())
    assert(util.wait_threads(threads))
    assert.same({ "closed", "closed" }, { a:state(), b:state() })
    assert(peer:wait_connections(0))
    assert(events:wait "close") -- can be polled afterwards
    assert.equal("ECLOSED", select(3, a:connect()))
    local c = util.connected(peer)
    c:send "again"
    assert.equal("again", c:receive(util.DEADLINE))
    assert.is_true(sidewire.stop(util.DEADLINE))
    assert.is_true(sidewire.stop())
  end)

  it("ends, in a handler, the client whose handler it is", function()
    local peer = Peer.start { mode = "echo" }
    local client = util.connected(peer)
    local events = util.collect(client, "close")
    client:on("message", function() assert.is_true(sidewire.stop()) end)
    client:send "x"
    client:send "y"
    assert(events:wait "close")
    assert.same({ "close" }, events:names())
  end)
end)

describe("stop", function()
  local echo, silent
  before_each(function() echo, silent = host.begin() end)
  after_each(util.finish)

  it("closes all clients and joins the thread; a connect starts it again [E7]", function()
    local threads = util.count_threads()
    for _ = 1, 3 do
      local client = util.connected(echo)
      local events = util.collect(client, "close")
      assert.equal(threads + 1, util.count_threads())
      assert(sidewire.stop())
      assert(util.wait_threads(threads))
      assert.equal("closed", client:state())
      assert.equal("ECLOSED", select(3, client:connect()))
      assert(events:wait "close")
    end
  end)

  it("does nothing without a thread", function()
    assert.is_true(sidewire.stop())
    assert.is_true(sidewire.stop(0))
    local client = util.client(echo)
    local events = util.collect(client)
    assert.is_true(sidewire.stop())
    assert.equal("closed", client:state())
    sidewire.poll()
    assert.same({ "close" }, events:names())
  end)

  it("flushes up to the largest linger, then names what is lost", function()
    local client = util.connected(silent, { linger = 0.3, queue_limit = 2 ^ 26 })
    local events = util.collect(client, "lost", "close")
    for _ = 1, 100 do assert(client:send(("x"):rep(65000))) end
    local begin = socket.gettime()
    assert(sidewire.stop())
    assert(socket.gettime() - begin < 0.3 + MARGIN)
    sidewire.poll()
    assert.equal("close", events[#events][1])
    local lost = 0
    for _, event in ipairs(events) do
      if event[1] == "lost" then lost = lost + event[3] - event[2] + 1 end
    end
    local stats = client:stats()
    assert.equal(stats.lost, lost)
    assert.equal(100, stats.lost + stats.finished)
  end)

  it("takes no longer than its timeout, and what aborting takes", function()
    local client = util.connected(silent, { linger = 60, queue_limit = 2 ^ 26 })
    for _ = 1, 100 do assert(client:send(("x"):rep(65000))) end
    local begin = socket.gettime()
    assert(sidewire.stop(0.1))
    assert(socket.gettime() - begin < 0.1 + MARGIN)
    assert.equal("closed", client:state())
  end)

  it("ends every state of a client, resolving and waiting too", function()
    local clients = {}
    for i, name in ipairs { "127.0.0.1", "localhost", "no-such-host.invalid" } do
      clients[i] = sidewire.new { host = name, port = i == 1 and 1 or echo.port, linger = 0 }
      assert(clients[i]:connect())
    end
    local begin = socket.gettime()
    assert(sidewire.stop())
    assert(socket.gettime() - begin < 0.5 + MARGIN)
    for _, client in ipairs(clients) do assert.equal("closed", client:state()) end
  end)

  it("may be called by a handler", function()
    local client = util.connected(echo)
    local stopped
    client:on("message", function() stopped = sidewire.stop() end)
    client:send "x"
    client:send "y"
    assert(util.poll_until(function() return stopped ~= nil end))
    assert.is_true(stopped)
    local events = util.collect(client, "message", "close")
    sidewire.poll()
    assert.same({ "close" }, events:names())
    assert(util.connected(echo):close())
  end)
end)
