local sidewire = require "sidewire"
local engine = require "spec.support.engine"
local Peer = require "spec.support.peer"
local lines = require "spec.support.lines"
local util = require "spec.support.util"

local with_lines, note = lines.with_lines, lines.note

describe("poll", function()
  local peer

  before_each(function() peer = lines.begin() end)
  after_each(util.finish)

  describe("when handlers make garbage", function()
    after_each(function() engine.collect_as_usual() end)

    it("loses nothing, though finalizers run, poll and send at any point", function()
      local client = with_lines(300)
      local finalized = 0
      local function litter()
        engine.finalizer(function()
          finalized = finalized + 1
          if finalized % 3 == 0 then sidewire.poll(1) end
        end)
      end
      local got = note(client, function(message)
        litter()
        if tonumber(message) % 50 == 0 then collectgarbage() end
      end)
      engine.collect_often()
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
        local watch = engine.finalizer(function() collected = true end)
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
        engine.finalizer(function()
          countdown = countdown - 1
          if countdown == 0 then dial() end
          litter()
        end)
      end
      client:on("log", function(_, level, text)
        if level == "error" then texts[#texts + 1] = text end
      end)
      litter()
      engine.collect_often(40)
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
        local told = tonumber(text:match "^error: cannot connect to 127%.0%.0%.(%d+) port 1[^:]*: conn")
        assert(told and told >= i and told <= number, text)
      end
    end)

    it("passes over clients that are collected with events queued", function()
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
          engine.finalizer(function() done = engine.pack(deliver()) end)
        end
        collectgarbage()
        assert(done[1] == nil or done[1] == 0, done[1])
      end
    end)

    it("has nothing left of a client whose handlers raised at its end", function()
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
end)
