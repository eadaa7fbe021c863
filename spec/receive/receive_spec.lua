-- Messages that `receive` takes, and what becomes of messages that nothing takes.

local sidewire = require "sidewire"
local Peer = require "spec.support.peer"
local util = require "spec.support.util"

describe("messages without a handler", function()
  local peer

  before_each(function() peer = util.begin_with_peer { mode = "echo" } end)
  after_each(util.finish)

  local function ended_client(options)
    local client = util.connected(peer, options or { reconnect = false })
    client:send "one"
    client:send "two"
    assert(util.wait_received(client, 8))
    peer:command "finish"
    assert(client:wait("disconnected", util.DEADLINE))
    return client
  end

  it("stay for receive, while poll passes over them to what came later", function()
    local client = ended_client()
    local events = util.collect(client, "connect", "disconnect")
    assert.same({ 2, false }, { sidewire.poll() })
    assert.same({ "connect", "disconnect" }, events:names())
    assert.equal("one", client:receive())
    assert.equal("two", client:receive())
    local message, why, code = client:receive()
    assert.is_nil(message)
    assert.is_string(why)
    assert.equal("EPEER", code)
  end)

  it("stay for a handler that comes later", function()
    local client = ended_client()
    assert.same({ 0, false }, { sidewire.poll() })
    local events = util.collect(client)
    assert.same({ 2, false }, { sidewire.poll() })
    assert.same({ "one", "two" }, events:all "message")
  end)

  it("are no work for poll", function()
    local client = util.connected(peer)
    sidewire.poll()
    client:send "x"
    assert(util.wait_received(client, 2))
    assert.same({ 0, false }, { sidewire.poll() })
    assert.same({ nil, "timed out: nothing came", "ETIMEDOUT" }, { sidewire.wait(0) })
    client:on("message", function() end)
    assert.is_true(sidewire.wait(0))
    assert.same({ 1, false }, { sidewire.poll() })
  end)

  it("are discarded when the handler is false, whenever that is said", function()
    local client = util.connected(peer, { on = { message = false } })
    client:send "dropped"
    assert(util.wait_received(client, 8))
    client:on("message", nil)
    client:send "dropped too"
    assert(util.wait_received(client, 20))
    client:on("message", false)
    client:on("message", nil)
    client:send "kept"
    assert.equal("kept", client:receive(util.DEADLINE))
    assert.equal("ETIMEDOUT", select(3, client:receive()))
  end)

  it("do not fill the inbox when they are discarded", function()
    local client = util.connected(peer, { on = { message = false }, inbox_limit = 4096, reconnect = false })
    peer:command "mode flood 1000"
    assert(util.wait_received(client, 200 * 1000))
    assert.is_false(client:stats().paused)
    client:close(0)
  end)
end)

describe("receive", function()
  local peer

  before_each(function() peer = util.begin_with_peer { mode = "echo" } end)
  after_each(util.finish)

  it("does not wait when no timeout is given", function()
    local client = util.connected(peer)
    local late = { nil, ("no message from 127.0.0.1 port %d yet"):format(peer.port), "ETIMEDOUT" }
    assert.same(late, { client:receive() })
    assert.same(late, { client:receive(0) })
    assert.same(late, { client:receive(0.02) })
  end)

  it("waits for one message, and leaves the others where they are, between polls too", function()
    local client = util.connected(peer)
    local events = util.collect(client, "connect")
    for i = 1, 200 do
      client:send(i)
      if i % 3 == 0 then client:send(-i) end
      assert.equal(tostring(i), client:receive(util.DEADLINE))
      if i % 3 == 0 then assert.equal(tostring(-i), client:receive(util.DEADLINE)) end
      if i % 50 == 0 then sidewire.poll() end
    end
    assert.equal("ETIMEDOUT", select(3, client:receive()))
    assert.same({ "connect" }, events:names())
  end)

  it("raises when a handler is set", function()
    local client = util.connected(peer, { on = { message = function() end } })
    assert.error_matches(function() client:receive() end, "message handler")
    assert.error_matches(function() client:receive(1) end, "message handler")
    client:on("message", nil)
    client:send "x"
    assert.equal("x", client:receive(util.DEADLINE))
  end)

  it("fails at once, with the reason, where nothing can come", function()
    local client = util.client(peer)
    assert.same({ nil, "not connected: call client:connect first", "ENOTCONN" }, { client:receive(util.DEADLINE) })
    client:connect()
    assert(client:wait("connected", util.DEADLINE))
    client:disconnect()
    assert.equal("ECLOSED", select(3, client:receive(util.DEADLINE)))
    client:close()
    assert.equal("ECLOSED", select(3, client:receive(util.DEADLINE)))
    local unheard = sidewire.new { host = "127.0.0.1", port = 1, reconnect = false }
    unheard:connect()
    assert.equal("ECONNREFUSED", select(3, unheard:receive(util.DEADLINE)))
  end)

  it("gives every message that came before the end, then the end's code", function()
    for _ = 1, util.choose(100, 20) do
      local client = util.connected(peer, { reconnect = false })
      local hex = Peer.hex(("x\n"):rep(50))
      peer:command("send-finish " .. hex)
      local count = 0
      local message, _, code = client:receive(util.DEADLINE)
      while message do
        count = count + 1
        message, _, code = client:receive(util.DEADLINE)
      end
      assert.equal(50, count)
      assert.equal("EPEER", code)
      client:close()
    end
  end)

  it("goes on through a reconnect, and tells of the end once", function()
    local client = util.connected(peer, { reconnect = 0.01 })
    peer:command "finish"
    assert(peer:wait_accepted(2))
    assert(peer:wait_connections(1))
    peer:command("send " .. Peer.hex "again\n")
    assert.equal("EPEER", select(3, client:receive(util.DEADLINE)))
    assert.equal("again", client:receive(util.DEADLINE))
  end)

  it("says of an end that the script has asked for which connection it was, where there is another", function()
    local before = "the connection before this one has ended: by client:disconnect, or by client:connect to another "
      .. "server"
    local client = util.connected(peer)
    client:disconnect(0)
    client:connect()
    assert.same({ nil, before, "ECLOSED" }, { client:receive(util.DEADLINE) })
    assert(client:wait("connected", util.DEADLINE))
    assert.equal("ETIMEDOUT", select(3, client:receive()))
    local other = Peer.start { mode = "silent" }
    client:connect(other.host, other.port)
    assert(client:wait("connected", util.DEADLINE))
    assert.same({ nil, before, "ECLOSED" }, { client:receive(util.DEADLINE) })
    client:disconnect(0)
    assert(client:wait("disconnected", util.DEADLINE))
    assert.same({ nil, "not connected: client:disconnect ended the connection", "ECLOSED" }, { client:receive() })
  end)
end)

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
