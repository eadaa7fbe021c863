local sidewire = require "sidewire"
local engine = require "spec.support.engine"
local Peer = require "spec.support.peer"
local util = require "spec.support.util"

describe("a name", function()
  before_each(util.begin)
  after_each(util.finish_without_peers)

  it("is resolved", function()
    local peer = Peer.start()
    local client = sidewire.new { host = "localhost", port = peer.port }
    local events = util.collect(client)
    assert(client:connect())
    assert(client:wait("connected", util.DEADLINE))
    assert.equal("127.0.0.1", assert(events:wait "connect")[2].address)
    assert.truthy(tostring(client):find("localhost:" .. peer.port .. " connected", 1, true))
  end)

  it("that does not exist is an error of the stage 'resolve', found without blocking the host", function()
    local resolving = 0 -- how often connect came back before the answer
    for _ = 1, 5 do
      local client = sidewire.new { host = "no-such-host.invalid", port = 1, reconnect = false, connect_timeout = 15 }
      local events = util.collect(client)
      assert(client:connect())
      if client:state() == "resolving" then resolving = resolving + 1 end
      local _, message, code, detail = engine.unpack(assert(events:wait "error"))
      assert.is_true(code == "ENOTFOUND" or code == "EAI_AGAIN", code)
      assert.truthy(message:find("no-such-host.invalid", 1, true))
      assert.equal("resolve", detail.stage)
    end
    assert.is_true(resolving > 0)
  end)
end)
