-- What a new connection sends again, and what it says first: retain = "unacked" and "unconfirmed", acked, confirm,
-- greeting, unfinished. spec/delivery_spec.lua has the other modes.

local sidewire = require "sidewire.core"
local Peer = require "spec.support.peer"
local delivery = require "spec.support.delivery"
local numbered = require "spec.support.numbered"
local util = require "spec.support.util"

local account = numbered.check_account
local small, kilobyte = delivery.small, delivery.kilobyte
local send_all, wait_finished, all_data = delivery.send_all, delivery.wait_finished, delivery.all_data

local function groups(client)
  local s = account(client)
  return { s.queued, s.in_flight, s.finished, s.lost }
end

local function unfinished(client)
  local ids, messages = {}, {}
  for id, message in assert(client:unfinished()) do
    ids[#ids + 1] = id
    messages[#messages + 1] = message
  end
  return ids, messages
end

describe("retain = 'unacked'", function()
  before_each(util.begin)
  after_each(delivery.finish)

  it("sends again what was not acknowledged, from a message's first byte, and loses nothing", function()
    local client, events, disconnect, peer, dir, before = delivery.cut { retain = "unacked" }
    assert.same({}, util.losses(events))
    local s = account(client)
    local acked = s.finished
    assert.same({ 3000 - acked, 0, acked, 0 }, { s.queued, s.in_flight, s.finished, s.lost })
    assert.same({ 3000 - acked - before.queued, before.queued }, { disconnect[4].unacked, disconnect[4].unsent })
    assert.is_true(disconnect[4].unacked > 0)
    assert.equal(3000 - acked, (select(2, client:pending())))

    assert(client:connect())
    local expected = numbered.lines(kilobyte, acked + 1, 3000)
    assert(peer:wait_bytes(#expected, util.DEADLINE))
    assert.same({ 0, 0, 3000, 0 }, (function()
      wait_finished(client)
      return groups(client)
    end)())
    assert.is_true(all_data(dir)[2] == expected)
  end)

  it("counts what is in flight against queue_limit, until it is acknowledged", function()
    local peer = delivery.start_peer()
    local client = util.connected(peer, { retain = "unacked", queue_limit = 100 * 1025 })
    local accepted = 0
    assert(util.poll_until(function()
      while client:send(kilobyte(accepted + 1)) do accepted = accepted + 1 end
      local bytes, messages = client:pending()
      local s = account(client)
      assert.is_true(bytes <= 100 * 1025)
      assert.is_true(messages <= 100 and s.queued + s.in_flight <= 100)
      return accepted >= 2000 -- so room comes with the acknowledgements
    end))
    wait_finished(client)
    assert.same({ 0, 0 }, { client:pending() })
  end)

  it("ends as lost by fate on close: unknown is whatever any connection was given", function()
    local client, events = delivery.cut { retain = "unacked" }
    local s = account(client)
    assert(client:close(0))
    assert(events:wait "close")
    local lost = util.losses(events)
    assert.same({ s.finished + 1, 3000 }, { lost[1][1], lost[#lost][2] })
    assert.same({ "unknown", "unsent" }, { lost[1][3], lost[2][3] })
    assert.equal(lost[1][2] + 1, lost[2][1])
  end)
end)

describe("retain = 'unconfirmed'", function()
  before_each(util.begin)
  after_each(delivery.finish)

  it("sends everything that was not confirmed again, to whichever server", function()
    local first, first_dir = delivery.recorded()
    local second, second_dir = delivery.recorded()
    local client = util.connected(first, { retain = "unconfirmed", reconnect = 60 })
    local events = util.collect(client)
    send_all(client, small, 100)
    local everything = numbered.lines(small, 1, 100)
    assert(first:wait_bytes(#everything, util.DEADLINE))
    assert.is_true(client:confirm(40))
    assert(util.poll_until(function() return account(client).finished == 40 end))
    assert.same({ 0, 60, 40, 0 }, groups(client))
    assert.equal(60, (select(2, client:pending())))

    first:command "reset"
    assert(events:wait "disconnect")
    assert.same({ 60, 0, 40, 0 }, groups(client))
    assert.same({}, util.losses(events))
    assert(client:connect(second.host, second.port))
    local rest = numbered.lines(small, 41, 100)
    assert(second:wait_bytes(#rest, util.DEADLINE))
    assert.is_true(client:confirm(100))
    wait_finished(client)
    assert.same({ 0, 0, 100, 0 }, groups(client))
    assert.same({ { everything }, { rest } }, { all_data(first_dir), all_data(second_dir) })
  end)

  it("skips what is confirmed before it was sent again", function()
    local peer, dir = delivery.recorded()
    local client = util.connected(peer, { retain = "unconfirmed", reconnect = 60 })
    local events = util.collect(client)
    send_all(client, small, 10)
    assert(peer:wait_bytes(#numbered.lines(small, 1, 10), util.DEADLINE))
    peer:command "reset"
    assert(events:wait "disconnect")
    assert.is_true(client:confirm(7)) -- a word of the server's from another way
    assert.equal(11, client:send(small(11)))
    assert(client:connect())
    assert(peer:wait_bytes(#numbered.lines(small, 1, 10) + #numbered.lines(small, 8, 11), util.DEADLINE))
    -- The peer told it by another way than the connection: it may be a moment ahead of the thread's own account.
    assert(util.poll_until(function() return client:confirm(11) end))
    wait_finished(client)
    assert.equal(numbered.lines(small, 8, 11), all_data(dir)[2])
  end)

  it("confirms with a no-op what is confirmed, and refuses ids that were never handed over", function()
    local peer = Peer.start()
    local client = util.client(peer, { retain = "unconfirmed" })
    assert.is_true(client:confirm(0))
    send_all(client, small, 3)
    local function refused(id)
      local ok, message, code = client:confirm(id)
      assert.is_nil(ok)
      assert.matches(("message %d was never handed over"):format(id), message, 1, true)
      assert.equal("EINVAL", code)
    end
    refused(1)
    assert(client:connect())
    assert(client:flush(util.DEADLINE))
    assert.is_true(client:confirm "2") -- as a peer's line may have it
    assert.is_true(client:confirm(1))
    assert.is_true(client:confirm(2))
    refused(4)
    refused(-1)
    refused(math.maxinteger)
    assert(util.poll_until(function() return account(client).finished == 2 end))
    client:close()
    assert.equal("ECLOSED", (select(3, client:confirm(3))))
  end)

  it("drains when confirming makes room", function()
    local peer = Peer.start()
    local client = util.connected(peer, { retain = "unconfirmed", queue_limit = 1080 })
    local events = util.collect(client)
    local last
    repeat
      local id, _, code = client:send(("x"):rep(99))
      last = id or last
    until code == "EFULL"
    assert.equal(10, last)
    assert(client:flush(util.DEADLINE))
    assert.same({ 1000, 10 }, { client:pending() })
    assert.is_true(client:confirm(4))
    assert(util.poll_until(function() return client:pending() == 600 end))
    assert.equal(0, events:count "drain")
    assert.is_true(client:confirm(5))
    assert(events:wait "drain")
  end)
end)

describe("the acked event", function()
  before_each(util.begin)
  after_each(delivery.finish)

  it("tells the newest acknowledged id, once for many, and never again what it told", function()
    local peer = delivery.start_peer()
    local client = util.connected(peer, { retain = "unconfirmed", reconnect = 0.01 })
    local events = util.collect(client, "acked", "disconnect", "connect")
    send_all(client, small, 5000)
    assert(util.wait_until(function() return client:stats().in_flight == 5000 end))
    assert(util.poll_until(function()
      local newest = events:last "acked"
      return newest and newest[2] == 5000
    end))
    assert.is_true(events:count "acked" < 500)
    peer:command "reset"
    assert(events:wait "disconnect")
    assert(util.poll_until(function() return events:count "connect" == 2 end))
    send_all(client, small, 1)
    assert(util.poll_until(function() return events:last "acked"[2] == 5001 end))
    local before = 0
    for _, id in ipairs(events:all "acked") do
      assert.is_true(id > before)
      before = id
    end
  end)

  it("waits while the inbox is full, and then tells the newest id", function()
    local client = util.connected(Peer.start { mode = "sink" }, { inbox_limit = 4096, queue_limit = 1080 })
    local events = util.collect(client, "acked", "drain")
    local rounds = 100 -- each with a drain, so that one acked event cannot take the place of the one before
    for _ = 1, rounds do
      while client:send(("x"):rep(300)) do end -- luacheck: ignore 542
      assert(util.wait_until(function() return client:stats().finished == client:stats().accepted end))
    end
    sidewire.poll()
    assert(events:count "acked" < rounds / 2)
    local accepted = client:stats().accepted
    assert(util.poll_until(function() return events:last "acked"[2] == accepted end))
  end)

  it("comes before the loss and the disconnect that follow it", function()
    local peer = delivery.start_peer { mode = "silent" }
    local client = util.connected(peer, { reconnect = 60 })
    local events = util.collect(client, "acked", "lost", "disconnect")
    delivery.overfill(client)
    delivery.wait_stuck(client)
    peer:command "reset"
    assert(events:wait "disconnect")
    local names = events:names()
    assert.same({ "acked", "lost", "disconnect" }, table.move(names, #names - 2, #names, 1, {}))
    assert.equal(events[#events - 2][2] + 1, events[#events - 1][2])
  end)

  it("is no work for who has no handler for it", function()
    local peer = Peer.start()
    local client = util.connected(peer)
    sidewire.poll()
    send_all(client, small, 10)
    wait_finished(client)
    local ok, _, code = sidewire.wait(0.02)
    assert.same({ "ETIMEDOUT" }, { code, ok })
  end)
end)

describe("the greeting", function()
  before_each(util.begin)
  after_each(delivery.finish)

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

describe("unfinished", function()
  before_each(util.begin)
  after_each(delivery.finish)

  local function range(first, last)
    local list = {}
    for i = first, last do list[#list + 1] = i end
    return list
  end

  it("iterates what is queued, before any connection too", function()
    local client = sidewire.new { framing = "u16le" }
    assert.same({}, (unfinished(client)))
    send_all(client, small, 50)
    local ids, messages = unfinished(client)
    assert.same(range(1, 50), ids)
    for i, message in ipairs(messages) do assert.equal(small(i), message) end
  end)

  it("iterates what is in flight and queued while a peer does not read, and again after the cut", function()
    local client, _, _, peer = delivery.cut { retain = "unacked" }
    local first = account(client).finished + 1
    local ids, messages = unfinished(client)
    assert.same(range(first, 3000), ids)
    for i, message in ipairs(messages) do assert.is_true(message == kilobyte(first + i - 1)) end
    peer:command "mode silent"
    assert(client:connect())
    delivery.wait_stuck(client)
    assert.same(range(account(client).finished + 1, 3000), (unfinished(client)))
    assert.equal(3001, client:send(kilobyte(3001))) -- the copies are no part of the queue
  end)

  it("leaves out what is confirmed", function()
    local peer = Peer.start()
    local client = util.connected(peer, { retain = "unconfirmed" })
    send_all(client, small, 20)
    assert(client:flush(util.DEADLINE))
    client:confirm(15)
    assert.same(range(16, 20), (unfinished(client)))
    client:confirm(20)
    assert.same({}, (unfinished(client)))
  end)

  it("unframes messages of any size, and tells what was written", function()
    for _, framing in ipairs { "line", "raw", "u32be", { delimiter = "END" }, { fixed = 70000 } } do
      local client = sidewire.new { framing = framing }
      local message = ("m"):rep(70000)
      client:send(message)
      client:write "w"
      client:send(message)
      local seen = {}
      for id, text, written in assert(client:unfinished()) do seen[id] = { #text, written } end
      local told = framing ~= "raw"
      assert.same({ { 70000, false }, { 1, told }, { 70000, false } }, seen)
    end
  end)

  it("may be left in the middle, and outlives the client", function()
    local client = sidewire.new()
    send_all(client, small, 5000)
    for id in assert(client:unfinished()) do
      if id == 2000 then break end
    end
    local next_message, state = assert(client:unfinished())
    client:close()
    client = nil -- luacheck: ignore 311 (collected)
    collectgarbage()
    local count = 0
    for _ in next_message, state do count = count + 1 end
    assert.equal(5000, count)
  end)

  -- Pushing a message runs finalizers, at any point.
  for _, case in ipairs { { "small", 20000, 100 }, { "of several pages", 20, 200000 } } do
    it("gives each message once, though finalizers iterate, too, or collect its state: " .. case[1], function()
      local amount, text = case[2], ("x"):rep(case[3])
      local function iterate(next_message, state) return (next_message(state)) end
      local function collect(_, state) debug.getmetatable(state).__gc(state) end
      for _, act in ipairs { iterate, collect } do
        local client = sidewire.new()
        for _ = 1, amount do assert(client:send(text)) end
        local next_message, state = assert(client:unfinished())
        local seen, count, acts, armed = {}, 0, 0, true
        local function note(id)
          if not id then return end
          assert(not seen[id], "twice: " .. id)
          seen[id], count = true, count + 1
        end
        local function litter()
          setmetatable({}, { __gc = function()
            if not armed then return end
            litter()
            acts = acts + 1
            note(act(next_message, state))
          end })
        end
        litter()
        collectgarbage("incremental", 1, 1000, 5)
        for id, message in next_message, state do
          note(id)
          assert.equal(#text, #message)
        end
        armed = false
        collectgarbage("incremental", 200, 100, 13)
        assert(acts > 0, "no finalizer ran")
        assert(act == collect or count == amount)
      end
    end)
  end

  it("refuses closed clients", function()
    local client = sidewire.new()
    client:close()
    assert.equal("ECLOSED", (select(3, client:unfinished())))
  end)
end)
