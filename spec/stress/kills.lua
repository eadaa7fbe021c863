-- The peer is killed (SIGKILL) and started again under load: what became of every message?
--
--     tools/run release lua spec/stress/kills.lua [KILLS] [RETAIN] [SEED]      (50, unsent, the time)
--
-- Checked, exit status 1 if it is not so: every id ends acknowledged or reported lost, and the four groups add up at
-- any moment; nothing is lost as "unsent" that arrived; nothing arrives twice or out of order; a new connection begins
-- with a whole message. Printed, not judged: how many were acknowledged by the peer's TCP and never read by its
-- program.

local socket = require "socket"
local sidewire = require "sidewire.core"
local Peer = require "spec.support.peer"
local numbered = require "spec.support.numbered"
local util = require "spec.support.util"

local kills = math.tointeger(arg[1] or 50)
local retain = arg[2] or "unsent"
local seed = math.tointeger(arg[3] or os.time())
math.randomseed(seed)

-- Mostly small ones, some that fill pages, some that the kernel takes in several parts.
local message = numbered.maker(function(n)
  if n % 997 == 0 then return 300000 end
  if n % 101 == 0 then return 20000 end
  return n * 31 % 200
end)

local FRAME = 1 / 200
local PER_FRAME = util.choose(300, 30)

local dir = Peer.tempdir()
local peer = Peer.start { record = dir }

local function prepare_peer()
  peer:command "digest off"
  peer:command "rcvbuf 262144" -- else its kernel takes many MB, and our queue is never touched
end
prepare_peer()

local client = sidewire.new {
  host = peer.host, port = peer.port, retain = retain, queue_limit = 4 * 2 ^ 20,
  reconnect = { delay = 0.005, max = 0.05 },
}
local fates = numbered.note_losses(client)
local connects, disconnects, refused, accepted = 0, {}, 0, 0
client:on("connect", function() connects = connects + 1 end)
client:on("disconnect", function(_, _, code) disconnects[code] = (disconnects[code] or 0) + 1 end)
client:on("error", function(_, text) error("no error event can come: " .. text) end)

local function feed()
  for _ = 1, PER_FRAME do
    local id, _, code = client:send(message(accepted + 1))
    if not id then
      assert(code == "EFULL", code)
      refused = refused + 1
      return
    end
    accepted = accepted + 1
    assert(id == accepted, "ids must count on")
  end
end

local function frame()
  local began = socket.gettime()
  feed()
  sidewire.poll()
  numbered.check_account(client)
  local left = began + FRAME - socket.gettime()
  if left > 0 then socket.sleep(left) end -- it is the load that is paced here; nothing waits for this
end

local function frames_until(what, predicate)
  local deadline = socket.gettime() + util.DEADLINE
  while not predicate() do
    if socket.gettime() > deadline then error("still not so: " .. what, 2) end
    frame()
  end
end

local began = socket.gettime()
assert(client:connect())
for _ = 1, kills do
  local before = connects
  frames_until("connected", function() return client:is_connected() end)
  local life = socket.gettime() + math.random() * 0.15
  while socket.gettime() < life do frame() end
  local mode = math.random(4) -- at different places of the peer's and the kernel's work
  if mode == 1 then peer:command "stall on" elseif mode == 2 then peer:command "throttle 2000000" end
  for _ = 1, math.random(0, mode == 1 and 60 or 8) do frame() end
  peer:kill()
  for _ = 1, math.random(0, 4) do frame() end
  peer:start_again()
  prepare_peer()
  frames_until("connected again", function() return connects > before end)
end
assert(client:wait("connected", util.DEADLINE))
assert(util.poll_until(function()
  local s = numbered.check_account(client)
  return s.queued == 0 and s.in_flight == 0
end))
local s = numbered.check_account(client)
client:disconnect()
assert(client:wait("disconnected", util.DEADLINE))
sidewire.poll()
assert(peer:wait_connections(0, util.DEADLINE))
client:close()
sidewire.poll()
peer:stop()

-- --- the account ---

local streams = Peer.streams(dir)
local seen, faults, counts = numbered.read(streams, message)
local lost = { unsent = 0, unknown = 0 }
local unknown_read, unsent_read, unread = 0, 0, 0
for id = 1, accepted do
  local fate = fates[id]
  if fate then lost[fate] = lost[fate] + 1 end
  if fate == "unknown" and seen[id] then unknown_read = unknown_read + 1 end
  if fate == "unsent" and seen[id] then unsent_read = unsent_read + 1 end
  if not fate and not seen[id] then unread = unread + 1 end
end
local acknowledged = accepted - lost.unsent - lost.unknown

local codes = {}
for code, count in pairs(disconnects) do codes[#codes + 1] = ("%s %d"):format(code, count) end
table.sort(codes)

local violations = {}
local function want(is_so, sentence, ...)
  if not is_so then violations[#violations + 1] = sentence:format(...) end
end
for _, sentence in ipairs(faults) do want(false, "%s", sentence) end
for _, sentence in ipairs(fates.faults) do want(false, "%s", sentence) end
want(unsent_read == 0, "%d messages were reported unsent and had arrived", unsent_read)
want(s.accepted == accepted, "accepted %d, by stats %d", accepted, s.accepted)
want(s.finished == acknowledged, "acknowledged %d, by stats %d", acknowledged, s.finished)
want(s.lost_unsent == lost.unsent, "lost %d unsent, by stats %d", lost.unsent, s.lost_unsent)
want(s.lost_unknown == lost.unknown, "lost %d unknown, by stats %d", lost.unknown, s.lost_unknown)
want(retain == "none" or lost.unsent == 0, "%d messages were lost unsent, though they are to be kept", lost.unsent)
want(#streams >= connects, "%d connections, %d streams", connects, #streams)

local function row(name, value, note) print(("  %-42s %10s%s"):format(name, value, note and "   " .. note or "")) end
print(("%d kills, retain = %q, seed %d: %.1f s"):format(kills, retain, seed, socket.gettime() - began))
row("connections", connects, table.concat(codes, ", "))
row("messages accepted", accepted, ("%.1f MB"):format(s.sent_bytes / 1e6) .. " handed over")
row("refused with EFULL", refused)
row("read by the peer", counts.messages)
row("acknowledged", acknowledged)
row("  of these never read by the peer's program", unread, ("%.2f %%"):format(100 * unread / accepted))
row("reported lost, unknown", lost.unknown)
row("  of these read by the peer", unknown_read)
row("reported lost, unsent", lost.unsent)
row("  of these read by the peer", unsent_read)
row("cut at a connection's end", counts.cut)
row("twice", counts.twice)
row("out of order", counts.disorder)
row("partial on a new connection", counts.partial)
for _, sentence in ipairs(violations) do print("VIOLATION: " .. sentence) end
Peer.remove(dir)
sidewire.stop()
os.exit(#violations == 0, true)
