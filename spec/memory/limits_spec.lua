-- The bounds of memory: a client holds at most its limit, a quarter of that, and one message of the largest size. Each
-- measurement runs in a process of its own, in which nothing else uses memory.

local engine = require "spec.support.engine"
local Peer = require "spec.support.peer"
local Program = require "spec.support.program"
local util = require "spec.support.util"

local KIB, MIB = 2 ^ 10, 2 ^ 20

-- glibc keeps free memory while something behind it on the heap is in use: by chance, 40 KB a client. So each block of
-- 512 bytes and more is a mapping here. Then resident memory is what is in use (mallopt(3), M_MMAP_THRESHOLD).
local FREED_AT_ONCE = "GLIBC_TUNABLES=glibc.malloc.mmap_threshold=512:glibc.malloc.mmap_max=1000000"
local AS_IT_IS = "GLIBC_TUNABLES="

-- Starts spec/support/holds.lua; returns the numbers that it prints. `environment` is one setting for it.
local function measure(environment, ...)
  local output, status = Program.start(environment, "spec/support/holds.lua", ...):finish()
  assert(status == 0, output)
  local numbers = {}
  for number in output:gmatch "%-?%d+" do numbers[#numbers + 1] = tonumber(number) end
  return engine.unpack(numbers)
end

describe("memory", function()
  before_each(util.begin)
  after_each(util.finish_without_peers)

  local function check(grown, limit, max_message)
    if util.is_sanitized then return end -- a sanitizer's own memory comes on top
    local most = limit * 1.25 + max_message
    assert(grown <= most, ("%d bytes, at most %d"):format(grown, most))
  end

  for _, size in ipairs { 1, 64, 1000 } do
    it(("[F26] of a queue of messages of %d bytes is bounded by queue_limit"):format(size), function()
      check(measure(AS_IT_IS, "queue", size, 4 * MIB), 4 * MIB, 64 * KIB)
    end)
  end

  for _, size in ipairs { 1, 100 } do
    it(("[F58] of messages of %d bytes that come one by one is bounded by inbox_limit"):format(size), function()
      check(measure(AS_IT_IS, "drip", size, 2 * MIB), 2 * MIB, 255)
    end)
  end

  it("of a burst goes back to the system when the clients are idle", function()
    local peer = Peer.start { mode = "echo" }
    local most, left = measure(FREED_AT_ONCE, "burst", peer.host, peer.port)
    if util.is_sanitized then return end
    assert(most > 2 * KIB, ("%d bytes each"):format(most))
    assert(left < 4 * KIB, ("%d bytes each of %d"):format(left, most))
  end)
end)
