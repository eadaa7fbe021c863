local sidewire = require "sidewire"
local Peer = require "spec.support.peer"
local util = require "spec.support.util"

local ALL_BYTES = {}
for byte = 0, 255 do ALL_BYTES[#ALL_BYTES + 1] = string.char(byte) end
ALL_BYTES = table.concat(ALL_BYTES)

-- Reproducible bytes in which every shift shows.
local function noise(size, seed)
  local block, state = {}, seed or 1
  for i = 1, 1021 do -- prime
    state = (state * 1103515245 + 12345) % 2 ^ 31
    block[i] = string.char(state // 65536 % 256)
  end
  block = table.concat(block)
  return block:rep(size // #block + 1):sub(1, size)
end

local function without(text, ...)
  for _, byte in ipairs { ... } do text = text:gsub(byte, "") end
  return text
end

-- Lua's own idea of each framing: what stands on the wire for a message.
local FRAMINGS = {
  { name = "line", framing = "line", wire = function(message) return message .. "\n" end,
    messages = { "", "x", "\0", "\255", "\rx", without(ALL_BYTES, "\n"), without(noise(65536), "\n") } },
  { name = "u8", framing = "u8", wire = function(message) return string.pack("s1", message) end,
    messages = { "", "x", "\n", ALL_BYTES:sub(1, 255), ALL_BYTES:sub(2, 256), ("\255"):rep(255) } },
  { name = "u16be", framing = "u16be", wire = function(message) return string.pack(">s2", message) end,
    messages = { "", "x", ALL_BYTES, noise(65535), ("\0"):rep(256), ("\255"):rep(65535) } },
  { name = "u16le", framing = "u16le", wire = function(message) return string.pack("<s2", message) end,
    messages = { "", "x", ALL_BYTES, noise(65535), ("\0"):rep(256), ("\255"):rep(65535) } },
  { name = "u32be", framing = "u32be", wire = function(message) return string.pack(">s4", message) end,
    messages = { "", "x", ALL_BYTES, noise(65535), noise(65536), noise(65537), noise(131072), noise(300000) } },
  { name = "u32le", framing = "u32le", wire = function(message) return string.pack("<s4", message) end,
    messages = { "", "x", ALL_BYTES, noise(65531), noise(65532), noise(65533), noise(300000), ("\0"):rep(70000) } },
  { name = "a zero as delimiter", framing = { delimiter = "\0" }, wire = function(message) return message .. "\0" end,
    messages = { "", "x", "\n", without(ALL_BYTES, "%z"), without(noise(65536), "%z") } },
  { name = "a long delimiter", framing = { delimiter = "\r\n--\255--\r\n" },
    wire = function(message) return message .. "\r\n--\255--\r\n" end,
    messages = { "", "x", "\r", "\r\n", "\r\n--\255--\r", ALL_BYTES, noise(65536) } },
  { name = "a delimiter that overlaps itself", framing = { delimiter = "aab" },
    wire = function(message) return message .. "aab" end,
    messages = { "", "x", "b", "ab", "aa", "aaaaaaa", "xaa", ALL_BYTES } },
  { name = "fixed 1", framing = { fixed = 1 }, wire = function(message) return message end,
    messages = { "x", "\0", "\255", "\n" } },
  { name = "fixed 256", framing = { fixed = 256 }, wire = function(message) return message end,
    messages = { ALL_BYTES, ALL_BYTES:reverse(), ("\0"):rep(256) } },
  { name = "fixed 100000", framing = { fixed = 100000 }, wire = function(message) return message end,
    messages = { noise(100000), ("\0"):rep(100000), noise(100000, 7) } },
}

local function hex(bytes) return Peer.hex(bytes) end

local function short(text)
  return #text > 60 and ("%d bytes: %q..."):format(#text, text:sub(1, 40)) or ("%q"):format(text)
end

-- Long strings are compared without being printed.
local function assert_messages(expected, got)
  for i = 1, math.max(#expected, #got) do
    if expected[i] ~= got[i] then
      error(("message %d: expected %s, got %s"):format(i, expected[i] and short(expected[i]) or "none",
        got[i] and short(got[i]) or "none"), 2)
    end
  end
end

describe("framing:", function()
  before_each(util.begin)
  after_each(util.finish)

  describe("both ways, byte for byte [F10]:", function()
    for _, case in ipairs(FRAMINGS) do
      it(case.name, function()
        local dir = Peer.tempdir()
        local peer = Peer.start { mode = "echo", record = dir }
        local client = util.connected(peer, { framing = case.framing, max_message = case.max_message })
        local events = util.collect(client)
        local wire, ids = {}, {}
        for i, message in ipairs(case.messages) do
          ids[i] = assert(client:send(message))
          wire[i] = case.wire(message)
        end
        assert(events:wait("message", #case.messages))
        assert_messages(case.messages, events:all "message")
        assert_messages({ table.concat(wire) }, { Peer.streams(dir)[1].data })
        for i, id in ipairs(ids) do assert.equal(i, id) end
        assert.equal(0, events:count "disconnect")
        Peer.remove(dir)
      end)
    end

    it("raw, whose messages are chunks of any size up to max_message", function()
      local peer = Peer.start { mode = "echo" }
      local client = util.connected(peer, { framing = "raw", max_message = 1000 })
      local events = util.collect(client)
      local sent = {}
      for i, size in ipairs { 1, 2, 999, 1000, 1001, 70000, 1 } do
        sent[i] = noise(size, i)
        assert(client:send(sent[i]))
      end
      sent = table.concat(sent)
      assert(util.poll_until(function() return #table.concat(events:all "message") >= #sent end))
      assert_messages({ sent }, { table.concat(events:all "message") })
      for _, chunk in ipairs(events:all "message") do assert(#chunk >= 1 and #chunk <= 1000, #chunk) end
    end)

    it("one message of many MiB, with max_message and queue_limit raised [F10]", function()
      local size = util.choose(64, 4) * 2 ^ 20 // 1 | 0
      local peer = Peer.start { mode = "echo" }
      local limits = { framing = "u32be", max_message = size, queue_limit = size + 4, inbox_limit = 2 ^ 20 }
      local client = util.connected(peer, limits)
      local message = noise(size)
      assert(client:send(message))
      local got = assert(client:receive(util.DEADLINE))
      assert(got == message)
      assert.equal(size + 4, peer:stats().bytes)
      assert.same({ 0, 0 }, { client:pending() })
    end)

    it("a million messages of one byte, in order [F10]", function()
      local count = util.choose(1000000, 50000)
      local peer = Peer.start { mode = "echo" }
      local client = util.connected(peer, { framing = "u8" })
      local received, wrong = 0, nil
      client:on("message", function(_, message)
        received = received + 1
        if message ~= string.char(received % 251) then wrong = wrong or received end
      end)
      local digest = 0xcbf29ce484222325 -- FNV-1a, as the peer's
      local function add(byte) digest = (digest ~ byte) * 0x100000001b3 end
      for i = 1, count do
        if not client:send(string.char(i % 251)) then error "refused" end -- luassert's assert is slow
        add(1)
        add(i % 251)
        if i % 1000 == 0 then sidewire.poll() end
      end
      assert(util.poll_until(function() return received >= count end))
      assert.is_nil(wrong)
      assert.equal(count, received)
      local stats = peer:stats()
      assert.equal(2 * count, stats.bytes)
      assert.equal(("%016x"):format(digest), stats.digest)
      assert.equal(count, client:stats().received)
    end)
  end)

  describe("a message that its framing cannot carry is refused, and nothing is queued:", function()
    local function refuses(code, options, ...)
      local client = sidewire.new(options)
      local id, message, got = client:send(...)
      assert.is_nil(id)
      assert.is_string(message)
      assert.equal(code, got)
      assert.same({ 0, 0 }, { client:pending() })
      return client
    end

    it("a line that holds a line end, or whose end would be taken for a part of one", function()
      for _, text in ipairs { "\n", "a\n", "\na", "a\nb", "\r", "a\r", "\r\n" } do
        if text == "\r" or text == "a\r" or text:find "\n" then refuses("EFRAME", { framing = "line" }, text) end
      end
      refuses("EFRAME", { framing = "line" }, "a", "\n", "b")
      refuses("EFRAME", { framing = "line" }, "a", "\r", "")
      assert(sidewire.new({ framing = "line" }):send("\r", "a"))
    end)

    it("one that holds the delimiter, or forms one across pieces or with its own", function()
      refuses("EFRAME", { framing = { delimiter = "\0" } }, "a\0b")
      refuses("EFRAME", { framing = { delimiter = "--" } }, "a--b")
      refuses("EFRAME", { framing = { delimiter = "--" } }, "a-", "-b")
      refuses("EFRAME", { framing = { delimiter = "--" } }, "a-")
      refuses("EFRAME", { framing = { delimiter = "aab" } }, "aab")
      refuses("EFRAME", { framing = { delimiter = "aba" } }, "ab")
      refuses("EFRAME", { framing = { delimiter = "abab" } }, "xab")
      assert(sidewire.new({ framing = { delimiter = "--" } }):send "a-b")
      assert(sidewire.new({ framing = { delimiter = "aab" } }):send "aa")
    end)

    it("one without the fixed size; an empty raw one", function()
      for _, size in ipairs { 0, 1, 63, 65, 128 } do
        refuses("EFRAME", { framing = { fixed = 64 } }, ("x"):rep(size))
      end
      refuses("EFRAME", { framing = "raw" }, "")
      refuses("EFRAME", { framing = "raw" }, "", "", "")
      assert(sidewire.new({ framing = { fixed = 64 } }):send(("x"):rep(63), "y"))
    end)

    it("one beyond its length prefix, or beyond queue_limit", function()
      refuses("ETOOBIG", { framing = "u8" }, ("x"):rep(256))
      refuses("ETOOBIG", { framing = "u8" }, ("x"):rep(255), "y")
      refuses("ETOOBIG", { framing = "u16be" }, ("x"):rep(65536))
      refuses("ETOOBIG", { framing = "u16le" }, ("x"):rep(65536))
      refuses("ETOOBIG", { framing = "u32be", queue_limit = 1000 }, ("x"):rep(997))
      refuses("ETOOBIG", { framing = "line", queue_limit = 1000 }, ("x"):rep(1000))
      assert(sidewire.new({ framing = "u32be", queue_limit = 1000 }):send(("x"):rep(996)))
      assert(sidewire.new({ framing = "line", queue_limit = 1000 }):send(("x"):rep(999)))
    end)

    it("and takes no id", function()
      local client = refuses("EFRAME", { framing = "line" }, "\n")
      assert.equal(1, client:send "a")
      assert.is_nil((client:send "\n"))
      assert.equal(2, client:send "b")
    end)

    it("but max_message bounds only what is received", function()
      assert(sidewire.new({ framing = "line", max_message = 1 }):send "long")
    end)
  end)

  describe("a message in pieces", function()
    local function echoed(framing, ...)
      local peer = Peer.start { mode = "echo" }
      local client = util.connected(peer, { framing = framing })
      assert.equal(1, client:send(...))
      assert.equal(2, client:send "end")
      local message = assert(client:receive(util.DEADLINE))
      assert.equal("end", client:receive(util.DEADLINE))
      return message
    end

    it("is one message, with numbers as Lua writes them", function()
      assert.equal("a b31.5-7", echoed("line", "a", "", " b", 3, 1.5, -7))
      assert.equal("0 9223372036854775807 -9223372036854775808",
        echoed("line", 0, " ", math.maxinteger, " ", math.mininteger))
      assert.equal("a\0\255", echoed("u8", "a", "\0", "\255"))
    end)

    it("can have any number of them", function()
      local pieces = {}
      for i = 1, 200 do pieces[i] = i end
      assert.equal(table.concat(pieces), echoed("u16be", table.unpack(pieces)))
      assert.equal(table.concat(pieces, "", 1, 15), echoed("u16be", table.unpack(pieces, 1, 15)))
      assert.equal(table.concat(pieces, "", 1, 16), echoed("u16be", table.unpack(pieces, 1, 16)))
      assert.equal(table.concat(pieces, "", 1, 17), echoed("u16be", table.unpack(pieces, 1, 17)))
    end)

    it("can be larger than any buffer", function()
      local a, b, c = noise(60000, 1), noise(65536, 2), noise(100000, 3)
      assert(echoed("u32le", a, b, "", c) == a .. b .. c)
    end)
  end)

  describe("write", function()
    it("sends bytes as they are, takes ids, and mixes with messages", function()
      local dir = Peer.tempdir()
      local peer = Peer.start { mode = "echo", record = dir }
      local client = util.connected(peer, { framing = "line" })
      assert.equal(1, client:write "par")
      assert.equal(2, client:write "tial\r\n\0")
      assert.equal(3, client:send "line")
      assert.equal(4, client:write "\n")
      assert.equal("partial", client:receive(util.DEADLINE))
      assert.equal("\0line", client:receive(util.DEADLINE))
      assert.equal("", client:receive(util.DEADLINE))
      assert_messages({ "partial\r\n\0line\n\n" }, { Peer.streams(dir)[1].data })
      Peer.remove(dir)
    end)

    it("counts against queue_limit as any message", function()
      local client = sidewire.new { queue_limit = 26 } -- each message counts 8 bytes more
      assert.equal(1, client:write "12345678")
      assert.same({ 8, 1 }, { client:pending() })
      assert.same({ nil, "EFULL" }, { (function(id, _, code) return id, code end)(client:write "123") })
      assert.same({ nil, "ETOOBIG" }, { (function(id, _, code) return id, code end)(client:write(("x"):rep(27))) })
      assert.equal(2, client:write "90")
      assert.same({ 10, 2 }, { client:pending() })
    end)
  end)

  -- A connected client that collects; then the peer sends the bytes with the command and `finish`es.
  local function after(options, command, bytes)
    local peer = Peer.start { mode = "silent" }
    options.reconnect = false
    local client = util.connected(peer, options)
    local events = util.collect(client)
    peer:command(command .. " " .. hex(bytes))
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
  }

  local function name_of(framing)
    if type(framing) == "string" then return framing end
    return framing.fixed and "fixed " .. framing.fixed or ("delimiter %q"):format(framing.delimiter)
  end

  describe("the same messages come, however the bytes are split [F46]:", function()
    for _, case in ipairs(SPLITS) do
      local framing, bytes, messages, partial = table.unpack(case)
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
      for framing, format in pairs { u8 = "I1", u16be = ">I2", u16le = "<I2", u32be = ">I4", u32le = "<I4" } do
        local options = { framing = framing, max_message = 4 }
        local function claim(size) return string.pack(format, size) end
        accepts(options, claim(0) .. claim(4) .. "1234", { "", "1234" })
        refuses(options, claim(2) .. "ok" .. claim(5), { "ok" })
        refuses(options, claim(2) .. "ok" .. claim(5) .. "12345" .. claim(0), { "ok" })
        refuses(options, claim(2) .. "ok" .. ("\255"):rep(#claim(0)), { "ok" })
      end
    end)

    it("a claimed length allocates nothing", function()
      local peer = Peer.start { mode = "silent" }
      local clients = {}
      local before = util.resident_bytes()
      for i = 1, 20 do clients[i] = util.connected(peer, { framing = "u32be", max_message = 2 ^ 30 }) end
      peer:command("send " .. hex(string.pack(">I4", 2 ^ 30) .. "x"))
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
        peer:command("send " .. hex("\0\2ok" .. "\255\255half a mes"))
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
      peer:command("send " .. hex "\0\5clean")
      assert.equal("clean", assert(events:wait("message", 4))[2])
    end)
  end)
end)
