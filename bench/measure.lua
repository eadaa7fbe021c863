--- One run of one workload with one Lua candidate, in a process of its own:
--
--     measure.lua CANDIDATE WORKLOAD HOST PORT AMOUNT CONNECTIONS SERIES
--
-- prints `ready` once it is connected, then its figures as `name=value name=value ...`. What the amount counts is said
-- in bench/workloads.lua. SERIES is a file for the time of every single frame. bench/plain.c and bench/qt do the same.
--
-- A candidate is a module of bench/candidates: `connect(host, port, options)` returns a connected link. Its options are
-- on_message (a handler; without it messages are kept for receive), queue_limit (bytes), raw (no lines). The handler is
-- called as sidewire calls one, with the client (or nil) and the message, so that none needs one of its own around it.
-- A link has
--
--     send_many(message, count)   sends it so many times; returns how often before queue_limit was reached
--     poll()                      what a host calls once a frame
--     wait(seconds)               the same, but it waits for something to do
--     receive(seconds)            the next message, or nil
--     flush()                     returns when the system has all that was sent
--
-- Whoever does not have `adds_newline` is given messages that end in one.

local socket = require "socket"
local files = require "spec.support.files"

local MIB = 2 ^ 20
local TIMEOUT = 60 -- seconds; only a fault lasts so long
local TURN = 200   -- messages a frame
local FRAME = 1 / 60
local WIDE = 512 * 1024 * 1024 -- a queue_limit that nothing here reaches

local clock = socket.gettime
local name, workload, host, port, amount, connections, series = (table.unpack or unpack)(arg) -- luacheck: std max
port, connections, amount = tonumber(port), tonumber(connections), tonumber(amount)
local candidate = require("bench.candidates." .. name)

-- --- what the workloads share ---

local function connect(options)
  options = options or {}
  options.queue_limit = options.queue_limit or WIDE
  return candidate.connect(host, port, options)
end

local function text(size) return ("m"):rep(size) end

-- A message as the candidate wants it; with its newline it has size + 1 bytes on the wire.
local function message_of(size)
  return text(size) .. (candidate.adds_newline and "" or "\n")
end

local function ready()
  collectgarbage()
  print "ready"
  io.stdout:flush()
end

local function percentile(sorted, share)
  return sorted[math.max(1, math.ceil(#sorted * share))]
end

-- The number behind a name in a file of /proc.
local function proc_number(file, pattern)
  return tonumber(files.read("/proc/self/" .. file):match(pattern))
end

local function resident_kib() return proc_number("status", "VmRSS:%s*(%d+)") end
local function involuntary_switches() return proc_number("status", "nonvoluntary_ctxt_switches:%s*(%d+)") end

-- The CPU that each thread ran on last, the host's first: "0/1".
local function where_it_ran()
  local pid = proc_number("stat", "^%d+")
  local output = assert(io.popen(("cat /proc/%d/task/*/stat"):format(pid)))
  local cpus = {}
  for line in output:lines() do
    local fields = line:match "%) (.*)" -- from field 3 on
    cpus[#cpus + 1] = fields:match(("%S+ "):rep(36) .. "(%S+)")
  end
  output:close()
  return table.concat(cpus, "/")
end

-- --- workloads: each returns figures by name ---

local run = {}

-- Messages of 64 bytes, as fast as the host can.
function run.flood()
  local link, message = connect(), message_of(64)
  ready()
  local began, processor = clock(), os.clock()
  for _ = 1, math.floor(amount / TURN) do
    assert(link.send_many(message, TURN) == TURN)
    link.poll()
  end
  link.send_many(message, amount % TURN)
  local sent = clock()
  link.flush()
  return {
    began = began, send_ns = (sent - began) / amount * 1e9, processor_ns = (os.clock() - processor) / amount * 1e9,
    ran = where_it_ran(),
  }
end

-- Pieces of 64 KiB, with at most 16 MiB in the queue; a host polls after every MiB.
function run.bulk()
  local link, piece = connect { raw = true, queue_limit = 16 * MIB }, text(65536)
  ready()
  local began = clock()
  for i = 1, amount do
    while link.send_many(piece, 1) == 0 do link.wait(1) end
    if i % 16 == 0 then link.poll() end
  end
  link.flush()
  return { began = began }
end

local function write_series(times)
  local lines = {}
  for i, frame in ipairs(times) do lines[i] = ("%.4f %.4f\n"):format(frame.at, frame.took * 1e3) end
  files.write(series, table.concat(lines))
end

local function frame_figures(times)
  local took, slow = {}, 0
  for i, frame in ipairs(times) do
    took[i] = frame.took * 1e3
    if took[i] > 2 then slow = slow + 1 end
  end
  table.sort(took)
  return {
    p50 = percentile(took, 0.5), p99 = percentile(took, 0.99), p999 = percentile(took, 0.999), max = took[#took],
    slow = slow, frames = #took,
  }
end

-- A loop of 60 frames a second for so many seconds; in each it sends TURN messages of a KiB and polls. What a late
-- frame missed is not made up for.
function run.frames()
  local link, message = connect(), message_of(1024)
  ready()
  local times, switches = {}, involuntary_switches()
  local began = clock()
  local due = began
  repeat
    local start = clock()
    assert(link.send_many(message, TURN) == TURN)
    link.poll()
    local now = clock()
    times[#times + 1] = { at = start - began, took = now - start }
    due = math.max(due + FRAME, now)
    socket.sleep(due - now)
  until now - began >= amount
  local figures = frame_figures(times)
  figures.switches = involuntary_switches() - switches
  figures.bytes = #times * TURN * 1025
  link.flush()
  write_series(times)
  return figures
end

local function measure_trips(link, message, seconds)
  local trips, expected = {}, text(64)
  for i = 1, amount do
    local began = clock()
    link.send_many(message, 1)
    local answer = link.receive(seconds)
    while not answer do answer = link.receive(seconds) end
    assert(answer == expected)
    trips[i] = (clock() - began) * 1e6
  end
  table.sort(trips)
  return percentile(trips, 0.5), percentile(trips, 0.99)
end

-- A message and its echo, the host looking for it again and again; then the host asleep until it comes.
function run.pingpong()
  local link, message = connect(), message_of(64)
  ready()
  local figures = {}
  figures.spin_p50, figures.spin_p99 = measure_trips(link, message, 0)
  figures.wait_p50, figures.wait_p99 = measure_trips(link, message, TIMEOUT)
  return figures
end

-- Nothing comes.
function run.idle()
  local poll = connect().poll
  poll() -- takes what the connecting left
  ready()
  local began = clock()
  for _ = 1, amount do poll() end
  return { poll_ns = (clock() - began) / amount * 1e9 }
end

-- The peer sends numbered lines of 64 bytes as fast as it can; a handler takes them. It stops the clock itself: with a
-- peer this fast, a candidate that reads as long as there is something stays in one call for long.
function run.receive()
  ready()
  local taken, newest, ended = 0, nil, nil
  local began = clock()
  local link = connect { on_message = function(_, message)
    taken = taken + 1
    if taken == amount then newest, ended = message, clock() end
  end }
  while not ended do link.wait(1) end
  return { rate = amount / (ended - began) / 1e6, last = newest:match "^(%d+) x+$" }
end

-- Many connections: each sends a line and gets it back, so many times, and once before the clock runs: by then the peer
-- has accepted them all.
function run.fan()
  local links, echoes, message = {}, {}, message_of(64)
  collectgarbage()
  local resident = resident_kib()
  for i = 1, connections do
    echoes[i] = 0
    links[i] = connect { queue_limit = MIB, on_message = function() echoes[i] = echoes[i] + 1 end }
  end
  ready()
  local function exchange(round)
    for _, link in ipairs(links) do link.send_many(message, 1) end
    for i, link in ipairs(links) do
      while echoes[i] < round do link.wait(TIMEOUT) end
    end
  end
  exchange(1)
  local began = clock()
  for round = 2, amount + 1 do exchange(round) end
  local seconds = clock() - began
  collectgarbage()
  return { echo_us = seconds / (amount * connections) * 1e6, kib = (resident_kib() - resident) / connections }
end

-- Messages of a KiB, no two alike, to a peer that never reads. Making them is a part of the time.
function run.queued()
  local link, format = connect(), "%08d" .. message_of(1016)
  ready()
  local before, seconds = resident_kib(), 0
  for first = 1, amount, TURN do
    local messages = {}
    for i = first, math.min(amount, first + TURN - 1) do messages[#messages + 1] = format:format(i) end
    local began = clock()
    for _, message in ipairs(messages) do assert(link.send_many(message, 1) == 1) end
    link.poll()
    seconds = seconds + clock() - began
  end
  collectgarbage()
  return { send_ns = seconds / amount * 1e9, growth = (resident_kib() - before) / amount }
end

local figures = {}
for figure, value in pairs(run[workload]()) do
  figures[#figures + 1] = type(value) == "number" and ("%s=%.6f"):format(figure, value) or figure .. "=" .. value
end
print(table.concat(figures, " "))
io.stdout:flush()
