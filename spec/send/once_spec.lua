-- `send_once`: messages for one connection only.

local engine = require "spec.support.engine"
local sidewire = require "sidewire"
local Peer = require "spec.support.peer"
local build = require "spec.support.build"
local delivery = require "spec.support.delivery"
local util = require "spec.support.util"

local function code_of(_, _, code)
  return code
end

describe("send_once", function()
  local peer
  before_each(function() peer = util.begin_with_peer { mode = "echo" } end)
  after_each(util.finish)

  it("keeps its place among the messages of send, and takes no id", function()
    local client = util.connected(peer)
    local expected = {}
    for i = 1, 300 do
      if i % 3 == 0 then
        assert.is_true(client:send_once("once ", i))
      else
        assert.equal(i - math.floor(i / 3), client:send("message ", i))
      end
      expected[i] = (i % 3 == 0 and "once " or "message ") .. i
    end
    local got = {}
    for i = 1, 300 do got[i] = assert(client:receive(util.DEADLINE)) end
    assert.same(expected, got)
    local stats = client:stats()
    assert.same({ 100, 200, 200 }, { stats.once, stats.accepted, stats.queued + stats.in_flight + stats.finished })
    assert.same({ 0, 0 }, { client:pending() })
  end)

  it("is for the connection that the script knows, and fails with ENOTCONN before and after it", function()
    local client = util.client(peer, { reconnect = { delay = 0.01, max = 0.01 } })
    local events = util.collect(client, "connect", "disconnect", "message")
    assert.same({ nil, "not connected: call client:connect first", "ENOTCONN" }, { client:send_once "idle" })
    client:connect()
    assert(util.wait_until(function() return client:is_connected() end))
    assert.same({ nil, 'not connected yet: wait for the connect event, or for client:wait("connected")', "ENOTCONN" },
      { client:send_once "not heard of yet" })
    assert(events:wait "connect")
    assert.is_true(client:send_once "x")
    assert(events:wait "message")
    peer:command "reset"
    assert(util.wait_until(function() return client:stats().connects == 2 end))
    assert.equal("ENOTCONN", code_of(client:send_once "of the first connection"))
    assert(events:wait("connect", 2))
    assert.is_true(client:send_once "of the second")
    assert(events:wait("message", 2))
    assert.same({ "x", "of the second" }, events:all "message")
    client:close()
    assert.equal("ECLOSED", code_of(client:send_once "x"))
  end)

  it("is for the connection that poll has delivered without a handler, events() or a wait", function()
    for _, see in ipairs {
      function() assert(util.poll_until(function() return sidewire.poll() == 0 end)) end,
      function() for _ in sidewire.events() do end end,
      function(client) assert.is_true(client:wait("connected", 0)) end,
    } do
      local client = util.client(peer)
      client:connect()
      assert(util.wait_until(function() return client:is_connected() end))
      assert.equal("ENOTCONN", code_of(client:send_once "not seen yet"))
      assert(util.wait_until(function()
        see(client)
        return client:send_once "seen"
      end))
      client:close(0)
    end
  end)

  it("makes the end of an earlier connection no news for receive, but not what came before it", function()
    local client = util.connected(peer, { reconnect = { delay = 0.01, max = 0.01 } })
    for round = 1, 3 do
      assert(client:send_once("question ", round))
      assert.equal("question " .. round, client:receive(util.DEADLINE))
      peer:command "finish"
      assert(util.wait_until(function() return client:stats().connects == round + 1 end))
      assert(client:wait("connected", util.DEADLINE))
    end
    assert.equal("EPEER", code_of(client:receive(util.DEADLINE))) -- nothing was sent since: the last end is told
    local received = client:stats().received_bytes
    assert(client:send_once "unread")
    assert(util.wait_received(client, received + #"unread\n"))
    peer:command "finish"
    assert(util.wait_until(function() return client:stats().connects == 5 end))
    assert(client:wait("connected", util.DEADLINE))
    assert(client:send_once "last")
    assert.equal("unread", client:receive(util.DEADLINE))
    assert.equal("EPEER", code_of(client:receive(util.DEADLINE)))
    assert.equal("last", client:receive(util.DEADLINE))
  end)

  it("is never sent again, and what was not handed over is counted by the disconnect event", function()
    local silent = Peer.start { mode = "silent" }
    local client = util.connected(silent, { retain = "unconfirmed", reconnect = false,
      max_message = 2 ^ 18 })
    local events = util.collect(client)
    assert(events:wait "connect")
    for _ = 1, 60 do assert(client:send(("x"):rep(2 ^ 17))) end -- more than the system takes
    for _ = 1, 5 do assert.is_true(client:send_once "ping") end
    silent:command "reset"
    local _, _, _, detail = engine.unpack(assert(events:wait "disconnect"))
    assert.equal(5, detail.once_lost)
    assert.equal(0, events:count "lost")
    client:set_server(peer.host, peer.port)
    client:connect()
    assert(events:wait("message", 60))
    for _, message in ipairs(events:all "message") do assert.equal(2 ^ 17, #message) end
    client:confirm(60)
    assert(util.wait_until(function() return client:pending() == 0 end))
  end)

  it("counts against queue_limit until it is handed over", function()
    local silent = Peer.start { mode = "silent" }
    local client = util.connected(silent, { queue_limit = 2 ^ 20 })
    while client:send(("x"):rep(2 ^ 15)) do end
    delivery.wait_stuck(client)
    local sent, _, code
    repeat sent, _, code = client:send_once(("y"):rep(1000)) until not sent
    assert.equal("EFULL", code)
    assert.equal("ETOOBIG", code_of(client:send_once(("y"):rep(2 ^ 21))))
    assert(client:pending() <= 2 ^ 20, client:pending())
  end)

  it("wants pieces that its framing can carry, as send does", function()
    local client = util.connected(peer)
    assert.equal("EFRAME", code_of(client:send_once "two\nlines"))
    assert.has_error(function() client:send_once() end)
    assert.has_error(function() client:send_once {} end)
  end)
end)

describe("info.first", function()
  local peer
  before_each(function() peer = util.begin_with_peer { mode = "silent" } end)
  after_each(util.finish)

  it("is the id of the first message that the connection carries", function()
    local client = util.client(peer, { reconnect = { delay = 0.01, max = 0.01 } })
    local events = util.collect(client)
    client:connect()
    assert(events:wait "connect")
    assert.equal(1, events:last "connect"[2].first)
    for _ = 1, 5 do client:send "x" end
    assert(util.poll_until(function() return client:stats().finished == 5 end))
    peer:command "reset"
    assert(events:wait("connect", 2))
    assert.equal(6, events:last "connect"[2].first)
    build.needs("acks", pending)
    while client:send(("x"):rep(2 ^ 16)) do end
    peer:command "reset"
    assert(events:wait("connect", 3))
    local stats, lost = client:stats(), util.losses(events)
    assert.equal(stats.finished + stats.lost + 1, events:last "connect"[2].first)
    if #lost > 0 then assert.equal(lost[#lost][2] + 1, events:last "connect"[2].first) end -- the system had taken none
  end)

  it("is the id that the next send returns when nothing is queued, whatever the greeting is", function()
    for _, retain in ipairs { "none", "unsent", "unconfirmed" } do
      local client = util.client(peer, { retain = retain, reconnect = false, greeting = { "login", "again" } })
      local events = util.collect(client)
      local function first()
        local count = events:count "connect"
        client:connect()
        return assert(events:wait("connect", count + 1))[2].first
      end
      local function disconnect()
        assert(client:flush(util.DEADLINE))
        client:disconnect(0)
        assert(client:wait("disconnected", util.DEADLINE))
      end
      local next_id = first()
      assert.same({ 1, 1 }, { next_id, client:send "x" })
      disconnect()
      assert.equal(2, client:send "y") -- it waits for the next connection
      assert.equal(retain == "unconfirmed" and 1 or 2, first())
      assert(client:flush(util.DEADLINE))
      if retain == "unconfirmed" then assert(client:confirm(2)) end
      disconnect()
      next_id = first()
      assert.equal(next_id, client:send "z")
      assert.equal(client:stats().accepted, next_id)
      client:close(0)
    end
  end)
end)
