-- Peers that are alive and hardly read, or do not read for a while: nothing is lost, and nothing grows without bound.
--
-- STOPPED=20 says how many seconds a peer is stopped for.

local socket = require "socket"
local Peer = require "spec.support.peer"
local Program = require "spec.support.program"
local Server = require "spec.support.server"
local delivery = require "spec.support.delivery"
local numbered = require "spec.support.numbered"
local shell = require "spec.support.shell"
local engine = require "spec.support.engine"
local util = require "spec.support.util"

local recorded = delivery.recorded


local STOPPED = tonumber(os.getenv "STOPPED" or 2)
local KIB, MIB = 1024, 1048576
local QUEUE_LIMIT = 4 * MIB

local kilobyte = numbered.maker(function(n) return 1000 - #tostring(n) end)

-- Sends a thousand messages, fewer when the queue is full: true then.
local function fill(client)
  local n = client:stats().accepted
  for next = n + 1, n + 1000 do
    local id, _, code = client:send(kilobyte(next))
    assert(id or code == "EFULL", code)
    if not id then return true end
  end
end

-- Polls, and sends what there is room for, for so many seconds and until the queue was full.
local function keep_sending(client, seconds)
  local deadline, full = socket.gettime() + seconds, false
  assert(util.poll_until(function()
    full = fill(client) or full
    assert(client:pending() <= QUEUE_LIMIT)
    return full and socket.gettime() > deadline
  end, util.DEADLINE + seconds))
end

local function all_arrives(client, dir)
  local count = client:stats().accepted
  assert(util.poll_until(function() return numbered.check_account(client).finished == count end))
  local expected = numbered.lines(kilobyte, 1, count)
  local streams
  assert(util.wait_until(function()
    streams = Peer.streams(dir)
    return #streams[1].data >= #expected
  end))
  assert.equal(1, #streams)
  assert.is_true(streams[1].data == expected)
end

-- Bytes that the kernel holds for our end of the connection to the peer.
local function kernel_bytes(peer)
  local said = shell.output(("ss -tmnH 'dport = :%d'"):format(peer.port))
  local received, queued = said:match "skmem:%(r(%d+),.*,w(%d+),"
  return tonumber(received) + tonumber(queued)
end

describe("a peer", function()
  before_each(util.begin)
  after_each(util.finish_without_peers)

  -- First: memory that another test has used is not given back.
  it("[F26] that reads 1 KB/s costs the queue and a little more, in the process and in the kernel", function()
    local peer, dir = recorded()
    peer:command(("throttle %d"):format(KIB))
    local client = util.connected(peer, { queue_limit = QUEUE_LIMIT, reconnect = false })
    local before, peak, in_kernel = util.resident_bytes(), 0, 0
    for _ = 1, 10 do
      keep_sending(client, 0.1)
      collectgarbage()
      peak = math.max(peak, util.resident_bytes())
      if Server.find "ss" then in_kernel = math.max(in_kernel, kernel_bytes(peer)) end
    end
    if not util.is_sanitized then assert.is_true(peak - before <= QUEUE_LIMIT + engine.GARBAGE) end
    peer:command "throttle 0"
    all_arrives(client, dir)
    if not Server.find "ss" then pending "the kernel's memory: ss is not installed (`make setup`)" end
    assert.is_true(in_kernel > 0 and in_kernel <= MIB, in_kernel .. " bytes in the kernel")
    print(("[F26] 1 KB/s: %.2f MiB in the process, %.2f MiB in the kernel; queue_limit %.0f MiB"):format(
      (peak - before) / MIB, in_kernel / MIB, QUEUE_LIMIT / MIB))
  end)

  it(("[F25] that is stopped for %g s costs nothing but time, the queue stays bounded"):format(STOPPED), function()
    local peer, dir = recorded()
    local client = util.connected(peer, { queue_limit = QUEUE_LIMIT, reconnect = false })
    local events = util.collect(client)
    fill(client)
    assert(peer:wait_bytes(1))
    peer:signal "STOP"
    keep_sending(client, 0.2)
    local stuck = client:stats()
    keep_sending(client, STOPPED)
    assert.is_true(client:stats().sent_bytes - stuck.sent_bytes < MIB) -- it was stopped
    peer:signal "CONT"
    all_arrives(client, dir)
    assert.same({ "connect", "drain" }, { events[1][1], events[#events][1] })
    assert.same({ 0, 0 }, { events:count "disconnect", events:count "lost" })
  end)
end)

-- In a process of its own. By hand: tools/run release lua spec/stress/never_reads.lua 20
describe("a peer that never reads", function()
  it("[F7] [F26] makes sends fail with EFULL, in bounded memory, and gets exactly the accepted messages", function()
    assert.truthy(Program.check("spec/stress/never_reads.lua", 2, 4194304):find("as sent", 1, true))
  end)
end)
