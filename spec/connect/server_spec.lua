local sidewire = require "sidewire"
local engine = require "spec.support.engine"
local Peer = require "spec.support.peer"
local ports = require "spec.support.ports"
local util = require "spec.support.util"

describe("the server", function()
  before_each(util.begin)
  after_each(util.finish)

  it("is set and read at any time", function()
    local client = sidewire.new { host = "127.0.0.1" }
    assert.same({ "127.0.0.1" }, { client:get_server() })
    assert.is_true(client:set_server("example.org", 80))
    assert.same({ "example.org", 80, "tcp://example.org:80" }, { client:get_server() })
    assert(engine.is_integer((select(2, client:get_server()))))
  end)

  it("is set by connect(host, port) too, or by one of them", function()
    local peer = Peer.start()
    local client = sidewire.new { host = "127.0.0.1", reconnect = false }
    client:connect(nil, peer.port)
    assert(client:wait("connected", util.DEADLINE))
    assert.same({ "127.0.0.1", peer.port, "tcp://127.0.0.1:" .. peer.port }, { client:get_server() })
    client:disconnect()
    assert(client:wait("disconnected", util.DEADLINE))
    client:connect "localhost"
    assert.same({ "localhost", peer.port, "tcp://localhost:" .. peer.port }, { client:get_server() })
    assert(client:wait("connected", util.DEADLINE))
  end)

  it("is used by the next attempt when it is set while waiting", function()
    local peer = Peer.start()
    local client = sidewire.new { host = "127.0.0.1", port = ports.closed(), reconnect = 0.05 }
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
