-- TLS servers that mean harm, or speak something else: each ends with words of its own, or is withstood. Meanwhile a
-- client without TLS of the same thread has its round trips, memory stays bounded, and the thread sleeps when there is
-- nothing to do.

local socket = require "socket"
local sidewire = require "sidewire.core"
local Peer = require "spec.support.peer"
local delivery = require "spec.support.delivery"
local engine = require "spec.support.engine"
local hostile = require "spec.support.hostile_client"
local threads = require "spec.support.threads"
local util = require "spec.support.util"

local MIB = 1024 * 1024
local GROWTH = util.choose(6, 600) * MIB -- of resident memory; a sanitizer keeps what was freed, up to 256 MiB
local MANY = util.choose(100000, 10000)

local FLOOD = "it sends TLS messages without end"
local NO_SERVER = "it does not answer as a TLS server does"
local NO_TLS = "it does not speak TLS on this port"
local GARBLED = "what it sent is no valid TLS, or was changed on the way"
local LONG_CHAIN = "it sends more certificates than are accepted"
local LARGE_KEY = "it has a certificate with a larger key than is accepted"
local LATE = "the TLS handshake has not ended within connect_timeout"
local UNKNOWN = "the TLS library reports a failure: "

describe("a hostile TLS server", function()
  local plain, exchanges, memory, most

  -- A client without TLS that sends again whenever an answer comes.
  local function start_plain()
    local peer = Peer.start { mode = "echo" }
    exchanges = 0
    plain = util.connected(peer, { on = { message = function(client)
      exchanges = exchanges + 1
      client:send "again"
    end } })
    plain:send "first"
  end

  local function polled_until(predicate)
    assert(util.poll_until(function()
      most = math.max(most, util.resident_bytes())
      return predicate()
    end))
  end

  local function wait_exchanges(count)
    local before = exchanges
    polled_until(function() return exchanges >= before + count end)
  end

  -- One connection as it should be, so that the library is there, and has the memory that it keeps.
  local function warm_up()
    local peer = hostile.start_peer(pending, Peer.start, { tls = {} })
    hostile.connected(peer):close()
    collectgarbage()
    memory = util.resident_bytes()
    most = memory
  end

  before_each(function()
    util.begin()
    warm_up()
    start_plain()
  end)
  after_each(hostile.finish)

  local function check_memory()
    most = math.max(most, util.resident_bytes())
    assert(most < memory + GROWTH, ("%.1f MiB more than at first"):format((most - memory) / MIB))
  end

  -- The connection or the attempt ends so; the other client goes on.
  local function ends(server, event, code, text, options)
    local _, events = hostile.connect(server, options)
    polled_until(function() return events:count "error" + events:count "disconnect" > 0 end)
    local last = events[#events]
    assert.same({ event, code }, { last[1], last[3] }, last[2])
    assert.truthy(last[2]:find(text, 1, true), ("no %q in: %s"):format(text, last[2]))
    assert.equal(event == "error" and "tls" or "receive", last[4].stage)
    wait_exchanges(10)
    check_memory()
    threads.wait_asleep()
    return events
  end

  -- It stays connected, gets the second line after all of it, and sleeps.
  local function withstands(options)
    local server = hostile.start(pending, options)
    local client, events = hostile.connect(server)
    local before = exchanges
    polled_until(function() return events:count "message" + events:count "disconnect" >= 2 end)
    local meanwhile = exchanges - before
    assert.same({ "connect", "message", "message" }, events:names(), events[#events][2])
    assert.same({ "hello", "after" }, events:all "message")
    assert(server:wait_log("1 sent " .. options.count))
    wait_exchanges(10)
    check_memory()
    threads.wait_asleep()
    assert.is_true(client:is_connected())
    return client, events, server, meanwhile
  end

  for _, version in ipairs(hostile.VERSIONS) do
    for mode, expected in pairs {
      warnings = { "disconnect", "ETLS", FLOOD, { count = MANY } },
      ["empty-records"] = { "disconnect", "ETLS", FLOOD, { count = MANY } },
      ["oversized-record"] = { "disconnect", "ETLS", GARBLED, { pause = 0, size = 16384 } },
      chain = { "error", "ETLS", LONG_CHAIN, {} },
      http = { "error", "ETLS", NO_TLS, {} },
      reset = { "error", "ECONNRESET", "connection reset by peer", {} },
      ["early-warnings"] = { "error", "ETLS", FLOOD, { count = MANY } },
      ["change-cipher-specs"] = { "error", "ETLS", version == "1.2" and NO_SERVER or UNKNOWN .. "unexpected ccs",
        { count = MANY } },
      certificate = { "error", "ETLS", LONG_CHAIN, { size = 16384, pause = 0 } },
      ["big-key"] = { "error", "ETLS", LARGE_KEY, {} },
      ["big-issuer-key"] = { "error", "ETLS", LARGE_KEY, {} },
    } do
      it(("[F63] %s, TLS %s: %s"):format(mode, version, expected[3]), function()
        local options = expected[4]
        options.mode, options.version = mode, version
        ends(hostile.start(pending, options), expected[1], expected[2], expected[3])
      end)
    end

    it("[F63] garbage, TLS " .. version, function()
      for _ = 1, 5 do
        local server = hostile.start(pending, { mode = "garbage", version = version })
        local client, events = hostile.connect(server)
        polled_until(function() return events:count "error" > 0 end)
        local text = events:last "error"[2]
        assert.equal("ETLS", events:last "error"[3], server:log())
        -- One in 256 begins as TLS does.
        local is_known = text:find(NO_TLS, 1, true) or text:find(NO_SERVER, 1, true) or text:find(UNKNOWN, 1, true)
          or text:find("by a TLS alert", 1, true) or text:find("during the TLS handshake", 1, true)
        assert.truthy(is_known, server:log() .. text)
        client:close()
      end
      wait_exchanges(10)
    end)

    it("[F63] silence, TLS " .. version .. ": the thread sleeps until connect_timeout", function()
      local server = hostile.start(pending, { mode = "silence", version = version })
      local _, events = hostile.connect(server, { connect_timeout = 1 })
      threads.wait_asleep()
      polled_until(function() return events:count "error" > 0 end)
      local _, text, code = engine.unpack(events:last "error")
      assert.same({ "ETIMEDOUT", true }, { code, text:find(LATE, 1, true) ~= nil }, text)
      assert.truthy(exchanges > 10)
      threads.wait_asleep()
    end)

    it("[F63] a certificate that comes byte by byte, TLS " .. version .. ": ends within connect_timeout", function()
      local options = { mode = "certificate", version = version, count = 90000, pause = 5 }
      local server = hostile.start(pending, options)
      local _, events = hostile.connect(server, { connect_timeout = 0.5 })
      polled_until(function() return events:count "error" > 0 end)
      local _, text, code = engine.unpack(events:last "error")
      assert.same({ "ETIMEDOUT", true }, { code, text:find(LATE, 1, true) ~= nil }, text)
      assert.truthy(exchanges > 10)
      check_memory()
      threads.wait_asleep()
    end)

    it("[F63] a certificate in records of one byte, TLS " .. version .. ": " .. FLOOD, function()
      ends(hostile.start(pending, { mode = "certificate", version = version, count = 90000, pause = 0 }), "error",
        "ETLS", FLOOD)
    end)
  end

  for mode, count in pairs { tickets = MANY, ["key-updates"] = MANY, ["key-update-requests"] = 5000,
    ["hello-requests"] = 5000 } do
    it(("[F63] %d %s are withstood"):format(count, mode), function()
      local client, events, server, meanwhile = withstands { mode = mode, count = count }
      if count == MANY then assert.truthy(meanwhile >= 10, meanwhile) end
      if mode ~= "hello-requests" then -- the server's library takes the client's refusal for the end
        client:send "data"
        polled_until(function() return events:count "message" == 3 end)
        assert.equal("data", events:last "message"[2])
        client:close()
        polled_until(function() return events:count "close" == 1 end)
        assert(server:wait_log "1 end close_notify")
      end
    end)
  end

  -- What is answered stays here, up to a limit.
  for _, mode in ipairs { "key-update-requests", "hello-requests" } do
    it(("[F63] %s of a peer that does not read: %s"):format(mode, FLOOD), function()
      local server = hostile.start(pending, { mode = mode, count = 1000000, window = 4096 })
      local events = ends(server, "disconnect", "ETLS", FLOOD)
      assert.same({ "hello" }, events:all "message")
    end)
  end

  it("[F63] key-update-requests after the client's own end: what comes with them is read", function()
    local server = hostile.start(pending, { mode = "key-update-requests", count = 5000 })
    local client, events = hostile.connect(server, { linger = 10 })
    assert(client:shutdown())
    polled_until(function() return events:count "message" == 2 end)
    assert.same({ "hello", "after" }, events:all "message")
  end)

  it("[F63] a full inbox pauses reading: the thread sleeps, though the library has bytes left", function()
    local server = hostile.start(pending, { mode = "coalesced", count = 500, size = 16384 })
    local client, events = hostile.connect(server, { inbox_limit = 64 * 1024 })
    for _ = 1, 3 do
      threads.wait_asleep()
      assert.truthy(client:stats().received < 100)
      assert.truthy(client:stats().inbox_bytes > 0)
      sidewire.poll(2)
    end
    polled_until(function() return events:count "message" == 502 end)
    for _, message in ipairs(events:all "message") do
      assert.truthy(#message == 16383 or message == "hello" or message == "after")
    end
    threads.wait_asleep()
  end)

  for mode in pairs { ["key-updates"] = true, tickets = true, ["key-update-requests"] = true } do
    it(("[F63] %s while reading is paused cost nothing"):format(mode), function()
      local server = hostile.start(pending, { mode = mode, count = 100 * MANY })
      local client, events = hostile.connect(server, { inbox_limit = 1 })
      assert(util.wait_received(client, 6))
      threads.wait_asleep()
      assert.falsy(server:log():find("1 sent", 1, true)) -- more than what the two systems take
      assert.equal(6, client:stats().received_bytes)
      polled_until(function() return events:count "message" == 1 end)
      check_memory()
    end)
  end

  for _, version in ipairs(hostile.VERSIONS) do
    it(("[F63] a peer that reads nothing, TLS %s: the thread sleeps, also while the end lingers"):format(version),
      function()
        local peer = hostile.start_peer(pending, delivery.start_peer, { mode = "silent", tls = { version = version } })
        local client, events = hostile.connected(peer, { linger = 1 })
        delivery.overfill(client)
        delivery.wait_stuck(client)
        wait_exchanges(10)
        threads.wait_asleep()
        client:close()
        threads.wait_asleep()
        polled_until(function() return events:count "close" == 1 end)
        local s, lost = client:stats(), 0
        for _, range in ipairs(util.losses(events)) do lost = lost + range[2] - range[1] + 1 end
        assert.equal(s.accepted, s.finished + lost)
        threads.wait_asleep()
      end)
  end
end)

describe("a server that does not speak TLS", function()
  before_each(util.begin)
  after_each(hostile.finish)

  for name, case in pairs {
    ["ends at once"] = { "", "it ended the connection during the TLS handshake" },
    ["greets as SSH"] = { "SSH-2.0-OpenSSH_9.2\r\n", NO_TLS },
    ["greets as SMTP"] = { "220 mail.example.org ESMTP\r\n", NO_TLS },
    ["sends zeros"] = { ("\0"):rep(100000), NO_TLS },
    ["sends the client's own words back"] = { false, NO_SERVER },
    ["refuses by an alert"] = { "\21\3\3\0\2\2\40",
      "it refuses the handshake: no cipher in common, or it wants something else" },
    ["says the version is too old"] = { "\21\3\3\0\2\2\70", "it speaks no TLS version that this client accepts" },
    ["begins a record and ends"] = { "\22\3\3\64\0\2", "it ended the connection during the TLS handshake" },
    ["sends empty records of the handshake"] = { ("\22\3\3\0\0"):rep(1000), false },
    ["claims a handshake message of 16 MiB"] = { "\22\3\3\0\4\2\255\255\255", LONG_CHAIN },
  } do
    it("[F63] fails with words of its own: it " .. name, function()
      local listener = assert(socket.bind("127.0.0.1", 0))
      local port = tonumber((select(2, listener:getsockname())))
      local _, events = hostile.connect({ host = "127.0.0.1", port = port })
      listener:settimeout(util.DEADLINE)
      local connection = assert(listener:accept())
      connection:settimeout(util.DEADLINE)
      assert.equal("\22\3\1", connection:receive(3)) -- a ClientHello
      local size = connection:receive(2)
      size = size:byte(1) * 256 + size:byte(2)
      local hello = connection:receive(size)
      local answer = case[1] or "\22\3\1" .. string.char(math.floor(size / 256), size % 256) .. hello
      connection:send(answer)
      if case[1] ~= ("\0"):rep(100000) then connection:shutdown "send" end
      local _, text, code = engine.unpack(assert(events:wait "error"))
      assert.equal("ETLS", code, text)
      if case[2] then assert.truthy(text:find(case[2], 1, true), text) end
      connection:close()
      listener:close()
    end)
  end
end)
