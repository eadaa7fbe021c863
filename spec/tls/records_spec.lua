-- TLS records in every size and piece, and connections that are cut: what comes of the messages.

local socket = require "socket"
local Peer = require "spec.support.peer"
local build = require "spec.support.build"
local delivery = require "spec.support.delivery"
local engine = require "spec.support.engine"
local hostile = require "spec.support.hostile_client"
local numbered = require "spec.support.numbered"
local util = require "spec.support.util"
local unpack = engine.unpack

local small, kilobyte = delivery.small, delivery.kilobyte
local NO_END = "it ended without TLS close_notify, so what it sent may be cut short"
local NO_HANDSHAKE = "it ended the connection during the TLS handshake"

local function assert_has(text, part)
  assert.truthy(text:find(part, 1, true), ("no %q in: %s"):format(part, text))
end

-- Bytes of data that the server has had, by its log.
local function data_bytes(server)
  local sum = 0
  for bytes in server:log():gmatch "data (%d+)" do sum = sum + tonumber(bytes) end
  return sum
end

-- Each is finished, or lost and reported, and none is both.
local function fates(client, events)
  local s = numbered.check_account(client)
  local lost = 0
  for _, range in ipairs(util.losses(events)) do lost = lost + range[2] - range[1] + 1 end
  return { accepted = s.accepted, finished = s.finished, lost = lost, rest = s.queued + s.in_flight }
end

for _, version in ipairs(hostile.VERSIONS) do
  describe("TLS " .. version, function()
    before_each(util.begin)
    after_each(hostile.finish)

    for mode, what in pairs { segments = "a TCP segment", records = "a record" } do
      it(("[F61] with each byte in %s of its own: all messages come, both ways"):format(what), function()
        local server = hostile.start(pending, { mode = mode, version = version })
        local client, events = hostile.connect(server)
        assert(events:wait("message", 2))
        local expected = { "hello", "after" }
        for n = 1, 200 do
          assert.equal(n, client:send(small(n)))
          expected[n + 2] = small(n)
        end
        assert(events:wait("message", 202))
        assert.same(expected, events:all "message")
        assert.same({ accepted = 200, finished = 200, lost = 0, rest = 0 }, (delivery.wait_finished(client)
          and fates(client, events)))
        client:close()
        assert(events:wait "close")
        assert(server:wait_log "1 end close_notify")
        assert.equal(#table.concat(expected, "\n", 3) + 1, data_bytes(server))
      end)
    end

    it("[F61] with a thousand records in one segment, also of the largest size", function()
      for count, size in pairs { [1000] = 10, [100] = 16384 } do
        local server = hostile.start(pending, { mode = "coalesced", version = version, count = count, size = size })
        local client, events = hostile.connect(server)
        assert(events:wait("message", count + 2))
        local expected = { "hello" }
        for n = 1, count do expected[n + 1] = ("x"):rep(size - 1) end
        expected[count + 2] = "after"
        assert.same(expected, events:all "message")
        assert.is_true(client:is_connected())
        client:close()
      end
    end)

    it("[F61] of half a record nothing is delivered, and a FIN behind it is ECONNRESET", function()
      local server = hostile.start(pending, { mode = "cut-record", version = version })
      local client, events = hostile.connect(server)
      client:send "one"
      local _, text, code, detail = unpack(assert(events:wait "disconnect"), 1, 4)
      assert.equal("ECONNRESET", code)
      assert_has(text, NO_END)
      assert.equal("", detail.partial)
      assert.same({ "hello" }, events:all "message")
      local found = fates(client, events)
      assert.equal(1, found.finished + found.lost)
      assert.equal(0, found.rest)
    end)

    it("[F61] a FIN without close_notify is ECONNRESET, after all that came before it", function()
      local server = hostile.start(pending, { mode = "no-close-notify", version = version })
      local _, events = hostile.connect(server)
      local _, text, code, detail = unpack(assert(events:wait "disconnect"), 1, 4)
      assert.equal("ECONNRESET", code)
      assert_has(text, NO_END)
      assert.equal("receive", detail.stage)
      assert.same({ "connect", "message", "message", "disconnect" }, events:names())
      assert.same({ "hello", "after" }, events:all "message")
    end)

    it("[F61] a record that claims more than there may be in one ends the connection at once", function()
      local server = hostile.start(pending, { mode = "oversized-record", version = version, pause = 1 })
      local _, events = hostile.connect(server)
      local _, text, code = unpack(assert(events:wait "disconnect"), 1, 3)
      assert.equal("ETLS", code)
      assert_has(text, "what it sent is no valid TLS, or was changed on the way")
      assert.same({ "hello" }, events:all "message")
      assert(server:wait_log "1 end")
      assert(tonumber(server:log():match "1 broken (%d+)") < 65535)
    end)

    for command, expected in pairs {
      ["finish"] = { "EPEER", "" }, ["truncate"] = { "ECONNRESET", "" },
      ["send-finish 74776f0a68616c66"] = { "EPEER", "half" },
      ["send-truncate 74776f0a68616c66"] = { "ECONNRESET", "half" },
    } do
      it(("[F61] the peer's %s is %s; what was acknowledged is finished"):format(command, expected[1]), function()
        local peer = hostile.start_peer(pending, Peer.start, { mode = "sink", tls = { version = version } })
        local client, events = hostile.connected(peer)
        delivery.send_all(client, small, 300)
        delivery.wait_finished(client)
        peer:command(command)
        local _, text, code, detail = unpack(assert(events:wait "disconnect"), 1, 4)
        assert.same({ expected[1], expected[2], 0, 0 }, { code, detail.partial, detail.unsent, detail.unacked })
        if code == "ECONNRESET" then assert_has(text, NO_END) end
        assert.same(expected[2] ~= "" and { "two" } or {}, events:all "message")
        assert.same({ accepted = 300, finished = 300, lost = 0, rest = 0 }, fates(client, events))
      end)
    end

    for _, retain in ipairs { "unsent", "unacked" } do
      it(("[F61] a FIN without close_notify on data that the peer does not read, with retain = %q"):format(retain),
        function()
          if retain == "unacked" then build.needs("acks", pending) end
          local peer, dir = hostile.start_peer(pending, delivery.recorded, { mode = "silent",
            tls = { version = version } })
          local client, events = hostile.connected(peer, { reconnect = 0.01, retain = retain })
          delivery.send_all(client, kilobyte, 2000)
          local before = delivery.wait_stuck(client)
          peer:command "truncate"
          assert_has(assert(events:wait "disconnect")[2], NO_END)
          peer:command "mode sink"
          local s = delivery.wait_finished(client)
          assert.equal(2000, s.accepted)
          local lost = {}
          for _, range in ipairs(util.losses(events)) do
            assert.equal("unknown", range[3])
            for id = range[1], range[2] do lost[id] = true end
          end
          assert(peer:wait_bytes(1))
          client:close()
          assert(events:wait "close")
          assert(peer:wait_connections(0))
          local reader = numbered.reader(kilobyte, { may_repeat = retain == "unacked", may_skip = function(first, last)
            for id = first, last do if not lost[id] then return false end end
            return true
          end })
          for _, stream in ipairs(Peer.streams(dir)) do reader:read(stream) end
          assert.same({}, reader.faults)
          for id = 1, 2000 do
            -- What the peer's TCP had was finished; the peer ended with it unread, and then read it.
            assert.is_true(lost[id] or reader.seen:has(id), ("%d is neither lost nor seen"):format(id))
          end
          if retain == "unacked" then assert.same({}, lost) end
          assert.is_true(before.in_flight > 0 or build.has_fallbacks)
        end)
    end

    -- Between client and peer: hands on what the client says, and of the peer's bytes so many, in pieces of a random size;
    -- then FIN.
    local function relay(listener, peer, cut)
      local inside = assert(listener:accept())
      local outside = assert(socket.connect("127.0.0.1", peer.port))
      inside:settimeout(0)
      outside:settimeout(0)
      local left, has_ended = cut, false
      return function()
        local said = select(3, inside:receive "*a") or ""
        if said ~= "" then outside:send(said) end
        for _ = 1, left > 0 and 20 or 0 do
          local data, _, some = outside:receive(math.min(left, math.random(100)))
          data = data or some or ""
          if data ~= "" then assert(inside:send(data)) end
          left = left - #data
          if left == 0 then break end
        end
        if left == 0 and not has_ended then
          has_ended = true
          inside:shutdown "send"
        end
      end, function()
        inside:close()
        outside:close()
      end
    end

    it("[F61] cut anywhere: in the handshake ETLS, later ECONNRESET, and the messages are the first ones", function()
      local seed = tonumber(os.getenv "SEED") or os.time()
      print("# SEED=" .. seed)
      math.randomseed(seed)
      local peer = hostile.start_peer(pending, Peer.start, { mode = "flood", tls = { version = version } })
      local listener = assert(socket.bind("127.0.0.1", 0))
      local port = tonumber((select(2, listener:getsockname())))
      local ends = { ETLS = 0, ECONNRESET = 0 }
      for round = 1, util.choose(60, 16) do
        local cut = math.random(round % 2 == 0 and 400 or 6000) -- no handshake has fewer than 400 bytes
        local client, events = hostile.connect({ host = "127.0.0.1", port = port })
        delivery.send_all(client, small, 100)
        local step, finish = relay(listener, peer, cut)
        assert(util.poll_until(function()
          step()
          return events:count "error" + events:count "disconnect" > 0
        end))
        local last = events:last "disconnect" or events:last "error"
        ends[last[3]] = ends[last[3]] + 1
        if last[1] == "error" then
          assert.same({ "ETLS", true }, { last[3], last[2]:find(NO_HANDSHAKE, 1, true) ~= nil }, cut .. last[2])
        else
          assert.same({ "ECONNRESET", true }, { last[3], last[2]:find(NO_END, 1, true) ~= nil }, cut .. last[2])
        end
        local messages = events:all "message"
        local before = messages[1] and tonumber(messages[1]:match "^%d+") - 1
        for n = 1, #messages do assert.equal(63, #messages[n]:match("^" .. before + n .. " x+$")) end
        client:close(0)
        assert(util.poll_until(function() step() return events:count "close" == 1 end))
        local found = fates(client, events)
        assert.same({ 100, 100 }, { found.accepted, found.finished + found.lost })
        finish()
      end
      listener:close()
      assert.is_true(ends.ETLS > 0 and ends.ECONNRESET > 0)
    end)
  end)
end
