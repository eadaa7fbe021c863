-- Sessions of TLS that a client resumes: its own, each once, at the same server.

local tls = require "spec.support.tls"
local util = require "spec.support.util"

local VERSIONS = { "1.2", "1.3" }
local TIMEOUT = util.choose(1, 5) -- seconds for a handshake

local function start(...)
  tls.needs(pending)
  return tls.start(...)
end

-- The client connects, or connects again, and a message goes there and back, behind which a session has come if one
-- does. Returns info.tls.
local function visit(client, events)
  local connects, messages = events:count "connect", events:count "message"
  assert(client:disconnect(util.LONG))
  assert(util.poll_until(function() return (client:state()) == "idle" end))
  assert(client:connect())
  assert(events:wait("connect", connects + 1))
  assert(client:send "hello")
  assert(events:wait("message", messages + 1))
  return events:last "connect"[2].tls
end

local function client_of(peer, options)
  local client = util.client(peer, { tls = options, reconnect = false })
  return client, util.collect(client)
end

-- resumed, offered
local function counts(peer)
  local facts = peer:tls()
  return { facts.resumed, facts.offered }
end

describe("the session of a connection with TLS", function()
  before_each(util.begin)
  after_each(util.finish)

  for _, version in ipairs(VERSIONS) do
    it("[F66] is resumed by the next connection of the same client, TLS " .. version, function()
      local peer, leaf = start("leaf", { version = version })
      local client, events = client_of(peer, { ca = leaf.ca })
      local first = visit(client, events)
      assert.same({ 0, 0 }, counts(peer))
      local second = visit(client, events)
      assert.same({ 1, 1 }, counts(peer))
      assert.same({ false, true }, { first.resumed, second.resumed })
      first.resumed = true
      assert.same(first, second) -- names, expiry and all
    end)

    it("[F66] is offered once, also when that attempt fails, TLS " .. version, function()
      local peer, leaf = start("leaf", { version = version })
      local client = util.client(peer, { tls = { ca = leaf.ca }, reconnect = false, connect_timeout = TIMEOUT })
      local events = util.collect(client)
      visit(client, events)
      assert(client:disconnect(util.LONG))
      assert(events:wait "disconnect")
      peer:signal "STOP" -- its system takes the connection and the hello
      assert(client:connect())
      assert.equal("ETIMEDOUT", assert(events:wait "error")[3])
      peer:signal "CONT"
      assert.is_false(visit(client, events).resumed)
      assert.same({ 0, 1 }, counts(peer))
      assert.is_true(visit(client, events).resumed) -- that of the last connection
      assert.same({ 1, 2 }, counts(peer))
    end)

    it("[F66] is dropped when the client's server changes, TLS " .. version, function()
      local peer, leaf = start("leaf", { version = version })
      local other = start("leaf", { version = version })
      local client, events = client_of(peer, { ca = leaf.ca })
      visit(client, events)
      assert(client:set_server(other.host, other.port))
      assert.is_false(visit(client, events).resumed)
      assert.same({ 0, 0 }, counts(other))
      assert(client:set_server(peer.host, peer.port))
      assert.is_false(visit(client, events).resumed)
      assert.same({ 0, 0 }, counts(peer))
      assert.is_true(visit(client, events).resumed)
    end)

    it("[F66] of a client that verifies nothing is never that of one which does, TLS " .. version, function()
      local peer, leaf = start("leaf", { version = version })
      local client, events = client_of(peer, { verify = false })
      visit(client, events)
      local info = visit(client, events)
      assert.same({ true, false }, { info.resumed, info.verified })
      assert.same({ 1, 1 }, counts(peer))
      local _, refusals = tls.try(peer, { tls = true })
      assert.equal("ETLS", refusals:last "error"[3])
      info = visit(client_of(peer, { ca = leaf.ca }))
      assert.same({ false, true }, { info.resumed, info.verified })
      info = visit(client_of(peer, { verify = false }))
      assert.same({ false, false }, { info.resumed, info.verified })
      assert.same({ 1, 1 }, counts(peer)) -- nobody else has offered any
    end)

    it("[F66] is not that of another client with the same options, TLS " .. version, function()
      local peer, leaf = start("leaf", { version = version })
      for _ = 1, 3 do assert.is_false(visit(client_of(peer, { ca = leaf.ca })).resumed) end
      assert.same({ 0, 0 }, counts(peer))
    end)

    it("is resumed when the client connects again by itself, TLS " .. version, function()
      local peer, leaf = start("leaf", { version = version })
      local client = util.client(peer, { tls = { ca = leaf.ca }, reconnect = 0.001 })
      local events = util.collect(client)
      assert(client:connect())
      assert(client:send "hello")
      assert(events:wait "message")
      for round, command in ipairs { "finish", "truncate", "reset", "close" } do
        peer:command(command)
        assert(events:wait("connect", round + 1))
        local resumed = events:last "connect"[2].tls.resumed
        assert.equal(version == "1.3" or round % 2 == 1, resumed, command) -- see the last test
        assert(client:send "hello")
        assert(events:wait("message", round + 1))
      end
    end)

    it("that the server does not know any more costs a whole handshake, and nothing else, TLS " .. version, function()
      local peer, leaf = start("leaf", { version = version })
      local client, events = client_of(peer, { ca = leaf.ca })
      visit(client, events)
      peer:restart()
      assert(events:wait "disconnect")
      local info = visit(client, events)
      assert.same({ false, true }, { info.resumed, info.verified })
      assert.same({ 0, 1 }, counts(peer))
    end)

    it("is none at a server that gives none, TLS " .. version, function()
      local peer, leaf = start("leaf", { version = version, tickets = "off" })
      local client, events = client_of(peer, { ca = leaf.ca })
      for _ = 1, 3 do assert.is_false(visit(client, events).resumed) end
      assert.same({ 0, 0 }, counts(peer))
    end)
  end

  it("[F66] is a new one each time, TLS 1.3, at a server that takes each of them once", function()
    local peer, leaf = start("leaf", { version = "1.3", tickets = "once" })
    local client, events = client_of(peer, { ca = leaf.ca })
    local resumed = {}
    for i = 1, 5 do resumed[i] = visit(client, events).resumed end
    assert.same({ false, true, true, true, true }, resumed)
    assert.same({ 4, 4 }, counts(peer))
  end)

  it("[F66] is not offered again, TLS 1.2, where a resumed connection is given no new one", function()
    local peer, leaf = start("leaf", { version = "1.2" })
    local client, events = client_of(peer, { ca = leaf.ca })
    local resumed = {}
    for i = 1, 5 do resumed[i] = visit(client, events).resumed end
    assert.same({ false, true, false, true, false }, resumed)
    assert.same({ 2, 2 }, counts(peer))
  end)
end)
