-- client:read: the byte stream, pulled as from a file.

local socket = require "socket"
local sidewire = require "sidewire"
local Peer = require "spec.support.peer"
local files = require "spec.support.files"
local util = require "spec.support.util"

local OPTIONS = { framing = "raw", reconnect = false }

local function with(more)
  local options = {}
  for name, value in pairs(OPTIONS) do options[name] = value end
  for name, value in pairs(more or {}) do options[name] = value end
  return options
end

-- Lets the peer send the bytes, and waits until they have come.
local function feed(peer, client, bytes)
  if bytes == "" then return end
  local before = client:stats().received_bytes
  peer:command("send " .. Peer.hex(bytes))
  assert(util.wait_received(client, before + #bytes))
end

describe("read", function()
  local peer

  before_each(function() peer = util.begin_with_peer { mode = "sink" } end)
  after_each(util.finish)

  local TEXT = "one\ntwo\r\n\n\0three|\r|x\r\nfour\n"
  local READS = { "l", "L", 0, 1, "*l", { delimiter = "|" }, { delimiter = "|x\r\n" }, 4, "l" }
  local RESULTS = { "one", "two\r\n", "", "\n", nil, "\0three", "\r", "four", "" }

  -- As many of the reads as can be done now.
  local function read_all(client, reads, results)
    while reads[results.n + 1] do
      local bytes, _, code = client:read(reads[results.n + 1])
      if not bytes then return assert.equal("ETIMEDOUT", code) end
      results.n = results.n + 1
      results[results.n] = bytes
    end
  end

  it("gives the same however the bytes were split", function()
    local client = util.connected(peer, OPTIONS)
    local reads, expected = {}, { n = 0 }
    for i, what in ipairs(READS) do
      if RESULTS[i] then
        reads[#reads + 1] = what
        expected[#reads], expected.n = RESULTS[i], #reads
      end
    end
    for split = 0, #TEXT do
      local results = { n = 0 }
      feed(peer, client, TEXT:sub(1, split))
      read_all(client, reads, results)
      feed(peer, client, TEXT:sub(split + 1))
      read_all(client, reads, results)
      assert.same(expected, results, "split at " .. split)
    end
    local results = { n = 0 }
    for at = 1, #TEXT do
      feed(peer, client, TEXT:sub(at, at))
      read_all(client, reads, results)
    end
    assert.same(expected, results)
  end)

  it("reads what file:read reads", function()
    local client = util.connected(peer, OPTIONS)
    local path = os.tmpname()
    local forms = { "*l", "*a", 0, 1, 2, 7 }
    if _VERSION ~= "Lua 5.1" then forms[#forms + 1] = "*L" end
    for _ = 1, 100 do
      local text, parts = "", { "a", "\n", "\r\n", "bc" } -- no zero byte: it ends a line of Lua 5.1
      for _ = 1, math.random(1, 20) do text = text .. util.pick(parts) end
      files.write(path, text)
      feed(peer, client, text)
      local file, left = assert(io.open(path, "rb")), #text
      while left > 0 do
        local what = util.pick(forms)
        local ours = what == "*a" and left or what -- to the end of the connection would be to the end of the test
        local theirs = file:read(what)
        left = #text - file:seek()
        if type(what) == "number" and theirs and #theirs < what then ours = #theirs end -- the end of the file
        if what == "*l" and left == 0 and text:sub(-1) ~= "\n" then ours = #theirs end
        if what == "*L" and theirs:sub(-1) ~= "\n" then ours = #theirs end
        assert.equal(theirs, (client:read(ours)))
      end
      file:close()
    end
    os.remove(path)
  end)

  it("does not wait when no timeout is given, and keeps what has come", function()
    local client = util.connected(peer, OPTIONS)
    local place = "127.0.0.1 port " .. peer.port
    assert.same({ nil, "not yet 1 byte from " .. place .. ", 0 bytes are unread", "ETIMEDOUT" }, { client:read(1) })
    feed(peer, client, "ab")
    assert.same({ nil, "not yet 3 bytes from " .. place .. ", 2 bytes are unread", "ETIMEDOUT" }, { client:read(3, 0) })
    assert.same({ nil, "not yet the end of a line from " .. place .. ", 2 bytes are unread", "ETIMEDOUT" },
      { client:read("l", 0.02) })
    assert.same({ nil, "not yet the delimiter from " .. place .. ", 2 bytes are unread", "ETIMEDOUT" },
      { client:read { delimiter = "c" } })
    assert.same({ nil, "not yet the connection's end from " .. place .. ", 2 bytes are unread", "ETIMEDOUT" },
      { client:read "a" })
    assert.equal("", client:read(0))
    assert.equal("a", client:read(1))
    assert.same({ nil, "not yet 2 bytes from " .. place .. ", 1 byte is unread", "ETIMEDOUT" }, { client:read(2) })
    peer:command("send " .. Peer.hex "c")
    assert.equal("bc", client:read(2, util.DEADLINE))
    assert.equal("ETIMEDOUT", select(3, client:read(0)))
  end)

  it("waits for what is late", function()
    local client = util.connected(peer, OPTIONS)
    peer:command "mode echo"
    for i = 1, 100 do
      client:send("message ", i, "\n")
      assert.equal("message " .. i, client:read("l", util.DEADLINE))
    end
  end)

  it("reads more than inbox_limit at once [F79]", function()
    local client = util.connected(peer, with { inbox_limit = 4096, max_read = 2 ^ 20 })
    peer:command "mode flood 1000"
    local bytes = assert(client:read(2 ^ 20, util.DEADLINE))
    assert.equal(2 ^ 20, #bytes)
    assert.is_true(client:stats().inbox_bytes < 4096 + 2 ^ 17)
    client:close(0)
  end)

  it("refuses what exceeds max_read, and the bytes stay", function()
    local client = util.connected(peer, with { max_read = 10 })
    assert.same({ nil, "11 bytes are more than max_read (10): read them in parts, or give the client a larger max_read",
      "EFRAME" }, { client:read(11) })
    feed(peer, client, "0123456789\n0123456789x\n")
    assert.equal("0123456789", client:read "l")
    for _ = 1, 2 do
      assert.same({ nil, "the end of a line has not come within max_read (10 bytes), and 12 bytes are unread: read "
        .. "them by their number, or give the client a larger max_read", "EFRAME" }, { client:read "L" })
    end
    assert.same({ nil, "the connection's end has not come within max_read (10 bytes), and 12 bytes are unread: read "
      .. "them by their number, or give the client a larger max_read", "EFRAME" }, { client:read "a" })
    assert.equal("0123456789", client:read(10))
    assert.equal("x", client:read "l")
    feed(peer, client, ("x"):rep(10))
    assert.equal("ETIMEDOUT", select(3, client:read "l"))
    feed(peer, client, "\n")
    assert.equal(("x"):rep(10), client:read "l")
    feed(peer, client, ("x"):rep(10) .. "\r")
    assert.equal("ETIMEDOUT", select(3, client:read { delimiter = "\r\n" }))
    feed(peer, client, "x")
    assert.equal("EFRAME", select(3, client:read { delimiter = "\r\n" }))
  end)

  it("says why there is no connection", function()
    local client = util.client(peer, OPTIONS)
    assert.same({ nil, "not connected: call client:connect first", "ENOTCONN" }, { client:read(1, util.DEADLINE) })
    client:connect()
    assert(client:wait("connected", util.DEADLINE))
    feed(peer, client, "left")
    client:close()
    assert.equal("ECLOSED", select(3, client:read(1)))
    local unheard = sidewire.new { host = "127.0.0.1", port = 1, framing = "raw", reconnect = false }
    unheard:connect()
    assert.equal("ECONNREFUSED", select(3, unheard:read("l", util.DEADLINE)))
  end)

  it("raises where it can say nothing", function()
    local client = util.connected(peer, OPTIONS)
    for _, what in ipairs { "n", "ll", "*x", "", "*", {}, true, { delimiter = "" }, { delimiter = ("x"):rep(33) },
      { delimeter = "x" }, -1, 0.5, 1 / 0 } do
      assert.error_matches(function() client:read(what) end, "^client:read: ")
    end
    assert.error_matches(function() client:read() end, "what must be a number of bytes")
    assert.error_matches(function() client:read(1, -1) end, "^client:read: timeout must be")
    feed(peer, client, "abc")
    assert.equal("a", client:read(1))
    assert.error_matches(function() client:read(1, -1) end, "^client:read: timeout must be")
    assert.error_matches(function() client:read(1, "x") end, "^client:read: timeout must be")
    client:on("message", function() end)
    assert.error_matches(function() client:read(1) end, "^client:read: .*message handler")
    client:on("message", false)
    assert.error_matches(function() client:read(1) end, "^client:read: .*message handler")
    assert.error_matches(function() util.client(peer):read(1) end, "^client:read: only for .*framing = \"raw\"")
  end)
end)

describe("the bytes that read has left", function()
  local peer, client

  before_each(function()
    peer = util.begin_with_peer { mode = "sink" }
    client = util.connected(peer, OPTIONS)
    feed(peer, client, "line\nrest")
    assert.equal("line", client:read "l")
  end)
  after_each(util.finish)

  it("are the next message for receive", function()
    feed(peer, client, "more")
    assert.equal("rest", client:receive())
    assert.equal("more", client:receive())
    assert.equal("ETIMEDOUT", select(3, client:receive()))
  end)

  it("come by events() before the end", function()
    peer:command "finish"
    assert(client:wait("disconnected", util.DEADLINE))
    local seen = {}
    for _, event, first in sidewire.events() do
      seen[#seen + 1] = event .. (event == "message" and " " .. first or "")
    end
    assert.same({ "connect", "message rest", "disconnect" }, seen)
    assert.equal("EPEER", select(3, client:read(1)))
  end)

  it("are for a handler that comes later", function()
    assert.equal("r", client:read(1))
    local events = util.collect(client, "message")
    sidewire.poll()
    assert.same({ "est" }, events:all "message")
  end)

  it("are discarded when the handler is false", function()
    client:on("message", false)
    client:on("message", nil)
    assert.equal("ETIMEDOUT", select(3, client:read(0)))
  end)

  it("wake no wait when they were too few, until more comes", function()
    sidewire.poll()
    assert.is_true(sidewire.wait(0))
    assert.equal("ETIMEDOUT", select(3, client:read "l"))
    assert.equal("ETIMEDOUT", select(3, sidewire.wait(0)))
    feed(peer, client, "\n")
    assert.is_true(sidewire.wait(util.DEADLINE))
    assert.equal("rest", client:read "l")
    assert.equal("ETIMEDOUT", select(3, sidewire.wait(0)))
  end)

  it("come whole when the connection ends at any moment between the reads", function()
    local seed = os.time()
    math.randomseed(seed)
    local function pause()
      if math.random(3) == 1 then socket.sleep(math.random() * 0.002) end
    end
    for round = 1, util.choose(400, 40) do
      local server = Peer.start { mode = "sink" }
      local reader = util.connected(server, { framing = "raw", reconnect = false })
      server:command("send-finish " .. Peer.hex "head\n\nthe rest")
      pause()
      assert.equal("head", reader:read("l", util.DEADLINE))
      pause()
      assert.equal("", reader:read("l", util.DEADLINE))
      pause()
      local rest, _, code = reader:read(1000, util.DEADLINE)
      assert.same({ "the rest", "EPEER" }, { rest, code }, ("seed %d, round %d"):format(seed, round))
      reader:close(0)
      server:stop()
    end
  end)

  it("outlast polls, which deliver the other events", function()
    local events = util.collect(client, "connect", "disconnect")
    peer:command("send-finish " .. Peer.hex " and so on")
    assert(events:wait "disconnect")
    assert.same({ "connect", "disconnect" }, events:names())
    assert.equal("rest and", client:read(8))
    assert.equal(" so on", (client:read "l"))
  end)

  it("are gone with the client", function()
    client:close(0)
    assert.equal("ECLOSED", select(3, client:read(0)))
  end)
end)

describe("the end of a connection", function()
  local peer

  before_each(function() peer = util.begin_with_peer { mode = "sink" } end)
  after_each(util.finish)

  local RECONNECTING = { framing = "raw", reconnect = 0.01 }

  -- A connection that brings the bytes and ends; waits until the next one is there.
  local function bring(client, bytes, command)
    local before, accepted = client:stats(), peer:stats().accepted
    if bytes ~= "" then peer:command("send " .. Peer.hex(bytes)) end
    assert(util.wait_received(client, before.received_bytes + #bytes))
    peer:command(command or "finish")
    assert(peer:wait_accepted(accepted + 1))
    assert(util.wait_until(function() return client:stats().connects == before.connects + 1 end))
  end

  for _, what in ipairs { 10, "l", "L", { delimiter = "||" }, "a" } do
    local name = type(what) == "table" and "a delimiter" or tostring(what)
    it("gives the rest to read of " .. name .. ", once, and the next read begins anew", function()
      for _, polls in ipairs { true, false } do
        local client = util.connected(peer, RECONNECTING)
        local events = util.collect(client, "connect", "disconnect")
        bring(client, "rest")
        if polls then assert(events:wait("connect", 2)) end
        feed(peer, client, "0123456789\n||")
        local rest, why, code = client:read(what)
        assert.same({ "rest", "EPEER" }, { rest, code })
        assert.matches("^connection to 127.0.0.1 port %d+ ended: the other side ended it$", why)
        assert.equal("0123456789", client:read(10))
        client:close(0)
        assert(peer:wait_connections(0))
      end
    end)
  end

  it("is told once: nil, or the empty string to a read of all", function()
    local client = util.connected(peer, RECONNECTING)
    bring(client, "")
    local bytes, _, code = client:read(1)
    assert.same({ nil, "EPEER" }, { bytes, code })
    assert.equal("ETIMEDOUT", select(3, client:read(1)))
    bring(client, "")
    bytes, _, code = client:read "a"
    assert.same({ "", "EPEER" }, { bytes, code })
    bring(client, "ab", "reset")
    assert.equal("a", client:read(1))
    bytes, _, code = client:read(2)
    assert.same({ "b", "ECONNRESET" }, { bytes, code })
  end)

  it("separates the bytes of each of many connections, polled or not [F79]", function()
    for _, polls in ipairs { true, false } do
      local client = util.connected(peer, RECONNECTING)
      if polls then client:on("disconnect", function() end) end
      local expected, seen = {}, {}
      for i = 1, 30 do
        local bytes = i % 3 == 0 and "" or ("connection %d"):format(i)
        bring(client, bytes)
        if polls then sidewire.poll() end
        if bytes ~= "" then expected[#expected + 1] = bytes end
      end
      for _ = 1, 31 do
        local bytes, _, code = client:read "a"
        if code == "ETIMEDOUT" then break end
        assert.equal("EPEER", code)
        if bytes ~= "" then seen[#seen + 1] = bytes end
      end
      assert.same(expected, seen)
      assert.equal("ETIMEDOUT", select(3, client:read "a"))
      client:close(0)
      assert(peer:wait_connections(0))
    end
  end)

  it("keeps separate, too, what came while a handler was set", function()
    local client = util.connected(peer, { framing = "raw", reconnect = 0.01, on = { message = print } })
    bring(client, "one")
    feed(peer, client, "two")
    client:on("message", nil)
    assert.equal("one", (client:read(6)))
    assert.equal("two", (client:read(3)))
  end)

  it("is told by receive, whatever the framing", function()
    local client = util.connected(peer, { reconnect = 0.01 })
    bring(client, "one\ntw")
    feed(peer, client, "o\n")
    assert.equal("one", client:receive())
    assert.equal("EPEER", select(3, client:receive()))
    assert.equal("o", client:receive())
  end)

  it("ends a wait of a script that reads", function()
    local client = util.connected(peer, RECONNECTING)
    sidewire.poll()
    assert.equal("ETIMEDOUT", select(3, client:read(1)))
    assert.equal("ETIMEDOUT", select(3, sidewire.wait(0)))
    bring(client, "")
    assert.is_true(sidewire.wait(util.DEADLINE))
    assert.equal("EPEER", select(3, client:read(1)))
    sidewire.poll()
    assert.equal("ETIMEDOUT", select(3, sidewire.wait(0)))
  end)

  it("is of no interest after connect, when nothing is unread", function()
    local client = util.connected(peer, OPTIONS)
    local function end_it(bytes)
      feed(peer, client, bytes)
      peer:command "finish"
      assert(client:wait("disconnected", util.DEADLINE))
      assert(client:connect())
      assert(client:wait("connected", util.DEADLINE))
      assert(util.wait_until(function() return peer:stats().connections == 1 end))
      feed(peer, client, "new")
    end
    end_it ""
    assert.equal("new", client:read(3))
    end_it "old"
    assert.equal("old", (client:read(4)))
    assert.equal("new", client:read(3))
  end)

  it("is told again while there is no connection", function()
    local client = util.connected(peer, OPTIONS)
    feed(peer, client, "abc")
    peer:command "finish"
    assert(client:wait("disconnected", util.DEADLINE))
    assert.equal("ab", client:read(2))
    local rest, why, code = client:read(2, util.DEADLINE)
    assert.same({ "c", "EPEER" }, { rest, code })
    assert.same({ nil, why, "EPEER" }, { client:read(2, util.DEADLINE) })
    assert.same({ nil, why, "EPEER" }, { client:receive(util.DEADLINE) })
    client:connect()
    assert(client:wait("connected", util.DEADLINE))
    client:disconnect()
    assert.same({ nil, "not connected: client:disconnect ended the connection", "ECLOSED" },
      { client:read("l", util.DEADLINE) })
  end)
end)
