-- What the peer, or the script's own neglect, can do to a connection (rows of the acceptance list in the titles).

local socket = require "socket"
local sidewire = require "sidewire.core"
local Peer = require "spec.support.peer"
local numbered = require "spec.support.numbered"
local util = require "spec.support.util"

local RESTARTS = 20 -- by hand: 200
local LONG = 60 -- seconds: a delay that no spec outlives
local KIB = 1024

local account = numbered.check_account
local small = numbered.maker(function(n) return n % 90 end)
local kilobyte = numbered.maker(function() return KIB end)

local function start_peer(options)
  local peer = Peer.start(options)
  peer:command "rcvbuf 65536" -- its kernel buffers little for it, and never more with time
  return peer
end

local function recorded(options)
  local dir = Peer.tempdir()
  finally(function() Peer.remove(dir) end)
  options = options or {}
  options.record = dir
  return start_peer(options), dir
end

local function send_all(client, message, count)
  local first = client:stats().accepted + 1
  for n = first, first + count - 1 do assert.equal(n, client:send(message(n))) end
  return account(client)
end

local function wait_finished(client)
  assert(util.poll_until(function()
    local s = account(client)
    return s.queued == 0 and s.in_flight == 0
  end))
  return account(client)
end

local function stillness(client)
  local sent, since = -1, 0
  return function()
    local s = account(client)
    since = s.sent_bytes == sent and since + 1 or 0
    sent = s.sent_bytes
    return s.in_flight > 0 and s.queued > 0 and since >= 10
  end
end

-- Messages are in flight, others queued, and nothing moves.
local function wait_stuck(client)
  assert(util.poll_until(stillness(client)))
  return account(client)
end

local function wait_stuck_without_polling(client)
  assert(util.wait_until(stillness(client)))
end

describe("the peer's orderly end", function()
  before_each(util.begin)
  after_each(util.finish_without_peers)

  it("[F20] is seen within 0.1 s, as a disconnect with EPEER", function()
    local peer = Peer.start()
    local client = util.client(peer, { reconnect = 0.001 })
    local events = util.collect(client)
    assert(client:connect())
    local best = math.huge
    for round = 1, 5 do
      assert(events:wait("connect", round))
      assert(peer:wait_connections(1))
      local began = socket.gettime()
      peer:command "finish"
      local disconnect = assert(events:wait("disconnect", round))
      best = math.min(best, socket.gettime() - began)
      assert.equal("EPEER", disconnect[3])
      assert.same({ stage = "receive", unsent = 0, unacked = 0, partial = "", once_lost = 0, merged = 0, will_retry = true },
        disconnect[4])
    end
    assert.is_true(best < 0.1)
  end)

  it("[F20] is seen at once also without any polling", function()
    local peer = Peer.start()
    local client = util.connected(peer, { reconnect = false })
    peer:command "finish"
    assert(client:wait("disconnected", util.DEADLINE))
    assert.equal("EPEER", (select(3, client:receive())))
  end)

  it("[F20] with our data in the kernel: each message is acknowledged, reported or sent again", function()
    local peer, dir = recorded { mode = "silent" }
    local client = util.connected(peer, { reconnect = 0.01 })
    local events = util.collect(client)
    send_all(client, kilobyte, 2000)
    local before = wait_stuck(client)
    peer:command "close" -- unread input: our data in its kernel is gone
    assert(events:wait "disconnect")
    peer:command "mode sink"
    local s = wait_finished(client)
    assert.equal(2000, s.accepted)
    local fates = {}
    for _, range in ipairs(util.losses(events)) do
      assert.equal("unknown", range[3])
      for id = range[1], range[2] do fates[id] = true end
    end
    local seen, faults = numbered.read(Peer.streams(dir), kilobyte)
    assert.same({}, faults)
    for id = before.finished + 1, 2000 do
      if id > before.finished + before.in_flight then assert.is_true(seen[id]) end
      assert.is_true(seen[id] or fates[id] or id <= s.finished)
    end
  end)

  it("delivers what came before it, and hands over the tail that is no message", function()
    local peer = Peer.start()
    local client = util.client(peer, { reconnect = false })
    local events = util.collect(client)
    assert(client:connect())
    assert(events:wait "connect")
    peer:command("send-finish " .. Peer.hex "one\ntwo\nthr")
    local disconnect = assert(events:wait "disconnect")
    assert.same({ "one", "two" }, events:all "message")
    assert.equal("thr", disconnect[4].partial)
    assert.same({ "connect", "message", "message", "disconnect" }, events:names())
  end)

  it("[F22] costs and duplicates nothing when it half-closes and drains, " .. RESTARTS .. " times", function()
    local peer, dir = recorded()
    local client = util.client(peer, { reconnect = 0.001, queue_limit = 64 * KIB * KIB })
    local fates = numbered.note_losses(client)
    local connects, ended, n = 0, {}, 0
    client:on("connect", function() connects = connects + 1 end)
    client:on("disconnect", function(_, _, code) ended[code] = (ended[code] or 0) + 1 end)
    assert(client:connect())
    local function feed()
      for _ = 1, 50 do
        n = n + 1
        assert.equal(n, client:send(small(n)))
      end
      account(client)
    end
    for round = 1, RESTARTS do
      assert(util.poll_until(function()
        feed()
        return connects == round
      end))
      local goal = peer:stats().bytes + 20000
      assert(util.poll_until(function()
        feed()
        return peer:stats().bytes >= goal
      end))
      peer:command "finish"
    end
    local s = wait_finished(client)
    local expected = #numbered.lines(small, 1, n)
    assert(peer:wait_bytes(expected, util.DEADLINE))
    local seen, faults, counts = numbered.read(Peer.streams(dir), small)
    assert.same({}, faults)
    assert.same({ lost = 0, finished = n }, { lost = s.lost, finished = s.finished })
    assert.same({ messages = n, twice = 0, disorder = 0, partial = 0, cut = 0 }, counts)
    assert.equal(expected, peer:stats().bytes)
    assert.same({ faults = {} }, fates)
    assert.is_true(seen[n])
    assert(util.poll_until(function() return ended.EPEER == RESTARTS end))
    assert.same({ EPEER = RESTARTS }, ended)
  end)
end)

describe("a reset by the peer", function()
  before_each(util.begin)
  after_each(util.finish_without_peers)

  it("[F21] delivers the data that came before it, then a disconnect with ECONNRESET", function()
    local peer = Peer.start()
    for round = 1, 10 do
      local client = util.client(peer, { reconnect = false })
      local events = util.collect(client)
      assert(client:connect())
      assert(events:wait "connect")
      assert(peer:wait_connections(1))
      local lines = {}
      for i = 1, 20 do lines[i] = ("%d of round %d %s"):format(i, round, ("x"):rep(i * 100)) end
      peer:command("send-reset " .. Peer.hex(table.concat(lines, "\n") .. "\n"))
      local disconnect = assert(events:wait "disconnect")
      assert.equal("ECONNRESET", disconnect[3])
      assert.same(lines, events:all "message")
      assert.equal("disconnect", events[#events][1])
    end
  end)

  it("[F21] in the middle of our sending loses no data that it sent before", function()
    local peer = start_peer { mode = "silent" }
    local client = util.client(peer, { reconnect = false })
    local events = util.collect(client)
    assert(client:connect())
    assert(events:wait "connect")
    send_all(client, kilobyte, 2000)
    wait_stuck(client)
    peer:command("send-reset " .. Peer.hex "last words\n")
    local disconnect = assert(events:wait "disconnect")
    assert.same({ "last words" }, events:all "message")
    assert.equal("ECONNRESET", disconnect[3])
    assert.equal("idle", client:state())
    account(client)
  end)

  it("in the middle of our sending: fates add up, the rest arrives on the next connection", function()
    local peer, dir = recorded()
    peer:command(("reset-after %d"):format(500 * KIB))
    local client = util.connected(peer, { reconnect = LONG })
    local events = util.collect(client)
    send_all(client, kilobyte, 3000)
    local disconnect = assert(events:wait "disconnect")
    assert.is_true(disconnect[3] == "ECONNRESET" or disconnect[3] == "EPIPE")
    local s = account(client)
    local lost = util.losses(events)
    local kept_from = lost[#lost] and lost[#lost][2] + 1 or s.finished + 1
    assert.equal(3000 - kept_from + 1, s.queued)
    peer:command "reset-after 0"
    assert(client:connect())
    wait_finished(client)
    assert(util.wait_until(function() return peer:stats().lines >= 3000 - kept_from + 1 end))
    local streams = Peer.streams(dir)
    local expected = numbered.lines(kilobyte, kept_from, 3000)
    assert(util.wait_until(function()
      streams = Peer.streams(dir)
      return #streams[2].data >= #expected
    end))
    assert.is_true(streams[2].data == expected)
    assert.is_true(streams[1].data == numbered.lines(kilobyte, 1, 600):sub(1, #streams[1].data))
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
    local client = sidewire.new { host = "127.0.0.1", port = math.tointeger(port) }
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

  it("[F32] twice is a no-op", function()
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

describe("a script that does not poll", function()
  before_each(util.begin)
  after_each(util.finish_without_peers)

  local LIMIT = 256 * KIB

  -- A client with a message handler that never runs, and a peer that floods it.
  local function flooded(options)
    local peer = start_peer { mode = "flood 1000" }
    options = options or {}
    options.inbox_limit = LIMIT
    local client = util.connected(peer, options)
    local got = { n = 0, bytes = 0 }
    client:on("message", function(_, message)
      got.n = got.n + 1
      got.bytes = got.bytes + #message
      assert.equal(got.n, math.tointeger(message:match "^(%d+) "))
    end)
    assert(util.wait_until(function() return client:stats().paused end))
    return client, peer, got
  end

  it("[F38] pauses reading, so that the inbox stays bounded", function()
    local client, peer = flooded()
    local received = client:stats().received_bytes
    local sent = 0
    assert(util.wait_until(function() -- until the peer's kernel is full, too
      local before = sent
      sent = peer:stats().sent
      socket.sleep(0.02)
      return peer:stats().sent == before
    end))
    assert.equal(received, client:stats().received_bytes)
    local s = client:stats()
    assert.is_true(s.paused)
    assert.is_true(s.inbox_bytes >= LIMIT)
    -- One read and one message beyond it, with what counts besides their bytes.
    assert.is_true(s.inbox_bytes <= LIMIT + 256 * KIB + 64 * KIB)
    assert.equal("connected", s.state)
  end)

  it("[F38] goes on sending", function()
    local client, peer = flooded()
    send_all(client, kilobyte, 500)
    assert(peer:wait_bytes(#numbered.lines(kilobyte, 1, 500), util.DEADLINE))
    assert(util.wait_until(function() return account(client).finished == 500 end))
    assert.is_true(client:flush(util.DEADLINE))
  end)

  it("[F38] hears EFULL from wait, and from a flush that cannot go on", function()
    local client, peer = flooded()
    assert.equal("EFULL", (select(3, client:wait("disconnected", util.DEADLINE))))
    peer:command "stall on"
    send_all(client, kilobyte, 2000)
    local ok, message, code = client:flush(util.DEADLINE)
    assert.same({ nil, "inbox full: poll first", "EFULL" }, { ok, message, code })
  end)

  -- The inbox of the client fills while the host sleeps in `wait`, and then nothing else happens.
  local function check_is_told(peer, wait)
    peer:command("send-slow " .. Peer.hex(("x\n"):rep(KIB)))
    local began = socket.gettime()
    local ok, message, code = wait(2 * util.DEADLINE)
    assert.same({ nil, "inbox full: poll first", "EFULL" }, { ok, message, code })
    assert(socket.gettime() - began < util.DEADLINE, "it slept until its time was over")
  end

  it("[F38] hears EFULL while it waits", function()
    local peer = start_peer { mode = "silent" }
    local client = util.connected(peer, { inbox_limit = KIB })
    check_is_told(peer, function(timeout) return client:wait("disconnected", timeout) end)
  end)

  it("[F38] hears EFULL while it flushes", function()
    local peer = start_peer { mode = "silent" }
    local client = util.connected(peer, { inbox_limit = KIB })
    send_all(client, kilobyte, 10000)
    wait_stuck_without_polling(client)
    check_is_told(peer, function(timeout) return client:flush(timeout) end)
  end)

  it("[F38] has everything when it polls again, in order", function()
    local client, peer, got = flooded()
    assert(util.poll_until(function() return got.n >= 5000 end))
    peer:command "mode sink" -- else it may fill the inbox again before anybody looks
    assert(util.poll_until(function() return not client:stats().paused end))
    assert.equal(got.n, client:stats().received)
  end)

  it("[F38] does not see the end of the connection while it is paused, and sees it when it polls", function()
    local client, peer, got = flooded { reconnect = LONG }
    local events = util.collect(client, "disconnect", "retry")
    peer:command "close"
    assert.is_true(client:is_connected())
    assert(events:wait "disconnect")
    assert.is_true(got.n > 0)
  end)

  it("[F38] makes new connections while the inbox is full, and reads from them when there is room", function()
    local client, peer, got = flooded { reconnect = 0.01 }
    peer:command "stall on"
    send_all(client, kilobyte, 2000)
    wait_stuck_without_polling(client)
    peer:command "reset" -- seen, because there is something to write
    peer:command "mode sink"
    peer:command "stall off"
    assert(peer:wait_accepted(2))
    assert(client:wait("connected", util.DEADLINE))
    assert.is_true(client:stats().paused)
    assert.equal(0, got.n)
    wait_finished(client)
    assert.is_true(got.n > 0)
  end)

  -- Events by name, and how many connections the connects, and the disconnects, stand for.
  local function check_pairs(events)
    local connects, disconnects, last = 0, 0, "disconnect"
    for _, event in ipairs(events) do
      if event[1] == "connect" then connects = connects + 1 + event[2].merged end
      if event[1] == "disconnect" then disconnects = disconnects + 1 + event[4].merged end
      if event[1] == "connect" or event[1] == "disconnect" then
        assert.not_equal(last, event[1])
        last = event[1]
      end
    end
    return connects, disconnects
  end

  it("[F38] goes on with connections that the peer ends at once, and hears of all of them in a few events", function()
    local server = assert(socket.bind("127.0.0.1", 0))
    local client = sidewire.new {
      host = "127.0.0.1", port = select(2, server:getsockname()) // 1, reconnect = 0.001, inbox_limit = 4 * KIB,
    }
    local events = util.collect(client)
    assert(client:connect())
    for _ = 1, 400 do assert(server:accept()):close() end
    local last = assert(server:accept())
    server:close()
    assert(util.wait_until(function() return client:is_connected() and client:stats().connects == 401 end))
    assert(client:stats().inbox_bytes < 50 * KIB)
    sidewire.poll()
    local connects, disconnects = check_pairs(events)
    assert.same({ 401, 400 }, { connects, disconnects })
    assert(events:count "connect" < 120, events:count "connect" .. " events")
    last:close()
  end)

  it("[F38] hears of every message that such connections lost", function()
    local server = assert(socket.bind("127.0.0.1", 0))
    local client = sidewire.new {
      host = "127.0.0.1", port = select(2, server:getsockname()) // 1, reconnect = 0.001, retain = "none",
    }
    local events = util.collect(client)
    assert(client:connect())
    for n = 1, 300 do
      local stranger = assert(server:accept())
      assert(client:wait("connected", util.DEADLINE))
      for _ = 1, 3 do assert(client:send "x") end
      if n % 2 == 0 then stranger:setoption("linger", { on = true, timeout = 0 }) end -- a reset
      stranger:close()
      assert(util.wait_until(function() return not client:is_connected() or client:stats().connects > n end))
    end
    server:close()
    client:close(0)
    assert(events:wait "close")
    local lost, stats = {}, client:stats()
    for _, event in ipairs(events) do
      if event[1] == "lost" then
        for id = event[2], event[3] do
          assert.is_nil(lost[id])
          lost[id] = event[4]
        end
      end
    end
    local count = 0
    for _ in pairs(lost) do count = count + 1 end
    assert.equal(stats.lost, count)
    assert(count > 0)
    assert.equal(stats.accepted, stats.lost + stats.finished)
  end)

  it("gets a message larger than inbox_limit, whole", function()
    local size = 3 * KIB * KIB
    local peer = start_peer { mode = "echo", framing = "u32be" }
    local client = util.connected(peer, { framing = "u32be", inbox_limit = 64 * KIB })
    local big = ("0123456789abcdef"):rep(size // 16)
    client:send(big)
    client:send "small"
    assert.is_true(client:receive(util.DEADLINE) == big)
    assert.equal("small", client:receive(util.DEADLINE))
  end)
end)

describe("a frame that the peer has no right to", function()
  before_each(util.begin)
  after_each(util.finish_without_peers)

  local function ended_by(bytes, options)
    local peer = Peer.start()
    options.reconnect = options.reconnect or false
    local client = util.client(peer, options)
    local events = util.collect(client)
    assert(client:connect())
    assert(events:wait "connect")
    assert(peer:wait_connections(1))
    peer:command("send " .. Peer.hex(bytes))
    local disconnect = assert(events:wait "disconnect")
    return events, disconnect, client
  end

  it("[F45] ends the connection with EFRAME, after the messages before it", function()
    local events, disconnect = ended_by("\0\0\0\2ok\255\255\255\255", { framing = "u32be" })
    assert.same({ "ok" }, events:all "message")
    assert.same({ "EFRAME", "receive" }, { disconnect[3], disconnect[4].stage })
  end)

  it("[F45] counts as a failed attempt", function()
    local _, _, client = ended_by(("x"):rep(200), { framing = "line", max_message = 100, reconnect = LONG })
    assert.equal(1, client:stats().failures)
  end)

  it("[F45] that claims the most that can be allowed costs no memory before it comes", function()
    local peer = Peer.start()
    local client = util.connected(peer, { framing = "u32be", max_message = 2 ^ 30 })
    assert(peer:wait_connections(1))
    local before = util.resident_bytes()
    peer:command("send " .. Peer.hex("\63\255\255\255" .. ("x"):rep(100)))
    assert(util.wait_received(client, 104))
    assert.is_true(client:is_connected())
    if not util.is_sanitized then assert.is_true(util.resident_bytes() - before < 1024 * KIB) end
  end)

  it("[F45] that claims 4 GiB costs no memory either", function()
    local before = util.resident_bytes()
    local _, disconnect = ended_by("\255\255\255\255" .. ("x"):rep(100), { framing = "u32le" })
    assert.equal("EFRAME", disconnect[3])
    if not util.is_sanitized then assert.is_true(util.resident_bytes() - before < 2048 * KIB) end
  end)
end)
