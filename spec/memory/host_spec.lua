-- What sidewire holds of a host's memory (docs/embedding.md).

local Peer = require "spec.support.peer"
local host = require "spec.support.host"
local util = require "spec.support.util"

local embed = host.embedder "spec.memory.scripts.host"

describe("the memory of a host", function()
  before_each(host.begin)
  after_each(util.finish)

  it("holds small messages outside of what Lua's allocator counts [E17]", function()
    embed "sends_small_messages"
  end)

  it("holds a copy of the queue for each result of unfinished, until that is collected [E18]", function()
    embed "copies_unfinished"
  end)

  it("holds less than 4 KiB for each client that is connected and idle [E19]", function()
    embed "connects_many"
  end)

  it("holds what one read brings beyond inbox_limit; a message counts 8 bytes more than it has [E43]", function()
    local most = 256 * 1024
    for _, message in ipairs { "\n", ("x"):rep(999) .. "\n" } do
      local flooding = Peer.start { mode = "silent" }
      local client = util.connected(flooding, { inbox_limit = 1000, on = { message = function() end } })
      flooding:command("send " .. Peer.hex(message:rep(math.floor(4 * most / #message))))
      assert(util.wait_until(function() return client:stats().paused end))
      local s = client:stats()
      assert(s.received_bytes <= most, s.received_bytes)
      local counted = math.floor(s.received_bytes / #message) * (#message - 1 + 8)
      assert(s.inbox_bytes > 1000 and s.inbox_bytes >= counted and s.inbox_bytes < counted + 1000, s.inbox_bytes)
      client:close(0)
      flooding:stop()
    end
  end)

  it("holds a closed client until it is collected and then polled for, however few may be open [E20]", function()
    embed "closes_many"
  end)
end)
