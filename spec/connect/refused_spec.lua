-- A connection that the server refuses.

local socket = require "socket"
local sidewire = require "sidewire.core"
local engine = require "spec.support.engine"
local ports = require "spec.support.ports"
local util = require "spec.support.util"

local LONG = util.LONG

describe("a refused connection", function()
  before_each(util.begin)
  after_each(util.finish_without_peers)

  it("[F11] gives an error with ECONNREFUSED when there is no reconnecting, and keeps the queue", function()
    local peer = util.refusing_peer()
    local client = util.client(peer, { reconnect = false })
    local events = util.collect(client)
    assert.equal(1, client:send "kept")
    assert(client:connect())
    local _, message, code, detail = engine.unpack(assert(events:wait "error"))
    assert.equal("ECONNREFUSED", code)
    assert.truthy(message:find("refused", 1, true))
    assert.equal("connect", detail.stage)
    assert.equal(1, detail.unsent)
    assert.equal(0, detail.unacked)
    assert.equal("idle", client:state())
    assert.same({ 5, 1 }, { client:pending() })

    peer:command "accept on"
    assert(client:connect())
    assert(client:wait("connected", util.DEADLINE))
    assert(peer:wait_bytes(5))
    util.settle()
    assert.same({ "error", "connect" }, events:names())
  end)

  it("[F11] is retried with its reason, and the queue goes out once it works", function()
    local peer = util.refusing_peer()
    local client = util.client(peer, { reconnect = 0.01 })
    local events = util.collect(client)
    client:send "kept"
    assert(client:connect())
    assert(events:wait("retry", 3))
    peer:command "accept on"
    assert(client:wait("connected", util.DEADLINE))
    assert(peer:wait_bytes(5))
    local info = assert(events:wait "connect")[2]
    local retries = events:all "retry"
    assert.equal(#retries + 1, info.attempt)
    assert.equal(peer.port, info.port)
    assert.equal("127.0.0.1", info.address)
    for i, attempt in ipairs(retries) do assert.equal(i + 1, attempt) end
    for _, event in ipairs(events) do
      if event[1] == "retry" then
        assert.equal(0.01, event[3])
        assert.equal("ECONNREFUSED", event[5])
      end
    end
  end)

  it("is given up after so many attempts", function()
    local policy = { delay = 0.001, attempts = 3 }
    local client = sidewire.new { host = "127.0.0.1", port = ports.closed(), reconnect = policy }
    local events = util.collect(client)
    assert(client:connect())
    assert.equal("ECONNREFUSED", assert(events:wait "error")[3])
    assert.same({ "retry", "retry", "error" }, events:names())
    assert.equal("idle", client:state())
    events:clear()
    assert(client:connect()) -- counts anew
    assert(events:wait "error")
    assert.same({ "retry", "retry", "error" }, events:names())
  end)

  it("is retried after delays that grow to the maximum", function()
    local client = sidewire.new {
      host = "127.0.0.1", port = ports.closed(),
      reconnect = { delay = 0.002, factor = 2, max = 0.01, jitter = false },
    }
    local delays = {}
    client:on("retry", function(_, _, delay) delays[#delays + 1] = delay end)
    assert(client:connect())
    assert(util.poll_until(function() return #delays >= 6 end))
    local expected = { 0.002, 0.004, 0.008, 0.01, 0.01, 0.01 }
    for i, delay in ipairs(expected) do assert.near(delay, delays[i], 1e-9) end
  end)

  it("is retried with jitter between -25 and +50 %", function()
    local policy = { delay = 0.001, max = 0.001 }
    local client = sidewire.new { host = "127.0.0.1", port = ports.closed(), reconnect = policy }
    local delays = {}
    client:on("retry", function(_, _, delay) delays[#delays + 1] = delay end)
    assert(client:connect())
    assert(util.poll_until(function() return #delays >= 30 end))
    local least, most = math.huge, 0
    for _, delay in ipairs(delays) do least, most = math.min(least, delay), math.max(most, delay) end
    assert.is_true(least >= 0.00075 and most <= 0.0015)
    assert.is_true(most > least)
  end)

  it("lets wait('connected') go on through the retries, and fail at once when none is left", function()
    local policy = { delay = 0.005, attempts = 4 }
    local client = sidewire.new { host = "127.0.0.1", port = ports.closed(), reconnect = policy }
    assert(client:connect())
    local ok, message, code = client:wait("connected", util.DEADLINE)
    assert.is_nil(ok)
    assert.truthy(message:find("refused", 1, true))
    assert.equal("ECONNREFUSED", code)
    assert.equal("idle", client:state())
  end)

  it("lets wait('connected') time out, which changes nothing", function()
    local client = sidewire.new { host = "127.0.0.1", port = ports.closed(), reconnect = LONG }
    assert(client:connect())
    assert.equal("ETIMEDOUT", (select(3, client:wait("connected", 0.02))))
    assert.equal("waiting", client:state())
    assert.equal("ETIMEDOUT", (select(3, client:wait("disconnected", 0.02))))
  end)
end)

describe("a script that does not poll", function()
  before_each(util.begin)
  after_each(util.finish)

  -- 64 KiB of inbox_limit have room for some 400 reports.
  for _, logs in ipairs { false, true } do
    local handlers = logs and "handlers for retry and log" or "a handler for retry"
    it("[F38] does not stop the attempts, whose reports need no more memory, with " .. handlers, function()
      local port, retries = ports.closed(), {}
      local client = sidewire.new { host = "127.0.0.1", port = port, reconnect = 0.001, inbox_limit = 65536 }
      client:on("retry", function(_, attempt) retries[#retries + 1] = attempt end)
      if logs then client:on("log", function() end) end
      assert(client:connect())
      assert(util.wait_until(function() return client:stats().failures > 1500 end))
      assert(client:stats().inbox_bytes < 65536)
      local server = assert(socket.bind("127.0.0.1", port))
      assert(client:wait("connected", util.DEADLINE))
      server:close()
      client:set_reconnect(false)
      sidewire.poll()
      assert(#retries < 1000 and retries[1] == 2 and retries[#retries] > 1500, #retries .. " retries")
      client:close()
    end)
  end
end)
