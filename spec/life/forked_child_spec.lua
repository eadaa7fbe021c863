-- The child of a fork: the module begins anew there, and the parent's clients stay the parent's.
--
-- `embed` closes the child's state and then looks for descriptors that are left. FORK_RUNS says how often a process
-- forks while its thread is busy.

local host = require "spec.support.host"
local util = require "spec.support.util"

local RUNS = tonumber(os.getenv "FORK_RUNS" or util.choose(30, 5))

local embed = host.embedder "spec.life.scripts.forked_child"

describe("a forked child", function()
  local echo
  before_each(function() echo = host.begin() end)
  after_each(util.finish)

  it("[F42] has new clients, by number and by name, while the parent goes on", function()
    embed "has_new_clients"
    assert(echo:wait_connections(0, util.DEADLINE)) -- nobody holds a copy
  end)

  it("[F42] finds the parent's clients refused, and tells them from its own", function()
    embed "finds_clients_refused"
  end)

  it("[F42] has nothing to poll, to wait for and to stop before its first client", function()
    embed "has_no_client"
  end)

  it("[F42] waits for its own events alone, though the parent's are queued", function()
    embed "waits_for_own_events"
  end)

  it("[F42] keeps the policy, and a lock; the parent's clients do not count", function()
    embed "keeps_the_policy"
  end)

  it("[F42] closes copies of sockets, and nothing else, by collection", function()
    embed "collects_clients"
    assert(echo:wait_connections(0, util.DEADLINE))
  end)

  it("[F42] closes the copy of a socket that lingers beside the next connection, too", function()
    embed "has_lingering_sockets"
  end)

  it("[F42] forks again", function()
    embed "forks_again"
    assert(echo:wait_connections(0, util.DEADLINE))
  end)

  for _, call in ipairs { "of sidewire.poll", "of client:poll", "with on_error set" } do
    it("[F42] returns from a handler " .. call .. " that forked", function()
      embed("forks_in_a_handler", call)
    end)
  end

  it("[F42] begins anew when memory comes back", function()
    embed "lacks_memory_at_first"
  end)

  it("[F42] may fork in the function that saves settings", function()
    embed "forks_in_a_saver"
  end)

  it("[F42] [F55] looks names up, though all look-ups of the parent's are under way", function()
    embed "looks_names_up"
  end)

  it("[F42] goes on where a stopped parent had look-ups under way", function()
    embed "goes_on_after_stop"
  end)

  it("[F42] has its own pinned strings, while the parent's are in flight", function()
    embed "has_pinned_strings"
  end)

  it("[F42] goes on with the copies of client:unfinished that it has", function()
    embed "iterates_copies"
  end)

  for call, closes in pairs { ["os.exit(0, true)"] = true, ["os.exit(0)"] = false } do
    it("[F42] ends by " .. call, function()
      embed("exits", closes)
      assert(echo:wait_connections(0, util.DEADLINE))
    end)
  end

  it("[F42] says ECLOSED to finalizers that run after its end", function()
    embed "calls_in_late_finalizer"
  end)

  it(("[F42] comes up %d times while the parent's thread is busy"):format(RUNS), function()
    embed("forks_while_busy", RUNS)
  end)
end)
