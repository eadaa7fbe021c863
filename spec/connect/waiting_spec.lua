-- Commands while a client waits for its next attempt.

local Peer = require "spec.support.peer"
local util = require "spec.support.util"

local LONG = util.LONG

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

describe("while waiting for the next attempt", function()
  before_each(util.begin)
  after_each(util.finish_without_peers)

  it("set_reconnect is applied at once", function()
    local peer = util.refusing_peer()
    local client = waiting_client(peer)
    peer:command "accept on"
    assert(client:set_reconnect(0.01))
    assert(client:wait("connected", util.DEADLINE))
  end)

  it("set_reconnect(false) ends it with an error that tells the last reason", function()
    local peer = util.refusing_peer()
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
    local peer = util.refusing_peer()
    local client, events = waiting_client(peer)
    assert(client:set_reconnect { attempts = 1 })
    assert.equal("ECONNREFUSED", assert(events:wait "error")[3])
  end)

  it("connect tries at once", function()
    local peer = util.refusing_peer()
    local client, events = waiting_client(peer)
    peer:command "accept on"
    assert(client:connect())
    assert.not_equal("waiting", client:state())
    assert(client:wait("connected", util.DEADLINE))
    assert(events:wait "connect")
    assert.same({ "connect" }, events:names())
  end)

  it("connect to another server goes there at once", function()
    local peer, other = util.refusing_peer(), Peer.start()
    local client, events = waiting_client(peer)
    assert(client:connect(other.host, other.port))
    assert.equal(other.port, assert(events:wait "connect")[2].port)
    assert.same({ other.host, other.port }, { client:get_server(), (select(2, client:get_server())) })
  end)

  it("set_server decides where the next attempt goes", function()
    local peer, other = util.refusing_peer(), Peer.start()
    local client, events = waiting_client(peer)
    assert(client:set_server(other.host, other.port))
    assert(client:set_reconnect(0.001))
    assert.equal(other.port, assert(events:wait "connect")[2].port)
  end)

  it("disconnect gives an error with ECLOSED", function()
    local peer = util.refusing_peer()
    local client, events = waiting_client(peer)
    assert(client:disconnect())
    assert(client:wait("disconnected", util.DEADLINE))
    assert.equal("idle", client:state())
    assert.equal("ECLOSED", assert(events:wait "error")[3])
    assert.same({ "error" }, events:names())
  end)

  it("messages are queued", function()
    local peer = util.refusing_peer()
    local client = waiting_client(peer)
    assert.equal(1, client:send "a")
    assert.equal(1, client:stats().queued)
    peer:command "accept on"
    assert(client:connect())
    assert(peer:wait_bytes(2))
  end)
end)
