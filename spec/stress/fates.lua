-- 20,000 messages of 128 bytes a second to a peer that keeps up and is restarted again and again: what became of each?
--
--     tools/run release lua spec/stress/fates.lua [killed|behind|drained] [RESTARTS] [unix|tls] [MODE ...]
--
-- "killed" (the default): the peer is ended by SIGKILL at random moments, about 0.15 s after it was connected to.
-- "behind": the same, but it reads no faster than twice the rate, so that it often has something unread.
-- "drained": it half-closes, reads to the end and leaves, as orderly servers do. RESTARTS, for each mode, is 200; the
-- modes (retain) are all four, or those which promise that nothing is lost or repeated when the peer drains. SEED=N in
-- the environment repeats the random choices. unix: each peer listens on a unix socket; tls: all is encrypted. One line
-- a mode:
--
--   lost        accepted, and read by no peer: what retain makes smaller. Reported by `lost`, or acknowledged by the
--               peer's TCP and never read by its program ("acked, unread")
--   duplicated  read more than once
--
-- Checked, exit status 1 if it is not so: every id ends finished or reported lost, and the four groups add up in
-- every frame; in the middle of each connection, its server's TCP has what `acked` has told (not on unix sockets, nor
-- where there is no such event); nothing is lost as "unsent" that arrived; within a connection the messages stand in
-- a row, whole but for a cut at its end; what each mode promises (PROMISES).
--
-- All modes run at the same time, each with a peer of its own, and all peers end at the same moments: what a peer has
-- unread when it is killed is a matter of luck (one hiccup of the machine is a thousand messages), and so they all have
-- the same.

local build = require "spec.support.build"
local engine = require "spec.support.engine"
local usage = require "spec.support.usage"

local ALL = build.RETAINS
local MODES = { killed = ALL, behind = ALL, drained = build.has_fallbacks and { "unsent" } or { "unsent", "unacked" } }

local arguments = { engine.unpack(arg) }
local way = MODES[arguments[1]] and table.remove(arguments, 1) or "killed"
local restarts = tonumber(arguments[1]) and tonumber(table.remove(arguments, 1)) or 200
local is_unix = arguments[1] == "unix" and table.remove(arguments, 1) ~= nil
local is_tls = arguments[1] == "tls" and table.remove(arguments, 1) ~= nil
local modes = #arguments > 0 and arguments or MODES[way]
for _, mode in ipairs(modes) do
  if not (" none unsent unacked unconfirmed "):find((" %s "):format(mode), 1, true) then
    usage.wrong("no such MODE: %s", mode)
  end
end

local socket = require "socket"
local sidewire = require "sidewire.core"
local Peer = require "spec.support.peer"
local numbered = require "spec.support.numbered"
local util = require "spec.support.util"
local leaf = is_tls and require "spec.support.certificates".get "leaf"

local seed = tonumber(os.getenv "SEED") or os.time()
math.randomseed(seed)

local SIZE = 128 -- with its newline
local RATE = util.choose(20000, 2000)
local FRAME = 1 / 100 -- of a mode; the modes take turns, so that their peers do not all wake at the same moment
local LIFE = 0.15 -- of a connection, on average
local message = numbered.maker(function(n) return SIZE - 2 - #tostring(n) end)

-- What must be 0, by mode.
local PROMISES = {
  killed = {
    none = { "duplicated" }, unsent = { "duplicated", "lost_unsent" }, unacked = { "lost_unsent", "lost_unknown" },
    unconfirmed = { "lost" },
  },
  drained = {
    none = { "duplicated" }, unsent = { "duplicated", "lost" }, unacked = { "duplicated", "lost" },
    unconfirmed = { "lost" },
  },
}
PROMISES.behind = PROMISES.killed

local Run = {}
Run.__index = Run

local function new_run(retain)
  local dir = Peer.tempdir()
  local self = setmetatable({
    retain = retain, dir = dir, accepted = 0, connects = 0, refused = 0, looked = 0,
    peer = Peer.start {
      host = is_unix and ("unix:%s/socket"):format(dir) or nil, record = dir,
      tls = leaf and { cert = leaf.cert, key = leaf.key },
      mode = retain == "unconfirmed" and "echo" or "sink",
    },
    reader = numbered.reader(message, { may_repeat = retain == "unacked" or retain == "unconfirmed" }),
  }, Run)
  self:prepare_peer()
  self.client = sidewire.new {
    server = is_unix and self.peer.host or ("%s://%s:%d"):format(leaf and "tls" or "tcp",
      self.peer.host, self.peer.port), retain = retain,
    tls = leaf and { ca = leaf.ca }, reconnect = { delay = 0.005, max = 0.05 },
  }
  self.losses = numbered.count_losses(self.client)
  self:listen()
  return self
end

function Run:prepare_peer()
  self.peer:command "digest off"
  if way == "behind" then self.peer:command(("throttle %d"):format(RATE * SIZE * 2)) end
end

function Run:listen()
  self.client:on {
    connect = function(_, info) self.connects, self.first, self.acked = self.connects + 1, info.first, nil end,
    acked = not build.has_fallbacks and function(_, id) self.acked = id end or nil,
    message = function(_, text) self.answered = text end,
    error = function(_, why) error("no error can come: " .. why) end,
  }
end

-- The peer sends back what it has read: up to the newest of that, everything is confirmed.
function Run:confirm()
  if self.retain == "unconfirmed" and self.answered then
    assert(self.client:confirm(tonumber(self.answered:match "^%d+")))
  end
  self.answered = nil
end

-- What the client says to be acknowledged must be in the server's TCP. Asked once a connection, at `looks`.
function Run:look()
  if is_unix or not self.looks or not self.acked or socket.gettime() < self.looks then return end
  self.looks = nil
  local there, wire = pcall(self.peer.wire, self.peer)
  if not there then return end -- it was killed already
  local bytes = (self.acked - self.first + 1) * SIZE
  if bytes > wire.whole then
    self.ahead = ("%d bytes acknowledged, by `acked`, of which the server's TCP had %d"):format(bytes, wire.whole)
  end
  self.looked = self.looked + 1
end

-- As many as are due by the clock, also after a frame that came late.
function Run:feed()
  local now = socket.gettime()
  self.due = math.min(self.due + (now - self.fed) * RATE, RATE)
  self.fed = now
  while self.due >= 1 do
    local id, _, code = self.client:send(message(self.accepted + 1))
    if not id then
      assert(code == "EFULL", code)
      self.refused = self.refused + 1
      return
    end
    self.accepted = self.accepted + 1
    assert(id == self.accepted, "ids must count on")
    self.due = self.due - 1
  end
end

-- The part of a mode in one frame.
function Run:frame()
  self:feed()
  sidewire.poll()
  self:confirm()
  self:look()
  numbered.check_account(self.client)
end

-- --- the ways in which a peer ends ---

local killed = {}

-- After so many seconds, at a moment that no frame chooses.
function killed.start(run, life) run.peer:kill_in(life) end

function killed.is_over(run) return not run.client:is_connected() end

function killed.stop(run) run.peer:kill() end

local drained = {}

function drained.start(run, life) run.ends = socket.gettime() + life end

function drained.is_over(run)
  if run.ends then
    if socket.gettime() < run.ends then return false end
    run.ends = nil
    run.peer:command "accept off"
    run.peer:command "finish"
  end
  return run.peer:stats().connections == 0
end

function drained.stop(run) run.peer:stop() end

local ending = ({ killed = killed, behind = killed, drained = drained })[way]

-- --- all modes at once ---

local runs = {}

-- Frames of all modes in turn, until the predicate has been true of each.
local function frames_until(what, predicate)
  local deadline = socket.gettime() + util.DEADLINE
  local open, count = {}, #runs
  for _, run in ipairs(runs) do open[run] = true end
  while count > 0 do
    for _, run in ipairs(runs) do
      local began = socket.gettime()
      run:frame()
      if open[run] and predicate(run) then
        open[run] = nil
        count = count - 1
      end
      local left = began + FRAME / #runs - socket.gettime()
      if left > 0 then socket.sleep(left) end -- it is the load that is paced here; nothing waits for this
    end
    if count > 0 and socket.gettime() > deadline then error(("%d modes are still not %s"):format(count, what), 2) end
  end
end

local function go()
  for _, run in ipairs(runs) do
    run.due, run.fed = 0, socket.gettime()
    assert(run.client:connect())
  end
  for _ = 1, restarts do
    frames_until("connected", function(run) return run.client:is_connected() end)
    local life = math.random() * 2 * LIFE
    for _, run in ipairs(runs) do
      run.looks = socket.gettime() + life / 2
      ending.start(run, life)
    end
    frames_until("over", ending.is_over)
    for _, run in ipairs(runs) do
      ending.stop(run)
      run.peer:start_again()
      run:prepare_peer()
    end
  end
end

-- Nothing is queued or under way any more, and the peer has read all that is there to be read.
function Run:finish()
  assert(util.poll_until(function()
    self:confirm()
    local s = numbered.check_account(self.client)
    return s.state == "connected" and s.queued == 0 and s.in_flight == 0
  end))
  self.stats = numbered.check_account(self.client)
  self.client:disconnect()
  assert(self.client:wait("disconnected", util.DEADLINE))
  sidewire.poll()
  assert(self.peer:wait_connections(0, util.DEADLINE))
  self.client:close()
  sidewire.poll()
  self.peer:stop()
  self.reader:read_record(self.dir)
  Peer.remove(self.dir)
end

-- --- the account ---

function Run:count()
  local seen, losses = self.reader.seen, self.losses
  local delivered, lost_unsent, lost_unknown = seen:count(), losses.unsent:count(), losses.unknown:count()
  local reported_read = seen:common(losses.unknown)
  local lost = self.accepted - delivered
  return {
    accepted = self.accepted, delivered = delivered, duplicated = self.reader.counts.twice, lost = lost,
    lost_unsent = lost_unsent, lost_unknown = lost_unknown,
    unread = lost - lost_unsent - (lost_unknown - reported_read), unsent_read = seen:common(losses.unsent),
  }
end

-- A list of sentences.
function Run:judge(counts)
  local found = {}
  local function want(is_so, sentence, ...)
    if not is_so then found[#found + 1] = self.retain .. ": " .. sentence:format(...) end
  end
  for _, sentence in ipairs(self.reader.faults) do want(false, "%s", sentence) end
  for _, sentence in ipairs(self.losses.faults) do want(false, "%s", sentence) end
  want(counts.unsent_read == 0, "%d messages were reported unsent and had arrived", counts.unsent_read)
  want(not self.ahead, "%s", self.ahead)
  local is_asked = self.looked > restarts / 4 or is_unix or build.has_fallbacks
  want(is_asked, "asked only %d servers what had arrived", self.looked)
  for _, name in ipairs(PROMISES[way][self.retain]) do
    want(counts[name] == 0, "%s is %d, promised is 0", name, counts[name])
  end
  local s = self.stats
  want(s.accepted == counts.accepted, "accepted %d, by stats %d", counts.accepted, s.accepted)
  want(s.lost_unsent == counts.lost_unsent, "lost %d unsent, by stats %d", counts.lost_unsent, s.lost_unsent)
  want(s.lost_unknown == counts.lost_unknown, "lost %d unknown, by stats %d", counts.lost_unknown, s.lost_unknown)
  want(self.connects == restarts + 1, "%d connections after %d restarts", self.connects, restarts)
  return found
end

-- --- the table ---

local COLUMNS = "%-12s %10s %10s %10s %8s %7s %9s %9s %12s"

local function show(retain, counts)
  print(COLUMNS:format(retain, counts.accepted, counts.delivered, counts.duplicated, counts.lost,
    ("%.2f %%"):format(100 * counts.lost / counts.accepted), counts.lost_unsent, counts.lost_unknown, counts.unread))
  io.stdout:flush()
end

local violations = {}
print(("%d restarts, peer %s%s, %d messages of %d B a second and mode, seed %d"):format(restarts, way,
  is_unix and " on a unix socket" or is_tls and " with TLS" or "", RATE, SIZE, seed))
for i, retain in ipairs(modes) do runs[i] = new_run(retain) end
go()
print(COLUMNS:format("retain", "accepted", "delivered", "duplicated", "lost", "", "unsent", "unknown", "acked,unread"))
for _, run in ipairs(runs) do
  run:finish()
  local counts = run:count()
  show(run.retain, counts)
  for _, sentence in ipairs(run:judge(counts)) do violations[#violations + 1] = sentence end
end
for _, sentence in ipairs(violations) do print("VIOLATION: " .. sentence) end
sidewire.stop()
os.exit(#violations == 0 and 0 or 1, true)
