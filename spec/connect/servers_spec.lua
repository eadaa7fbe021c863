-- URLs of servers, and clients that have several (src/base/url.h, src/base/round.h).

local sidewire = require "sidewire"
local Peer = require "spec.support.peer"
local ports = require "spec.support.ports"
local util = require "spec.support.util"

-- Does the call raise an error that has each of the texts?
local function refused(texts, f, ...)
  local ok, message = pcall(f, ...)
  assert.is_false(ok)
  for _, text in ipairs(texts) do assert(message:find(text, 1, true), message) end
end

local function url(port)
  return ("tcp://127.0.0.1:%d"):format(port)
end

describe("a server's URL", function()
  before_each(util.begin)
  after_each(util.finish)

  it("stands for host and port", function()
    local peer = Peer.start { mode = "echo" }
    local client = sidewire.new { server = url(peer.port) }
    assert.same({ "127.0.0.1", peer.port, url(peer.port) }, { client:get_server() })
    local events = util.collect(client)
    client:connect()
    client:send "to the URL"
    assert.equal("to the URL", assert(events:wait "message")[2])
  end)

  it("may have an IPv6 address, in brackets", function()
    local client = sidewire.new { server = "TCP://[::1]:4000" }
    assert.same({ "::1", 4000, "tcp://[::1]:4000" }, { client:get_server() })
  end)

  it("can be given to connect and set_server", function()
    local peer = Peer.start { mode = "echo" }
    local client = sidewire.new { reconnect = false }
    client:connect(url(peer.port))
    assert(client:wait("connected", util.DEADLINE))
    assert.is_true(client:set_server "tcp://example.org:80")
    assert.same({ "example.org", 80, "tcp://example.org:80" }, { client:get_server() })
  end)

  it("that is wrong raises, says where, and hides the password", function()
    refused({ "sidewire.new: invalid server", "at character 8: the port is missing" }, sidewire.new,
      { server = "tcp://h" })
    local client = sidewire.new()
    refused({ "client:connect: invalid server 'http://x', at character 1: the scheme" }, client.connect, client,
      "http://x")
    refused({ "server[2] must be a URL" }, sidewire.new, { server = { "tcp://h:1", 5 } })
    local _, message = pcall(sidewire.new, { server = "ws://me:secret@x:y" })
    assert(message:find("ws://me:***@x:y", 1, true), message)
    assert.is_nil(message:find("secret", 1, true))
  end)

  it("hides the password also where the URL is cut short by it, and where a host is wanted", function()
    local client = sidewire.new()
    for _, text in ipairs { "ws://me:sec/ret@h", "ws://me:?secret@h", "me:secret@h:80", "tcp:me:secret@h:80" } do
      for _, call in ipairs {
        function() sidewire.new { server = text } end,
        function() sidewire.new { server = { text } } end,
        function() sidewire.new { host = text } end,
        function() client:connect(text) end,
        function() client:set_server(text, 80) end,
      } do
        local ok, message = pcall(call)
        assert.is_false(ok)
        assert(message:find(":***@h", 1, true), message)
        assert.is_nil(message:find("sec", 1, true), message)
      end
    end
  end)

  it("may lack its scheme only", function()
    for _, place in ipairs { "127.0.0.1:4000", "example.org:80", "[::1]:4000" } do
      refused({ "at character 1: the scheme is unknown (valid: tcp, tls, unix); write tcp://" .. place }, sidewire.new,
        { server = { place } })
    end
    for _, text in ipairs { "example.org:", "example.org:80000", "http://example.org:80", "127.0.0.1:4000/" } do
      local ok, message = pcall(sidewire.new, { server = text })
      assert.is_false(ok)
      assert.is_nil(message:find("; write", 1, true), message)
    end
  end)

  it("of a scheme that is not built yet raises and says so", function()
    for _, scheme in ipairs { "ws", "wss" } do
      refused({ scheme .. " is not supported yet" }, sidewire.new, { server = scheme .. "://h:1" })
    end
  end)
end)

describe("a client with several servers", function()
  before_each(util.begin)
  after_each(util.finish)

  it("tries each one once, at once, and then says that there is no connection", function()
    local list = { url(ports.closed()), url(ports.closed()), url(ports.closed()) }
    local client = sidewire.new { server = list, reconnect = false }
    local events = util.collect(client, "retry", "error")
    client:connect()
    local failed = assert(events:wait "error")
    assert.same({ "retry", "retry", "error" }, events:names())
    for i = 1, 2 do
      local port = list[i]:match "%d+$"
      assert(events[i][4]:find("port " .. port, 1, true), events[i][4]) -- the one that failed
      assert.equal(0, events[i][3]) -- seconds until the next
    end
    assert(failed[2]:find("port " .. list[3]:match "%d+$", 1, true), failed[2])
  end)

  it("connects to the first that answers", function()
    local peer = Peer.start { mode = "echo" }
    local client = sidewire.new { server = { url(ports.closed()), url(peer.port) }, reconnect = false }
    local events = util.collect(client)
    client:connect()
    client:send "found"
    assert.equal("found", assert(events:wait "message")[2])
    assert.equal(peer.port, events:last("connect")[2].port)
    assert.same({ "127.0.0.1", peer.port, url(peer.port) }, { client:get_server() })
  end)

  it("counts and delays rounds, not single attempts", function()
    local list = { url(ports.closed()), url(ports.closed()) }
    local client = sidewire.new { server = list, reconnect = { delay = 0.01, jitter = false, attempts = 3 } }
    local events = util.collect(client, "retry", "error")
    client:connect()
    assert(events:wait "error")
    local delays = {}
    for _, event in ipairs(events) do delays[#delays + 1] = event[1] == "retry" and event[3] or nil end
    assert.same({ 0, 0.01, 0, 0.02, 0 }, delays)
  end)

  it("goes on to another when a server ends its connections soon, but not without reconnecting", function()
    local bad, good = Peer.start(), Peer.start { mode = "echo" }
    bad:command "close-on-accept on"
    local list = { url(bad.port), url(good.port) }
    local client = sidewire.new { server = list, reconnect = { delay = 30 } }
    local events = util.collect(client)
    client:connect()
    assert(events:wait "disconnect")
    assert(util.poll_until(function() return select(2, client:get_server()) == good.port and client:is_connected() end))
    local once = sidewire.new { server = list, reconnect = false }
    events = util.collect(once)
    once:connect()
    assert(events:wait "disconnect")
    assert.is_false(events:last("disconnect")[4].will_retry)
    assert.equal("idle", once:state())
  end)

  it("takes another list at any time", function()
    local peer = Peer.start { mode = "echo" }
    local client = sidewire.new { server = { url(ports.closed()), url(ports.closed()) }, reconnect = 0.02 }
    local events = util.collect(client, "connect", "retry")
    client:connect()
    assert(events:wait "retry")
    client:set_server { url(peer.port), url(ports.closed()) }
    assert.equal(peer.port, assert(events:wait "connect")[2].port)
    client:connect { url(ports.closed()), url(peer.port) }
    assert.equal(peer.port, assert(events:wait("connect", 2))[2].port)
  end)

  it("spreads over them in random order, and reaches the only one that works", function()
    local peer = Peer.start { mode = "echo" }
    local list = { url(peer.port) }
    for i = 2, 5 do list[i] = url(ports.closed()) end
    local firsts = 0
    for _ = 1, 40 do
      local client = sidewire.new { server = list, order = "random", reconnect = false }
      local events = util.collect(client, "connect", "retry")
      client:connect()
      assert(events:wait "connect")
      if events:names()[1] == "connect" then firsts = firsts + 1 end
      client:close()
    end
    assert(firsts < 35, firsts) -- with the order given, it would be 40; less is left to chance than one in 10^20
  end)
end)
