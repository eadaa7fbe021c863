-- A script that does not poll: sending and connecting go on, and memory stays bounded.

local socket = require "socket"
local sidewire = require "sidewire"
local Peer = require "spec.support.peer"
local delivery = require "spec.support.delivery"
local numbered = require "spec.support.numbered"
local util = require "spec.support.util"

local account = numbered.check_account
local kilobyte, send_all, wait_finished = delivery.kilobyte, delivery.send_all, delivery.wait_finished
local start_peer = delivery.start_peer
local LONG = util.LONG
local KIB = 1024

local function port_of(server)
  local _, port = server:getsockname() -- a string
  return tonumber(port)
end

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
      assert.equal(got.n, tonumber(message:match "^(%d+) "))
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
    delivery.wait_stuck_without_polling(client)
    check_is_told(peer, function(timeout) return client:flush(timeout) end)
  end)

  it("[F38] has everything when it polls again, in order", function()
    local client, peer, got = flooded()
    assert(util.poll_until(function() return got.n >= 5000 end))
    peer:command "mode sink" -- else it may fill the inbox again before the test looks
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
    delivery.wait_stuck_without_polling(client)
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
      host = "127.0.0.1", port = port_of(server), reconnect = 0.001, inbox_limit = 4 * KIB,
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

  it("[F38] gets the end of a connection of which it has heard, whatever comes behind it", function()
    local server = assert(socket.bind("127.0.0.1", 0))
    local client = sidewire.new { host = "127.0.0.1", port = port_of(server), reconnect = 0.001 }
    local events = util.collect(client, "connect", "disconnect")
    assert(client:connect())
    local first = assert(server:accept())
    assert(events:wait "connect")
    first:close()
    for _ = 1, 400 do assert(server:accept()):close() end
    local last = assert(server:accept())
    assert(util.wait_until(function() return client:is_connected() and client:stats().connects == 402 end))
    sidewire.poll()
    assert.equal("disconnect", events[2][1])
    assert.equal(0, events[2][4].merged)
    local connects, disconnects = check_pairs(events)
    assert.same({ 402, 401 }, { connects, disconnects })
    last:close()
    server:close()
  end)

  it("[F38] hears of every message that such connections lost", function()
    local server = assert(socket.bind("127.0.0.1", 0))
    local client = sidewire.new {
      host = "127.0.0.1", port = port_of(server), reconnect = 0.001, retain = "none",
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

  it("[F59] goes on connecting while the server is away for long, in bounded memory", function()
    local peer = start_peer { mode = "sink" }
    peer:kill()
    local client = util.client(peer, { reconnect = 0.001 })
    client:on { retry = function() end, connect = function() end }
    assert(client:connect())
    assert(util.wait_until(function() return client:stats().failures > util.choose(1500, 500) end))
    assert(client:stats().inbox_bytes < 2 ^ 16, client:stats().inbox_bytes)
    peer:start_again()
    assert(client:wait("connected", util.DEADLINE))
  end)

  it("gets a message larger than inbox_limit, whole", function()
    local size = 3 * KIB * KIB
    local peer = start_peer { mode = "echo", framing = "u32be" }
    local client = util.connected(peer, { framing = "u32be", inbox_limit = 64 * KIB })
    local big = ("0123456789abcdef"):rep(math.floor(size / 16))
    client:send(big)
    client:send "small"
    assert.is_true(client:receive(util.DEADLINE) == big)
    assert.equal("small", client:receive(util.DEADLINE))
  end)
end)
