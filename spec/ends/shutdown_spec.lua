-- What `shutdown` does: our end is sent after what is queued, and receiving goes on.

local sidewire = require "sidewire"
local engine = require "spec.support.engine"
local Peer = require "spec.support.peer"
local util = require "spec.support.util"

local function refuses_to_send(client)
  for _, send in ipairs { "send", "send_once", "write" } do
    local id, message, code = client[send](client, "x")
    assert.same({ nil, "ENOTCONN" }, { id, code })
    assert(message:find "shutdown", message)
  end
end

describe("shutdown", function()
  local peer
  before_each(function() peer = util.begin_with_peer { mode = "echo" } end)
  after_each(util.finish)

  it("sends what is queued, and takes all answers, until the other side ends", function()
    local client = util.connected(peer)
    local events = util.collect(client)
    for i = 1, 1000 do client:send(i) end
    assert.is_true(client:shutdown())
    assert.is_true(client:shutdown())
    refuses_to_send(client)
    local _, _, code, detail = engine.unpack(assert(events:wait "disconnect"))
    assert.equal(1000, events:count "message")
    assert.same({ "EPEER", false }, { code, detail.will_retry })
    assert.same({ "idle", 1000 }, { client:state(), client:stats().finished })
    refuses_to_send(client)
    assert.is_true(client:shutdown())
  end)

  it("is done on the connection that comes, while there is none yet", function()
    local client = util.client(peer)
    local events = util.collect(client)
    client:connect()
    client:send "early"
    assert.is_true(client:shutdown())
    assert(events:wait "disconnect")
    assert.same({ "connect", "message", "disconnect" }, events:names())
    assert.is_false(events:last "disconnect"[4].will_retry)
  end)

  it("lets connect make another connection, which takes messages again", function()
    local client = util.connected(peer)
    local events = util.collect(client)
    client:shutdown()
    assert.is_true(client:connect())
    assert(client:send "again")
    assert(events:wait("connect", 2))
    assert(events:wait "message")
    assert.equal("again", events:last "message"[2])
    assert.equal("connected", client:state())
  end)

  it("is ended by disconnect and close as any connection is", function()
    local silent = Peer.start { mode = "silent" }
    for _, name in ipairs { "disconnect", "close" } do
      local client = util.connected(silent)
      client:send "x"
      client:shutdown()
      assert(client[name](client, 0.1))
      assert(client:wait("disconnected", util.DEADLINE))
    end
  end)

  it("has nothing to do without a connection, and says so", function()
    local client = sidewire.new { host = peer.host, port = peer.port }
    local done, message, code = client:shutdown()
    assert.same({ nil, "ENOTCONN" }, { done, code })
    assert(message:find "nothing to shut down", message)
    client:close()
    assert.equal("ECLOSED", select(3, client:shutdown()))
  end)
end)
