local sidewire = require "sidewire"
local engine = require "spec.support.engine"
local lines = require "spec.support.lines"
local util = require "spec.support.util"

local with_lines, numbers, note = lines.with_lines, lines.numbers, lines.note

describe("poll", function()
  local peer

  before_each(function() peer = lines.begin() end)
  after_each(util.finish)

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
      assert.matches("raising_handler_spec.lua:%d+: no 3 please", traceback)
      assert.matches("raising_handler_spec.lua:%d+: in %a+ 'act'", traceback)
      if engine.has_named_functions then assert.matches("in function 'sidewire.*poll'", traceback) end
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
      sidewire.on_error(function(...) told[#told + 1] = engine.pack(...) end)
      local got = note(client, fail_at "3")
      assert.same({ 5, false }, { sidewire.poll() })
      assert.same(numbers(1, 5), got)
      assert.equal(1, #told)
      local traceback, whose, event = engine.unpack(told[1])
      assert.matches("no 3 please", traceback)
      assert.matches("raising_handler_spec.lua:%d+: in %a+ 'act'", traceback)
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
end)
