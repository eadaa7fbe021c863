-- A peer that never reads, and a game that sends to it all the same: 60 frames a second, 200 messages of 1 KiB each.
--
--     tools/run release lua spec/stress/never_reads.lua [SECONDS] [QUEUE_LIMIT]      (20, 16 MiB)
--
-- Checked, exit status 1 if it is not so: a refused send says EFULL; memory grows by no more than queue_limit + 2 MiB
-- (not under a sanitizer); drain comes after the peer reads again; the byte stream that the peer got is exactly the
-- accepted messages. Printed, not judged: the time that a frame spends in send + poll.

local usage = require "spec.support.usage"
local MIB = 2 ^ 20
local seconds = usage.number(1, "SECONDS", 20)
local queue_limit = usage.integer(2, "QUEUE_LIMIT", 16 * MIB)
usage.no_more(2)

local socket = require "socket"
local sidewire = require "sidewire.core"
local Peer = require "spec.support.peer"
local engine = require "spec.support.engine"
local numbered = require "spec.support.numbered"
local util = require "spec.support.util"

local FRAME = 1 / 60
local PER_FRAME = 200
local FILLER = ("."):rep(1024 - 8 - 1 - 1)

local function resident()
  collectgarbage()
  collectgarbage()
  return util.resident_bytes()
end

local violations = {}
local function want(is_so, sentence, ...)
  if not is_so and #violations < 20 then violations[#violations + 1] = sentence:format(...) end
end

local peer = Peer.start { mode = "silent" }
local drains, ends = 0, 0
local client = util.connected(peer, { queue_limit = queue_limit, stall_timeout = 3 * seconds + 30 })
client:on {
  drain = function() drains = drains + 1 end,
  disconnect = function() ends = ends + 1 end,
}
sidewire.poll()

-- The message says its id, in 8 digits: 1 KiB with the newline.
local names = {}
for digit = 0, 9999 do names[digit] = ("%04d"):format(digit) end
local accepted, refused, codes = 0, 0, {}

local function send_one()
  local n = accepted + 1
  local id, _, code = client:send(names[math.floor(n / 10000)], names[n % 10000], " ", FILLER)
  if id then
    want(id == n, "id %d for message %d", id, n)
    accepted = n
  else
    refused = refused + 1
    codes[code] = (codes[code] or 0) + 1
  end
end

-- --- the frames ---

local times = {} -- made large enough beforehand: a table that grows in a frame would be measured, and counted as memory
for i = 1, math.ceil(seconds / FRAME) + 10 do times[i] = 0.0 end
local before = resident()
local peak, frames, first_refusal = before, 0, nil
local worst_cpu = 0.0 -- of all threads in one frame: what the clock shows beyond it, others took from the machine
local began = socket.gettime()
local next_look = began + 0.5
while socket.gettime() - began < seconds do
  local start, cpu = socket.gettime(), os.clock()
  for _ = 1, PER_FRAME do send_one() end
  sidewire.poll()
  local finish = socket.gettime()
  frames = frames + 1
  times[frames] = finish - start
  worst_cpu = math.max(worst_cpu, os.clock() - cpu)
  if refused > 0 and not first_refusal then first_refusal = finish - began end
  if finish > next_look then
    peak = math.max(peak, util.resident_bytes())
    next_look = next_look + 0.5
    numbered.check_account(client)
  end
  local left = start + FRAME - socket.gettime()
  if left > 0 then socket.sleep(left) end
end
local growth = math.max(peak, resident()) - before
local stuck = numbered.check_account(client)

want(refused > 0, "no send was refused")
for code, count in pairs(codes) do want(code == "EFULL", "%d sends were refused with %s", count, code) end
want(drains == 0, "drain came though nothing was read")
want(ends == 0, "the connection was lost")
want(stuck.queue_bytes <= queue_limit, "%d bytes are queued", stuck.queue_bytes)
want(stuck.lost == 0, "%d messages are lost", stuck.lost)
if not util.is_sanitized then
  want(growth <= queue_limit + engine.GARBAGE, "memory grew by %.2f MiB", growth / MIB)
end

-- --- the peer reads again ---

local read_again = socket.gettime()
peer:command "mode sink"
want(util.poll_until(function() return drains > 0 end), "no drain")
local drained = socket.gettime() - read_again
local pending_then = client:pending()
for _ = 1, PER_FRAME do send_one() end -- taken again
want(util.poll_until(function()
  local s = numbered.check_account(client)
  return s.finished == accepted
end), "not all were acknowledged")
local s = numbered.check_account(client)
want(s.finished == accepted and s.lost == 0, "%d of %d acknowledged, %d lost", s.finished, accepted, s.lost)
want(peer:wait_bytes(accepted * 1024, util.DEADLINE), "not all arrived")
want(drains == 1, "%d drain events", drains)

-- Its tables would count as memory, and let Lua keep more garbage, so they come last.
local function digest()
  local fnv = require "spec.support.fnv"
  local hash = fnv.new()
  for n = 1, accepted do
    local message = names[math.floor(n / 10000)] .. names[n % 10000] .. " " .. FILLER .. "\n"
    for from = 1, #message, 128 do fnv.add(hash, message:byte(from, from + 127)) end
  end
  return fnv.digest(hash)
end

local got, expected = peer:stats(), digest()
want(got.bytes == accepted * 1024, "the peer got %d bytes of %d", got.bytes, accepted * 1024)
want(got.lines == accepted, "the peer got %d lines of %d", got.lines, accepted)
want(got.digest == expected, "the peer's stream is another: digest %s, not %s", got.digest, expected)

-- --- the table ---

for i = #times, frames + 1, -1 do times[i] = nil end
table.sort(times)
local function at(share) return times[math.max(1, math.ceil(share * frames))] * 1e3 end
local over = 0
for i = frames, 1, -1 do
  if times[i] <= 0.002 then break end
  over = over + 1
end

local function row(name, value, note) print(("  %-42s %10s%s"):format(name, value, note and "   " .. note or "")) end
print(("%g s of %d x 1 KiB a frame to a peer that never reads, queue_limit %.1f MiB"):format(seconds, PER_FRAME,
  queue_limit / MIB))
row("frames", frames)
row("send + poll a frame, p50", ("%.3f ms"):format(at(0.5)))
row("send + poll a frame, p99", ("%.3f ms"):format(at(0.99)))
row("send + poll a frame, worst", ("%.3f ms"):format(at(1)))
row("processor time a frame, worst", ("%.3f ms"):format(worst_cpu * 1e3))
row("frames over 2 ms", over)
row("messages accepted", accepted)
row("refused, EFULL", codes.EFULL or 0, first_refusal and ("first after %.1f s"):format(first_refusal))
row("handed to the kernel while stuck", ("%.2f MiB"):format(stuck.sent_bytes / MIB))
row("queued while stuck", ("%.2f MiB"):format(stuck.queue_bytes / MIB))
row("memory grew by", ("%.2f MiB"):format(growth / MIB),
  ("limit %.2f MiB"):format((queue_limit + engine.GARBAGE) / MIB))
row("drain after the peer read again", ("%.1f ms"):format(drained * 1e3),
  ("%.2f MiB pending then"):format(pending_then / MIB))
row("digest", got.digest, got.digest == expected and "as sent" or "NOT AS SENT")
for _, sentence in ipairs(violations) do print("VIOLATION: " .. sentence) end
client:close()
sidewire.stop()
peer:stop()
os.exit(#violations == 0 and 0 or 1, true)
