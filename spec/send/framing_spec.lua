-- What framings make of messages, on the way out; and there and back.

local sidewire = require "sidewire"
local engine = require "spec.support.engine"
local fnv = require "spec.support.fnv"
local Peer = require "spec.support.peer"
local framings = require "spec.support.framings"
local util = require "spec.support.util"

local noise = framings.noise
local assert_messages = framings.assert_messages

describe("framing:", function()
  before_each(util.begin)
  after_each(util.finish)

  describe("carries every message both ways, byte for byte [F10]:", function()
    for _, case in ipairs(framings.list) do
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
      local size = util.choose(64, 4) * 1048576
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
      local hash = fnv.new()
      for i = 1, count do
        if not client:send(string.char(i % 251)) then error "refused" end -- luassert's assert is slow
        fnv.add(hash, 1, i % 251)
        if i % 1000 == 0 then sidewire.poll() end
      end
      assert(util.poll_until(function() return received >= count end))
      assert.is_nil(wrong)
      assert.equal(count, received)
      local stats = peer:stats()
      assert.equal(2 * count, stats.bytes)
      assert.equal(fnv.digest(hash), stats.digest)
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

    it("one that is shorter than its adjustment, or not exactly one frame, in any pieces", function()
      refuses("EFRAME", { framing = { length = "u24le", adjustment = 2 } }, "x")
      local frame = { length = "u16be", offset = 1 }
      for _, bad in ipairs { "", "Q", "Q\0", "Q\0\2x", "Q\0\2xyz", "Q\0\0Q\0\0" } do
        refuses("EFRAME", { framing = frame }, bad)
        for cut = 0, #bad do refuses("EFRAME", { framing = frame }, bad:sub(1, cut), bad:sub(cut + 1)) end
      end
      for cut = 0, 5 do
        assert(sidewire.new({ framing = frame }):send(("Q\0\2xy"):sub(1, cut), ("Q\0\2xy"):sub(cut + 1)))
      end
      for _, bad in ipairs { "", "+", "+OK", "+OK\n", "OK\r\n", "_\r\n_\r\n", "*1\r\n", "$2\r\nx\r\n", "$?\r\n" } do
        refuses("EFRAME", { framing = "resp" }, bad)
      end
      assert(sidewire.new({ framing = "resp" }):send("*1\r\n$", 3, "\r\n", 123, "\r\n"))
    end)

    it("one beyond its length prefix, or beyond queue_limit", function()
      refuses("ETOOBIG", { framing = "u8" }, ("x"):rep(256))
      refuses("ETOOBIG", { framing = "u8" }, ("x"):rep(255), "y")
      refuses("ETOOBIG", { framing = "u16be" }, ("x"):rep(65536))
      refuses("ETOOBIG", { framing = "u16le" }, ("x"):rep(65536))
      refuses("ETOOBIG", { framing = { length = "u8", adjustment = -1 } }, ("x"):rep(255))
      refuses("ETOOBIG", { framing = "netstring", queue_limit = 1000 }, ("x"):rep(996))
      assert(sidewire.new({ framing = "netstring", queue_limit = 1000 }):send(("x"):rep(995)))
      refuses("ETOOBIG", { framing = "u32be", queue_limit = 1000 }, ("x"):rep(997))
      refuses("ETOOBIG", { framing = "line", queue_limit = 1000 }, ("x"):rep(1000))
      assert(sidewire.new({ framing = "u32be", queue_limit = 1000 }):send(("x"):rep(996)))
      assert(sidewire.new({ framing = "line", queue_limit = 1000 }):send(("x"):rep(999)))
    end)

    it("a refused message takes no id", function()
      local client = refuses("EFRAME", { framing = "line" }, "\n")
      assert.equal(1, client:send "a")
      assert.is_nil((client:send "\n"))
      assert.equal(2, client:send "b")
    end)

    it("max_message does not matter: it bounds what is received", function()
      assert(sidewire.new({ framing = "line", max_message = 1 }):send "long")
    end)
  end)

  it("is left away again by unfinished, whatever it adds", function()
    for _, case in ipairs(framings.list) do
      local client = sidewire.new { framing = case.framing }
      for _, message in ipairs(case.messages) do assert(client:send(message)) end
      local got = {}
      for id, message, written in assert(client:unfinished()) do
        assert.same({ #got + 1, false }, { id, written })
        got[#got + 1] = message
      end
      assert_messages(case.messages, got)
    end
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
      local most = engine.has_integers and "9223372036854775807" or "99999999999999" -- of all digits
      assert.equal(("0 %s -%s"):format(most, most), echoed("line", 0, " ", tonumber(most), " ", -tonumber(most)))
      assert.equal("a\0\255", echoed("u8", "a", "\0", "\255"))
    end)

    it("can have any number of them", function()
      local pieces = {}
      for i = 1, 200 do pieces[i] = i end
      assert.equal(table.concat(pieces), echoed("u16be", engine.unpack(pieces)))
      assert.equal(table.concat(pieces, "", 1, 15), echoed("u16be", engine.unpack(pieces, 1, 15)))
      assert.equal(table.concat(pieces, "", 1, 16), echoed("u16be", engine.unpack(pieces, 1, 16)))
      assert.equal(table.concat(pieces, "", 1, 17), echoed("u16be", engine.unpack(pieces, 1, 17)))
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
end)
