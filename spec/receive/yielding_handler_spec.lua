local sidewire = require "sidewire"
local engine = require "spec.support.engine"
local lines = require "spec.support.lines"
local util = require "spec.support.util"

local with_lines, numbers, note = lines.with_lines, lines.numbers, lines.note

describe("poll", function()
  before_each(lines.begin)
  after_each(util.finish)

  describe("when a handler yields [F37]", function()
    if not engine.has_yields then return pending(engine.lacks "yields across handlers: it gets an error") end

    after_each(function() sidewire.on_error(nil) end)

    -- Resumes until the coroutine ends; its results.
    local function run(thread)
      local results
      repeat
        results = engine.pack(coroutine.resume(thread))
        assert(results[1], results[2])
      until coroutine.status(thread) == "dead"
      return engine.unpack(results, 2, results.n)
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
end)
