local sidewire = require "sidewire"
local util = require "spec.support.util"

describe("sidewire.events", function()
  local peer

  before_each(function() peer = util.begin_with_peer { mode = "echo" } end)
  after_each(util.finish)

  it("gives all events, messages among them, in their order", function()
    local client = util.connected(peer, { reconnect = false })
    client:send "one"
    client:send "two"
    assert(util.wait_received(client, 8))
    peer:command "finish"
    assert(client:wait("disconnected", util.DEADLINE))
    local got = {}
    for whose, event, a, b, c, d in sidewire.events() do
      assert.equal(client, whose)
      got[#got + 1] = { event, a, b, c, d }
    end
    assert.same({ "connect", "message", "message", "disconnect" }, { got[1][1], got[2][1], got[3][1], got[4][1] })
    assert.equal(4, #got)
    assert.equal("127.0.0.1", got[1][2].address)
    assert.equal(peer.port, got[1][2].port)
    assert.same({ { "message", "one" }, { "message", "two" } }, { got[2], got[3] })
    assert.is_string(got[4][2])
    assert.equal("EPEER", got[4][3])
    assert.equal(false, got[4][4].will_retry)
    assert.is_nil(sidewire.events()())
  end)

  it("keeps what a broken-off loop left, also for poll, and calls no handler", function()
    local client = util.connected(peer)
    for i = 1, 5 do client:send(i) end
    assert(util.wait_received(client, 10))
    local events = util.collect(client)
    for _, event, message in sidewire.events() do
      if event == "message" and message == "2" then break end
    end
    assert.same({}, events:names())
    assert.same({ 3, false }, { sidewire.poll() })
    assert.same({ "3", "4", "5" }, events:all "message")
  end)

  it("goes on beyond an end that poll has told and receive has not, which receive does not tell any more", function()
    local client = util.connected(peer, { reconnect = { delay = 0.05, max = 0.05 } })
    local ends = 0
    client:on("disconnect", function() ends = ends + 1 end)
    for _, message in ipairs { "one", "two" } do client:send(message) end
    assert(util.wait_received(client, 8))
    peer:command "finish"
    assert(util.poll_until(function() return ends == 1 end))
    assert(client:wait("connected", util.DEADLINE))
    client:send "three"
    assert(util.wait_received(client, 14))
    local messages = {}
    for _, event, message in sidewire.events() do
      if event == "message" then table.insert(messages, message) end
    end
    assert.same({ "one", "two", "three" }, messages)
    assert.equal("ETIMEDOUT", select(3, client:receive()))
    client:send "four"
    assert.equal("four", client:receive(util.DEADLINE))
    assert.same({ 0, false }, { sidewire.poll() })
    assert.equal(1, ends)
  end)

  it("goes through all clients, each in order", function()
    local clients, got = {}, {}
    for i = 1, 3 do
      clients[i] = util.connected(peer)
      got[clients[i]] = {}
      for k = 1, 50 do clients[i]:send(k) end
    end
    for i = 1, 3 do assert(util.wait_received(clients[i], 9 * 2 + 41 * 3)) end
    for client, event, message in sidewire.events() do
      if event == "message" then table.insert(got[client], message) end
    end
    for i = 1, 3 do
      assert.equal(50, #got[clients[i]])
      for k = 1, 50 do assert.equal(tostring(k), got[clients[i]][k]) end
    end
  end)

  it("gives nothing but losses and the end after close", function()
    local client = util.connected(peer)
    client:send "x"
    assert(util.wait_received(client, 2))
    client:close()
    local names = {}
    assert(util.wait_until(function()
      for _, event in sidewire.events() do names[#names + 1] = event end
      return names[#names] == "close"
    end))
    for i = 1, #names - 1 do assert.equal("lost", names[i]) end
  end)

  it("keeps clients that have events alive, and lets them go then", function()
    do
      local client = util.connected(peer)
      sidewire.poll()
      client:on("close", function() end)
      client:close()
      assert(client:wait("disconnected", util.DEADLINE))
    end
    collectgarbage()
    local client, event = sidewire.events()()
    assert.equal("close", event)
    assert.equal("closed", client:state())
  end)
end)
