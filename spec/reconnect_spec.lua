-- Connecting, reconnecting, and what commands do in each state (design.md, sections 4 and 6).

local socket = require "socket"
local sidewire = require "sidewire.core"
local Peer = require "spec.support.peer"
local util = require "spec.support.util"

local LONG = 60 -- seconds: a delay that no spec outlives

-- A port where nobody listens.
local function closed_port()
  local probe = assert(socket.bind("127.0.0.1", 0))
  local _, port = probe:getsockname()
  probe:close()
  return math.tointeger(port)
end

-- A listener whose backlog is full: the kernel drops further SYNs, so that a connect never gets an answer.
local function black_hole()
  local hole = { sockets = {} }
  local listener = assert(socket.tcp())
  assert(listener:bind("127.0.0.1", 0))
  assert(listener:listen(0))
  local _, port = listener:getsockname()
  hole.host, hole.port = "127.0.0.1", math.tointeger(port)
  for i = 1, 4 do
    hole.sockets[i] = assert(socket.tcp())
    hole.sockets[i]:settimeout(0)
    hole.sockets[i]:connect(hole.host, hole.port)
  end
  hole.sockets[#hole.sockets + 1] = listener
  return setmetatable(hole, { __close = function()
    for _, one in ipairs(hole.sockets) do one:close() end
  end })
end

local function refusing_peer(options)
  local peer = Peer.start(options)
  peer:command "accept off"
  return peer
end

-- A client that waits for its second attempt, and for LONG.
local function waiting_client(peer, options)
  options = options or {}
  options.reconnect = options.reconnect or LONG
  local client = util.client(peer, options)
  local events = util.collect(client)
  assert(client:connect())
  assert(events:wait "retry")
  assert.equal("waiting", client:state())
  events:clear()
  return client, events
end

local function settle() -- every event that is on its way has come, when a later one has
  local client = sidewire.new { host = "127.0.0.1", port = closed_port(), reconnect = false }
  local events = util.collect(client)
  assert(client:connect())
  assert(events:wait "error")
  client:close()
end

describe("a script that does not poll", function()
  before_each(util.begin)
  after_each(util.finish)

  -- 64 KiB of inbox_limit have room for some 400 reports.
  for _, logs in ipairs { false, true } do
    local handlers = logs and "handlers for retry and log" or "a handler for retry"
    it("[F38] does not stop the attempts, whose reports need no more memory, with " .. handlers, function()
      local port, retries = closed_port(), {}
      local client = sidewire.new { host = "127.0.0.1", port = port, reconnect = 0.001, inbox_limit = 65536 }
      client:on("retry", function(_, attempt) retries[#retries + 1] = attempt end)
      if logs then client:on("log", function() end) end
      assert(client:connect())
      assert(util.wait_until(function() return client:stats().failures > 1500 end))
      assert(client:stats().inbox_bytes < 65536)
      local server = assert(socket.bind("127.0.0.1", port))
      assert(client:wait("connected", util.DEADLINE))
      server:close()
      client:set_reconnect(false)
      sidewire.poll()
      assert(#retries < 1000 and retries[1] == 2 and retries[#retries] > 1500, #retries .. " retries")
      client:close()
    end)
  end
end)

describe("a refused connection", function()
  before_each(util.begin)
  after_each(util.finish_without_peers)

  it("[F11] gives an error with ECONNREFUSED when there is no reconnecting, and keeps the queue", function()
    local peer = refusing_peer()
    local client = util.client(peer, { reconnect = false })
    local events = util.collect(client)
    assert.equal(1, client:send "kept")
    assert(client:connect())
    local _, message, code, detail = table.unpack(assert(events:wait "error"))
    assert.equal("ECONNREFUSED", code)
    assert.truthy(message:find("refused", 1, true))
    assert.equal("connect", detail.stage)
    assert.equal(1, detail.unsent)
    assert.equal(0, detail.unacked)
    assert.equal("idle", client:state())
    assert.same({ 5, 1 }, { client:pending() })

    peer:command "accept on"
    assert(client:connect())
    assert(client:wait("connected", util.DEADLINE))
    assert(peer:wait_bytes(5))
    settle()
    assert.same({ "error", "connect" }, events:names())
  end)

  it("[F11] is retried with its reason, and the queue goes out once it works", function()
    local peer = refusing_peer()
    local client = util.client(peer, { reconnect = 0.01 })
    local events = util.collect(client)
    client:send "kept"
    assert(client:connect())
    assert(events:wait("retry", 3))
    peer:command "accept on"
    assert(client:wait("connected", util.DEADLINE))
    assert(peer:wait_bytes(5))
    local info = assert(events:wait "connect")[2]
    local retries = events:all "retry"
    assert.equal(#retries + 1, info.attempt)
    assert.equal(peer.port, info.port)
    assert.equal("127.0.0.1", info.address)
    for i, attempt in ipairs(retries) do assert.equal(i + 1, attempt) end
    for _, event in ipairs(events) do
      if event[1] == "retry" then
        assert.equal(0.01, event[3])
        assert.equal("ECONNREFUSED", event[5])
      end
    end
  end)

  it("is given up after so many attempts", function()
    local policy = { delay = 0.001, attempts = 3 }
    local client = sidewire.new { host = "127.0.0.1", port = closed_port(), reconnect = policy }
    local events = util.collect(client)
    assert(client:connect())
    assert.equal("ECONNREFUSED", assert(events:wait "error")[3])
    assert.same({ "retry", "retry", "error" }, events:names())
    assert.equal("idle", client:state())
    events:clear()
    assert(client:connect()) -- counts anew
    assert(events:wait "error")
    assert.same({ "retry", "retry", "error" }, events:names())
  end)

  it("is retried after delays that grow to the maximum", function()
    local client = sidewire.new {
      host = "127.0.0.1", port = closed_port(),
      reconnect = { delay = 0.002, factor = 2, max = 0.01, jitter = false },
    }
    local delays = {}
    client:on("retry", function(_, _, delay) delays[#delays + 1] = delay end)
    assert(client:connect())
    assert(util.poll_until(function() return #delays >= 6 end))
    local expected = { 0.002, 0.004, 0.008, 0.01, 0.01, 0.01 }
    for i, delay in ipairs(expected) do assert.near(delay, delays[i], 1e-9) end
  end)

  it("is retried with jitter between -25 and +50 %", function()
    local client = sidewire.new { host = "127.0.0.1", port = closed_port(), reconnect = { delay = 0.001, max = 0.001 } }
    local delays = {}
    client:on("retry", function(_, _, delay) delays[#delays + 1] = delay end)
    assert(client:connect())
    assert(util.poll_until(function() return #delays >= 30 end))
    local least, most = math.huge, 0
    for _, delay in ipairs(delays) do least, most = math.min(least, delay), math.max(most, delay) end
    assert.is_true(least >= 0.00075 and most <= 0.0015)
    assert.is_true(most > least)
  end)

  it("lets wait('connected') go on through the retries, and fail at once when none is left", function()
    local policy = { delay = 0.005, attempts = 4 }
    local client = sidewire.new { host = "127.0.0.1", port = closed_port(), reconnect = policy }
    assert(client:connect())
    local ok, message, code = client:wait("connected", util.DEADLINE)
    assert.is_nil(ok)
    assert.truthy(message:find("refused", 1, true))
    assert.equal("ECONNREFUSED", code)
    assert.equal("idle", client:state())
  end)

  it("lets wait('connected') time out, which changes nothing", function()
    local client = sidewire.new { host = "127.0.0.1", port = closed_port(), reconnect = LONG }
    assert(client:connect())
    assert.equal("ETIMEDOUT", (select(3, client:wait("connected", 0.02))))
    assert.equal("waiting", client:state())
    assert.equal("ETIMEDOUT", (select(3, client:wait("disconnected", 0.02))))
  end)
end)

describe("while waiting for the next attempt", function()
  before_each(util.begin)
  after_each(util.finish_without_peers)

  it("set_reconnect is applied at once", function()
    local peer = refusing_peer()
    local client = waiting_client(peer)
    peer:command "accept on"
    assert(client:set_reconnect(0.01))
    assert(client:wait("connected", util.DEADLINE))
  end)

  it("set_reconnect(false) ends it with an error that tells the last reason", function()
    local peer = refusing_peer()
    local client, events = waiting_client(peer)
    assert(client:set_reconnect(false))
    assert.equal("ECONNREFUSED", assert(events:wait "error")[3])
    assert.equal("idle", client:state())
    assert.same({ "error" }, events:names())
    assert.is_false(client:get_reconnect())
    assert(client:set_reconnect(true))
    assert.equal(LONG, client:get_reconnect().delay)
  end)

  it("set_reconnect with no attempts left ends it", function()
    local peer = refusing_peer()
    local client, events = waiting_client(peer)
    assert(client:set_reconnect { attempts = 1 })
    assert.equal("ECONNREFUSED", assert(events:wait "error")[3])
  end)

  it("connect tries now", function()
    local peer = refusing_peer()
    local client, events = waiting_client(peer)
    peer:command "accept on"
    assert(client:connect())
    assert.not_equal("waiting", client:state())
    assert(client:wait("connected", util.DEADLINE))
    assert(events:wait "connect")
    assert.same({ "connect" }, events:names())
  end)

  it("connect to another server goes there now", function()
    local peer, other = refusing_peer(), Peer.start()
    local client, events = waiting_client(peer)
    assert(client:connect(other.host, other.port))
    assert.equal(other.port, assert(events:wait "connect")[2].port)
    assert.same({ other.host, other.port }, { client:get_server() })
  end)

  it("set_server decides where the next attempt goes", function()
    local peer, other = refusing_peer(), Peer.start()
    local client, events = waiting_client(peer)
    assert(client:set_server(other.host, other.port))
    assert(client:set_reconnect(0.001))
    assert.equal(other.port, assert(events:wait "connect")[2].port)
  end)

  it("disconnect gives an error with ECLOSED", function()
    local peer = refusing_peer()
    local client, events = waiting_client(peer)
    assert(client:disconnect())
    assert(client:wait("disconnected", util.DEADLINE))
    assert.equal("idle", client:state())
    assert.equal("ECLOSED", assert(events:wait "error")[3])
    assert.same({ "error" }, events:names())
  end)

  it("messages are queued", function()
    local peer = refusing_peer()
    local client = waiting_client(peer)
    assert.equal(1, client:send "a")
    assert.equal(1, client:stats().queued)
    peer:command "accept on"
    assert(client:connect())
    assert(peer:wait_bytes(2))
  end)
end)

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

describe("connect", function()
  before_each(util.begin)
  after_each(util.finish_without_peers)

  it("shows at once what it will do", function()
    local peer = Peer.start()
    local client = util.client(peer)
    assert.equal("idle", client:state())
    assert.is_true(client:connect())
    local state = client:state()
    assert.is_true(state == "connecting" or state == "connected")
  end)

  it("to the same server is a no-op while busy with it", function()
    local peer = Peer.start()
    local client = util.client(peer)
    local events = util.collect(client)
    for _ = 1, 3 do assert(client:connect()) end
    assert(client:wait("connected", util.DEADLINE))
    for _ = 1, 3 do assert(client:connect(peer.host, peer.port)) end
    settle()
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
    local hole <close>, peer = black_hole(), Peer.start()
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
    local hole <close>, peer = black_hole(), Peer.start()
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
    local hole <close> = black_hole()
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

  it("[F14] never ends in a connection to itself: ESELF, retried like a refusal", function()
    -- The kernel gives a connect an even ephemeral port, one after the other: sooner or later the very one it goes to.
    local port = closed_port()
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

describe("disconnect", function()
  before_each(util.begin)
  after_each(util.finish_without_peers)

  it("ends a connection with ECLOSED and no retry", function()
    local peer = Peer.start()
    local client = util.connected(peer)
    local events = util.collect(client)
    assert(client:disconnect())
    assert(client:wait("disconnected", util.DEADLINE))
    assert.equal("idle", client:state())
    local disconnect = assert(events:wait "disconnect")
    assert.equal("ECLOSED", disconnect[3])
    assert.is_false(disconnect[4].will_retry)
    assert.same({ "connect", "disconnect" }, events:names())
    assert(peer:wait_connections(0))
    assert.same({ 1, 0 }, { peer:stats().ends, peer:stats().errors })
  end)

  it("while connecting gives an error with ECLOSED", function()
    local hole <close> = black_hole()
    local client = util.client(hole)
    local events = util.collect(client)
    assert(client:connect())
    assert(client:disconnect())
    assert(client:wait("disconnected", util.DEADLINE))
    assert.equal("ECLOSED", assert(events:wait "error")[3])
    assert.same({ "error" }, events:names())
  end)

  it("while resolving gives an error with ECLOSED", function()
    local client = sidewire.new { host = "localhost", port = closed_port(), reconnect = LONG }
    local events = util.collect(client, "connect", "error", "disconnect")
    assert(client:connect())
    assert(client:disconnect())
    assert(client:wait("disconnected", util.DEADLINE))
    assert.equal("ECLOSED", assert(events:wait "error")[3])
    assert.same({ "error" }, events:names())
  end)

  it("when idle does nothing", function()
    local peer = Peer.start()
    local client = util.client(peer)
    local events = util.collect(client)
    assert.is_true(client:disconnect())
    assert(client:wait("disconnected", 0))
    assert.equal("idle", client:state())
    settle()
    assert.same({}, events:names())
  end)

  it("twice is one end", function()
    local peer = Peer.start { mode = "silent" }
    local client = util.connected(peer)
    local events = util.collect(client)
    assert(client:disconnect())
    assert(client:disconnect())
    assert(client:wait("disconnected", util.DEADLINE))
    settle()
    assert.same({ "connect", "disconnect" }, events:names())
  end)
end)

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

  it("is idle with ENOTCONN for who waits before any connect", function()
    local client = sidewire.new { host = "127.0.0.1", port = 1 }
    assert.equal("ENOTCONN", (select(3, client:wait("connected", 1))))
    assert.is_true(client:wait("disconnected", 0))
  end)
end)

describe("a name", function()
  before_each(util.begin)
  after_each(util.finish_without_peers)

  it("is resolved", function()
    local peer = Peer.start()
    local client = sidewire.new { host = "localhost", port = peer.port }
    local events = util.collect(client)
    assert(client:connect())
    assert(client:wait("connected", util.DEADLINE))
    assert.equal("127.0.0.1", assert(events:wait "connect")[2].address)
    assert.truthy(tostring(client):find("localhost:" .. peer.port .. " connected", 1, true))
  end)

  it("that does not exist is an error of the stage 'resolve', found without blocking the host", function()
    local resolving = 0 -- how often connect came back before the answer
    for _ = 1, 5 do
      local client = sidewire.new { host = "no-such-host.invalid", port = 1, reconnect = false, connect_timeout = 15 }
      local events = util.collect(client)
      assert(client:connect())
      if client:state() == "resolving" then resolving = resolving + 1 end
      local _, message, code, detail = table.unpack(assert(events:wait "error"))
      assert.is_true(code == "ENOTFOUND" or code == "EAI_AGAIN", code)
      assert.truthy(message:find("no-such-host.invalid", 1, true))
      assert.equal("resolve", detail.stage)
    end
    assert.is_true(resolving > 0)
  end)
end)
