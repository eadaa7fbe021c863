local sidewire = require "sidewire"
local Peer = require "spec.support.peer"
local util = require "spec.support.util"

describe("poll", function()
  local peer

  before_each(function()
    util.begin()
    peer = Peer.start { mode = "echo" }
  end)
  after_each(util.finish)

  -- A connected client for which the lines "1" .. "count" came back and are queued; its connect event was polled away.
  local function with_lines(count, options)
    local client = util.connected(peer, options)
    sidewire.poll()
    local bytes = 0
    for i = 1, count do
      assert(client:send(i))
      bytes = bytes + #tostring(i) + 1
    end
    assert(util.wait_received(client, bytes))
    return client
  end

  local function numbers(first, last)
    local list = {}
    for i = first, last do list[#list + 1] = tostring(i) end
    return list
  end

  -- Sets a message handler that notes each message and then does what `act` does.
  local function note(client, act)
    local got = {}
    client:on("message", function(_, message)
      got[#got + 1] = message
      if act then act(message) end
    end)
    return got
  end

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
      client:on("message", function(...) arguments = table.pack(...) end)
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
      assert.same({ { "lost", 1, 1, "unsent", n = 4 }, { "close", n = 1 } }, { table.unpack(events) })
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

  describe("when a handler raises [F37]", function()
    after_each(function() sidewire.on_error(nil) end)

    local function fail_at(wanted)
      return function(message)
        if message == wanted then error("no " .. message .. " please") end
      end
    end

    it("lets the error out with the handler's traceback, and keeps the rest", function()
      local got = note(with_lines(5), fail_at "3")
      local ok, traceback = xpcall(sidewire.poll, debug.traceback)
      assert.is_false(ok)
      assert.matches("poll_spec.lua:%d+: no 3 please", traceback)
      assert.matches("poll_spec.lua:%d+: in upvalue 'act'", traceback)
      assert.matches("in function 'sidewire.*poll'", traceback)
      assert.same({ 2, false }, { sidewire.poll() })
      assert.same(numbers(1, 5), got)
    end)

    it("lets any error value out as it is", function()
      local value = {}
      note(with_lines(1), function() error(value) end)
      local ok, caught = pcall(sidewire.poll)
      assert.is_false(ok)
      assert.equal(value, caught)
    end)

    it("loses and repeats nothing, however often", function()
      local got = note(with_lines(200), function() error "again" end)
      for _ = 1, 200 do assert.is_false((pcall(sidewire.poll))) end
      assert.same({ 0, false }, { sidewire.poll() })
      assert.same(numbers(1, 200), got)
    end)

    it("makes room in a full inbox all the same", function()
      local client = util.connected(peer, { inbox_limit = 4096, framing = "u8" })
      peer:command "mode flood 7"
      local got = note(client, function() error "again" end)
      assert(util.wait_until(function()
        pcall(sidewire.poll)
        return #got >= 2000
      end))
      client:close(0)
    end)

    it("loses nothing when the error passes through nested polls", function()
      local got = note(with_lines(100), function(message)
        if tonumber(message) % 5 == 0 then error "every fifth" end
        sidewire.poll()
      end)
      for _ = 1, 20 do assert.is_false((pcall(sidewire.poll))) end
      assert.same({ 0, false }, { sidewire.poll() })
      assert.same(numbers(1, 100), got)
    end)

    it("tells on_error traceback, client and event, and goes on", function()
      local client = with_lines(5)
      local told = {}
      sidewire.on_error(function(...) told[#told + 1] = table.pack(...) end)
      local got = note(client, fail_at "3")
      assert.same({ 5, false }, { sidewire.poll() })
      assert.same(numbers(1, 5), got)
      assert.equal(1, #told)
      local traceback, whose, event = table.unpack(told[1])
      assert.matches("no 3 please", traceback)
      assert.matches("poll_spec.lua:%d+: in upvalue 'act'", traceback)
      assert.equal(client, whose)
      assert.equal("message", event)
      assert.equal(3, told[1].n)
    end)

    it("turns any error value into a text for on_error", function()
      local told = {}
      sidewire.on_error(function(traceback) told[#told + 1] = traceback end)
      local values = { {}, setmetatable({}, { __tostring = function() return "described" end }), false, 17 }
      note(with_lines(5), function(message) error(values[tonumber(message)]) end)
      assert.same({ 5, false }, { sidewire.poll() })
      for i, text in ipairs { "table: 0x", "described", "false", "17", "nil" } do
        assert(told[i]:find(text, 1, true), told[i])
      end
    end)

    it("lets an error in on_error out, and keeps the rest", function()
      sidewire.on_error(function() error "worse" end)
      local got = note(with_lines(3), fail_at "2")
      assert.error_matches(sidewire.poll, "worse")
      assert.same({ 1, false }, { sidewire.poll() })
      assert.same(numbers(1, 3), got)
    end)

    it("lets the error out when the handler itself took on_error away", function()
      local told = 0
      sidewire.on_error(function() told = told + 1 end)
      note(with_lines(1), function()
        sidewire.on_error(nil)
        error "on my own"
      end)
      assert.error_matches(sidewire.poll, "on my own")
      assert.equal(0, told)
    end)

    it("lets on_error poll", function()
      sidewire.on_error(function() sidewire.poll() end)
      local got = note(with_lines(10), function() error "again" end)
      sidewire.poll()
      assert.same(numbers(1, 10), got)
    end)
  end)

  describe("when a handler yields [F37]", function()
    after_each(function() sidewire.on_error(nil) end)

    -- Resumes until the coroutine ends; its results.
    local function run(thread)
      local results
      repeat
        results = table.pack(coroutine.resume(thread))
        assert(results[1], results[2])
      until coroutine.status(thread) == "dead"
      return table.unpack(results, 2, results.n)
    end

    for _, kind in ipairs { "sidewire.poll", "client:poll" } do
      it("goes on where it was when it is resumed: " .. kind, function()
        local client = with_lines(5)
        local got = note(client, coroutine.yield)
        local poll = kind == "sidewire.poll" and sidewire.poll or function() return client:poll() end
        local thread = coroutine.create(poll)
        for i = 1, 5 do
          assert.same({ true, tostring(i) }, { coroutine.resume(thread) })
          assert.equal(i, #got)
        end
        assert.same({ true, 5, false }, { coroutine.resume(thread) })
        assert.same(numbers(1, 5), got)
      end)
    end

    it("keeps to its limits", function()
      local got = note(with_lines(5), coroutine.yield)
      assert.same({ 3, true }, { run(coroutine.create(function() return sidewire.poll(3) end)) })
      assert.same(numbers(1, 3), got)
    end)

    it("lets others poll meanwhile, and repeats nothing", function()
      local got = note(with_lines(6), function(message)
        if message == "2" then coroutine.yield() end
      end)
      local thread = coroutine.create(sidewire.poll)
      assert(coroutine.resume(thread))
      assert.same(numbers(1, 2), got)
      assert.same({ 4, false }, { sidewire.poll() })
      assert.same({ true, 2, false }, { coroutine.resume(thread) })
      assert.same(numbers(1, 6), got)
    end)

    it("loses nothing with a coroutine that is never resumed", function()
      local got = note(with_lines(60), function(message)
        if tonumber(message) <= 40 then coroutine.yield() end
      end)
      for i = 1, 40 do
        assert(coroutine.resume(coroutine.create(sidewire.poll)))
        assert.equal(i, #got)
        if i % 10 == 0 then collectgarbage() end
      end
      assert.same({ 20, false }, { sidewire.poll() })
      assert.same(numbers(1, 60), got)
    end)

    it("goes on after a yield in on_error, and after an error behind a yield", function()
      local told = 0
      sidewire.on_error(function()
        told = told + 1
        coroutine.yield()
      end)
      local got = note(with_lines(4), function(message)
        coroutine.yield()
        if message ~= "3" then error "after the yield" end
      end)
      assert.same({ 4, false }, { run(coroutine.create(sidewire.poll)) })
      assert.same(numbers(1, 4), got)
      assert.equal(3, told)
    end)

    it("lets an error behind a yield out of the coroutine", function()
      local got = note(with_lines(2), function()
        coroutine.yield()
        error "after the yield"
      end)
      local thread = coroutine.create(sidewire.poll)
      assert(coroutine.resume(thread))
      local ok, why = coroutine.resume(thread)
      assert.is_false(ok)
      assert.matches("after the yield", why)
      assert.same(numbers(1, 1), got)
      assert.same({ false, 2 }, { run(coroutine.create(function() return pcall(sidewire.poll), #got end)) })
    end)

    it("survives its client being closed and finished during the yield", function()
      local client = with_lines(3)
      local events = util.collect(client)
      client:on("message", function(_, message)
        events[#events + 1] = { "message", message }
        coroutine.yield()
      end)
      local thread = coroutine.create(sidewire.poll)
      assert(coroutine.resume(thread))
      client:close()
      assert(events:wait "close")
      assert(coroutine.resume(thread))
      assert.equal("dead", coroutine.status(thread))
      assert.equal(1, events:count "message")
      assert.equal("close", events[#events][1])
    end)
  end)

  describe("in a handler of poll [F37]", function()
    it("delivers the events that follow, each once", function()
      local inner = 0
      local got = note(with_lines(10), function(message)
        if message == "3" then inner = sidewire.poll() end
      end)
      assert.same({ 3, false }, { sidewire.poll() })
      assert.equal(7, inner)
      assert.same(numbers(1, 10), got)
    end)

    -- Polls in every handler by `poll`; returns the deepest level reached, and what the polls below that raised.
    local function dive(client, poll)
      local depth, deepest, refused = 0, 0, {}
      local got = note(client, function()
        depth = depth + 1
        deepest = math.max(deepest, depth)
        if depth >= 16 then
          local ok, message = pcall(poll, depth)
          assert.is_false(ok)
          refused[#refused + 1] = message
        else
          poll(depth)
        end
        depth = depth - 1
      end)
      local total = 0
      repeat
        local count, more = sidewire.poll()
        total = total + count
      until not more
      return deepest, refused, got
    end

    local function check_dive(client, poll)
      local deepest, refused, got = dive(client, poll)
      assert.same(numbers(1, 60), got)
      assert.equal(16, deepest)
      assert(#refused > 0)
      for _, message in ipairs(refused) do
        assert.matches("%a+[.:]poll: too many polls within handlers of polls, 16 at most", message)
      end
    end

    it("raises at the 17th level, and loses nothing by it", function()
      check_dive(with_lines(60), function() return sidewire.poll() end)
    end)

    it("counts levels of client:poll too", function()
      local client = with_lines(60)
      check_dive(client, function(depth)
        if depth % 2 == 0 then return sidewire.poll() end
        return client:poll()
      end)
    end)

    it("counts levels in coroutines too", function()
      check_dive(with_lines(60), function() return coroutine.wrap(sidewire.poll)() end)
    end)

    it("counts levels right after polls that errors left, and that nobody resumes", function()
      note(with_lines(20), function() error "left" end)
      for _ = 1, 20 do pcall(sidewire.poll) end
      note(with_lines(20), coroutine.yield)
      for _ = 1, 20 do coroutine.wrap(sidewire.poll)() end
      check_dive(with_lines(60), function() return sidewire.poll() end)
    end)

    it("is defined after the client closed itself: nothing but its end follows", function()
      local client = with_lines(10)
      local events = util.collect(client)
      local inner = {}
      client:on("message", function(_, message)
        events[#events + 1] = { "message", message }
        client:close()
        assert(util.poll_until(function() return events:count "close" == 1 end)) -- nested polls
        inner = table.pack(sidewire.poll())
      end)
      assert.same({ 1, false }, { sidewire.poll() })
      assert.same({ 0, false, n = 2 }, inner)
      local names = events:names()
      assert.equal("message", names[1])
      assert.equal("close", names[#names])
      for i = 2, #names - 1 do assert.equal("lost", names[i]) end
      assert.equal("closed", client:state())
    end)

    it("lets a client be closed in each of its handlers, and collected there", function()
      for _, name in ipairs { "connect", "message", "disconnect", "error", "retry" } do
        local port = (name == "error" or name == "retry") and 1 or peer.port
        local events
        do
          local client = sidewire.new { host = "127.0.0.1", port = port, reconnect = name == "retry" }
          events = util.collect(client)
          client:on(name, function(self)
            events[#events + 1] = { name }
            self:close(0)
            self:on { message = nil, close = nil }
            sidewire.poll()
            collectgarbage()
          end)
          client:connect()
          client:send "x"
        end
        if name == "disconnect" then
          assert(events:wait "message")
          peer:command "finish"
        end
        assert(events:wait("close"))
        assert.equal(1, events:count(name))
      end
    end)
  end)

  describe("when handlers make garbage", function()
    after_each(function() collectgarbage("incremental", 200, 100, 13) end)

    it("loses nothing, though finalizers run, poll and send at any point", function()
      local client = with_lines(300)
      local finalized = 0
      local function litter()
        setmetatable({}, { __gc = function()
          finalized = finalized + 1
          if finalized % 3 == 0 then sidewire.poll(1) end
        end })
      end
      local got = note(client, function(message)
        litter()
        if tonumber(message) % 50 == 0 then collectgarbage() end
      end)
      collectgarbage("incremental", 1, 1000)
      assert(util.poll_until(function() return #got >= 300 end))
      assert(finalized > 0)
      local seen = {}
      for _, message in ipairs(got) do
        assert(not seen[message], "twice: " .. message)
        seen[message] = true
      end
    end)

    it("keeps a client that has a handler alive while it is connected, and no longer than needed", function()
      local got, collected = {}, false
      do
        local client = with_lines(0)
        local watch = setmetatable({}, { __gc = function() collected = true end })
        client:on("message", function(self, message)
          got[#got + 1] = message
          if watch and message == "last" then self:close() end
        end)
        client:send "first"
      end
      collectgarbage()
      assert(util.poll_until(function() return #got == 1 end))
      collectgarbage()
      peer:command("send " .. Peer.hex "last\n")
      assert(util.poll_until(function() return #got == 2 end))
      assert(util.poll_until(function()
        collectgarbage()
        return collected
      end))
    end)

    it("names the server that an event is about, though finalizers have the client go elsewhere meanwhile", function()
      local client = sidewire.new { reconnect = false }
      local texts, number, countdown = {}, 0, 0
      local function dial()
        number = number + 1
        client:connect("127.0.0." .. number, 1)
        client:wait("disconnected", util.DEADLINE)
      end
      local function litter()
        setmetatable({}, { __gc = function()
          countdown = countdown - 1
          if countdown == 0 then dial() end
          litter()
        end })
      end
      client:on("log", function(_, level, text)
        if level == "error" then texts[#texts + 1] = text end
      end)
      litter()
      collectgarbage("incremental", 1, 1000, 40)
      collectgarbage() -- from now on finalizers run all the time
      for moment = 1, 30 do
        dial()
        countdown = moment
        sidewire.poll()
        countdown = 0
      end
      util.poll_until(function() return #texts == number end) -- the log comes behind the state that ends a wait
      assert.equal(number, #texts)
      for i, text in ipairs(texts) do
        local told = math.tointeger(tonumber(text:match "^error: cannot connect to 127%.0%.0%.(%d+) port 1[^:]*: conn"))
        assert(told and told >= i and told <= number, text)
      end
    end)

    it("does not stumble over clients that die with events queued", function()
      for _, deliver in ipairs { sidewire.poll, sidewire.events() } do
        local done
        do
          for _ = 1, 10 do
            local client = sidewire.new { host = "127.0.0.1", port = 1, reconnect = false }
            client:connect()
            client:wait("disconnected", util.DEADLINE)
          end
          sidewire.wait(0) -- takes their events
          -- Made last, so finalized first: the clients are dead, but not finalized yet.
          setmetatable({}, { __gc = function() done = table.pack(deliver()) end })
        end
        collectgarbage()
        assert(done[1] == nil or done[1] == 0, done[1])
      end
    end)

    it("stops waiting for those of a client that raised at its end", function()
      do
        local client = with_lines(1, { reconnect = false })
        client:on { message = error, close = error }
        assert.is_false((pcall(sidewire.poll)))
        assert.equal("ETIMEDOUT", select(3, sidewire.wait(0)))
        client:close()
        assert(client:wait("disconnected", util.DEADLINE))
        assert.is_false((pcall(sidewire.poll)))
        assert.equal("ETIMEDOUT", select(3, sidewire.wait(0)))
      end
    end)
  end)

  describe("and handlers that change", function()
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

describe("messages without a handler", function()
  local peer

  before_each(function()
    util.begin()
    peer = Peer.start { mode = "echo" }
  end)
  after_each(util.finish)

  local function ended_client(options)
    local client = util.connected(peer, options or { reconnect = false })
    client:send "one"
    client:send "two"
    assert(util.wait_received(client, 8))
    peer:command "finish"
    assert(client:wait("disconnected", util.DEADLINE))
    return client
  end

  it("stay for receive, while poll passes over them to what came later", function()
    local client = ended_client()
    local events = util.collect(client, "connect", "disconnect")
    assert.same({ 2, false }, { sidewire.poll() })
    assert.same({ "connect", "disconnect" }, events:names())
    assert.equal("one", client:receive())
    assert.equal("two", client:receive())
    local message, why, code = client:receive()
    assert.is_nil(message)
    assert.is_string(why)
    assert.equal("EPEER", code)
  end)

  it("stay for a handler that comes later", function()
    local client = ended_client()
    assert.same({ 0, false }, { sidewire.poll() })
    local events = util.collect(client)
    assert.same({ 2, false }, { sidewire.poll() })
    assert.same({ "one", "two" }, events:all "message")
  end)

  it("are no work for poll", function()
    local client = util.connected(peer)
    sidewire.poll()
    client:send "x"
    assert(util.wait_received(client, 2))
    assert.same({ 0, false }, { sidewire.poll() })
    assert.same({ nil, "timed out: nothing came", "ETIMEDOUT" }, { sidewire.wait(0) })
    client:on("message", function() end)
    assert.is_true(sidewire.wait(0))
    assert.same({ 1, false }, { sidewire.poll() })
  end)

  it("are discarded when the handler is false, whenever that is said", function()
    local client = util.connected(peer, { on = { message = false } })
    client:send "dropped"
    assert(util.wait_received(client, 8))
    client:on("message", nil)
    client:send "dropped too"
    assert(util.wait_received(client, 20))
    client:on("message", false)
    client:on("message", nil)
    client:send "kept"
    assert.equal("kept", client:receive(util.DEADLINE))
    assert.equal("ETIMEDOUT", select(3, client:receive()))
  end)

  it("do not fill the inbox when they are discarded", function()
    local client = util.connected(peer, { on = { message = false }, inbox_limit = 4096, reconnect = false })
    peer:command "mode flood 1000"
    assert(util.wait_received(client, 200 * 1000))
    assert.is_false(client:stats().paused)
    client:close(0)
  end)
end)

describe("receive", function()
  local peer

  before_each(function()
    util.begin()
    peer = Peer.start { mode = "echo" }
  end)
  after_each(util.finish)

  it("does not wait when no timeout is given", function()
    local client = util.connected(peer)
    local late = { nil, ("no message from 127.0.0.1 port %d yet"):format(peer.port), "ETIMEDOUT" }
    assert.same(late, { client:receive() })
    assert.same(late, { client:receive(0) })
    assert.same(late, { client:receive(0.02) })
  end)

  it("waits for one message, and leaves the others where they are, between polls too", function()
    local client = util.connected(peer)
    local events = util.collect(client, "connect")
    for i = 1, 200 do
      client:send(i)
      if i % 3 == 0 then client:send(-i) end
      assert.equal(tostring(i), client:receive(util.DEADLINE))
      if i % 3 == 0 then assert.equal(tostring(-i), client:receive(util.DEADLINE)) end
      if i % 50 == 0 then sidewire.poll() end
    end
    assert.equal("ETIMEDOUT", select(3, client:receive()))
    assert.same({ "connect" }, events:names())
  end)

  it("raises when a handler is set", function()
    local client = util.connected(peer, { on = { message = function() end } })
    assert.error_matches(function() client:receive() end, "message handler")
    assert.error_matches(function() client:receive(1) end, "message handler")
    client:on("message", nil)
    client:send "x"
    assert.equal("x", client:receive(util.DEADLINE))
  end)

  it("fails at once, with the reason, where nothing can come", function()
    local client = util.client(peer)
    assert.same({ nil, "not connected: call client:connect first", "ENOTCONN" }, { client:receive(util.DEADLINE) })
    client:connect()
    assert(client:wait("connected", util.DEADLINE))
    client:disconnect()
    assert.equal("ECLOSED", select(3, client:receive(util.DEADLINE)))
    client:close()
    assert.equal("ECLOSED", select(3, client:receive(util.DEADLINE)))
    local nobody = sidewire.new { host = "127.0.0.1", port = 1, reconnect = false }
    nobody:connect()
    assert.equal("ECONNREFUSED", select(3, nobody:receive(util.DEADLINE)))
  end)

  it("gives every message that came before the end, then the end's code", function()
    for _ = 1, util.choose(100, 20) do
      local client = util.connected(peer, { reconnect = false })
      local hex = Peer.hex(("x\n"):rep(50))
      peer:command("send-finish " .. hex)
      local count = 0
      local message, _, code = client:receive(util.DEADLINE)
      while message do
        count = count + 1
        message, _, code = client:receive(util.DEADLINE)
      end
      assert.equal(50, count)
      assert.equal("EPEER", code)
      client:close()
    end
  end)

  it("goes on through a reconnect", function()
    local client = util.connected(peer, { reconnect = 0.01 })
    peer:command "finish"
    assert(peer:wait_accepted(2))
    assert(peer:wait_connections(1))
    peer:command("send " .. Peer.hex "again\n")
    assert.equal("again", client:receive(util.DEADLINE))
  end)
end)

describe("wait, flush and receive", function()
  before_each(util.begin)
  after_each(util.finish)

  it("run no handlers [F37]", function()
    local peer = Peer.start { mode = "echo" }
    local client = util.client(peer, { reconnect = false })
    local events = util.collect(client, "connect", "disconnect", "log", "drain", "lost")
    client:connect()
    assert(client:wait("connected", util.DEADLINE))
    client:send "x"
    assert(client:flush(util.DEADLINE))
    assert.equal("x", client:receive(util.DEADLINE))
    assert(sidewire.wait(util.DEADLINE))
    peer:command "finish"
    assert(client:wait("disconnected", util.DEADLINE))
    assert.same({}, events:names())
    sidewire.poll()
    assert.equal(1, events:count "connect")
    assert.equal(1, events:count "disconnect")
  end)

  it("can be called in a handler", function()
    local peer = Peer.start { mode = "echo" }
    local client = util.client(peer)
    local answers = {}
    client:on("connect", function()
      client:send "a"
      assert(client:flush(util.DEADLINE))
      answers[1] = client:receive(util.DEADLINE)
      assert(client:wait("connected"))
      client:disconnect()
      assert(client:wait("disconnected", util.DEADLINE))
    end)
    local events = util.collect(client, "disconnect")
    client:connect()
    assert(events:wait "disconnect")
    assert.same({ "a" }, answers)
  end)
end)

describe("sidewire.wait", function()
  local peer

  before_each(function()
    util.begin()
    peer = Peer.start { mode = "echo" }
  end)
  after_each(util.finish)

  it("is true as soon as, and as long as, poll has work", function()
    local client = util.connected(peer)
    assert.is_true(sidewire.wait(util.DEADLINE))
    assert.is_true(sidewire.wait(0))
    sidewire.poll()
    assert.same({ nil, "timed out: nothing came", "ETIMEDOUT" }, { sidewire.wait(0) })
    client:on("message", function() end)
    client:send "x"
    assert.is_true(sidewire.wait(util.DEADLINE))
    assert.is_true(sidewire.wait())
    assert.equal(1, (sidewire.poll()))
    assert.same({ nil, "timed out: nothing came", "ETIMEDOUT" }, { sidewire.wait(0.02) })
  end)

  it("times out, or says that nothing can come, without a connection", function()
    assert.same({ nil, "timed out: nothing came", "ETIMEDOUT" }, { sidewire.wait(0.01) })
    assert.equal("ECLOSED", select(3, sidewire.wait()))
  end)
end)

describe("sidewire.events", function()
  local peer

  before_each(function()
    util.begin()
    peer = Peer.start { mode = "echo" }
  end)
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
    assert.matches("^info: will retry in 0.01 s$", list[4])
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

describe("the drain event", function()
  before_each(util.begin)
  after_each(util.finish)

  local function fill(client, message)
    local accepted = 0
    while true do
      local id, _, code = client:send(message)
      if not id then
        assert.equal("EFULL", code)
        return accepted
      end
      accepted = accepted + 1
    end
  end

  it("comes once after a refused send, when half of the queue is free", function()
    local peer = Peer.start { mode = "silent" }
    local client = util.connected(peer, { queue_limit = 64 * 1024, framing = "u32be" })
    local events = util.collect(client)
    local message = ("x"):rep(1020)
    local accepted = 0
    assert(util.wait_until(function() -- until the kernel takes no more either
      local before = accepted
      accepted = accepted + fill(client, message)
      return accepted == before and client:pending() > 62 * 1024
    end))
    sidewire.poll()
    events:clear() -- the kernel took some between the rounds
    peer:command "mode sink"
    assert(events:wait "drain")
    assert(client:pending() <= 32 * 1024)
    assert(client:send(message))
    assert(client:flush(util.DEADLINE))
    sidewire.poll()
    assert.equal(1, events:count "drain")
    assert(peer:wait_bytes((accepted + 1) * 1024, util.DEADLINE))
  end)

  it("does not come when no send was refused", function()
    local peer = Peer.start { mode = "sink" }
    local client = util.connected(peer, { queue_limit = 4096 })
    local events = util.collect(client)
    for _ = 1, 50 do
      assert(client:send(("x"):rep(3000)))
      assert(client:flush(util.DEADLINE))
    end
    sidewire.poll()
    assert.equal(0, events:count "drain")
  end)

  it("comes before the connection too: a refused send is remembered", function()
    local peer = Peer.start { mode = "sink" }
    local client = util.client(peer, { queue_limit = 4096 })
    local events = util.collect(client)
    local accepted = fill(client, ("x"):rep(99))
    assert.equal(4096 // 108, accepted) -- each counts 8 bytes more
    assert.same({ accepted * 100, accepted }, { client:pending() })
    assert.same({ nil, "ETOOBIG" }, { (function(id, _, code) return id, code end)(client:send(("x"):rep(4096))) })
    client:connect()
    assert(events:wait "drain")
    assert(peer:wait_bytes(accepted * 100))
  end)
end)
