-- What `connect` does in each state of a client.

local socket = require "socket"
local sidewire = require "sidewire"
local Peer = require "spec.support.peer"
local build = require "spec.support.build"
local ports = require "spec.support.ports"
local util = require "spec.support.util"

describe("connect", function()
  before_each(util.begin)
  after_each(util.finish)

  it("returns true at once and shows the state at once; the result is an event", function()
    local peer = Peer.start()
    local client = util.client(peer)
    local events = util.collect(client)
    assert.is_true(client:connect())
    local state = client:state()
    assert(state == "connecting" or state == "connected", state)
    local info = assert(events:wait "connect")[2]
    assert.equal("127.0.0.1", info.address)
    assert.equal(peer.port, info.port)
    assert.equal(1, info.attempt)
    assert.is_number(info.seconds)
    assert(info.seconds >= 0)
    assert.equal("connected", client:state())
    assert.is_true(client:is_connected())
    assert.matches(peer.host .. ":" .. peer.port .. " connected$", tostring(client))
  end)

  it("shows that a name is being resolved", function()
    local peer = Peer.start()
    local client = sidewire.new { host = "localhost", port = peer.port }
    client:connect()
    local state = client:state()
    assert(state == "resolving" or state == "connecting" or state == "connected", state)
    assert(client:wait("connected", util.DEADLINE))
  end)

  it("does nothing while it is busy with the same server", function()
    local peer = Peer.start { mode = "echo" }
    local client = util.client(peer)
    local events = util.collect(client)
    for _ = 1, 5 do assert.is_true(client:connect()) end
    assert(events:wait "connect")
    assert.is_true(client:connect())
    assert.is_true(client:connect(peer.host, peer.port))
    assert.is_true(client:is_connected())
    client:send "x"
    assert(events:wait "message")
    assert.same({ "connect", "message" }, events:names())
    assert.equal(1, peer:stats().accepted)
  end)

  it("to another server ends this connection and dials that one", function()
    local first, second = Peer.start(), Peer.start()
    local client = util.connected(first)
    local events = util.collect(client)
    assert.is_true(client:connect(second.host, second.port))
    assert(client:wait("connected", util.DEADLINE))
    assert(events:wait("connect", 2))
    assert.same({ "connect", "disconnect", "connect" }, events:names())
    assert.equal("ECLOSED", events[2][3])
    assert(first:wait_connections(0))
  end)

  it("tries at once while waiting", function()
    local peer = util.stopped_peer()
    local client = sidewire.new { host = "127.0.0.1", port = peer.port, reconnect = 1000 }
    local events = util.collect(client)
    client:connect()
    assert(events:wait "retry")
    peer:start_again()
    client:connect()
    assert(events:wait "connect")
  end)

  it("refused without a policy is an error event, and leaves the client idle and the queue as it was", function()
    local client = sidewire.new { host = "127.0.0.1", port = ports.closed(), reconnect = false }
    client:send "kept"
    local events = util.collect(client)
    client:connect()
    assert.equal("ECONNREFUSED", select(3, client:wait("connected", util.DEADLINE)))
    local failure = assert(events:wait "error")
    assert.matches("127%.0%.0%.1 port %d+", failure[2])
    assert.equal("ECONNREFUSED", failure[3])
    assert.equal("connect", failure[4].stage)
    assert.equal(1, failure[4].unsent)
    assert.equal("idle", client:state())
    assert.same({ 5, 1 }, { client:pending() })
    assert.same({ "error" }, events:names())
  end)
end)

describe("connect", function()
  before_each(util.begin)
  after_each(util.finish_without_peers)

  it("shows in the state at once that it has begun", function()
    local peer = Peer.start()
    local client = util.client(peer)
    assert.equal("idle", client:state())
    assert.is_true(client:connect())
    local state = client:state()
    assert.is_true(state == "connecting" or state == "connected")
  end)

  it("to the same server changes nothing while the client is busy with it", function()
    local peer = Peer.start()
    local client = util.client(peer)
    local events = util.collect(client)
    for _ = 1, 3 do assert(client:connect()) end
    assert(client:wait("connected", util.DEADLINE))
    for _ = 1, 3 do assert(client:connect(peer.host, peer.port)) end
    util.settle()
    assert.same({ "connect" }, events:names())
    assert.equal(1, peer:stats().accepted)
  end)

  it("to another server while connected ends this connection and makes that one", function()
    local one, other = Peer.start(), Peer.start()
    local client = util.client(one)
    local events = util.collect(client)
    assert(client:connect())
    assert(client:wait("connected", util.DEADLINE))
    assert(client:connect(other.host, other.port))
    assert(client:wait("connected", util.DEADLINE))
    assert(events:wait("connect", 2))
    assert.same({ "connect", "disconnect", "connect" }, events:names())
    assert.equal("ECLOSED", events:last "disconnect"[3])
    assert.equal(other.port, events:last "connect"[2].port)
    assert(one:wait_connections(0))
    assert(other:wait_connections(1))
  end)

  it("to another server while connecting ends that attempt and goes there", function()
    local hole, peer = ports.black_hole(), Peer.start()
    local client = util.client(hole)
    local events = util.collect(client)
    assert(client:connect())
    assert(client:connect(peer.host, peer.port))
    assert(client:wait("connected", util.DEADLINE))
    assert(events:wait "connect")
    assert.same({ "error", "connect" }, events:names())
    assert.equal("ECLOSED", events[1][3])
  end)

  it("to another server while connecting never lets wait see the end of the first attempt", function()
    local hole, peer = ports.black_hole(), Peer.start()
    for _ = 1, util.choose(200, 50) do
      local client = util.client(hole, { linger = 0 })
      assert(client:connect())
      assert(util.wait_until(function() return client:state() == "connecting" end))
      assert(client:connect(peer.host, peer.port))
      assert(client:wait("connected", util.DEADLINE))
      client:close()
    end
  end)

  it("while a disconnect is ending dials after it", function()
    local peer = Peer.start { mode = "silent" } -- its end takes as long as we allow
    local client = util.connected(peer)
    local events = util.collect(client)
    assert(events:wait "connect")
    assert(client:disconnect())
    assert.equal("closing", client:state())
    assert(client:connect())
    assert(client:wait("connected", util.DEADLINE))
    assert(events:wait("connect", 2))
    assert.same({ "connect", "disconnect", "connect" }, events:names())
    assert.equal("ECLOSED", events:last "disconnect"[3])
    assert(peer:wait_accepted(2))
  end)

  it("that a disconnect overtakes before it can dial still gets its event", function()
    build.needs("acks", pending)
    local peer, other = Peer.start { mode = "silent" }, Peer.start()
    local client = util.connected(peer)
    local events = util.collect(client, "connect", "disconnect", "error")
    while client:send(("x"):rep(2 ^ 16)) do end -- more than is acknowledged, so that the end takes its time
    assert(client:connect(other.host, other.port))
    assert(client:disconnect(0.1))
    assert(client:wait("disconnected", util.DEADLINE))
    assert(events:wait "error")
    assert.same({ "connect", "disconnect", "error" }, events:names())
    assert.equal("ECLOSED", events:last "error"[3])
    assert.is_false(events:last "disconnect"[4].will_retry)
    assert.equal(0, other:stats().accepted)
  end)

  it("raises without a host or a port", function()
    assert.has_error(function() sidewire.new({ port = 1 }):connect() end)
    assert.has_error(function() sidewire.new({ host = "127.0.0.1" }):connect() end)
  end)

  it("[F12] to a server that does not answer fails with ETIMEDOUT at connect_timeout", function()
    local hole = ports.black_hole()
    local client = util.client(hole, { connect_timeout = 0.5, reconnect = false })
    local events = util.collect(client)
    local began = socket.gettime()
    assert(client:connect())
    assert.equal("connecting", client:state())
    assert.equal("ETIMEDOUT", assert(events:wait "error")[3])
    local seconds = socket.gettime() - began
    assert.is_true(seconds > 0.45 and seconds < util.choose(1.5, 10))
    assert.equal("connect", events:last "error"[4].stage)
  end)

  it("to a server that does not answer takes connect_timeout, however short stall_timeout is [F57]", function()
    local client = util.client(ports.black_hole(), { connect_timeout = 2.5, stall_timeout = 1, reconnect = false })
    local events = util.collect(client)
    local began = socket.gettime()
    assert(client:connect())
    assert.equal("ETIMEDOUT", assert(events:wait "error")[3])
    assert(socket.gettime() - began > 2.4)
  end)

  it("[F14] never ends in a connection to itself: ESELF, retried like a refusal", function()
    -- The kernel gives a connect an even ephemeral port, one after the other: sooner or later the very one it goes to.
    local port = ports.closed()
    port = port - port % 2
    local attempts, found, connected = 0, nil, false
    for _ = 1, 20 do
      local client = sidewire.new { host = "127.0.0.1", port = port, reconnect = 0.001, linger = 0 }
      client:on("connect", function() connected = true end)
      client:on("retry", function(_, _, _, message, code)
        attempts = attempts + 1
        if code == "ESELF" then found = message else assert.equal("ECONNREFUSED", code) end
      end)
      assert(client:connect())
    end
    local ok = util.poll_until(function() return found or connected end, util.choose(20, 100))
    if not ok then return pending(("no self-connection came about in %d attempts"):format(attempts)) end
    assert.is_false(connected)
    assert.truthy(found:find("itself", 1, true))
  end)
end)
