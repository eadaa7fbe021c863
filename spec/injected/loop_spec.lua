-- A loop that ends by itself just as the host tells it something: in `frail` (spec/support/frail.c), whose epoll fails,
-- and with delays that widen the moments in which the two threads may meet.

local Peer = require "spec.support.peer"
local host = require "spec.support.host"
local util = require "spec.support.util"
local faults = require "spec.support.faults"

describe("a loop that ends by itself", function()
  before_each(util.begin)
  after_each(util.finish)

  it("[F17] leaves no client closing that is told to disconnect meanwhile", function()
    local peer = Peer.start { mode = "echo" }
    for _, seed in ipairs(faults.seeds(3)) do
      host.run({ "frail", "run" }, [[
        local port, seconds, seed = ...
        local EBADF = 9
        local sidewire = require "sidewire.core"
        local faults = require "spec.support.faults"
        local client = sidewire.new { host = "127.0.0.1", port = tonumber(port), reconnect = false }
        for round = 1, 30 do
          repeat
            if client:state() == "idle" then assert(client:connect()) end
          until client:wait("connected", tonumber(seconds))
          faults.set(("malloc delay 1.0; seed %d"):format(seed + round))
          frail.fail("epoll_wait", EBADF, 1)
          client:send "wakes the thread, which then wants to sleep"
          assert(client:disconnect())
          faults.set ""
          assert(client:wait("disconnected", tonumber(seconds)), client:state() .. ", seed " .. seed)
          sidewire.poll()
        end
      ]], peer.port, util.DEADLINE, seed)
    end
  end)
end)
