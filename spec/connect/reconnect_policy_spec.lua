local sidewire = require "sidewire"
local ports = require "spec.support.ports"
local util = require "spec.support.util"

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

  it("applies a shorter delay at once while waiting", function()
    local peer = util.stopped_peer()
    local client = sidewire.new { host = "127.0.0.1", port = peer.port, reconnect = 1000 }
    local events = util.collect(client)
    client:connect()
    assert(events:wait "retry")
    assert.equal("waiting", client:state())
    peer:start_again()
    client:set_reconnect(0.01)
    assert(events:wait "connect")
    assert.equal(1, events:count "retry") -- one before each attempt, however often the policy changes
  end)

  it("ends the waiting at once, with an error, when it becomes false", function()
    local client = sidewire.new { host = "127.0.0.1", port = ports.closed(), reconnect = 1000 }
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
