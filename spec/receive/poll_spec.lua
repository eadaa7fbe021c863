-- What `poll` delivers, when, and in which order.

local sidewire = require "sidewire"
local engine = require "spec.support.engine"
local lines = require "spec.support.lines"
local util = require "spec.support.util"

local with_lines, numbers, note = lines.with_lines, lines.numbers, lines.note

describe("poll", function()
  local peer

  before_each(function() peer = lines.begin() end)
  after_each(util.finish)

  describe("without limits", function()
    it("returns 0 and false when there is nothing, with and without clients", function()
      assert.same({ 0, false }, { sidewire.poll() })
      local client = sidewire.new { on = { message = function() end } }
      assert.same({ 0, false }, { sidewire.poll() })
      assert.same({ 0, false }, { client:poll() })
    end)

    it("delivers all that is queued, in order, and counts the handlers called", function()
      local got = note(with_lines(100))
      assert.same({ 100, false }, { sidewire.poll() })
      assert.same(numbers(1, 100), got)
      assert.same({ 0, false }, { sidewire.poll() })
    end)

    it("gives handlers the client first, and messages as strings", function()
      local client = with_lines(1)
      local arguments
      client:on("message", function(...) arguments = engine.pack(...) end)
      sidewire.poll()
      assert.same({ client, "1", n = 2 }, arguments)
    end)

    it("does not count events that have no handler", function()
      local client = util.connected(peer)
      client:send "x"
      assert(util.wait_received(client, 2))
      note(client)
      assert.same({ 1, false }, { sidewire.poll() })
    end)

    it("delivers what was queued when it began, and says that there is more", function()
      local client = with_lines(2)
      local got = note(client, function(message)
        if #message > 1 then return end
        local before = client:stats().received_bytes
        client:send(message .. "'")
        assert(util.wait_received(client, before + 3))
      end)
      assert.same({ 2, true }, { sidewire.poll() })
      assert.same({ "1", "2" }, got)
      assert.same({ 2, false }, { sidewire.poll() })
      assert.same({ "1", "2", "1'", "2'" }, got)
    end)

    it("delivers losses together with the end that caused them", function()
      local client = sidewire.new()
      client:send "x"
      local events = util.collect(client)
      client:close()
      assert.same({ 2, false }, { sidewire.poll() })
      assert.same({ { "lost", 1, 1, "unsent", n = 4 }, { "close", n = 1 } }, { engine.unpack(events) })
    end)
  end)

  describe("with max_events", function()
    it("calls so many handlers at most, and says whether there is more [E44]", function()
      local got = note(with_lines(70))
      assert.same({ 30, true }, { sidewire.poll(30) })
      assert.same(numbers(1, 30), got)
      assert.same({ 0, true }, { sidewire.poll(0) })
      assert.same({ 1, true }, { sidewire.poll(1) })
      assert.same({ 39, false }, { sidewire.poll(39) })
      assert.same({ 0, false }, { sidewire.poll(1) })
      assert.same(numbers(1, 70), got)
    end)
  end)

  describe("with max_seconds", function()
    local function spin(seconds)
      local ends = os.clock() + seconds
      while os.clock() < ends do end
    end

    it("calls no further handler after that time, however few are queued [E44]", function()
      local got = note(with_lines(15), function() spin(0.01) end)
      local count, more = sidewire.poll(nil, 0.015)
      assert(count >= 1 and count < 15, count)
      assert.is_true(more)
      assert.same({ 15 - count, false }, { sidewire.poll() })
      assert.same(numbers(1, 15), got)
    end)

    it("gets on even when the time is over at once", function()
      local got = note(with_lines(3))
      for _ = 1, 3 do assert.equal(1, (sidewire.poll(nil, 0))) end
      assert.same(numbers(1, 3), got)
    end)

    it("delivers everything when there is time", function()
      local got = note(with_lines(100))
      assert.same({ 100, false }, { sidewire.poll(nil, 1e8) })
      assert.same(numbers(1, 100), got)
    end)
  end)

  describe("with several clients", function()
    -- Notes the clients' names in the order of their messages, and each client's messages.
    local function note_all(clients)
      local order, got = {}, {}
      for name, client in pairs(clients) do
        got[name] = {}
        client:on("message", function(_, message)
          order[#order + 1] = name
          table.insert(got[name], message)
        end)
      end
      return order, got
    end

    local function longest_run(order, first, last)
      local longest, run = 0, 0
      for i = first, last do
        run = (i > first and order[i] == order[i - 1]) and run + 1 or 1
        longest = math.max(longest, run)
      end
      return longest
    end

    it("gives each its turn after 32 messages", function()
      local clients = { a = with_lines(100), b = with_lines(100), c = with_lines(100) }
      local order, got = note_all(clients)
      assert.same({ 300, false }, { sidewire.poll() })
      assert.equal(32, longest_run(order, 1, 288)) -- then each has 4 left
      for name in pairs(clients) do assert.same(numbers(1, 100), got[name]) end
    end)

    it("remembers whose turn it is from poll to poll", function()
      local _, got = note_all { a = with_lines(40), b = with_lines(40) }
      for _ = 1, 64 do assert.same({ 1, true }, { sidewire.poll(1) }) end
      assert.same(numbers(1, 32), got.a)
      assert.same(numbers(1, 32), got.b)
    end)

    it("polls one only when asked through it, with the same limits", function()
      local clients = { a = with_lines(40), b = with_lines(40) }
      local _, got = note_all(clients)
      assert.same({ 7, true }, { clients.b:poll(7) })
      assert.same({ 1, true }, { clients.b:poll(nil, 0) })
      assert.same({ 32, false }, { clients.b:poll() })
      assert.same({ 0, false }, { clients.b:poll() })
      assert.same({ {}, numbers(1, 40) }, { got.a, got.b })
      assert.same({ 40, false }, { sidewire.poll() })
      assert.same(numbers(1, 40), got.a)
    end)

    it("lets a handler close another one that has messages queued", function()
      local victim = with_lines(10)
      local events = util.collect(victim)
      local killer = with_lines(1)
      sidewire.poll(5)
      note(killer, function() victim:close() end)
      killer:poll()
      local before = #events
      assert(events:wait "close")
      for i = before + 1, #events do assert(events[i][1] == "lost" or events[i][1] == "close", events[i][1]) end
    end)
  end)

  describe("when handlers change", function()
    it("uses the new handler for the next message", function()
      local client = with_lines(3)
      local second = {}
      local first = note(client, function()
        client:on("message", function(_, message) second[#second + 1] = message end)
      end)
      sidewire.poll()
      assert.same({ { "1" }, { "2", "3" } }, { first, second })
    end)

    it("leaves messages queued when their handler is taken away in mid-poll", function()
      local client = with_lines(3)
      local got = note(client, function() client:on("message", nil) end)
      assert.same({ 1, false }, { sidewire.poll() })
      assert.same({ "1" }, got)
      assert.equal("2", client:receive())
      assert.equal("3", client:receive())
    end)

    it("takes several at once, and callable tables", function()
      local client = util.connected(peer)
      local calls = {}
      local callable = setmetatable({}, { __call = function(_, _, message) calls[#calls + 1] = message end })
      assert.equal(client, client:on { connect = function() calls[#calls + 1] = "connect" end, message = callable })
      client:send "x"
      assert(util.poll_until(function() return #calls == 2 end))
      assert.same({ "connect", "x" }, calls)
    end)
  end)
end)
