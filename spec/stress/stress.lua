-- Everything at once, at random: a dozen clients with all framings and all modes of retain, peers that stall, crawl,
-- reset, half-close, cut, flap and are killed, scripts that disconnect, move on, close, forget clients and raise.
--
--     make stress SECONDS=60 SEED=1
--     tools/run release lua spec/stress/stress.lua [SECONDS] [SEED]      (60, the time)
--
-- Checked, exit status 1 and VIOLATION lines if it is not so: every accepted id is acknowledged or reported lost, once;
-- what was reported unsent has not arrived; the four groups add up in every frame; the streams that the peers got are
-- whole messages in a row, cut only at a connection's end, repeated only by the modes that do so; "unconfirmed" loses
-- nothing before it is closed; what the clients receive is what the peers sent; events come in their order; descriptors
-- and threads stay within bounds and are all back in the end. Printed, not judged: how memory grows.
--
-- A seed makes the same choices again; when threads and peers get to run is not in its power.

local build = require "spec.support.build"
local usage = require "spec.support.usage"
local seconds = usage.number(1, "SECONDS", 60)
local seed = usage.integer(2, "SEED", os.time())
usage.no_more(2)

local socket = require "socket"
local sidewire = require "sidewire.core"
local Life = require "spec.stress.life"
local util = require "spec.support.util"

math.randomseed(seed)
print(("seed %d, %g s"):format(seed, seconds))

local FRAME = 1 / 100
local MODES = build.RETAINS
local FRAMINGS = {
  "line", "raw", { delimiter = "\0\r\n" }, { fixed = Life.FLOOD }, "u8", "u16be", "u16le", "u32be", "u32le",
  "line", "raw", "u32be",
}

local violations, violation_count = {}, 0
local function ask(is_so, sentence, ...)
  if is_so then return end
  violation_count = violation_count + 1
  if #violations >= 50 then return end
  violations[#violations + 1] = sentence:format(...)
  print("VIOLATION: " .. violations[#violations])
end

-- --- the clients ---

local lives, started = {}, 0 -- slot -> its present life
local totals = {} -- retain -> sums of what Life.account returns
for _, retain in ipairs(MODES) do totals[retain] = {} end

-- The next client of a slot has the next mode, so that all pairs of framing and mode come.
local function start_life(slot)
  started = started + 1
  lives[slot] = Life.start { framing = FRAMINGS[slot], retain = MODES[(started + seed) % #MODES + 1], ask = ask }
end

local function end_life(slot)
  local life = lives[slot]
  lives[slot] = nil
  local sums = totals[life.retain]
  for name, count in pairs(life:account()) do sums[name] = (sums[name] or 0) + count end
end

local function sum(name)
  local result = 0
  for _, sums in pairs(totals) do result = result + (sums[name] or 0) end
  return result
end

-- --- what must not grow ---

local before = { descriptors = util.count_descriptors(), threads = util.count_threads() }
-- A slot has two peers with a pipe and a connection each, and a client whose last socket may still be ending.
local DESCRIPTORS = before.descriptors + 8 + #FRAMINGS * (2 * 2 + 2)
local began = socket.gettime()
local samples = {} -- seconds, KiB
local next_sample, next_line = 0, 10

local function look(now, frames)
  if now < next_sample then return end
  next_sample = next_sample + 1
  local descriptors, threads = util.count_descriptors(), util.count_threads()
  ask(descriptors <= DESCRIPTORS, "%d descriptors", descriptors)
  ask(threads <= before.threads + 1, "%d threads", threads)
  collectgarbage()
  samples[#samples + 1] = { now, util.resident_bytes() / 1024 }
  if now < next_line then return end
  next_line = next_line + 10
  print(("%6.1f s  %6.1f MiB resident  %9d accepted  %7d connections  %7d frames  %3d descriptors"):format(now,
    samples[#samples][2] / 1024, sum "accepted", sum "connections", frames, descriptors))
  io.stdout:flush()
end

-- KiB a minute, by least squares over the later half.
local function slope()
  local n, st, sm, stt, stm = 0, 0, 0, 0, 0
  for i = math.floor(#samples / 2) + 1, #samples do
    local t, m = samples[i][1] / 60, samples[i][2]
    n, st, sm, stt, stm = n + 1, st + t, sm + m, stt + t * t, stm + t * m
  end
  local spread = n * stt - st * st
  return spread > 0 and (n * stm - st * sm) / spread or 0
end

-- --- the frames ---

local raised = 0
local function poll()
  local ok, why = pcall(sidewire.poll, math.random() < 0.1 and math.random(50) or nil)
  if ok then return end
  if why ~= Life.MARK then error(why, 0) end
  raised = raised + 1
end

local function frame(is_last)
  for slot = 1, #FRAMINGS do
    if not lives[slot] and not is_last then start_life(slot) end
    if lives[slot] then lives[slot]:frame() end
    if lives[slot] and lives[slot]:is_over() then end_life(slot) end
  end
  poll()
end

local frames = 0
local function run_until(predicate, is_last)
  while not predicate() do
    local start = socket.gettime()
    frame(is_last)
    frames = frames + 1
    look(start - began, frames)
    local left = start + FRAME - socket.gettime()
    if left > 0 then socket.sleep(left) end
  end
end

run_until(function() return socket.gettime() - began >= seconds end, false)
for slot = 1, #FRAMINGS do
  if lives[slot] then lives[slot]:finish() end
end
run_until(function() return next(lives) == nil end, true)

ask(sidewire.stop(), "stop failed")
collectgarbage()
collectgarbage()
local function is_back()
  return util.count_descriptors() <= before.descriptors and util.count_threads() <= before.threads
end
ask(util.wait_until(is_back, 5), "left behind: %d descriptors before, %d now; %d threads before, %d now",
  before.descriptors, util.count_descriptors(), before.threads, util.count_threads())

-- --- the table ---

local ROWS = {
  { "lives", "clients" }, { "connections", "connections" }, { "troubles", "troubles of their peers" },
  { "accepted", "messages accepted" }, { "refused", "refused, queue full" }, { "read", "read by the peers" },
  { "twice", "  read again" }, { "cut", "cut at a connection's end" }, { "unsent", "reported lost, unsent" },
  { "unknown", "reported lost, unknown" }, { "unread", "acknowledged, never read" },
  { "forgotten", "unread, of forgotten clients" }, { "received", "received by the clients" },
}
local function row(name, values)
  local cells = { ("%-30s"):format(name) }
  for _, value in ipairs(values) do cells[#cells + 1] = ("%12s"):format(value) end
  print(table.concat(cells))
end
row("retain", MODES)
for _, names in ipairs(ROWS) do
  local values = {}
  for i, retain in ipairs(MODES) do values[i] = totals[retain][names[1]] or 0 end
  row(names[2], values)
end
print(("%d frames, %d errors raised by handlers; memory over the later half: %+.0f KiB a minute"):format(frames, raised,
  slope()))
print(("seed %d: %d violations"):format(seed, violation_count))
os.exit(violation_count == 0 and 0 or 1, true)
