-- What an idle client holds: nothing of a burst that went through it. A file of its own: memory that other tests have
-- used is not always given back to the system.

local socket = require "socket"
local delivery = require "spec.support.delivery"
local util = require "spec.support.util"

local MIB = 2 ^ 20
local COUNT = 3900 -- messages of a KiB: fewer bytes than the pages that a busy client keeps to fill again

describe("an idle client", function()
  before_each(util.begin)
  after_each(util.finish_without_peers)

  it("gives back the memory of messages that are confirmed long after they were sent", function()
    local client = util.connected(delivery.start_peer(), { retain = "unconfirmed" })
    local before = util.resident_bytes()
    local function grown()
      collectgarbage()
      return util.resident_bytes() - before
    end
    delivery.send_all(client, delivery.kilobyte, COUNT)
    assert(util.wait_until(function() return client:stats().queued == 0 end))
    socket.sleep(0.2) -- acknowledged: the loop sees it by a timer, and nothing else moves any more
    local retained = grown()
    assert(client:confirm(COUNT))
    assert(util.wait_until(function() return client:stats().finished == COUNT end))
    if util.is_sanitized then return end -- freed memory stays in the process
    assert.is_true(retained > 3 * MIB, retained .. " bytes")
    assert(util.wait_until(function() return grown() < retained / 2 end, 5))
  end)
end)
