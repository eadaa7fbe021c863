local sidewire = require "sidewire"
local Peer = require "spec.support.peer"
local util = require "spec.support.util"

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
    for _, host in ipairs { "::1", "2001:db8::7", "fe80::1%lo" } do
      local shown = tostring(sidewire.new { host = host, port = 4000 })
      assert(shown:find((" [%s]:4000 idle"):format(host), 1, true), shown)
    end
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
