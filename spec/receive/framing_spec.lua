-- How what arrives becomes messages.

local engine = require "spec.support.engine"
local Peer = require "spec.support.peer"
local framings = require "spec.support.framings"
local prefix = require "spec.support.prefix"
local util = require "spec.support.util"

local assert_messages = framings.assert_messages

describe("framing:", function()
  before_each(util.begin)
  after_each(util.finish)

  -- A connected client that collects; then the peer sends the bytes with the command and `finish`es.
  local function after(options, command, bytes)
    local peer = Peer.start { mode = "silent" }
    options.reconnect = false
    local client = util.connected(peer, options)
    local events = util.collect(client)
    peer:command(command .. " " .. Peer.hex(bytes))
    if command == "send-slow" then
      assert(util.wait_received(client, #bytes))
      peer:command "finish"
    end
    local disconnect = assert(events:wait "disconnect")
    assert.equal(1, events:count "disconnect")
    assert.equal("disconnect", events[#events][1])
    return events:all "message", disconnect[3], disconnect[4], client
  end

  local SPLITS = { -- what arrives, the messages in it, and what is left over
    { "line", "a\nb\n", { "a", "b" }, "" },
    { "line", "a\r\nb\n\n\r\nc\rd\r\r\ne", { "a", "b", "", "", "c\rd\r" }, "e" },
    { "line", "\r\n\r\n\n", { "", "", "" }, "" },
    { "line", "\r", {}, "\r" },
    { "line", "abc\r", {}, "abc\r" },
    { "line", "\0\255\0\n\0", { "\0\255\0" }, "\0" },
    { { delimiter = "--" }, "a--b-c----d-", { "a", "b-c", "" }, "d-" },
    { { delimiter = "--" }, "a---b--", { "a", "-b" }, "" },
    { { delimiter = "aab" }, "aaabxaab", { "a", "x" }, "" },
    { { delimiter = "abac" }, "ababacabac", { "ab", "" }, "" },
    { { delimiter = "\r\n\r\n" }, "a\r\n\r\r\n\r\nb\r\n\r", { "a\r\n\r" }, "b\r\n\r" },
    { { fixed = 3 }, "abcdefg", { "abc", "def" }, "g" },
    { "u8", "\0\1a\2bc\3d", { "", "a", "bc" }, "d" },
    { "u16be", "\0\0\0\1a\0\2bc\0", { "", "a", "bc" }, "" },
    { "u16le", "\0\0\1\0a\2\0bc\1\0", { "", "a", "bc" }, "" },
    { "u32be", "\0\0\0\0\0\0\0\1a\0\0\0\2bc\0\0\0", { "", "a", "bc" }, "" },
    { "u32le", "\0\0\0\0\1\0\0\0a\2\0\0\0bc\5\0\0\0defg", { "", "a", "bc" }, "defg" },
    { "u24be", "\0\0\0\0\0\1a\0\0\2bc\0\0", { "", "a", "bc" }, "" },
    { "u24le", "\0\0\0\1\0\0a\2\0\0bc\5\0\0defg", { "", "a", "bc" }, "defg" },
    { "u64be", "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\2bc\0\0", { "", "bc" }, "" },
    { "u64le", "\1\0\0\0\0\0\0\0a\5\0\0\0\0\0\0\0defg", { "a" }, "defg" },
    { "varint", "\0\1a\130\128\0bc\5defg", { "", "a", "bc" }, "defg" },
    { { length = "u16be", adjustment = -2 }, "\0\2\0\3a\0\5d", { "", "a" }, "d" },
    { { length = "u16be", keep = true }, "\0\0\0\1a\0\5d", { "\0\0", "\0\1a" }, "\0\5d" },
    { { length = "u32be", offset = 1, adjustment = -4 }, "Z\0\0\0\5IC\0\0\0\4R\0\0",
      { "Z\0\0\0\5I", "C\0\0\0\4" }, "R\0\0" },
    { { length = "varint", offset = 1 }, "\208\0000\1a0\129\0b0\128", { "\208\0", "0\1a", "0\129\0b" }, "0\128" },
    { "netstring", "5:hello,0:,3:a,b,2:x", { "hello", "", "a,b" }, "x" },
    { "netstring", "1:x,12", { "x" }, "" },
    { "content-length", "Content-Length: 2\r\n\r\n{}X: y\r\ncontent-length:3 \r\n\r\n\r\n\r", { "{}", "\r\n\r" }, "" },
    { "content-length", "Content-Length: 2\r\n\r\n{", {}, "{" },
    { "resp", "+OK\r\n*2\r\n$1\r\na\r\n:1\r\n|1\r\n+a\r\n_\r\n+b\r\n$5\r\nhel",
      { "+OK\r\n", "*2\r\n$1\r\na\r\n:1\r\n", "|1\r\n+a\r\n_\r\n+b\r\n" }, "$5\r\nhel" },
  }

  local function name_of(framing)
    if type(framing) == "string" then return framing end
    if framing.length then
      return ("length %s, %d, %d"):format(framing.length, framing.offset or 0, framing.adjustment or 0)
    end
    return framing.fixed and "fixed " .. framing.fixed or ("delimiter %q"):format(framing.delimiter)
  end

  describe("the same messages come, however the bytes are split [F46]:", function()
    for _, case in ipairs(SPLITS) do
      local framing, bytes, messages, partial = engine.unpack(case)
      it(("%s: %q"):format(name_of(framing), bytes), function()
        for _, command in ipairs { "send-finish", "send-slow" } do
          local got, code, detail = after({ framing = framing }, command, bytes)
          assert_messages(messages, got)
          assert.equal("EPEER", code)
          assert.equal(partial, detail.partial)
          assert.equal("receive", detail.stage)
        end
      end)
    end

    it("raw has no rest", function()
      local got, code, detail = after({ framing = "raw" }, "send-slow", "abc\n\0d")
      assert.equal("abc\n\0d", table.concat(got))
      assert.equal("EPEER", code)
      assert.equal("", detail.partial)
    end)
  end)

  describe("lengths 0 and max are messages, more is a bad frame [F45]:", function()
    local function accepts(options, bytes, messages)
      for _, command in ipairs { "send-finish", #bytes < 100 and "send-slow" or nil } do
        local got, code = after(options, command, bytes)
        assert_messages(messages, got)
        assert.equal("EPEER", code)
      end
    end

    -- Nothing but the messages before the bad frame comes; the end does not wait for the peer's.
    local function refuses(options, bytes, messages)
      local got, code, detail = after(options, "send", bytes)
      assert_messages(messages, got)
      assert.equal("EFRAME", code)
      assert.equal("receive", detail.stage)
      assert.equal(false, detail.will_retry)
    end

    it("line", function()
      accepts({ max_message = 4 }, "\n1234\n1234\r\n", { "", "1234", "1234" })
      refuses({ max_message = 4 }, "\nok\n12345\nok\n", { "", "ok" })
      refuses({ max_message = 4 }, "ok\n12345", { "ok" })
      refuses({ max_message = 4 }, "ok\n1234\rx", { "ok" })
      accepts({}, ("x"):rep(65536) .. "\n", { ("x"):rep(65536) })
      refuses({}, ("x"):rep(65537) .. "\n", {})
    end)

    it("delimiter", function()
      local options = { framing = { delimiter = "--" }, max_message = 4 }
      accepts(options, "--1234--1-2---", { "", "1234", "1-2" })
      refuses(options, "ok--12345--", { "ok" })
      refuses(options, "ok--12345", { "ok" })
      refuses(options, "ok--1234-5", { "ok" })
    end)

    it("length prefixes", function()
      for framing in pairs(prefix.SIZES) do
        local options = { framing = framing, max_message = 4 }
        local function claim(size) return prefix.claim(framing, size) end
        accepts(options, claim(0) .. claim(4) .. "1234", { "", "1234" })
        refuses(options, claim(2) .. "ok" .. claim(5), { "ok" })
        refuses(options, claim(2) .. "ok" .. claim(5) .. "12345" .. claim(0), { "ok" })
        refuses(options, claim(2) .. "ok" .. ("\255"):rep(#claim(0)), { "ok" })
      end
    end)

    it("digits and headers, which count", function()
      accepts({ framing = "netstring", max_message = 6 }, "0:,4:1234,", { "", "1234" })
      refuses({ framing = "netstring", max_message = 6 }, "2:ok,5:", { "ok" })
      refuses({ framing = "netstring", max_message = 6 }, "2:ok,1234567", { "ok" })
      local headers = "Content-Length: 4\r\n\r\n"
      accepts({ framing = "content-length", max_message = #headers + 4 }, headers .. "1234", { "1234" })
      refuses({ framing = "content-length", max_message = #headers + 3 }, headers .. "1234", {})
      refuses({ framing = "content-length", max_message = 100 }, ("x"):rep(101), {})
      accepts({ framing = "resp", max_message = 10 }, "$4\r\n1234\r\n*2\r\n_\r\n_\r\n", { "$4\r\n1234\r\n",
        "*2\r\n_\r\n_\r\n" })
      refuses({ framing = "resp", max_message = 10 }, "_\r\n$5\r\n", { "_\r\n" })
      refuses({ framing = "resp", max_message = 10 }, "_\r\n*3\r\n", { "_\r\n" })
    end)

    it("whole frames", function()
      local options = { framing = { length = "u16be", offset = 1 }, max_message = 7 }
      accepts(options, "a\0\0b\0\0041234", { "a\0\0", "b\0\0041234" })
      refuses(options, "a\0\0b\0\00512345", { "a\0\0" })
    end)

    it("16 MiB where a length stands in front, 64 KiB elsewhere", function()
      local size = 2 ^ 24
      for framing, bytes in pairs {
        varint = { "\128\128\128\8", "\129\128\128\8" }, netstring = { "16777207:", "16777208:" },
        resp = { "$16777203\r\n", "$16777204\r\n" },
        u64be = { prefix.claim("u64be", size), prefix.claim("u64be", size + 1) },
      } do
        local got, code = after({ framing = framing }, "send-finish", bytes[1])
        assert.same({ {}, "EPEER" }, { got, code }, framing)
        refuses({ framing = framing }, bytes[2], {})
      end
    end)

    it("a claimed length allocates nothing", function()
      local peer = Peer.start { mode = "silent" }
      local clients = {}
      local before = util.resident_bytes()
      for i = 1, 20 do clients[i] = util.connected(peer, { framing = "u32be", max_message = 2 ^ 30 }) end
      peer:command("send " .. Peer.hex(prefix.claim("u32be", 2 ^ 30) .. "x"))
      for _, client in ipairs(clients) do assert(util.wait_received(client, 5)) end
      local grown = util.resident_bytes() - before
      assert(grown < 64 * 2 ^ 20, grown)
    end)

    it("it counts as a failed attempt, and the next connection starts clean", function()
      local peer = Peer.start { mode = "silent" }
      local reconnect = { delay = 0.01, attempts = 3 }
      local client = util.connected(peer, { framing = "u16be", max_message = 100, reconnect = reconnect })
      local events = util.collect(client)
      for round = 1, 3 do
        peer:command("send " .. Peer.hex("\0\2ok" .. "\255\255half a mes"))
        local disconnect = assert(events:wait("disconnect", round))
        assert.equal("EFRAME", disconnect[3])
        assert.equal(round < 3, disconnect[4].will_retry)
        if round < 3 then
          assert(events:wait("connect", round + 1))
          assert(peer:wait_accepted(round + 1))
          assert.equal(round, client:stats().failures)
        end
      end
      assert.same({ "ok", "ok", "ok" }, events:all "message")
      assert.equal(2, events:count "retry")
      assert.equal(0, events:count "error")
      assert.equal("EFRAME", events:last "retry"[5])
      assert.equal("idle", client:state())
      client:connect()
      assert(events:wait("connect", 4))
      assert(peer:wait_accepted(4))
      peer:command("send " .. Peer.hex "\0\5clean")
      assert.equal("clean", assert(events:wait("message", 4))[2])
    end)
  end)
end)
