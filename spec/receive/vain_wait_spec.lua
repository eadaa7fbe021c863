-- Waits without a timeout, where nothing can come any more.

local sidewire = require "sidewire.core"
local Peer = require "spec.support.peer"
local host = require "spec.support.host"
local ports = require "spec.support.ports"
local util = require "spec.support.util"

local VAIN = { nil, "nothing to wait for: no client is connected or connecting (client:state says why); call "
  .. "client:connect first", "ECLOSED" }

local function new(port, options)
  options = options or {}
  options.host, options.port = options.host or "127.0.0.1", port
  return sidewire.new(options)
end

describe("sidewire.wait without a timeout", function()
  before_each(util.begin)
  after_each(util.finish)

  it("ends when the last client gives up while it sleeps, though nothing hears of that", function()
    local client = new(ports.closed(), { reconnect = { delay = 0.1, factor = 1, attempts = 3 } })
    sidewire.poll()
    client:connect()
    assert.same(VAIN, { sidewire.wait() })
    assert.equal("idle", (client:state()))
    assert.same(VAIN, { sidewire.wait() })
    assert.same({ nil, (VAIN[2]:gsub("nothing to wait for:", "timed out: nothing came;")), "ETIMEDOUT" },
      { sidewire.wait(0.01) })
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
    local port = ports.closed()
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
end)

-- No other client of the process may be left, so this has a Lua state of its own, in `embed`.
local run_apart = host.embedder "spec.receive.scripts.wait"

describe("a loop of events() and sidewire.wait", function()
  before_each(host.begin)
  after_each(util.finish)

  it("gets everything, and ends when nothing can come", function()
    local said = run_apart "iterates_until_nothing_can_come"
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
      local one = new(ports.closed(), { reconnect = { delay = 0.05, factor = 1, attempts = 3 } })
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
