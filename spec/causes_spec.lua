-- Why there is no connection: what state, time-outs, waits in vain and the log say.

local socket = require "socket"
local sidewire = require "sidewire.core"
local Peer = require "spec.support.peer"
local host = require "spec.support.host"
local util = require "spec.support.util"

local LONG = 60 -- seconds: a delay that no spec outlives

local function closed_port()
  local probe = assert(socket.bind("127.0.0.1", 0))
  local _, port = probe:getsockname()
  probe:close()
  return math.tointeger(port)
end

-- A port where nobody answers: its backlog is full.
local function black_hole()
  local sockets = { assert(socket.bind("127.0.0.1", 0, 0)) }
  local _, port = sockets[1]:getsockname()
  for i = 2, 5 do
    sockets[i] = assert(socket.tcp())
    sockets[i]:settimeout(0)
    sockets[i]:connect("127.0.0.1", port)
  end
  return setmetatable({ port = math.tointeger(port) }, { __close = function()
    for _, one in ipairs(sockets) do one:close() end
  end })
end

local function place(port) return "127.0.0.1 port " .. port end

local function new(port, options)
  options = options or {}
  options.host, options.port = options.host or "127.0.0.1", port
  return sidewire.new(options)
end

-- A client that nobody let in, and that waits for LONG; the sentence of its retry event.
local function waiting_client(options)
  options = options or {}
  options.reconnect = LONG
  local client = new(closed_port(), options)
  local events = util.collect(client)
  client:connect()
  local retry = assert(events:wait "retry")
  return client, retry[4]
end

-- Waits until the client has the state, without polling.
local function wait_for(client, state)
  assert(util.wait_until(function() return (client:state()) == state end))
end

describe("state", function()
  before_each(util.begin)
  after_each(util.finish)

  it("has no cause before the first end, and none while connected", function()
    local peer = Peer.start()
    local client = util.client(peer)
    assert.same({ "idle", n = 3 }, table.pack(client:state()))
    client:connect()
    assert(client:wait("connected", util.DEADLINE))
    assert.same({ "connected", n = 3 }, table.pack(client:state()))
    peer:command "reset"
    assert(util.wait_until(function() return client:stats().connects == 2 end))
    wait_for(client, "connected")
    assert.same({ "connected", n = 3 }, table.pack(client:state()))
  end)

  it("tells, while waiting, the cause in the words of the event, and when the next attempt comes", function()
    local client, sentence = waiting_client()
    local state, cause, seconds = client:state()
    assert.same({ "waiting", sentence }, { state, cause })
    assert.matches("^cannot connect to 127%.0%.0%.1 port %d+: connection refused$", cause)
    assert(seconds >= 0 and seconds <= LONG, seconds)
    local _, _, later = client:state()
    assert(later <= seconds)
    client:set_reconnect(100 * LONG)
    assert(util.wait_until(function() return select(3, client:state()) > LONG end))
    client:set_reconnect(0.001)
    assert(util.wait_until(function() return client:stats().failures > 2 end))
  end)

  it("tells why a connection ended, also once the client gave up", function()
    local peer = Peer.start()
    local client = util.connected(peer, { reconnect = false })
    local events = util.collect(client)
    peer:command "reset"
    local sentence = assert(events:wait "disconnect")[2]
    assert.same({ "idle", sentence, n = 3 }, table.pack(client:state()))
    assert.equal(("connection to %s ended: connection reset by peer"):format(place(peer.port)), sentence)
  end)

  it("tells why the last attempt failed, in the words of the error event", function()
    local client = new(closed_port(), { reconnect = false })
    local events = util.collect(client)
    client:connect()
    local sentence = assert(events:wait "error")[2]
    assert.same({ "idle", sentence, n = 3 }, table.pack(client:state()))
  end)

  it("tells of disconnect as its event does, and of no earlier end", function()
    local peer = Peer.start { mode = "silent" }
    local client = util.connected(peer, { reconnect = 0.001 })
    local events = util.collect(client)
    peer:command "reset"
    assert(events:wait("connect", 2))
    for _ = 1, 2 do
      client:disconnect(util.DEADLINE)
      assert.same({ "closing", "closed", n = 3 }, table.pack(client:state()))
    end
    client:disconnect(0)
    assert.equal("closed", assert(events:wait("disconnect", 2))[2])
    assert.same({ "idle", "closed", n = 3 }, table.pack(client:state()))
  end)

  it("keeps the cause while it tries again, and after close", function()
    local client, sentence = waiting_client()
    client:close(0)
    assert(client:wait("disconnected", util.DEADLINE))
    assert.same({ "closed", sentence, n = 3 }, table.pack(client:state()))
  end)
end)

describe("a time-out", function()
  before_each(util.begin)
  after_each(util.finish)

  local function late(message) return { nil, message, "ETIMEDOUT" } end

  -- The message without the seconds, which must be there.
  local function without_seconds(_, message, code)
    local rest, seconds = message:match "^(.*; next attempt in )([%d.]+) s$"
    assert(tonumber(seconds) <= LONG, message)
    return { nil, rest, code }
  end

  it("of a wait for a connection tells that nobody answers", function()
    local hole <close> = black_hole()
    local client = new(hole.port)
    client:connect()
    local expected = late(("timed out: not connected to %s yet; it has not answered"):format(place(hole.port)))
    assert.same(expected, { client:wait("connected", 0) })
    assert.same(expected, { client:wait("connected", 0.01) })
    client:close(0)
  end)

  it("of a wait for a connection tells why the last attempt failed, and when the next one comes", function()
    local client = waiting_client()
    local _, port = client:get_server()
    local expected = ("timed out: not connected to %s yet; last attempt: connection refused; next attempt in "):format(
      place(port))
    assert.same(late(expected), without_seconds(client:wait("connected", 0)))
    assert.same(late(expected), without_seconds(client:wait("connected", 0.01)))
  end)

  it("of a wait for a connection tells why the last one failed while the next one is made", function()
    local client, hole <close> = waiting_client(), black_hole()
    client:set_server("127.0.0.1", hole.port)
    client:set_reconnect(0.001)
    wait_for(client, "connecting")
    assert.same(late(("timed out: not connected to %s yet; last attempt: connection refused; this one: no answer yet")
      :format(place(hole.port))), { client:wait("connected", 0) })
    client:close(0)
  end)

  it("of a wait for a connection tells how the last one ended", function()
    local peer = Peer.start()
    local client = util.connected(peer, { reconnect = LONG })
    peer:command "finish"
    wait_for(client, "waiting")
    assert.same(late(("timed out: not connected to %s yet; last connection: the other side ended it; next attempt in ")
      :format(place(peer.port))), without_seconds(client:wait("connected", 0)))
  end)

  it("of a wait for a connection tells what name is looked up", function()
    local function ask()
      local client <close> = new(1, { host = "no-such-host.invalid", reconnect = false, linger = 0 })
      client:connect()
      local _, message, code = client:wait("connected", 0)
      if code ~= "ETIMEDOUT" then return nil end -- the answer was quicker
      assert.equal("timed out: not connected to no-such-host.invalid port 1 yet; still looking up no-such-host.invalid",
        message)
      return true
    end
    assert(util.wait_until(ask))
  end)

  it("of a wait for a connection says nothing of an end that the script asked for", function()
    local peer, hole <close> = Peer.start(), black_hole()
    local client = util.connected(peer)
    client:disconnect()
    assert(client:wait("disconnected", util.DEADLINE))
    client:connect("127.0.0.1", hole.port)
    assert.same(late(("timed out: not connected to %s yet; it has not answered"):format(place(hole.port))),
      { client:wait("connected", 0.01) })
    client:close(0)
  end)

  it("of a wait for a connection tells that the one before is still ending", function()
    local peer = Peer.start { mode = "silent" }
    local client = util.connected(peer)
    client:disconnect(util.DEADLINE)
    assert.same(late(("timed out: not connected to %s yet; still closing"):format(place(peer.port))),
      { client:wait("connected", 0.01) })
    client:close(0)
  end)

  it("of flush counts what is not sent, and tells why there is no connection", function()
    local client = waiting_client()
    local _, port = client:get_server()
    local text = " not sent to %s yet: not connected; last attempt: connection refused; next attempt in "
    text = text:format(place(port))
    client:send "one"
    assert.same(late("timed out: 1 message is" .. text), without_seconds(client:flush(0)))
    client:send "two"
    assert.same(late("timed out: 2 messages are" .. text), without_seconds(client:flush(0.01)))
  end)

  it("of flush counts what is not sent where there is a connection", function()
    local peer = Peer.start { mode = "silent" }
    local client = util.connected(peer, { queue_limit = 2 ^ 26, linger = 0 })
    local large = ("x"):rep(2 ^ 16 - 1)
    for _ = 1, 1000 do assert(client:send(large)) end
    local _, message, code = client:flush(0.01)
    assert.equal("ETIMEDOUT", code)
    local count = message:match "^timed out: (%d+) messages are not sent to 127%.0%.0%.1 port %d+ yet$"
    assert(tonumber(count) > 0 and tonumber(count) <= 1000, message)
  end)

  it("of a wait for the end says that nobody ended the connection", function()
    local peer = Peer.start()
    local client = util.connected(peer)
    assert.same(late(("timed out: the connection to %s has not ended yet: neither client:disconnect nor the other side "
      .. "ended it"):format(place(peer.port))), { client:wait("disconnected", 0.01) })
  end)

  it("of a wait for the end says that the other side has still to end it", function()
    local peer = Peer.start { mode = "silent" }
    local client = util.connected(peer)
    client:disconnect(util.DEADLINE)
    assert.same(late(("timed out: the connection to %s has not ended yet: the other side has not acknowledged "
      .. "everything, or not ended it"):format(place(peer.port))), { client:wait("disconnected", 0.01) })
    client:close(0)
  end)

  it("of a wait for the end says that the connection has ended, and that the client goes on", function()
    local peer = Peer.start()
    local client = util.connected(peer, { reconnect = LONG })
    peer:command "finish"
    wait_for(client, "waiting")
    assert.same(late(("timed out: the connection to %s has ended, and the client connects again: call "
      .. "client:disconnect first; last connection: the other side ended it; next attempt in ")
      :format(place(peer.port))), without_seconds(client:wait("disconnected", 0.01)))
    client:disconnect()
    assert.is_true(client:wait("disconnected", util.DEADLINE))
  end)

  it("of a wait for the end says that there was no connection, and that the client goes on", function()
    local client = waiting_client()
    local _, port = client:get_server()
    assert.same(late(("timed out: there is no connection to %s, and the client goes on connecting: call "
      .. "client:disconnect first; last attempt: connection refused; next attempt in "):format(place(port))),
      without_seconds(client:wait("disconnected", 0)))
  end)

  it("of a wait for the end says what a disconnect without a connection still has to send", function()
    local client = waiting_client()
    local _, port = client:get_server()
    client:send "x"
    client:disconnect(util.DEADLINE)
    assert.same(late(("timed out: not disconnected from %s yet; last attempt: connection refused; 1 message is not "
      .. "sent"):format(place(port))), { client:wait("disconnected", 0.01) })
    client:close(0)
  end)

  it("of receive tells why there is no connection", function()
    local client = waiting_client()
    client:on("message", nil)
    local _, port = client:get_server()
    local expected = ("no message from %s yet: not connected; last attempt: connection refused; next attempt in ")
      :format(place(port))
    assert.same(late(expected), without_seconds(client:receive()))
    assert.same(late(expected), without_seconds(client:receive(0.01)))
  end)

  it("of receive tells nothing more where there is a connection", function()
    local peer = Peer.start()
    local client = util.connected(peer)
    assert.same(late(("no message from %s yet"):format(place(peer.port))), { client:receive(0.01) })
  end)
end)

describe("sidewire.wait without a timeout", function()
  before_each(util.begin)
  after_each(util.finish)

  local VAIN = { nil, "nothing to wait for: no client is connected or connecting (client:state says why); call "
    .. "client:connect first", "ECLOSED" }

  it("ends when the last client gives up while it sleeps, though nothing hears of that", function()
    local client = new(closed_port(), { reconnect = { delay = 0.1, factor = 1, attempts = 3 } })
    sidewire.poll()
    client:connect()
    assert.same(VAIN, { sidewire.wait() })
    assert.equal("idle", (client:state()))
    assert.same(VAIN, { sidewire.wait() })
    assert.same({ nil, "timed out: nothing came", "ETIMEDOUT" }, { sidewire.wait(0.01) })
  end)

  it("ends when the last connection ends while it sleeps, of which others were idle or closed before", function()
    local peer = Peer.start()
    local client = util.connected(peer, { reconnect = false })
    local closed, idle = util.connected(peer), new(1)
    closed:close()
    sidewire.poll()
    peer:command "finish"
    assert.same(VAIN, { sidewire.wait() })
    assert.same({ "idle", "closed", "idle" }, { (client:state()), (closed:state()), (idle:state()) })
  end)

  it("ends when nobody is left", function()
    local peer = Peer.start()
    util.connected(peer)
    sidewire.poll()
    collectgarbage()
    collectgarbage()
    assert.same(VAIN, { sidewire.wait() })
  end)

  it("ends when a client is closed", function()
    local peer = Peer.start { mode = "silent" }
    local client = util.connected(peer)
    sidewire.poll()
    client:close(0.1)
    assert.same(VAIN, { sidewire.wait() })
    assert(client:wait("disconnected", 0))
  end)

  it("goes on while a client may still hear something", function()
    local peer = Peer.start { mode = "echo" }
    local client, other = util.connected(peer), new(1, { reconnect = false })
    local events = util.collect(client, "message")
    other:connect()
    assert(other:wait("disconnected", util.DEADLINE))
    sidewire.poll()
    client:send "x"
    assert.is_true(sidewire.wait())
    sidewire.poll()
    assert.same({ "x" }, events:all "message")
  end)

  it("gives each event first that came before the end", function()
    local port = closed_port()
    local rounds = util.choose(500, 100)
    for _ = 1, rounds do
      local client = new(port, { reconnect = false })
      local events = util.collect(client, "error", "log")
      client:connect()
      while sidewire.wait() do sidewire.poll() end
      assert.same({ "error", "log", "log" }, (function()
        local names = events:names()
        table.sort(names)
        return names
      end)())
    end
  end)

  it("gives a loop of events() and wait everything, and ends it", function()
    local said = host.run({ "embed", "run" }, [[
      local sidewire = require "sidewire.core"
      print(sidewire.wait())
      local client = sidewire.new { host = "127.0.0.1", port = 1, reconnect = false }
      print(sidewire.wait())
      client:connect()
      local names = {}
      local function take()
        for _, event in sidewire.events() do names[#names + 1] = event end
      end
      take()
      while true do
        local ok, message, code = sidewire.wait()
        if not ok then print(message, code) break end
        take()
      end
      client:close()
      assert(sidewire.wait() == true)
      take()
      print(table.concat(names, " "), select(3, sidewire.wait()))
      sidewire.stop()
      print(select(3, sidewire.wait()))
    ]])
    local never = "nil\tnothing to wait for: no client was ever connected; call client:connect first\tECLOSED\n"
    assert.equal(never .. never .. VAIN[2] .. "\tECLOSED\nerror close\tECLOSED\nECLOSED\n",
      said:match "^(.-)closed in") -- the rest is the host's own
  end)
end)

describe("a wait for one client, without a timeout", function()
  before_each(util.begin)
  after_each(util.finish)

  it("ends when that client gives up", function()
    local function client()
      local one = new(closed_port(), { reconnect = { delay = 0.05, factor = 1, attempts = 3 } })
      one:send "x"
      one:connect()
      return one
    end
    assert.equal("ECONNREFUSED", select(3, client():wait "connected"))
    assert.is_true(client():wait "disconnected")
    assert.equal("ECONNREFUSED", select(3, client():flush()))
    assert.equal("ECONNREFUSED", select(3, client():receive(util.DEADLINE)))
  end)
end)

describe("the log of attempts that the script ends", function()
  before_each(util.begin)
  after_each(util.finish)

  -- Acts; the line of the log that says so, and the code of the error event. No line is an error.
  local function log_of(client, act)
    local told, code
    client:on("log", function(_, level, text)
      assert.not_equal("error", level, text)
      if text:find "^stopped" then told = level .. ": " .. text end
    end)
    client:on("error", function(_, _, why) code = why end)
    act(client)
    assert(util.poll_until(function() return told and code end))
    client:close(0)
    return told, code
  end

  local function stopped(port)
    return ("info: stopped connecting to %s: client:disconnect was called"):format(place(port))
  end

  local function connecting(port)
    local client = new(port)
    client:connect()
    wait_for(client, "connecting")
    return client
  end

  it("tells of disconnect while waiting in plain words, and the error event comes as ever", function()
    local client = waiting_client()
    local _, port = client:get_server()
    assert.same({ stopped(port), "ECLOSED" }, { log_of(client, client.disconnect) })
  end)

  it("tells of disconnect while connecting in plain words", function()
    local hole <close> = black_hole()
    assert.same({ stopped(hole.port), "ECLOSED" }, { log_of(connecting(hole.port), function(client)
      client:disconnect()
    end) })
  end)

  it("tells of a disconnect that had something to send in plain words, once its time is over", function()
    local hole <close> = black_hole()
    local client = connecting(hole.port)
    client:send "x"
    assert.same({ stopped(hole.port), "ECLOSED" }, { log_of(client, function() client:disconnect(0.05) end) })
  end)

  it("tells of a connect to another server in plain words", function()
    local client, hole <close> = waiting_client(), black_hole()
    assert.same({ "info: stopped connecting: another call took the place of client:connect", "ECLOSED" },
      { log_of(client, function() client:connect("127.0.0.1", hole.port) end) })
  end)
end)
