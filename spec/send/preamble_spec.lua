-- The option preamble: bytes that go out first on each new connection.

local sidewire = require "sidewire.core"
local delivery = require "spec.support.delivery"
local util = require "spec.support.util"

local PROXY = "PROXY TCP4 192.0.2.1 192.0.2.2 1000 80\r\n"

describe("the preamble", function()
  before_each(util.begin)
  after_each(util.finish_without_peers)

  it("is sent raw before the greeting and the messages, on every connection, and never counted", function()
    local peer, dir = delivery.recorded()
    local client = util.client(peer, { preamble = PROXY, greeting = "hello", framing = "u8", reconnect = 0.01 })
    local events = util.collect(client)
    client:send "one"
    assert(client:connect())
    local first = PROXY .. "\5hello\3one"
    assert(peer:wait_bytes(#first, util.DEADLINE))
    assert.equal(1, client:stats().accepted)
    peer:command "reset"
    assert(util.poll_until(function() return events:count "connect" == 2 end))
    local second = PROXY .. "\5hello"
    assert(peer:wait_bytes(#first + #second, util.DEADLINE))
    assert.same({ first, second }, delivery.all_data(dir))
  end)

  it("goes out whole, whatever its size, also without greeting or message", function()
    local peer, dir = delivery.recorded()
    local preamble = ("\0p"):rep(2 ^ 20)
    util.connected(peer, { preamble = preamble })
    assert(peer:wait_bytes(#preamble, util.DEADLINE))
    assert.same({ preamble }, delivery.all_data(dir))
  end)

  it("differs between clients with otherwise equal options", function()
    local peer, dir = delivery.recorded()
    for _, preamble in ipairs { "a", "b", "" } do
      local client = util.connected(peer, { preamble = preamble })
      client:send "x"
      client:close(util.DEADLINE)
    end
    assert(peer:wait_bytes(#"ax\nbx\nx\n", util.DEADLINE))
    assert.same({ "ax\n", "bx\n", "x\n" }, delivery.all_data(dir))
  end)

  it("is a string that fits into queue_limit", function()
    for _, bad in ipairs { true, 5, {} } do
      local ok, message = pcall(sidewire.new, { preamble = bad })
      assert(not ok and message:find("sidewire.new: preamble must be a string of bytes", 1, true), message)
    end
    assert(sidewire.new { preamble = "12345", queue_limit = 5 })
    local ok, message = pcall(sidewire.new, { preamble = "123456", queue_limit = 5 })
    assert(not ok and message:find("preamble must fit into queue_limit (5), and has 6 bytes", 1, true), message)
  end)
end)
