-- How Lua states end, and what they leave behind. TEARDOWN_CYCLES says how often they are opened and closed.

local Peer = require "spec.support.peer"
local build = require "spec.support.build"
local engine = require "spec.support.engine"
local host = require "spec.support.host"
local shell = require "spec.support.shell"
local util = require "spec.support.util"

-- What closing may take beyond the linger. A sanitizer is slow, but hangs no less visibly.
local MARGIN = util.choose(0.5, 5)
local CYCLES = tonumber(os.getenv "TEARDOWN_CYCLES" or util.choose(300, 40))

local run = host.runner "spec.life.scripts.state"
local embed = host.embedder "spec.life.scripts.state"

describe("a Lua state", function()
  local echo
  before_each(function() echo = host.begin() end)
  after_each(util.finish)

  it("[F33] closes within the linger + 0.5 s, whatever its connections are doing", function()
    local said = embed "is_busy_and_stuck"
    local seconds = host.closing(said)
    assert(seconds < 1 + MARGIN, said) -- the others' linger is the default, 1 s
  end)

  it("[F33] closes at once when nothing holds it up", function()
    local said = embed "is_busy_and_closes_all"
    assert(host.closing(said) < 0.5 + MARGIN, said)
  end)

  it("[F33] delivers what was queued, if the linger lasts", function()
    embed "has_messages_queued"
    assert(echo:wait_bytes(50 * 65536, util.DEADLINE))
    assert(echo:wait_connections(0, util.DEADLINE))
  end)

  it("closes without having connected, or even made a client", function()
    run("embed cycles 20", "does_nothing")
    run("embed cycles 20", "sends_without_connecting")
  end)

  it("gives ECLOSED to a connect in a finalizer that runs after the module's", function()
    local said = embed "connects_in_late_finalizer"
    assert.matches("late%s+ECLOSED", said)
  end)

  it("survives every call in a finalizer that runs after the module's", function()
    local said = embed "calls_everything_in_late_finalizer"
    assert.matches("survived", said)
  end)

  it("survives a poll in a finalizer while a client with undelivered events is being collected", function()
    embed "polls_in_finalizer"
  end)

  for _, name in ipairs {
    "poll", "a handler", "events", "receive", "read", "wait", "sidewire.wait", "flush", "unfinished", "connect", "send",
    "set_server", "set_greeting", "set_policy", "disconnect", "close", "stop", "notifier", "new",
  } do
    it("[F33] survives a finalizer that collects garbage within " .. name .. " while the state closes", function()
      if not engine.can_collect_at_close then return pending(engine.lacks "collection in a finalizer at its end") end
      local folder = Peer.tempdir()
      for _, where in ipairs { "in the main thread", "in a coroutine" } do
        local path = folder .. "/" .. where
        local said = run("embed threads 1 40", "collects_in_a_call_while_it_closes", name, where, path)
        assert.matches("called", said)
      end
      Peer.remove(folder)
    end)
  end

  it("takes along the clients that finalizers make while it closes", function()
    run("embed cycles " .. util.choose(20, 5), "connects_in_finalizers")
  end)

  it("survives a finalizer that makes clients and collects them while it closes", function()
    if not engine.can_collect_at_close then
      return pending "Lua 5.3 may never end a collection in a finalizer while it closes"
    end
    run("embed cycles 5", "collects_clients_in_finalizer")
  end)

  it("[F35] leaves nothing behind when it is opened and closed again and again", function()
    run("embed cycles " .. CYCLES, "is_busy")
  end)

  it("[F35] may unload the module again and again: it stays mapped, and works", function()
    run("embed unload " .. CYCLES, "is_busy_and_hears")
  end)

  it("[F36] is independent of others, in one thread and in several", function()
    run("embed threads 1 5", "is_busy")
    run("embed " .. util.choose("threads 8 20", "threads 4 5"), "ends_some_and_goes_on")
  end)
end)

describe("a host that ends", function()
  local echo, silent
  before_each(function() echo, silent = host.begin() end)
  after_each(util.finish)

  it("waits in lua_close for the linger that a script chose, if no policy bounds it [E21]", function()
    assert(host.closing(embed "has_a_linger") > 1.4)
    assert(host.closing(embed "closes_with_linger") > 1.4)
    assert(host.closing(embed "lingers_under_policy") < 0.1 + MARGIN)
  end)

  it("waits for nothing when it exits without lua_close, and what is queued goes with it [E23]", function()
    local began = os.time()
    local said, status = shell.run(("%s spec/life/scripts/exit.lua 'with much to send' 'by os.exit(7)' %d %d"):format(
      build.LUA, echo.port, silent.port))
    assert.same({ "", 7 }, { said, status })
    assert(os.time() - began < 20)
    silent:command "mode sink"
    assert(silent:wait_connections(0, util.DEADLINE))
    assert(silent:stats().bytes < 100 * 65001)
  end)
end)
