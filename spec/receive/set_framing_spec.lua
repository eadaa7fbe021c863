-- client:set_framing: a dialogue that switches its framing in the middle of a connection.

local sidewire = require "sidewire"
local Peer = require "spec.support.peer"
local util = require "spec.support.util"

local OPTIONS = { framing = "raw", retain = "none", reconnect = 0.01 }

describe("set_framing", function()
  local peer, client

  before_each(function()
    peer = util.begin_with_peer { mode = "sink" }
    client = util.connected(peer, OPTIONS)
  end)
  after_each(util.finish)

  local function feed(bytes)
    if bytes == "" then return end
    local before = client:stats().received_bytes
    peer:command("send " .. Peer.hex(bytes))
    assert(util.wait_received(client, before + #bytes))
  end

  -- The connection ends, and the next one is there.
  local function finish()
    local accepted, connects = peer:stats().accepted, client:stats().connects
    peer:command "finish"
    assert(peer:wait_accepted(accepted + 1))
    assert(util.wait_until(function() return client:stats().connects == connects + 1 end))
  end

  local function receive_all(messages)
    local message, _, code = client:receive()
    while message do
      messages[#messages + 1] = message
      message, _, code = client:receive()
    end
    assert.equal("ETIMEDOUT", code)
    return messages
  end

  local FRAMED = {
    { "line", "one\n\ntwo\r\nthree\n" },
    { "u8", "\3one\0\3two\5three" },
    { "u16be", "\0\3one\0\0\0\3two\0\5three" },
    { "u32le", "\3\0\0\0one\0\0\0\0\3\0\0\0two\5\0\0\0three" },
    { { delimiter = "||" }, "one||||two||three||" },
  }

  it("decodes what is not read yet, however the bytes were split", function()
    for _, case in ipairs(FRAMED) do
      local framing, bytes = case[1], case[2]
      for split = 0, #bytes do
        feed("READY\n" .. bytes:sub(1, split))
        assert.equal("READY", client:read "l")
        assert.is_true(client:set_framing(framing))
        local messages = receive_all {}
        feed(bytes:sub(split + 1))
        assert.same({ "one", "", "two", "three" }, receive_all(messages))
        assert.is_true(client:set_framing "raw")
      end
    end
  end)

  it("decodes a message that came in many pieces", function()
    client:set_framing "u32be"
    local size = 3 * 2 ^ 20
    peer:command("send " .. Peer.hex("\0\48\0\0" .. ("x"):rep(1000)))
    assert.equal("ETIMEDOUT", select(3, client:receive()))
    for _ = 1, 3 do peer:command("send " .. Peer.hex(("y"):rep(2 ^ 20))) end
    assert.equal(("x"):rep(1000) .. ("y"):rep(size - 1000), client:receive(util.DEADLINE))
    client:set_framing "raw"
    assert.equal(("y"):rep(1000), client:read(1000, util.DEADLINE))
  end)

  it("frames what is sent", function()
    local recording, dir = Peer.start_recorded()
    local sender = util.connected(recording, OPTIONS)
    sender:send "AUTH\n"
    assert(sender:set_framing "u16be")
    sender:send("he", "llo")
    assert.is_true(sender:send_once "once")
    assert.equal("ETOOBIG", select(3, sender:send(("x"):rep(70000))))
    sender:write "written"
    assert(sender:set_framing { delimiter = "\0" })
    sender:send "c"
    assert.equal("EFRAME", select(3, sender:send "\0"))
    assert(sender:set_framing "raw")
    sender:send "end"
    local expected = "AUTH\n\0\5hello\0\4oncewrittenc\0end"
    assert(recording:wait_bytes(#expected))
    assert.equal(expected, Peer.streams(dir)[1].data)
  end)

  it("goes back to raw where the unfinished message began", function()
    client:set_framing "u16be"
    feed "\0\3abc\0\5de"
    assert.equal("abc", client:receive())
    assert.equal("ETIMEDOUT", select(3, client:receive()))
    assert.error_matches(function() client:read(1) end, "set_framing is in force")
    client:set_framing "raw"
    assert.equal("\0\5de", client:read(4))
  end)

  it("ends with the connection: then it is raw again", function()
    client:set_framing "u8"
    feed "\3abc\9de"
    finish()
    feed "\3raw"
    assert.equal("abc", client:receive())
    assert.equal("EPEER", select(3, client:receive()))
    assert.equal("\3raw", client:receive())
    assert.equal("ETIMEDOUT", select(3, client:read(1)))
  end)

  it("applies to what a connection has brought that has ended meanwhile", function()
    feed "READY\n\3abc\2de"
    finish()
    assert.equal("READY", client:read "l")
    assert(client:set_framing "u8")
    assert.equal("ENOTCONN", select(3, client:send "not for the next connection"))
    assert.equal("abc", client:receive())
    assert.equal("de", client:receive())
    assert.equal("EPEER", select(3, client:receive()))
    assert(client:send "for the next connection")
  end)

  it("lets no framed message come to another connection", function()
    local recording, dir = Peer.start_recorded()
    local sender = util.connected(recording, OPTIONS)
    assert(sender:set_framing "u8")
    recording:command "finish"
    assert(recording:wait_accepted(2))
    assert(util.wait_until(function() return sender:stats().connects == 2 end))
    assert.same({ nil, ("the connection to 127.0.0.1 port %d that the message is for has ended: wait for the next "
      .. "connect event, or for client:wait(\"connected\")"):format(recording.port), "ENOTCONN" },
      { sender:send "framed" })
    assert.equal("ENOTCONN", select(3, sender:send_once "framed"))
    local events = util.collect(sender, "connect")
    assert(events:wait("connect", 2))
    assert(sender:send "raw")
    assert(recording:wait_bytes(3))
    local streams = Peer.streams(dir)
    assert.same({ "", "raw" }, { streams[1].data, streams[2].data })
  end)

  it("ends the connection when the other side breaks the framing, and says so once", function()
    local events = util.collect(client, "disconnect")
    assert(client:set_framing("u8", 10))
    feed "\3abc\11too long"
    assert.equal("abc", client:receive())
    local message, why, code = client:receive(util.DEADLINE)
    assert.same({ nil, "EFRAME" }, { message, code })
    local place = "127.0.0.1 port " .. peer.port
    assert.equal("connection to " .. place .. " ended: framing \"u8\": the message claims 11 bytes, more than "
      .. "max_message (10): \"\\011\"", why)
    local disconnect = assert(events:wait "disconnect")
    assert.matches("^connection to " .. place .. " ended: it sent ", disconnect[2])
    assert.same({ "EFRAME", true }, { disconnect[3], disconnect[4].will_retry })
    assert(util.wait_until(function() return client:stats().connects == 2 end))
    assert(peer:wait_accepted(2))
    feed "new\n"
    assert.equal("new\n", (client:receive(util.DEADLINE)))
  end)

  it("drops what came after the framing was broken", function()
    assert(client:set_framing("line", 3))
    feed "abcd\nx\ny\n"
    assert.equal("EFRAME", select(3, client:receive()))
    assert(client:wait("connected", util.DEADLINE))
    assert(util.wait_until(function() return client:stats().connects == 2 end))
    assert(peer:wait_accepted(2))
    feed "new\n"
    assert.equal("new\n", (client:receive(util.DEADLINE)))
  end)

  it("leaves the messages to receive, and the other events to poll and events()", function()
    client:set_framing "u8"
    feed "\3abc\3def"
    local seen = {}
    for _, event in sidewire.events() do seen[#seen + 1] = event end
    assert.same({ "connect" }, seen)
    assert.equal("abc", client:receive())
    assert.error_matches(function() client:on("message", print) end, "set_framing")
    assert.error_matches(function() client:on { message = false } end, "set_framing")
    client:on("message", nil)
    client:set_framing "raw"
    for _, event, message in sidewire.events() do seen[#seen + 1] = event .. message end
    assert.same({ "connect", "message\3def" }, seen)
    assert.equal("ETIMEDOUT", select(3, client:receive()))
  end)

  it("wakes a wait for bytes, and once they are too few only for more", function()
    client:set_framing "u8"
    sidewire.poll()
    client:receive()
    assert.equal("ETIMEDOUT", select(3, sidewire.wait(0)))
    feed "\3ab"
    assert.is_true(sidewire.wait(util.DEADLINE))
    assert.equal("ETIMEDOUT", select(3, client:receive()))
    assert.equal("ETIMEDOUT", select(3, sidewire.wait(0)))
    feed "c"
    assert.is_true(sidewire.wait(util.DEADLINE))
    assert.equal("abc", client:receive())
  end)

  it("wants a connection, and says why there is none", function()
    local idle = util.client(peer, OPTIONS)
    assert.same({ nil, "not connected: call client:connect first", "ENOTCONN" }, { idle:set_framing "u8" })
    assert.is_true(idle:set_framing "raw")
    idle:close()
    assert.equal("ECLOSED", select(3, idle:set_framing "u8"))
  end)

  it("lets on set all handlers of a table or none", function()
    client:set_framing "u8"
    local called = {}
    local handlers = {}
    for _, name in ipairs { "connect", "message", "drain", "lost", "disconnect", "retry", "error", "log",
      "close" } do
      handlers[name] = function() called[#called + 1] = name end
    end
    assert.error_matches(function() client:on(handlers) end, "set_framing")
    client:disconnect(0)
    assert(client:wait("disconnected", util.DEADLINE))
    sidewire.poll()
    assert.same({}, called)
  end)

  it("raises for a client that cannot have it", function()
    assert.error_matches(function() util.client(peer, { retain = "none" }):set_framing "u8" end, "framing = \"raw\"")
    assert.error_matches(function() util.client(peer, { framing = "raw" }):set_framing "u8" end, "retain = \"none\"")
    assert.error_matches(function() client:set_framing "u9" end, "^client:set_framing: framing must be")
    assert.error_matches(function() client:set_framing() end, "^client:set_framing: framing must be")
    assert.error_matches(function() client:set_framing { fixed = 0 } end, "^client:set_framing: ")
    assert.error_matches(function() client:set_framing("u8", 0) end, "^client:set_framing: max_message must be")
    client:on("message", print)
    assert.error_matches(function() client:set_framing "u8" end, "message handler")
  end)
end)
