-- Why there is no connection: what the state and the log say.

local sidewire = require "sidewire.core"
local engine = require "spec.support.engine"
local Peer = require "spec.support.peer"
local ports = require "spec.support.ports"
local util = require "spec.support.util"

local LONG = util.LONG

local function place(port) return "127.0.0.1 port " .. port end

local function new(port, options)
  options = options or {}
  options.host, options.port = options.host or "127.0.0.1", port
  return sidewire.new(options)
end

describe("state", function()
  before_each(util.begin)
  after_each(util.finish)

  it("has no cause before the first end, and none while connected", function()
    local peer = Peer.start()
    local client = util.client(peer)
    assert.same({ "idle", n = 3 }, engine.pack(client:state()))
    client:connect()
    assert(client:wait("connected", util.DEADLINE))
    assert.same({ "connected", n = 3 }, engine.pack(client:state()))
    peer:command "reset"
    assert(util.wait_until(function() return client:stats().connects == 2 end))
    util.wait_for_state(client, "connected")
    assert.same({ "connected", n = 3 }, engine.pack(client:state()))
  end)

  it("tells, while waiting, the cause in the words of the event, and when the next attempt comes", function()
    local client, sentence = util.waiting_client()
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
    assert.same({ "idle", sentence, n = 3 }, engine.pack(client:state()))
    assert.equal(("connection to %s ended: connection reset by peer"):format(place(peer.port)), sentence)
  end)

  it("tells why the last attempt failed, in the words of the error event", function()
    local client = new(ports.closed(), { reconnect = false })
    local events = util.collect(client)
    client:connect()
    local sentence = assert(events:wait "error")[2]
    assert.same({ "idle", sentence, n = 3 }, engine.pack(client:state()))
  end)

  it("tells of disconnect as its event does, and of no earlier end", function()
    local peer = Peer.start { mode = "silent" }
    local client = util.connected(peer, { reconnect = 0.001 })
    local events = util.collect(client)
    peer:command "reset"
    assert(events:wait("connect", 2))
    for _ = 1, 2 do
      client:disconnect(util.DEADLINE)
      assert.same({ "closing", "closed", n = 3 }, engine.pack(client:state()))
    end
    client:disconnect(0)
    assert.equal("closed", assert(events:wait("disconnect", 2))[2])
    assert.same({ "idle", "closed", n = 3 }, engine.pack(client:state()))
  end)

  it("keeps the cause while it tries again, and after close", function()
    local client, sentence = util.waiting_client()
    client:close(0)
    assert(client:wait("disconnected", util.DEADLINE))
    assert.same({ "closed", sentence, n = 3 }, engine.pack(client:state()))
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
    util.wait_for_state(client, "connecting")
    return client
  end

  it("tells of disconnect while waiting in plain words, and the error event comes as ever", function()
    local client = util.waiting_client()
    local _, port = client:get_server()
    assert.same({ stopped(port), "ECLOSED" }, { log_of(client, client.disconnect) })
  end)

  it("tells of disconnect while connecting in plain words", function()
    local hole = ports.black_hole()
    assert.same({ stopped(hole.port), "ECLOSED" }, { log_of(connecting(hole.port), function(client)
      client:disconnect()
    end) })
  end)

  it("tells of a disconnect that had something to send in plain words, once its time is over", function()
    local hole = ports.black_hole()
    local client = connecting(hole.port)
    client:send "x"
    assert.same({ stopped(hole.port), "ECLOSED" }, { log_of(client, function() client:disconnect(0.05) end) })
  end)

  it("tells of a connect to another server in plain words", function()
    local client, hole = util.waiting_client(), ports.black_hole()
    assert.same({ "info: stopped connecting: another call took the place of client:connect", "ECLOSED" },
      { log_of(client, function() client:connect("127.0.0.1", hole.port) end) })
  end)
end)

describe("detail.causes", function()
  before_each(util.begin)
  after_each(util.finish)

  -- The arguments of the first event of that name.
  local function event_of(name, options)
    local client = new(options.port or ports.closed(), options)
    local events = util.collect(client)
    client:connect()
    return assert(events:wait(name)), client, events
  end

  local function check(causes, client)
    local host, port = client:get_server()
    assert.equal(1, #causes)
    local cause = causes[1]
    assert(cause.seconds >= 0)
    cause.seconds = nil
    assert.same({ address = host, port = port, code = "ECONNREFUSED", message = "connection refused" }, cause)
  end

  it("has the address of an attempt that fails, in the error event", function()
    local event, client = event_of("error", { reconnect = false })
    check(event[4].causes, client)
  end)

  it("has it in the retry event", function()
    local event, client = event_of("retry", { reconnect = LONG })
    check(event[6].causes, client)
  end)

  it("has those of the last attempt in the error event that ends the waiting", function()
    local _, client, events = event_of("retry", { reconnect = LONG })
    client:set_reconnect(false)
    check(assert(events:wait "error")[4].causes, client)
  end)

  it("is empty when no address was tried", function()
    local event = event_of("error", { reconnect = false, host = "no-such-name.invalid" })
    assert.same({}, event[4].causes)
  end)

  it("is empty when the script ended the attempt, and when a connection was lost", function()
    local _, client, events = event_of("retry", { reconnect = LONG })
    client:disconnect()
    assert.same({}, assert(events:wait "error")[4].causes)
    local peer = Peer.start()
    local lost = util.connected(peer, { reconnect = LONG })
    local its = util.collect(lost)
    peer:command "reset"
    assert.is_nil(assert(its:wait "disconnect")[4].causes)
    assert.same({}, assert(its:wait "retry")[6].causes)
  end)

  it("has no room in a full inbox, and the event comes all the same", function()
    local event = event_of("error", { reconnect = false, inbox_limit = 1 })
    assert.equal("ECONNREFUSED", event[3])
    assert.is_nil(event[4].causes)
  end)

  it("counts against inbox_limit until it is delivered, also when retries are merged", function()
    local client = new(ports.closed(), { reconnect = 0.001 })
    local before = client:stats().inbox_bytes
    local last
    client:on("retry", function(_, _, _, _, _, detail) last = detail end)
    client:connect()
    assert(util.wait_until(function() return client:stats().failures > 400 end))
    assert(client:stats().inbox_bytes > before)
    client:set_reconnect(false)
    assert(util.wait_until(function() return (client:state()) == "idle" end))
    assert(util.poll_until(function() return client:stats().inbox_bytes == before end))
    assert.equal("ECONNREFUSED", last.causes[1].code)
  end)
end)
