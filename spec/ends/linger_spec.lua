-- What the linger is for: what was accepted before an end is delivered, as far as that is possible in that time.

local sidewire = require "sidewire"
local engine = require "spec.support.engine"
local Peer = require "spec.support.peer"
local build = require "spec.support.build"
local ports = require "spec.support.ports"
local shell = require "spec.support.shell"
local util = require "spec.support.util"

local LONG = util.LONG

-- A client of a server that is not there yet, waiting for its next attempt, which is far away.
local function waiting_client(peer, options)
  options = options or {}
  options.reconnect = { delay = LONG, max = LONG, jitter = false }
  local client = util.client(peer, options)
  peer:kill()
  assert(client:connect())
  assert(util.wait_until(function() return client:state() == "waiting" end))
  return client
end

local ENDS = {
  close = function(client) return client:close(LONG) end,
  disconnect = function(client) return client:disconnect(LONG) end,
  ["sidewire.stop"] = function() return sidewire.stop(LONG) end,
}

for name, finish in pairs(ENDS) do
  describe(name, function()
    before_each(util.begin)
    after_each(util.finish)

    it("delivers what was sent before there was a connection [F52]", function()
      local peer = Peer.start { mode = "sink" }
      local client = util.client(peer, { linger = LONG })
      assert(client:connect())
      assert(client:send "hello")
      assert(finish(client))
      assert(peer:wait_bytes(6))
      assert(util.wait_until(function() return client:stats().finished == 1 end))
    end)
  end)
end

describe("an end while the client waits for its next attempt", function()
  before_each(util.begin)
  after_each(util.finish)

  for name in pairs { close = true, disconnect = true } do
    it("by " .. name .. " makes attempts until the server is back, and delivers [F52]", function()
      local peer = Peer.start { mode = "sink" }
      local client = waiting_client(peer)
      assert(client:send "hello")
      assert(client[name](client, LONG))
      assert.equal(name == "close" and "closed" or "closing", client:state())
      util.poll_until(function() return false end, 0.3)
      peer:start_again()
      assert(peer:wait_bytes(6))
      assert(client:wait("disconnected", util.DEADLINE))
      assert.equal(1, client:stats().finished)
    end)
  end

  it("has the events of the connection that it waited for", function()
    local peer = Peer.start { mode = "sink" }
    local client = waiting_client(peer)
    local events = util.collect(client, "connect", "disconnect", "error", "lost")
    client:send "hello"
    client:disconnect(LONG)
    peer:start_again()
    assert(events:wait "disconnect")
    assert.same({ "connect", "disconnect" }, events:names())
    assert.equal("ECLOSED", events:last "disconnect"[3])
    assert.is_false(events:last "disconnect"[4].will_retry)
    assert.equal("idle", client:state())
  end)

  it("ends at once when there is nothing to deliver", function()
    local peer = Peer.start { mode = "sink" }
    local client = waiting_client(peer)
    local events = util.collect(client, "error", "lost")
    client:disconnect(LONG)
    assert(events:wait "error")
    assert.equal("ECLOSED", events:last "error"[3])
    assert.equal("idle", client:state())
  end)

  it("gives up when the linger is over: close reports the rest as lost, disconnect keeps it", function()
    local peer = Peer.start { mode = "sink" }
    local closed = waiting_client(peer)
    local events = util.collect(closed, "lost", "close")
    closed:send "hello"
    closed:close(0.2)
    assert(events:wait "close")
    assert.same({ { 1, 1, "unsent" } }, util.losses(events))
    peer:start_again()
    local kept = waiting_client(peer)
    kept:send "kept"
    kept:disconnect(0.2)
    assert(kept:wait("disconnected", util.DEADLINE))
    assert.equal(1, kept:stats().queued)
    peer:start_again()
    assert(kept:connect())
    assert(peer:wait_bytes(5))
  end)
end)

describe("a script", function()
  before_each(util.begin)
  after_each(util.finish)

  for _, way in ipairs { "by itself", "by os.exit(0, true)", "by sidewire.stop(5)" } do
    it(("that sends and ends %s delivers, though it never waited for a connection [F52]"):format(way), function()
      if way:find "os.exit" and not engine.has_closing_exit then
        return pending(engine.lacks "os.exit that closes the state")
      end
      local peer = Peer.start { mode = "sink" }
      local said, status = shell.run(("%s spec/ends/scripts/last_words.lua %d %s"):format(build.LUA, peer.port,
        shell.quote(way)))
      assert.equal(0, status, said)
      assert(peer:wait_bytes(6))
    end)
  end
end)

describe("a server that works on what it gets", function()
  before_each(util.begin)
  after_each(util.finish)

  it("gets everything, and its answers are taken, before disconnect ends the connection [F54]", function()
    local peer = Peer.start { mode = "echo" }
    peer:command "throttle 500" -- bytes a second
    local client = util.connected(peer)
    local events = util.collect(client)
    for i = 1, 10 do assert(client:send(("job %d "):format(i) .. ("x"):rep(40))) end
    assert(client:disconnect(LONG))
    assert(events:wait "disconnect")
    assert.equal(10, events:count "message")
    assert.equal("ECLOSED", events:last "disconnect"[3])
    assert.equal(10, client:stats().finished)
  end)
end)

describe("a later linger", function()
  before_each(util.begin)
  after_each(util.finish)

  it("that is shorter shortens the end", function()
    local peer = Peer.start { mode = "silent" }
    local client = util.connected(peer)
    while client:send(("x"):rep(2 ^ 16)) do end
    assert(client:disconnect(LONG))
    assert(client:disconnect(0))
    assert(client:wait("disconnected", util.DEADLINE))
    assert.equal("idle", client:state())
  end)
end)

describe("connect to another server", function()
  before_each(util.begin)
  after_each(util.finish)

  it("does not wait until the first one has ended; that one is read to its end beside it", function()
    local first, second = Peer.start { mode = "silent" }, Peer.start { mode = "echo" }
    local client = util.connected(first)
    local events = util.collect(client)
    client:send "for the first"
    assert(client:disconnect(LONG))
    assert(client:connect(second.host, second.port))
    assert(events:wait("connect", 2))
    assert.same({ "connect", "disconnect", "connect" }, events:names())
    assert.equal(second.port, events:last "connect"[2].port)
    assert.same({ 1, 1 }, { client:stats().finished, first:stats().connections }) -- it has not ended
    client:send "x"
    assert(events:wait "message")
    assert.equal(1, first:stats().connections)
    assert(sidewire.stop(LONG)) -- waits a moment only
  end)

  it("while waiting begins with a fresh delay, and ends the first call with an error event", function()
    local peer = Peer.start { mode = "echo" }
    local client = waiting_client(peer)
    local events = util.collect(client, "connect", "error", "retry")
    events:wait "retry"
    assert(client:connect("127.0.0.1", ports.closed()))
    assert(events:wait("retry", 2))
    assert.same({ "retry", "error", "retry" }, events:names())
    assert.equal("ECLOSED", events:last "error"[3])
    assert.equal(LONG, events:last "retry"[3]) -- as after a first failure
  end)

  it("while waiting has as many attempts as the policy says", function()
    local client = sidewire.new { host = "127.0.0.1", port = ports.closed(),
      reconnect = { delay = LONG, attempts = 3 } }
    local events = util.collect(client, "error", "retry")
    client:connect()
    events:wait "retry"
    client:set_reconnect { delay = 0.001, attempts = 3 }
    assert(events:wait "error")
    client:set_reconnect { delay = LONG, attempts = 3 }
    client:connect()
    assert(events:wait("retry", 3))
    client:set_reconnect { delay = 0.001, attempts = 3 }
    client:connect("127.0.0.1", ports.closed())
    assert(events:wait("error", 3)) -- of the second call, and of the third
    assert.equal(5, events:count "retry")
  end)
end)

describe("connect to the same server while waiting", function()
  before_each(util.begin)
  after_each(util.finish)

  it("tries now, and does not lengthen the delay", function()
    local client = sidewire.new { host = "127.0.0.1", port = ports.closed(),
      reconnect = { delay = LONG, max = 1000 * LONG, jitter = false } }
    local events = util.collect(client, "retry", "error")
    client:connect()
    for round = 1, 4 do
      assert(events:wait("retry", round))
      assert.equal(LONG, events:last "retry"[3])
      client:connect()
    end
    assert.equal(0, events:count "error")
  end)
end)
