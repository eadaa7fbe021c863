-- What stall_timeout costs: it is set on the socket while bytes are under way, and not once a message. In a build with
-- FAULTS=1, which counts the system calls.

local socket = require "socket"
local faults = require "spec.support.faults"
local util = require "spec.support.util"

local function calls()
  return faults.counts().setsockopt.calls
end

-- Sends, and waits until the peer's TCP has it, which the loop finds out by a timer.
local function send_acked(client)
  local id = assert(client:send "now and then")
  assert(util.wait_until(function() return client:stats().finished == id end))
end

describe("stall_timeout", function()
  local peer
  before_each(function() peer = util.begin_with_peer { mode = "sink" } end)
  after_each(util.finish)

  it("stays set between messages that come now and then, and is taken off an idle connection", function()
    local client = util.connected(peer, { stall_timeout = 30, retain = "unacked" })
    for _ = 1, 2 do
      send_acked(client)
      local before = calls()
      for _ = 1, 10 do
        socket.sleep(0.03)
        send_acked(client)
      end
      assert.equal(before, calls())
      assert(util.wait_until(function() return calls() > before end))
      socket.sleep(0.1)
      assert.equal(before + 1, calls())
    end
  end)
end)
