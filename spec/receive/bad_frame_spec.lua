local Peer = require "spec.support.peer"
local util = require "spec.support.util"

local LONG = util.LONG
local KIB = 1024

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
