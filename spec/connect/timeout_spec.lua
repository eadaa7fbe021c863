-- What the waits say when their time is over: what is missing, and why.

local sidewire = require "sidewire.core"
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
    local hole = ports.black_hole()
    local client = new(hole.port)
    client:connect()
    local expected = late(("timed out: not connected to %s yet; it has not answered"):format(place(hole.port)))
    assert.same(expected, { client:wait("connected", 0) })
    assert.same(expected, { client:wait("connected", 0.01) })
    client:close(0)
  end)

  it("of a wait for a connection tells why the last attempt failed, and when the next one comes", function()
    local client = util.waiting_client()
    local _, port = client:get_server()
    local expected = ("timed out: not connected to %s yet; last attempt: connection refused; next attempt in "):format(
      place(port))
    assert.same(late(expected), without_seconds(client:wait("connected", 0)))
    assert.same(late(expected), without_seconds(client:wait("connected", 0.01)))
  end)

  it("of a wait for a connection tells why the last one failed while the next one is made", function()
    local client, hole = util.waiting_client(), ports.black_hole()
    client:set_server("127.0.0.1", hole.port)
    client:set_reconnect(0.001)
    util.wait_for_state(client, "connecting")
    assert.same(late(("timed out: not connected to %s yet; last attempt: connection refused; this one: no answer yet")
      :format(place(hole.port))), { client:wait("connected", 0) })
    client:close(0)
  end)

  it("of a wait for a connection tells how the last one ended", function()
    local peer = Peer.start()
    local client = util.connected(peer, { reconnect = LONG })
    peer:command "finish"
    util.wait_for_state(client, "waiting")
    assert.same(late(("timed out: not connected to %s yet; last connection: the other side ended it; next attempt in ")
      :format(place(peer.port))), without_seconds(client:wait("connected", 0)))
  end)

  it("of a wait for a connection tells what name is looked up", function()
    local function ask()
      local client = new(1, { host = "no-such-host.invalid", reconnect = false, linger = 0 })
      client:connect()
      local _, message, code = client:wait("connected", 0)
      client:close()
      if code ~= "ETIMEDOUT" then return nil end -- the answer was quicker
      assert.equal("timed out: not connected to no-such-host.invalid port 1 yet; still looking up no-such-host.invalid",
        message)
      return true
    end
    assert(util.wait_until(ask))
  end)

  it("of a wait for a connection says nothing of an end that the script asked for", function()
    local peer, hole = Peer.start(), ports.black_hole()
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
    local client = util.waiting_client()
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
    util.wait_for_state(client, "waiting")
    assert.same(late(("timed out: the connection to %s has ended, and the client connects again: call "
      .. "client:disconnect first; last connection: the other side ended it; next attempt in ")
      :format(place(peer.port))), without_seconds(client:wait("disconnected", 0.01)))
    client:disconnect()
    assert.is_true(client:wait("disconnected", util.DEADLINE))
  end)

  it("of a wait for the end says that there was no connection, and that the client goes on", function()
    local client = util.waiting_client()
    local _, port = client:get_server()
    assert.same(late(("timed out: there is no connection to %s, and the client goes on connecting: call "
      .. "client:disconnect first; last attempt: connection refused; next attempt in "):format(place(port))),
      without_seconds(client:wait("disconnected", 0)))
  end)

  it("of a wait for the end says what a disconnect without a connection still has to send", function()
    local client = util.waiting_client()
    local _, port = client:get_server()
    client:send "x"
    client:disconnect(util.DEADLINE)
    assert.same(late(("timed out: not disconnected from %s yet; last attempt: connection refused; 1 message is not "
      .. "sent"):format(place(port))), { client:wait("disconnected", 0.01) })
    client:close(0)
  end)

  it("of receive tells why there is no connection", function()
    local client = util.waiting_client()
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
