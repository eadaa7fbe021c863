local sidewire = require "sidewire"
local engine = require "spec.support.engine"
local lines = require "spec.support.lines"
local util = require "spec.support.util"

local with_lines, numbers, note = lines.with_lines, lines.numbers, lines.note

describe("poll", function()
  local peer

  before_each(function() peer = lines.begin() end)
  after_each(util.finish)

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

    -- The handler of the first line takes the others, waits until ten more have come, and takes the first of them.
    local function check_newcomers(client, poll)
      local got = note(client, function(message)
        if message ~= "1" then return end
        assert.same({ 9, false }, { poll() })
        local bytes = client:stats().received_bytes
        for i = 11, 20 do client:send(i) end
        assert(util.wait_received(client, bytes + 30))
        assert.same({ 1, true }, { poll(1) })
      end)
      assert.same({ 1, true }, { poll() })
      assert.same(numbers(1, 11), got)
      assert.same({ 9, false }, { poll() })
      assert.same(numbers(1, 20), got)
    end

    it("leaves what has come since for the next poll", function() check_newcomers(with_lines(10), sidewire.poll) end)

    it("leaves what has come since for the next client:poll", function()
      local client = with_lines(10)
      check_newcomers(client, function(max) return client:poll(max) end)
    end)

    it("does not shorten a client:poll by the events of others", function()
      local client, other = with_lines(10), with_lines(10)
      note(other, function() end)
      local got = note(client, function() other:poll(5) end)
      assert.same({ 10, false }, { client:poll() })
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
      check_dive(with_lines(60), function() return coroutine.wrap(function() return sidewire.poll() end)() end)
    end)

    it("counts levels right after polls that errors left, and polls that are never resumed", function()
      if not engine.has_yields then return pending(engine.lacks "yields across handlers") end
      note(with_lines(20), function() error "left" end)
      for _ = 1, 20 do pcall(sidewire.poll) end
      note(with_lines(20), coroutine.yield)
      for _ = 1, 20 do coroutine.wrap(sidewire.poll)() end
      check_dive(with_lines(60), function() return sidewire.poll() end)
    end)

    -- To count the levels takes time that grows with the square of the frames it looks at. Without a bound, the deepest
    -- recursion that Lua allows took minutes here.
    it("counts levels soon, however deep the caller's recursion is", function()
      local polls = 16 * 20
      local raised = {}
      with_lines(polls):on("message", function() error("left", 0) end)
      local function poll_from(frames)
        if frames > 0 then
          local value = poll_from(frames - 1)
          return value
        end
        for i = 1, polls do raised[i] = select(2, pcall(sidewire.poll)) end
        return true
      end
      for _, frames in ipairs { 150000, 50000, 15000, 5000 } do -- the last that this Lua's stack has room for
        if coroutine.wrap(function() return pcall(poll_from, frames) end)() then break end
      end
      for i = 1, polls do assert.equal("left", raised[i]) end
      assert.same({ 0, false }, { sidewire.poll() })
    end)

    it("delivers nothing but the end of a client that closed itself", function()
      local client = with_lines(10)
      local events = util.collect(client)
      local inner = {}
      client:on("message", function(_, message)
        events[#events + 1] = { "message", message }
        client:close()
        assert(util.poll_until(function() return events:count "close" == 1 end)) -- nested polls
        inner = engine.pack(sidewire.poll())
      end)
      assert.same({ 1, false }, { sidewire.poll() })
      assert.same({ 0, false, n = 2 }, inner)
      local names = events:names()
      assert.equal("message", names[1])
      assert.equal("close", names[#names])
      for i = 2, #names - 1 do assert.equal("lost", names[i]) end
      assert.equal("closed", client:state())
    end)

    it("lets a client be closed in each of its handlers, and be collected there", function()
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
end)
