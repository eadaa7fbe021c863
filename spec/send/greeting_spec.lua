-- What a client says first on each new connection.

local build = require "spec.support.build"
local delivery = require "spec.support.delivery"
local numbered = require "spec.support.numbered"
local util = require "spec.support.util"

local account = numbered.check_account
local small, groups, send_all = delivery.small, delivery.groups, delivery.send_all
local wait_finished, all_data = delivery.wait_finished, delivery.all_data

describe("the greeting", function()
  before_each(util.begin)
  after_each(util.finish_without_peers)

  it("is sent first on every new connection, before what is sent again, and never counted", function()
    local peer, dir = delivery.recorded()
    local client = util.client(peer, { retain = "unconfirmed", reconnect = 0.01, greeting = { "login me", 2 } })
    local events = util.collect(client)
    send_all(client, small, 3)
    assert.equal(3, account(client).accepted)
    assert(client:connect())
    local text = "login me\n2\n" .. numbered.lines(small, 1, 3)
    assert(peer:wait_bytes(#text, util.DEADLINE))
    peer:command "reset"
    assert(util.poll_until(function() return events:count "connect" == 2 end))
    assert(peer:wait_bytes(2 * #text, util.DEADLINE))
    assert.is_true(client:confirm(3))
    wait_finished(client)
    assert.same({ 0, 0, 3, 0 }, groups(client))
    assert.equal(2 * #text, client:stats().sent_bytes)
    assert.same({ text, text }, all_data(dir))
  end)

  it("has the client's framing, and must fit it", function()
    local peer, dir = delivery.recorded()
    util.connected(peer, { greeting = { "one", "0123456789" }, framing = "netstring" })
    assert(peer:wait_bytes(6 + 14, util.DEADLINE))
    assert.same({ "3:one,10:0123456789," }, all_data(dir))
    local ok, why = pcall(require("sidewire").new, { greeting = { "_\r\n", "_\r" }, framing = "resp" })
    assert.is_false(ok)
    assert(why:find("message 2 of greeting: the framing \"resp\" carries exactly one value as a message: expected more",
      1, true), why)
  end)

  it("may be changed while running, for the next connection", function()
    local peer, dir = delivery.recorded()
    local client = util.connected(peer, { greeting = "one", framing = "u8", reconnect = 0.01 })
    local events = util.collect(client)
    assert(peer:wait_bytes(4, util.DEADLINE))
    local function greet_anew(greeting)
      assert.is_true(client:set_greeting(greeting))
      local count = events:count "disconnect"
      peer:command "reset"
      assert(util.poll_until(function() return events:count "disconnect" == count + 1 and client:is_connected() end))
    end
    greet_anew "two!"
    assert(peer:wait_bytes(4 + 5, util.DEADLINE))
    greet_anew(nil)
    client:send "x"
    assert(peer:wait_bytes(4 + 5 + 2, util.DEADLINE))
    assert.same({ "\3one", "\4two!", "\1x" }, all_data(dir))
  end)

  it("goes out whole, whatever its size, also without a message", function()
    local peer, dir = delivery.recorded()
    local greeting = ("g"):rep(3 * 2 ^ 20)
    local client = util.connected(peer, { greeting = greeting, framing = "raw" })
    assert(peer:wait_bytes(#greeting, util.DEADLINE))
    client:send "after"
    assert(peer:wait_bytes(#greeting + 5, util.DEADLINE))
    assert.is_true(all_data(dir)[1] == greeting .. "after")
    assert.equal(1, wait_finished(client).finished)
  end)

  it("is acknowledged for itself, not for the messages behind it", function()
    build.needs("acks", pending)
    local peer = delivery.start_peer()
    local client = util.connected(peer, { greeting = ("g"):rep(2 ^ 20) })
    assert(peer:wait_bytes(2 ^ 20 + 1, util.DEADLINE))
    peer:command "mode silent"
    delivery.overfill(client)
    assert.is_true(delivery.wait_stuck(client).in_flight > 0)
  end)

  it("is flushed by disconnect", function()
    local peer, dir = delivery.recorded()
    local client = util.client(peer, { greeting = ("g"):rep(2 ^ 20), framing = "raw" })
    client:send "m"
    assert(client:connect())
    assert(client:wait("connected", util.DEADLINE))
    assert(client:disconnect(util.DEADLINE))
    assert(client:wait("disconnected", util.DEADLINE))
    assert.equal(1, account(client).finished)
    assert.equal(2 ^ 20 + 1, #all_data(dir)[1])
  end)
end)
