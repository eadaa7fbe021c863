-- What `close` does in each state of a client, and what becomes of messages.

local socket = require "socket"
local sidewire = require "sidewire"
local engine = require "spec.support.engine"
local Peer = require "spec.support.peer"
local build = require "spec.support.build"
local delivery = require "spec.support.delivery"
local numbered = require "spec.support.numbered"
local util = require "spec.support.util"

local account = numbered.check_account
local small, kilobyte, send_all, overfill = delivery.small, delivery.kilobyte, delivery.send_all, delivery.overfill
local wait_stuck, wait_finished = delivery.wait_stuck, delivery.wait_finished
local start_peer, recorded = delivery.start_peer, delivery.recorded
local LONG = util.LONG
local KIB = 1024

describe("close", function()
  before_each(util.begin)
  after_each(util.finish)

  it("is final: the state is there when it returns, and every call says ECLOSED [F8]", function()
    local peer = Peer.start { mode = "echo" }
    for _, client in ipairs { util.connected(peer), util.client(peer) } do
      assert.is_true(client:close())
      assert.equal("closed", client:state())
      assert.is_false(client:is_connected())
      for name, arguments in pairs { connect = {}, disconnect = {}, send = { "x" }, write = { "x" }, receive = {},
        set_server = { "127.0.0.1", 1 }, set_reconnect = { false }, wait = { "connected" } } do
        local ok, message, code = client[name](client, engine.unpack(arguments))
        assert.is_nil(ok, name)
        assert.is_string(message, name)
        assert.equal("ECLOSED", code, name)
      end
      assert.is_true(client:wait("disconnected", util.DEADLINE))
      assert.same({ 0, 0 }, { client:pending() })
      assert.same({ peer.host, peer.port }, { client:get_server(), (select(2, client:get_server())) })
      assert.is_table(client:get_reconnect())
      assert.matches("closed$", tostring(client))
      assert.equal("closed", client:stats().state)
      assert.equal(client, client:on("message", nil))
    end
    assert(peer:wait_connections(0))
  end)

  it("changes nothing when it is called again, and gives one close event [F32]", function()
    local peer = Peer.start { mode = "echo" }
    for _, client in ipairs { util.connected(peer), util.client(peer) } do
      local events = util.collect(client)
      assert.is_true(client:close())
      assert.is_true(client:close(0))
      assert(events:wait "close")
      assert.is_true(client:close())
      assert.is_true(client:wait("disconnected", util.DEADLINE))
      sidewire.poll()
      assert.same({ "close" }, events:names())
    end
  end)

  it("drops all queued events but losses", function()
    local peer = Peer.start { mode = "echo" }
    local client = util.connected(peer)
    client:send "echoed"
    assert(util.wait_received(client, 7))
    local events = util.collect(client)
    client:close()
    assert(events:wait "close")
    assert.same({ "close" }, events:names())
  end)

  it("of a client that never connected reports its messages as lost, unsent", function()
    local client = sidewire.new()
    local events = util.collect(client)
    for i = 1, 3 do client:send(i) end
    client:close()
    assert(events:wait "close")
    assert.same({ { "lost", 1, 3, "unsent", n = 4 }, { "close", n = 1 } }, { engine.unpack(events) })
    local stats = account(client)
    assert.equal(3, stats.lost)
  end)

  it("flushes what was accepted", function()
    local peer = Peer.start { mode = "sink" }
    local client = util.connected(peer, { linger = 10 })
    for _ = 1, 1000 do client:send(("x"):rep(99)) end
    client:close()
    assert(peer:wait_bytes(100000, util.DEADLINE))
    assert(client:wait("disconnected", util.DEADLINE))
    assert.equal(1000, account(client).finished)
  end)

  it("happens at the end of a scope, also when an error leaves it", function()
    if not engine.has_close then return pending(engine.lacks "to-be-closed variables") end
    local peer = Peer.start { mode = "sink" }
    local client = util.connected(peer)
    engine.in_scope(client, function() client:send "x" end)
    assert.equal("closed", client:state())
    assert(peer:wait_bytes(2))
    assert(peer:wait_connections(0))
    client = util.connected(peer)
    local ok, why = pcall(engine.in_scope, client, function() error "leaves" end)
    assert.is_false(ok)
    assert.matches("leaves", why)
    assert.equal("closed", client:state())
    engine.in_scope(client, function() end)
    assert(peer:wait_connections(0))
  end)

  it("happens when a client without handlers is collected [F32]", function()
    local peer = Peer.start { mode = "sink" }
    do
      local client = util.connected(peer, { linger = 10 })
      sidewire.poll()
      client:send "last words"
    end
    collectgarbage()
    collectgarbage()
    assert(peer:wait_connections(0))
    assert.equal(11, peer:stats().bytes)
    local closed = util.connected(peer)
    closed:close()
    closed = nil -- luacheck: ignore
    collectgarbage()
    collectgarbage()
    assert(peer:wait_connections(0))
  end)
end)

describe("close", function()
  before_each(util.begin)
  after_each(util.finish_without_peers)

  it("ends what it cannot flush as lost, by fate, and counts no message twice", function()
    build.needs("acks", pending)
    local peer = start_peer { mode = "silent" }
    local client = util.connected(peer)
    local events = util.collect(client)
    overfill(client)
    wait_stuck(client)
    assert(client:close(0.05))
    assert(events:wait "close")
    local lost = util.losses(events)
    assert.same({ "unknown", "unsent" }, { lost[1][3], lost[2][3] })
    assert.equal(lost[1][2] + 1, lost[2][1])
    assert.equal(3000, lost[2][2])
    local s = account(client)
    assert.same({ lost[1][1] - 1, 3000 - lost[1][1] + 1 }, { s.finished, s.lost })
    assert.same({ 0, 0 }, { client:pending() })
  end)

  it("of a client that never connected loses all as unsent", function()
    local client = sidewire.new { host = "127.0.0.1", port = 1 }
    local events = util.collect(client)
    send_all(client, small, 5)
    assert(client:close())
    assert(events:wait "close")
    assert.same({ { 1, 5, "unsent" } }, util.losses(events))
    assert.same({ "lost", "close" }, events:names())
    assert.equal(5, account(client).lost_unsent)
  end)

  it("of an idle client that was connected loses what waits as unsent", function()
    local peer = Peer.start()
    local client = util.connected(peer)
    send_all(client, small, 5)
    wait_finished(client)
    assert(client:disconnect())
    assert(client:wait("disconnected", util.DEADLINE))
    local events = util.collect(client, "lost", "close")
    send_all(client, small, 2)
    assert(client:close())
    assert(events:wait "close")
    assert.same({ { 6, 7, "unsent" } }, util.losses(events))
  end)
end)

describe("close", function()
  before_each(util.begin)
  after_each(util.finish_without_peers)

  local function ends_with(client, expected, lost)
    local events = util.collect(client)
    send_all(client, small, 3)
    assert(client:close())
    assert.equal("closed", client:state())
    assert(events:wait "close")
    assert(client:wait("disconnected", util.DEADLINE))
    assert.same(expected, events:names())
    assert.same(lost, util.losses(events))
    assert.equal(3, account(client).lost)
    sidewire.poll()
    assert.equal(#expected, #events)
  end

  local ALL_UNSENT = { { 1, 3, "unsent" } }

  it("[F30] while resolving: only lost and close follow", function()
    local client = sidewire.new { host = "localhost", port = 1 } -- a lookup that hangs is for other specs
    assert(client:connect())
    ends_with(client, { "lost", "close" }, ALL_UNSENT)
  end)

  it("[F30] while connecting: only lost and close follow", function()
    -- A full backlog: the kernel answers no further SYN.
    local listener = assert(socket.tcp())
    assert(listener:bind("127.0.0.1", 0))
    assert(listener:listen(0))
    local _, port = listener:getsockname()
    local fillers = {}
    for i = 1, 4 do
      fillers[i] = assert(socket.tcp())
      fillers[i]:settimeout(0)
      fillers[i]:connect("127.0.0.1", port)
    end
    local client = sidewire.new { host = "127.0.0.1", port = tonumber(port) }
    assert(client:connect())
    ends_with(client, { "lost", "close" }, ALL_UNSENT)
    for _, filler in ipairs(fillers) do filler:close() end
    listener:close()
  end)

  it("[F30] while waiting: only lost and close follow, not even the retry that was queued", function()
    local peer = Peer.start()
    peer:command "accept off"
    local client = util.client(peer, { reconnect = LONG })
    assert(client:connect())
    assert(util.wait_until(function() return client:state() == "waiting" end))
    ends_with(client, { "lost", "close" }, ALL_UNSENT)
  end)

  it("[F30] in any of these moments leaves nothing behind", function()
    local peer = Peer.start()
    local hosts = { peer.host, "localhost" }
    local closed = 0
    local rounds = util.choose(150, 45)
    for round = 1, rounds do
      local client = sidewire.new { host = hosts[round % #hosts + 1], port = peer.port, linger = 0.05 }
      client:on("close", function() closed = closed + 1 end)
      client:send "x"
      assert(client:connect())
      if round % 5 == 0 then client:wait("connected", 0.001 * (round % 4)) end
      if round % 7 == 0 then sidewire.poll() end
      client:close()
    end
    assert(util.poll_until(function() return closed == rounds end))
    assert(peer:wait_connections(0))
  end)

  it("[F31] flushes what is queued within linger, and the server gets all of it", function()
    local peer = start_peer()
    peer:command(("throttle %d"):format(4096 * KIB))
    local client = util.connected(peer)
    local events = util.collect(client)
    send_all(client, kilobyte, 2000)
    assert(client:close(LONG))
    assert.equal("closed", client:state())
    assert.same({ nil, "ECLOSED" }, { (client:send "late"), (select(3, client:send "late")) })
    assert(events:wait "close")
    assert.same({ "close" }, events:names())
    assert(peer:wait_connections(0, util.DEADLINE))
    local s = peer:stats()
    assert.same({ #numbered.lines(kilobyte, 1, 2000), 1, 0 }, { s.bytes, s.ends, s.errors })
    assert.equal(2000, account(client).finished)
  end)

  it("[F31] reports as lost what linger was too short for, and is gone then", function()
    build.needs("acks", pending)
    local peer, dir = recorded { mode = "silent" }
    local client = util.connected(peer)
    local events = util.collect(client)
    send_all(client, kilobyte, 2000)
    wait_stuck(client)
    local began = socket.gettime()
    assert(client:close(0.1))
    assert(events:wait "close")
    local seconds = socket.gettime() - began
    assert.is_true(seconds >= 0.09 and seconds < util.choose(2, 20))
    local lost = util.losses(events)
    assert.same({ "unknown", "unsent" }, { lost[1][3], lost[2][3] })
    assert.same({ lost[1][2] + 1, 2000, "unsent" }, lost[2])
    peer:command "mode sink"
    assert(peer:wait_connections(0, util.DEADLINE))
    local seen, faults = numbered.read(Peer.streams(dir), kilobyte)
    assert.same({}, faults)
    for id = lost[2][1], lost[2][2] do assert.is_nil(seen[id]) end -- "unsent" is certain
    for id = 1, lost[1][1] - 1 do assert.is_true(seen[id]) end -- and so was "acknowledged", here
  end)

  it("[F31] with unread input still brings the server everything, though its answers have no room", function()
    local peer = start_peer { mode = "echo" }
    local client = util.connected(peer, { inbox_limit = 16 * KIB })
    local count = util.choose(4000, 1500)
    send_all(client, kilobyte, count)
    assert(util.wait_until(function() return client:stats().paused end))
    assert(client:close(LONG))
    local events = util.collect(client, "lost", "close")
    assert(events:wait "close")
    assert.same({ "close" }, events:names())
    assert(peer:wait_bytes(#numbered.lines(kilobyte, 1, count), util.DEADLINE))
    assert.equal(count, account(client).finished)
  end)

  it("[F31] with input that it has not seen yet is an orderly end for the server", function()
    local peer = Peer.start()
    for round = 1, 20 do
      local client = util.connected(peer)
      assert(peer:wait_accepted(round))
      client:send "promised"
      peer:command("send " .. Peer.hex(("y"):rep(1000) .. "\n"))
      client:close()
      assert(client:wait("disconnected", util.DEADLINE))
      assert(peer:wait_connections(0))
    end
    assert.same({ 20 * 9, 20, 0 }, { peer:stats().bytes, peer:stats().ends, peer:stats().errors })
  end)

  it("[F32] twice ends the client once", function()
    local peer = Peer.start()
    local client = util.connected(peer)
    local events = util.collect(client)
    assert.is_true(client:close())
    assert.is_true(client:close())
    assert(events:wait "close")
    assert.is_true(client:close())
    assert(peer:wait_connections(0))
    sidewire.poll()
    assert.same({ "close" }, events:names())
    assert.equal("closed", client:state())
  end)

  it("[F32] happens when a client without handlers is collected, and flushes", function()
    local peer = Peer.start()
    do
      local client = util.connected(peer)
      client:send "from the grave"
    end
    collectgarbage()
    collectgarbage()
    assert(peer:wait_connections(0, util.DEADLINE))
    assert.equal(15, peer:stats().bytes)
  end)

  it("[F32] before collection changes nothing about it", function()
    local peer = Peer.start()
    for _ = 1, 20 do
      local client = util.connected(peer)
      client:send "x"
      client:close()
    end
    collectgarbage()
    collectgarbage()
    assert(peer:wait_connections(0, util.DEADLINE))
    assert.equal(40, peer:stats().bytes)
  end)

  it("[F32] in whatever way leaks neither descriptors nor memory", function()
    local peer = Peer.start()
    local function life(round)
      local client = util.connected(peer, { linger = 0.2 })
      client:send(("x"):rep(1000))
      if round % 3 > 0 then client:close() end
      if round % 3 == 1 then client:close() end
    end
    local function lives(count)
      for round = 1, count do life(round) end
      collectgarbage()
      collectgarbage()
      assert(peer:wait_connections(0, util.DEADLINE))
      sidewire.poll()
    end
    lives(60)
    local descriptors, resident = util.count_descriptors(), util.resident_bytes()
    lives(util.choose(600, 120))
    assert(util.wait_until(function() return util.count_descriptors() <= descriptors end))
    if not util.is_sanitized then assert.is_true(util.resident_bytes() - resident < 1024 * KIB) end
  end)
end)
