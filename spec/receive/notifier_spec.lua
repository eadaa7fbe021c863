-- sidewire.notifier: its descriptor is readable while there is something to take, for hosts that sleep in a loop of
-- their own. spec/examples/loops_spec.lua runs it in such loops.
--
-- What counts as something to take depends on how the script has taken things before, so each script has a Lua state of
-- its own, in `embed`, which also looks for descriptors that are left.

local sidewire = require "sidewire"
local build = require "spec.support.build"
local engine = require "spec.support.engine"
local files = require "spec.support.files"
local host = require "spec.support.host"
local misuse = require "spec.support.misuse"
local Peer = require "spec.support.peer"
local shell = require "spec.support.shell"
local util = require "spec.support.util"

local embed = host.embedder "spec.receive.scripts.notifier"

describe("the notifier's descriptor", function()
  before_each(host.begin)
  after_each(util.finish)

  it("is readable from when events are queued until poll has delivered the last of them", function()
    embed "shows_what_is_queued"
  end)

  it("is readable at once if events were queued before it was asked for", function() embed "begins_late" end)

  it("stays readable when a handler raises and leaves events", function()
    embed "shows_what_raising_handlers_leave"
  end)

  it("becomes readable when more comes, though a handler yielded and is never resumed", function()
    if not engine.has_yields then return pending(engine.lacks "yields across handlers") end
    embed "shows_what_comes_after_a_handler_never_returned"
  end)

  it("follows polls within handlers", function() embed "follows_polls_within_handlers" end)

  it("does not stay readable, for a script that polls, because of events without a handler", function()
    embed "shows_only_what_poll_takes"
  end)

  it("stays readable, for a script that uses events(), until all are taken", function()
    embed "shows_all_that_events_takes"
  end)

  it("shows messages and the end to a script that uses receive", function() embed "shows_what_receive_takes" end)

  it("shows what waits of the script have taken from the channel", function() embed "is_not_disturbed_by_waits" end)

  it("shows what a wait had taken that an error has ended", function() embed "outlasts_an_error_in_a_wait" end)

  it("stays the same when the thread is stopped and started again", function() embed "outlasts_stop" end)

  it("takes a thousand messages to and fro, one at a time, without the help of a timer", function()
    embed "ping_pongs"
  end)

  it("loses no wake-up of many clients", function() embed "serves_many" end)
end)

describe("a notifier", function()
  before_each(host.begin)
  after_each(util.finish)

  it("is one object with one descriptor, and starts no thread [E45]", function() embed "is_one_object" end)

  it("says so when no descriptor is left, and can be had later [F16]", function() embed "lacks_descriptors" end)

  it("says that the state is closing, when it is", function()
    assert.matches("said so", embed "ends_with_the_state")
  end)

  for _, first in ipairs { "poll", "fd", "connect", "notifier" } do
    it(("has a descriptor of its own with the same number in the child of a fork that first calls %s [F42]"):format(
      first), function() embed("forks_with_a_thread", first) end)
  end

  it("has one there, too, if the parent had not started its thread [F42]", function()
    embed("forks_without_a_thread", "unstarted")
  end)

  it("has one there, too, if the parent had stopped its thread [F42]", function()
    embed("forks_without_a_thread", "stopped")
  end)

  it("shows what was queued before a fork to both sides [F42]", function() embed "forks_with_a_queue" end)

  it("never gets the descriptors 0, 1 and 2 [E45]", function()
    local dir = Peer.tempdir()
    finally(function() Peer.remove(dir) end)
    local text = "io.open(arg[1], 'w'):write(require 'sidewire.core'.notifier():fd()):close()"
    files.write(dir .. "/script.lua", text)
    shell.run(("%s %s/script.lua %s/found 0<&- 1>&- 2>&-"):format(build.LUA, dir, dir))
    assert(tonumber(files.read(dir .. "/found")) > 2)
  end)
end)

describe("a notifier's methods", function()
  local notifier = assert(sidewire.notifier()) -- it has a descriptor as long as this process runs
  before_each(util.begin)
  after_each(util.finish)

  it("refuse any other value as their self [F9]", function()
    local methods = debug.getmetatable(notifier).__index
    for _, name in ipairs { "fd", "getfd", "pollfd", "dirty", "events", "timeout" } do
      for _, value in ipairs { 1, "x", true, {}, io.stdout, sidewire.new(), misuse.nothing } do
        misuse.refused({ ("notifier:%s: call it with a colon, notifier:%s(...): "):format(name, name),
          "the first argument must be the notifier, got " }, methods[name], value)
      end
      misuse.refused({ "the first argument must be the notifier, got no value" }, methods[name])
    end
  end)

  it("are sealed, and check their upvalue [F51]", function()
    assert.equal("sidewire.notifier", getmetatable(notifier))
    assert.is_false((pcall(setmetatable, notifier, {})))
    assert.is_nil(debug.getmetatable(notifier).__gc)
    if not engine.has_c_upvalues then return pending(engine.lacks "way to the upvalues of C functions") end
    for _, method in pairs(debug.getmetatable(notifier).__index) do
      local _, context = debug.getupvalue(method, 1)
      for _, wrong in ipairs { false, 1, "x", {}, io.stdout, print } do
        debug.setupvalue(method, 1, wrong)
        assert.is_false((pcall(method, notifier)))
      end
      debug.setupvalue(method, 1, context)
      assert.is_true((pcall(method, notifier)))
    end
  end)
end)
