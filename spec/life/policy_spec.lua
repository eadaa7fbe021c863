-- What an embedding host forbids its scripts. A policy lasts as long as its Lua state, so each runs in one of its own.

local sidewire = require "sidewire"
local host = require "spec.support.host"
local util = require "spec.support.util"

local embed = host.embedder "spec.life.scripts.policy"

describe("the host's policy", function()
  before_each(host.begin)
  after_each(util.finish)

  it("refuses a queue_limit above max_queue, and lowers the default to it [F60]", function()
    embed "bounds_queues"
  end)

  it("refuses an inbox_limit and a max_message above max_inbox, and lowers the defaults to it [F60]", function()
    embed "bounds_inboxes"
  end)

  it("bounds every linger by max_linger, and the time that stop waits [F60]", function()
    local said = embed "bounds_lingers"
    assert(host.closing(said) < 0.3 + util.choose(0.5, 5), said)
  end)

  it("leaves clients that were made before as they are [F60]", function()
    embed "leaves_clients"
  end)

  it("counts clients until they are closed and their sockets gone [F60]", function()
    embed "counts_clients"
  end)

  it("counts what finalizers make while a client is made, too [F60]", function()
    embed "counts_clients_of_finalizers"
  end)

  it("bounds what a script piles up that never polls, but makes and closes clients [F60]", function()
    embed "bounds_what_piles_up"
  end)

  it("refuses files where they are opened [F60]", function()
    embed "refuses_files"
  end)

  it("is replaced as a whole until it is locked, then never [F60]", function()
    embed "is_replaced_and_locked"
  end)

  it("raises for what cannot be meant, and then changes nothing [F60]", function()
    embed "raises"
  end)

  -- What a script does that has all of Lua but debug and the loading of C modules.
  it("survives attacks by reload, coroutines, environments and metatables once it is locked [F60]", function()
    embed "survives_attacks"
  end)

  it("belongs to one Lua state [F60]", function()
    local before = sidewire.new { queue_limit = 2 ^ 30 }
    embed "locks"
    assert(before)
    assert(sidewire.new { queue_limit = 2 ^ 30 })
  end)
end)
