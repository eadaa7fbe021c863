local sidewire = require "sidewire"
local Peer = require "spec.support.peer"
local util = require "spec.support.util"

local FUNCTIONS = { "new", "poll", "wait", "events", "on_error", "stop", "is_ip", "is_port" }
local METHODS = { "connect", "wait", "send", "write", "receive", "confirm", "flush", "set_reconnect", "get_reconnect",
  "set_server", "get_server", "set_greeting", "disconnect", "close", "state", "is_connected", "pending", "unfinished",
  "on", "stats", "poll" }

-- A port on which nobody listens, as long as the peer that had it is not started again.
local function closed_port()
  local peer = Peer.start()
  peer:stop()
  return peer.port, peer
end

local function check_sum(client)
  local stats = client:stats()
  assert.equal(stats.accepted, stats.queued + stats.in_flight + stats.finished + stats.lost)
  assert.equal(stats.lost, stats.lost_unsent + stats.lost_unknown)
  return stats
end

describe("the module", function()
  it("says what it is", function()
    assert.equal("sidewire", sidewire._NAME)
    assert.matches("^%d+%.%d+%.%d+$", sidewire._VERSION)
  end)

  it("is complete as sidewire.core alone [E4]", function()
    local core = require "sidewire.core"
    for _, module in ipairs { core, sidewire } do
      for _, name in ipairs(FUNCTIONS) do assert.is_function(module[name], name) end
      assert.equal("sidewire", module._NAME)
      local client = module.new()
      for _, name in ipairs(METHODS) do assert.is_function(client[name], name) end
    end
    for name, value in pairs(core) do assert.equal(type(value), type(sidewire[name]), name) end
  end)

  it("is the same when it is opened twice [E5]", function()
    local core = require "sidewire.core"
    local client = core.new()
    package.loaded["sidewire.core"] = nil
    local again = require "sidewire.core"
    package.loaded["sidewire.core"] = core
    assert.equal(core, again)
    assert.equal("idle", client:state())
    assert.equal(debug.getmetatable(client), debug.getmetatable(again.new()))
  end)

  it("makes no globals", function()
    for _, name in ipairs { "sidewire", "core", "client" } do assert.is_nil(rawget(_G, name)) end
  end)

  it("knows numeric addresses", function()
    local ipv4 = { "127.0.0.1", "0.0.0.0", "255.255.255.255" }
    local ipv6 = { "::", "::1", "fe80::1", "fe80::1%lo", "1:2:3:4:5:6:7:8", "::ffff:1.2.3.4", "2001:DB8::A" }
    for _, text in ipairs(ipv4) do assert.equal("ipv4", sidewire.is_ip(text)) end
    for _, text in ipairs(ipv6) do assert.equal("ipv6", sidewire.is_ip(text)) end
    for _, value in ipairs { "", "127.1", "127.0.0.1.", "127.0.0.01", "256.0.0.1", "1.2.3", "1.2.3.4.5", " 127.0.0.1",
      "127.0.0.1 ", "127.0.0.1\0", "0x7f.0.0.1", "localhost", "[::1]", ":::", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9",
      "12345::", "::1\0", "::1%", 127, 1.5, true, {} } do
      assert.is_nil((sidewire.is_ip(value)))
    end
    assert.is_nil((sidewire.is_ip()))
    assert.is_nil((sidewire.is_ip(nil)))
  end)

  it("knows ports, all or only registered ones", function()
    for _, port in ipairs { 1, 80, 1023, 1024, 32767, 32768, 65535, 80.0 } do assert.is_true(sidewire.is_port(port)) end
    for _, value in ipairs { 0, -1, 65536, 1.5, 0 / 0, math.huge, "80", true, {} } do
      assert.is_false(sidewire.is_port(value))
      assert.is_false(sidewire.is_port(value, true))
    end
    assert.is_false(sidewire.is_port())
    assert.is_false(sidewire.is_port(nil))
    for port, registered in pairs { [1] = false, [1023] = false, [1024] = true, [32767] = true, [32768] = false } do
      assert.equal(registered, sidewire.is_port(port, true))
      assert.is_true(sidewire.is_port(port, false))
    end
  end)
end)

describe("a new client", function()
  before_each(util.begin)
  after_each(util.finish)

  it("touches no network and starts no thread", function()
    local descriptors, threads = util.count_descriptors(), util.count_threads()
    local client = sidewire.new { host = "does-not-exist.invalid", port = 1, on = { connect = print } }
    client:send "x"
    client:set_server("127.0.0.1", 1)
    client:set_reconnect(1)
    client:disconnect()
    assert.equal(descriptors, util.count_descriptors())
    assert.equal(threads, util.count_threads())
    assert.equal("idle", client:state())
    assert.is_false(client:is_connected())
    assert.same({ 0, false }, { sidewire.poll() })
  end)

  it("has no server and the standard policy when nothing is said", function()
    local client = sidewire.new()
    assert.same({}, { client:get_server() })
    assert.same({ delay = 0.1, max = 10, factor = 2, jitter = true }, client:get_reconnect())
  end)

  it("shows address, server and state as text", function()
    assert.matches("^sidewire%.client: 0x%x+ 127%.0%.0%.1:4000 idle$",
      tostring(sidewire.new { host = "127.0.0.1", port = 4000 }))
    assert.matches("^sidewire%.client: 0x%x+ idle$", tostring(sidewire.new()))
    local client = sidewire.new { host = "example.org", port = 1 }
    client:close()
    assert.matches("^sidewire%.client: 0x%x+ example%.org:1 closed$", tostring(client))
    assert.equal("sidewire.client", debug.getmetatable(client).__name)
  end)

  it("does not keep the option table", function()
    local options = { host = "127.0.0.1", port = 1, reconnect = { delay = 1 }, on = {} }
    local client = sidewire.new(options)
    options.host, options.reconnect.delay = "x", 5
    assert.equal("127.0.0.1", (client:get_server()))
    assert.equal(1, client:get_reconnect().delay)
    client:get_reconnect().delay = 7
    assert.equal(1, client:get_reconnect().delay)
  end)
end)

describe("the reconnect policy", function()
  before_each(util.begin)
  after_each(util.finish)

  local function policy_of(spec) return sidewire.new({ reconnect = spec }):get_reconnect() end

  it("is false, true, seconds or a table", function()
    assert.is_false(policy_of(false))
    assert.same({ delay = 0.1, max = 10, factor = 2, jitter = true }, policy_of(true))
    assert.same({ delay = 2.5, max = 2.5, factor = 1, jitter = false }, policy_of(2.5))
    assert.same({ delay = 0.1, max = 10, factor = 2, jitter = true }, policy_of {})
    assert.same({ delay = 1, max = 3, factor = 1.5, jitter = false, attempts = 4 },
      policy_of { delay = 1, max = 3, factor = 1.5, jitter = false, attempts = 4 })
    assert.equal(20, policy_of({ delay = 20 }).max) -- a maximum below the delay would contradict it
  end)

  it("is set and read at any time; true restores the last one", function()
    local client = sidewire.new { reconnect = 3 }
    assert.is_true(client:set_reconnect(false))
    assert.is_false(client:get_reconnect())
    assert.is_true(client:set_reconnect(true))
    assert.equal(3, client:get_reconnect().delay)
    client:set_reconnect { delay = 1, attempts = 2 }
    client:set_reconnect(false)
    client:set_reconnect(false)
    client:set_reconnect(true)
    assert.same({ delay = 1, max = 10, factor = 2, jitter = true, attempts = 2 }, client:get_reconnect())
    client = sidewire.new { reconnect = false }
    client:set_reconnect(true)
    assert.same({ delay = 0.1, max = 10, factor = 2, jitter = true }, client:get_reconnect())
    assert.same({ "a table goes back as it came", true }, { "a table goes back as it came",
      client:set_reconnect(client:get_reconnect()) })
  end)

  it("applies at once while waiting: a shorter delay", function()
    local port, peer = closed_port()
    local client = sidewire.new { host = "127.0.0.1", port = port, reconnect = 1000 }
    local events = util.collect(client)
    client:connect()
    assert(events:wait "retry")
    assert.equal("waiting", client:state())
    peer:start_again()
    client:set_reconnect(0.01)
    assert(events:wait "connect")
    assert.equal(1, events:count "retry") -- one before each attempt, however often the policy changes
  end)

  it("applies at once while waiting: false ends it with an error", function()
    local client = sidewire.new { host = "127.0.0.1", port = closed_port(), reconnect = 1000 }
    local events = util.collect(client)
    client:connect()
    assert(events:wait "retry")
    client:set_reconnect(false)
    local failure = assert(events:wait "error")
    assert.equal("ECONNREFUSED", failure[3])
    assert.equal("idle", client:state())
    assert.same({ "retry", "error" }, events:names())
  end)
end)

describe("the server", function()
  before_each(util.begin)
  after_each(util.finish)

  it("is set and read at any time", function()
    local client = sidewire.new { host = "127.0.0.1" }
    assert.same({ "127.0.0.1" }, { client:get_server() })
    assert.is_true(client:set_server("example.org", 80))
    assert.same({ "example.org", 80 }, { client:get_server() })
    assert.equal("integer", math.type(select(2, client:get_server())))
  end)

  it("is set by connect(host, port) too, or by one of them", function()
    local peer = Peer.start()
    local client = sidewire.new { host = "127.0.0.1", reconnect = false }
    client:connect(nil, peer.port)
    assert(client:wait("connected", util.DEADLINE))
    assert.same({ "127.0.0.1", peer.port }, { client:get_server() })
    client:disconnect()
    assert(client:wait("disconnected", util.DEADLINE))
    client:connect "localhost"
    assert.same({ "localhost", peer.port }, { client:get_server() })
    assert(client:wait("connected", util.DEADLINE))
  end)

  it("is used by the next attempt when it is set while waiting", function()
    local peer = Peer.start()
    local client = sidewire.new { host = "127.0.0.1", port = closed_port(), reconnect = 0.05 }
    local events = util.collect(client)
    client:connect()
    assert(events:wait "retry")
    client:set_server(peer.host, peer.port)
    assert.equal(peer.port, assert(events:wait "connect")[2].port)
  end)

  it("can change while connected without disturbing the connection; connect then goes there", function()
    local first, second = Peer.start { mode = "echo" }, Peer.start { mode = "echo" }
    local client = util.connected(first)
    local events = util.collect(client)
    client:set_server(second.host, second.port)
    client:send "still there"
    assert.equal("still there", assert(events:wait "message")[2])
    assert.equal(1, first:stats().connections)
    assert.is_true(client:connect())
    assert(events:wait("connect", 2))
    assert.equal(second.port, events:last("connect")[2].port)
    assert.equal("ECLOSED", events:last("disconnect")[3])
    assert(first:wait_connections(0))
  end)
end)

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
    local port, peer = closed_port()
    local client = sidewire.new { host = "127.0.0.1", port = port, reconnect = 1000 }
    local events = util.collect(client)
    client:connect()
    assert(events:wait "retry")
    peer:start_again()
    client:connect()
    assert(events:wait "connect")
  end)

  it("refused without a policy is an error event, and leaves the client idle and the queue as it was", function()
    local client = sidewire.new { host = "127.0.0.1", port = closed_port(), reconnect = false }
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

describe("disconnect", function()
  before_each(util.begin)
  after_each(util.finish)

  it("flushes, ends the connection, and lets connect be called again", function()
    local peer = Peer.start { mode = "sink" }
    local client = util.connected(peer)
    local events = util.collect(client)
    for _ = 1, 1000 do client:send(("x"):rep(99)) end
    assert.is_true(client:disconnect())
    local state = client:state()
    assert(state == "closing" or state == "idle", state)
    assert(client:wait("disconnected", util.DEADLINE))
    assert.equal("idle", client:state())
    local disconnect = assert(events:wait "disconnect")
    assert.equal("ECLOSED", disconnect[3])
    assert.same({ stage = "close", unsent = 0, unacked = 0, partial = "", once_lost = 0, merged = 0, will_retry = false },
      disconnect[4])
    assert(peer:wait_bytes(100000))
    assert.equal(1000, check_sum(client).finished)
    client:connect()
    assert(events:wait("connect", 2))
    assert.same({ "connect", "disconnect", "connect" }, events:names())
  end)

  it("has nothing to do, and no event, when idle", function()
    local client = sidewire.new { host = "127.0.0.1", port = 1 }
    local events = util.collect(client)
    assert.is_true(client:disconnect())
    assert.is_true(client:disconnect(0))
    assert.equal("idle", client:state())
    sidewire.poll()
    assert.same({}, events:names())
    assert.is_true(client:wait("disconnected", 0))
  end)

  it("ends waiting with an error", function()
    local client = sidewire.new { host = "127.0.0.1", port = closed_port(), reconnect = 1000 }
    local events = util.collect(client)
    client:connect()
    assert(events:wait "retry")
    client:disconnect()
    assert(client:wait("disconnected", util.DEADLINE))
    assert.equal("ECLOSED", assert(events:wait "error")[3])
    assert.same({ "retry", "error" }, events:names())
  end)

  it("then connect at once gives one end and one new connection", function()
    local peer = Peer.start { mode = "echo" }
    local client = util.connected(peer)
    local events = util.collect(client)
    client:send "a"
    client:disconnect()
    client:connect()
    client:send "b"
    assert(client:wait("connected", util.DEADLINE))
    assert(util.poll_until(function() return events:last "message" and events:last "message"[2] == "b" end))
    local states = {}
    for _, event in ipairs(events) do
      if event[1] ~= "message" then states[#states + 1] = event[1] end
    end
    assert.same({ "connect", "disconnect", "connect" }, states)
  end)
end)

describe("close", function()
  before_each(util.begin)
  after_each(util.finish)

  it("is final: the state is there when it returns, and every call says ECLOSED [F8]", function()
    local peer = Peer.start { mode = "echo" }
    for _, client in ipairs { util.connected(peer), util.client(peer) } do
      assert.is_true(client:close())
      assert.equal("closed", client:state())
      assert.is_false(client:is_connected())
      for name, arguments in pairs { connect = {}, disconnect = {}, send = { "x" }, write = { "x" }, receive = {},
        set_server = { "127.0.0.1", 1 }, set_reconnect = { false }, wait = { "connected" } } do
        local ok, message, code = client[name](client, table.unpack(arguments))
        assert.is_nil(ok, name)
        assert.is_string(message, name)
        assert.equal("ECLOSED", code, name)
      end
      assert.is_true(client:wait("disconnected", util.DEADLINE))
      assert.same({ 0, 0 }, { client:pending() })
      assert.same({ peer.host, peer.port }, { client:get_server() })
      assert.is_table(client:get_reconnect())
      assert.matches("closed$", tostring(client))
      assert.equal("closed", client:stats().state)
      assert.equal(client, client:on("message", nil))
    end
    assert(peer:wait_connections(0))
  end)

  it("is idempotent, with one close event [F32]", function()
    local peer = Peer.start { mode = "echo" }
    for _, client in ipairs { util.connected(peer), util.client(peer) } do
      local events = util.collect(client)
      assert.is_true(client:close())
      assert.is_true(client:close(0))
      assert(events:wait "close")
      assert.is_true(client:close())
      assert.is_true(client:wait("disconnected", util.DEADLINE))
      sidewire.poll()
      assert.same({ "close" }, events:names())
    end
  end)

  it("drops queued events but losses", function()
    local peer = Peer.start { mode = "echo" }
    local client = util.connected(peer)
    client:send "echoed"
    assert(util.wait_received(client, 7))
    local events = util.collect(client)
    client:close()
    assert(events:wait "close")
    assert.same({ "close" }, events:names())
  end)

  it("of a client that never connected reports its messages as lost, unsent", function()
    local client = sidewire.new()
    local events = util.collect(client)
    for i = 1, 3 do client:send(i) end
    client:close()
    assert(events:wait "close")
    assert.same({ { "lost", 1, 3, "unsent", n = 4 }, { "close", n = 1 } }, { table.unpack(events) })
    local stats = check_sum(client)
    assert.equal(3, stats.lost)
  end)

  it("flushes what was accepted", function()
    local peer = Peer.start { mode = "sink" }
    local client = util.connected(peer, { linger = 10 })
    for _ = 1, 1000 do client:send(("x"):rep(99)) end
    client:close()
    assert(peer:wait_bytes(100000, util.DEADLINE))
    assert(client:wait("disconnected", util.DEADLINE))
    assert.equal(1000, check_sum(client).finished)
  end)

  it("happens at the end of a scope, also when an error leaves it", function()
    local peer = Peer.start { mode = "sink" }
    local kept
    do
      local client <close> = util.connected(peer)
      kept = client
      client:send "x"
    end
    assert.equal("closed", kept:state())
    assert(peer:wait_bytes(2))
    assert(peer:wait_connections(0))
    local ok, why = pcall(function()
      local client <close> = util.connected(peer)
      kept = client
      error "leaves"
    end)
    assert.is_false(ok)
    assert.matches("leaves", why)
    assert.equal("closed", kept:state())
    do local _ <close> = kept end
    assert(peer:wait_connections(0))
  end)

  it("happens when a client without handlers is collected [F32]", function()
    local peer = Peer.start { mode = "sink" }
    do
      local client = util.connected(peer, { linger = 10 })
      sidewire.poll()
      client:send "last words"
    end
    collectgarbage()
    collectgarbage()
    assert(peer:wait_connections(0))
    assert.equal(11, peer:stats().bytes)
    local closed = util.connected(peer)
    closed:close()
    closed = nil -- luacheck: ignore
    collectgarbage()
    collectgarbage()
    assert(peer:wait_connections(0))
  end)
end)

describe("send", function()
  before_each(util.begin)
  after_each(util.finish)

  it("before connect queues: all arrives in order after it [F8]", function()
    local peer = Peer.start { mode = "echo" }
    local client = util.client(peer)
    local events = util.collect(client)
    for i = 1, 100 do assert.equal(i, client:send(i)) end
    local bytes, messages = client:pending()
    assert.same({ 9 * 2 + 90 * 3 + 4, 100 }, { bytes, messages })
    assert.equal(100, check_sum(client).queued)
    client:connect()
    assert.equal(101, client:send(101))
    assert(events:wait("message", 101))
    for i, message in ipairs(events:all "message") do assert.equal(tostring(i), message) end
    assert.same({ 0, 0 }, { client:pending() })
  end)

  it("while waiting queues: all arrives in order after the reconnect [F8]", function()
    local port, peer = closed_port()
    local client = sidewire.new { host = "127.0.0.1", port = port, reconnect = 1000 }
    local events = util.collect(client)
    client:send(1)
    client:connect()
    assert(events:wait "retry")
    for i = 2, 50 do assert.equal(i, client:send(i)) end
    assert.equal("waiting", client:state())
    assert.equal(50, select(2, client:pending()))
    peer.options.mode = "echo"
    peer:start_again()
    client:set_reconnect(0.01)
    assert(events:wait("message", 50))
    for i, message in ipairs(events:all "message") do assert.equal(tostring(i), message) end
    assert.equal(0, events:count "lost")
  end)

  it("after close is refused and takes no id [F8]", function()
    local client = sidewire.new()
    client:send "a"
    client:close()
    assert.same({ nil, "this client is closed: make a new one", "ECLOSED" }, { client:send "b" })
    assert.equal(1, client:stats().accepted)
  end)

  it("gives ids that go on over connections; a refused one takes none", function()
    local peer = Peer.start { mode = "sink" }
    local client = util.connected(peer)
    assert.same({ 1, 2 }, { client:send "a", (client:write "b\n") })
    assert.is_nil((client:send "no\nline"))
    client:disconnect()
    assert.equal(3, client:send "c")
    client:connect()
    assert(client:wait("connected", util.DEADLINE))
    assert.equal(4, client:send "d")
    assert(client:flush(util.DEADLINE))
    assert(peer:wait_bytes(8))
  end)
end)

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
    local port, peer = closed_port()
    local client = sidewire.new { host = "127.0.0.1", port = port, reconnect = 0.01 }
    client:connect()
    client:send "x"
    local function late(format) return { nil, format:format("127.0.0.1 port " .. port), "ETIMEDOUT" } end
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

  it("of the peer's end ends a wait for the end", function()
    local peer = Peer.start()
    local client = util.connected(peer, { reconnect = false })
    peer:command "finish"
    assert.is_true(client:wait "disconnected")
    assert.equal("EPEER", select(3, client:wait "connected"))
  end)
end)

describe("stats and pending", function()
  before_each(util.begin)
  after_each(util.finish)

  it("add up at any time", function()
    local peer = Peer.start { mode = "echo" }
    local client = util.client(peer)
    local stats = check_sum(client)
    assert.same({ "idle", 0, 0, 0, 0, 0, 0, 0, 0, false }, { stats.state, stats.accepted, stats.queue_bytes,
      stats.inbox_bytes, stats.sent_bytes, stats.received_bytes, stats.received, stats.connects, stats.failures,
      stats.paused })
    client:send "12345"
    stats = check_sum(client)
    assert.same({ 1, 1, 6 }, { stats.accepted, stats.queued, stats.queue_bytes })
    client:connect()
    for _ = 1, 1000 do
      client:send "12345"
      check_sum(client)
    end
    assert(util.wait_received(client, 1001 * 6))
    stats = check_sum(client)
    assert.same({ "connected", 1001, 0, 1, 1001 * 6, 1001 * 6, 0 }, { stats.state, stats.accepted, stats.queued,
      stats.connects, stats.sent_bytes, stats.received_bytes, stats.received })
    assert(stats.inbox_bytes > 1001 * 5)
    client:on("message", function() end)
    sidewire.poll()
    assert(util.wait_until(function() return check_sum(client).finished == 1001 end))
    stats = check_sum(client)
    assert.same({ 1001, 0 }, { stats.received, stats.inbox_bytes })
    peer:command "reset"
    assert(util.poll_until(function() return check_sum(client).connects == 2 end))
  end)

  it("count failures in a row anew after a give-up, a disconnect and a connect to another server", function()
    local peer = Peer.start()
    local client = sidewire.new { host = "127.0.0.1", port = closed_port(), reconnect = { delay = 0.01, attempts = 3 } }
    local events = util.collect(client)
    client:connect()
    assert(events:wait "error")
    assert.equal(0, client:stats().failures)
    client:set_reconnect(0.01)
    client:connect()
    assert(util.poll_until(function() return client:stats().failures >= 2 end))
    client:disconnect()
    assert(client:wait("disconnected", util.DEADLINE))
    assert(util.poll_until(function() return client:stats().failures == 0 end))
    client:connect()
    assert(util.poll_until(function() return client:stats().failures >= 2 end))
    client:connect(peer.host, peer.port)
    assert(client:wait("connected", util.DEADLINE))
    assert.equal(0, client:stats().failures)
  end)

  it("count failures in a row", function()
    local client = sidewire.new { host = "127.0.0.1", port = closed_port(), reconnect = 0.01 }
    local events = util.collect(client)
    client:connect()
    assert(events:wait("retry", 3))
    assert(client:stats().failures >= 3)
    for i, retry in ipairs { events[1], events[2], events[3] } do
      assert.equal(i + 1, retry[2]) -- the attempt that follows
      assert.equal(0.01, retry[3])
      assert.is_string(retry[4])
      assert.equal("ECONNREFUSED", retry[5])
    end
  end)
end)

describe("two clients in one state", function()
  before_each(util.begin)
  after_each(util.finish)

  it("do not disturb each other, also at one server", function()
    local peer = Peer.start { mode = "echo" }
    local a, b = util.connected(peer), util.connected(peer)
    local events_a, events_b = util.collect(a), util.collect(b)
    a:send "from a"
    b:send "from b"
    assert(events_a:wait "message")
    assert(events_b:wait "message")
    assert.same({ "from a" }, events_a:all "message")
    assert.same({ "from b" }, events_b:all "message")
    a:close()
    assert(events_a:wait "close")
    assert.is_true(b:is_connected())
    b:send "still"
    assert(events_b:wait("message", 2))
    assert.same({ "connect", "message", "message" }, events_b:names())
  end)

  it("share handlers, which are told whose event it is", function()
    local peer = Peer.start { mode = "echo" }
    local got = {}
    local on = { message = function(client, message) got[client] = message end }
    local a, b = util.connected(peer, { on = on }), util.connected(peer, { on = on })
    a:send "a"
    b:send "b"
    assert(util.poll_until(function() return got[a] and got[b] end))
    assert.same({ "a", "b" }, { got[a], got[b] })
  end)
end)

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

  it("in a handler is survived", function()
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
