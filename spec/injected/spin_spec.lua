-- The option spin: a background thread that looks out for traffic for a while before it sleeps. In a build with
-- FAULTS=1, which counts the wake-ups: each is a write.

local sidewire = require "sidewire.core"
local socket = require "socket"
local faults = require "spec.support.faults"
local threads = require "spec.support.threads"
local util = require "spec.support.util"

local ROUNDS = 50

local function wake_ups()
  return faults.counts().write.calls
end

-- A script that asks all the time, and does not sleep itself.
local function round_trips(client, count)
  for n = 1, count do
    client:send(("round trip %d"):format(n))
    repeat
      sidewire.poll()
      local answer = client:receive()
    until answer
  end
end

describe("spin", function()
  local peer
  before_each(function() peer = util.begin_with_peer { mode = "echo" } end)
  after_each(util.finish)

  it("saves the wake-ups: a thread that has just seen traffic looks for more by itself", function()
    local client = util.connected(peer, { spin = 1000000 })
    round_trips(client, 2) -- it stays awake from now on, and has done all that connecting needs
    local before = wake_ups()
    round_trips(client, ROUNDS)
    assert.equal(before, wake_ups())
  end)

  it("ends: the thread sleeps, and is woken", function()
    for _, spin in ipairs { 0, 1, 100000 } do
      local client = util.connected(peer, { spin = spin })
      for n = 1, 3 do
        client:send "ends"
        assert(client:receive(util.DEADLINE))
        threads.wait_asleep()
        local before = wake_ups()
        client:send(("%d, and wakes it"):format(n))
        assert.equal(before + 1, wake_ups())
        assert(client:receive(util.DEADLINE))
      end
      client:close(0)
    end
  end)

  -- Asleep a moment after its last traffic, and soon enough that no spin can have ended by itself? A slow machine may
  -- keep the thread from its sleep for a while, but not each time.
  local function sleeps_at_once(client)
    for _ = 1, 30 do
      client:send "is answered"
      assert(client:receive(util.DEADLINE))
      socket.sleep(0.02)
      local before = wake_ups()
      client:send "wakes it"
      local woken = wake_ups() == before + 1
      assert(client:receive(util.DEADLINE))
      if woken then return true end
    end
    return false
  end

  it("is for the clients that ask for it", function()
    local spinning = util.connected(peer, { spin = 1000000 })
    assert.is_false(sleeps_at_once(spinning))
    spinning:close(0)
    util.connected(peer, { spin = 1000000 }) -- has no traffic
    threads.wait_asleep()
    assert.is_true(sleeps_at_once(util.connected(peer)))
  end)
end)
