local sidewire = require "sidewire"
local Peer = require "spec.support.peer"
local util = require "spec.support.util"

describe("the log event", function()
  before_each(util.begin)
  after_each(util.finish)

  local function texts(events)
    local list = {}
    for _, event in ipairs(events) do list[#list + 1] = event[2] .. ": " .. event[3] end
    return list
  end

  it("tells connecting, connected, disconnected, will retry, retrying and reconnected", function()
    local peer = Peer.start { mode = "echo" }
    local client = util.client(peer, { reconnect = 0.01 })
    local events = util.collect(client, "log")
    client:connect()
    assert(peer:wait_accepted(1, util.DEADLINE))
    assert(client:wait("connected", util.DEADLINE))
    peer:command "finish"
    assert(util.poll_until(function() return #events >= 6 end))
    local list = texts(events)
    local place = "127.0.0.1 port " .. peer.port
    assert.equal("info: connecting to " .. place, list[1])
    assert.equal("info: connected to " .. place, list[2])
    assert.matches("^warning: disconnected: .*" .. place:gsub("%.", "%%."), list[3])
    assert.equal("info: " .. list[3]:match "disconnected: (.*)" .. "; next attempt in 0.1 s", list[4])
    assert.matches("^info: retrying.*" .. place, list[5])
    assert.equal("info: reconnected to " .. place, list[6])
  end)

  it("tells errors", function()
    local client = sidewire.new { host = "127.0.0.1", port = 1, reconnect = false }
    local events = util.collect(client, "log")
    client:connect()
    assert(util.poll_until(function() return #events >= 2 end))
    assert.equal("info: connecting to 127.0.0.1 port 1", texts(events)[1])
    assert.matches("^error: .*127.0.0.1 port 1.*refused", texts(events)[2])
  end)

  it("comes only when there is a handler", function()
    local peer = Peer.start { mode = "echo" }
    local client = util.connected(peer)
    for _, event in sidewire.events() do assert.equal("connect", event) end
    local events = util.collect(client, "log")
    sidewire.poll()
    assert.same({}, events:names())
  end)
end)
