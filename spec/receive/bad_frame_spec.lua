local sidewire = require "sidewire"
local Peer = require "spec.support.peer"
local util = require "spec.support.util"

local LONG = util.LONG
local KIB = 1024

describe("a frame that the peer has no right to", function()
  before_each(util.begin)
  after_each(util.finish_without_peers)

  local function ended_by(bytes, options, command)
    local peer = Peer.start()
    options.reconnect = options.reconnect or false
    local client = util.client(peer, options)
    local events = util.collect(client)
    assert(client:connect())
    assert(events:wait "connect")
    assert(peer:wait_connections(1))
    peer:command((command or "send") .. " " .. Peer.hex(bytes))
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

  -- What comes, the text of the event, and the framing with its options. In front of what is bad stands a good message.
  local ROWS = {
    { "ok\n" .. ("x"):rep(60), 'framing "line": the message that begins at byte 4 of the connection is longer than '
      .. 'max_message (50): "' .. ("x"):rep(40) .. '..."', { max_message = 50 } },
    { "ok\r\n12345", 'framing { delimiter = "\\r\\n" }: the message that begins at byte 5 of the connection is longer '
      .. 'than max_message (4): "12345"', { framing = { delimiter = "\r\n" }, max_message = 4 } },
    { "\0\0\0\2ok\255\255\255\255", 'framing "u32be": the message that begins at byte 7 of the connection claims '
      .. '4294967295 bytes, more than max_message (16777216): "\\255\\255\\255\\255"', { framing = "u32be" } },
    { "\2ok" .. ("\255"):rep(10), 'framing "varint": expected the end of a length of at most 64 bits at byte 10 of '
      .. 'the message that begins at byte 4 of the connection: "' .. ("\\255"):rep(10) .. '"', { framing = "varint" } },
    { "Q\0\0\0\4Q\0\0\0\3", 'framing { length = "u32be", offset = 1, adjustment = -4 }: expected a length of at '
      .. 'least 4, because of its adjustment, got 3 at byte 5 of the message that begins at byte 6 of the connection: '
      .. '"Q\\000\\000\\000\\003"', { framing = { length = "u32be", offset = 1, adjustment = -4 } } },
    { "5:hello,12x", 'framing "netstring": expected a digit or ":" at byte 3 of the message that begins at byte 9 of '
      .. 'the connection: "12x"', { framing = "netstring" } },
    { "5:hello,3:abc;", 'framing "netstring": expected "," behind the message at byte 6 of the message that begins at '
      .. 'byte 9 of the connection: "3:abc;"', { framing = "netstring" } },
    { "2:ok,9:", 'framing "netstring": the message that begins at byte 6 of the connection claims 11 bytes, more than '
      .. 'max_message (10): "9:"', { framing = "netstring", max_message = 10 } },
    { "Content-Length: 2\r\n\r\n{}HTTP/1.1 200 OK\r\n", 'framing "content-length": expected ":" behind the name of a '
      .. 'header at byte 9 of the message that begins at byte 24 of the connection: "HTTP/1.1 "',
      { framing = "content-length" } },
    { "+OK\r\n*2\r\n$1\r\na\0", 'framing "resp": expected "\\r\\n" behind the bytes of a value at byte 10 of the '
      .. 'message that begins at byte 6 of the connection: "*2\\r\\n$1\\r\\na\\000"', { framing = "resp" } },
    { "+OK\r\n*1000\r\n", 'framing "resp": the message that begins at byte 6 of the connection claims 3007 bytes, more '
      .. 'than max_message (100): "*1000\\r\\n"', { framing = "resp", max_message = 100 } },
  }

  local function without_place(message)
    return (message:gsub("^connection to 127.0.0.1 port %d+ ended: ", ""))
  end

  for _, row in ipairs(ROWS) do
    it("[F45] [F72] is named in the event, whole and byte by byte: " .. row[2]:match "[^:]*: [^:]*", function()
      for _, command in ipairs { "send", "send-slow" } do
        row[3].reconnect = false
        local events, disconnect = ended_by(row[1], row[3], command)
        assert.equal(1, events:count "message")
        assert.same({ row[2], "EFRAME" }, { without_place(disconnect[2]), disconnect[3] })
      end
    end)
  end

  it("is waited for if its length is allowed: bytes are counted, partial has them, max_message refuses it", function()
    local framing, bytes = { length = "u32be", offset = 1 }, "R\0\0\0\8\0\0\0\0" -- its length counts itself, too
    local peer = Peer.start()
    local client = util.connected(peer, { framing = framing, reconnect = false })
    local events = util.collect(client)
    assert(peer:wait_connections(1))
    peer:command("send " .. Peer.hex(bytes))
    assert(util.wait_received(client, #bytes))
    assert.same({ 0, true }, { events:count "message", client:is_connected() })
    peer:command "finish"
    local disconnect = assert(events:wait "disconnect")
    assert.same({ "EPEER", bytes }, { disconnect[3], disconnect[4].partial })
    local _, refused = ended_by(bytes, { framing = framing, max_message = 12 })
    assert.matches("claims 13 bytes, more than max_message %(12%)", refused[2])
  end)

  it("[F45] is named in the retry event, in log and by events(), too, but not in the next end", function()
    local peer = Peer.start()
    local client = util.client(peer, { framing = "netstring", reconnect = 0.01 })
    local logged
    client:on("log", function(_, level, text) if level == "warning" then logged = text end end)
    assert(client:connect())
    local texts, bad = {}, 'expected a digit at byte 1 of the message that begins at byte 1 of the connection: "x"'
    for round = 1, 2 do
      assert(util.poll_until(function() return client:is_connected() and peer:stats().accepted == round end))
      peer:command(round == 1 and "send " .. Peer.hex "x" or "reset")
      local function take()
        for _, event, message, third, fourth in sidewire.events() do
          if event == "disconnect" then texts[#texts + 1] = message end
          if event == "retry" then texts[#texts + 1] = fourth end
          if event == "log" and message == "warning" then logged = third end
        end
        return #texts == 2 * round
      end
      assert(util.wait_until(take))
      local has_it = texts[2 * round]:find(bad, 1, true) ~= nil
      assert.equal(round == 1, has_it, texts[2 * round])
      assert.equal(texts[2 * round - 1], texts[2 * round])
      assert.equal("disconnected: " .. texts[2 * round], logged)
    end
  end)

  it("[F45] is named by state(), without its bytes", function()
    local _, _, client = ended_by("x", { framing = "netstring" })
    local _, why = client:state()
    assert.equal("it sent what its framing does not allow, or a message longer than max_message", without_place(why))
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
