local sidewire = require "sidewire"
local engine = require "spec.support.engine"
local Peer = require "spec.support.peer"
local build = require "spec.support.build"
local delivery = require "spec.support.delivery"
local numbered = require "spec.support.numbered"
local util = require "spec.support.util"

local account = numbered.check_account
local small, kilobyte, send_all = delivery.small, delivery.kilobyte, delivery.send_all

local function unfinished(client)
  local ids, messages = {}, {}
  for id, message in assert(client:unfinished()) do
    ids[#ids + 1] = id
    messages[#messages + 1] = message
  end
  return ids, messages
end

describe("unfinished", function()
  before_each(util.begin)
  after_each(util.finish_without_peers)

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
    local client, _, _, peer = delivery.cut { retain = build.has_fallbacks and "unsent" or "unacked" }
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
          engine.finalizer(function()
            if not armed then return end
            litter()
            acts = acts + 1
            note(act(next_message, state))
          end)
        end
        litter()
        engine.collect_often(5)
        for id, message in next_message, state do
          note(id)
          assert.equal(#text, #message)
        end
        armed = false
        engine.collect_as_usual()
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
