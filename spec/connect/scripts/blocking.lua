-- What a host thread's calls cost while the network is at its worst: half of the connections go to a port whose packets
-- vanish, to names whose name server is silent, and to a name whose first address is a black hole. Runs in the C host
-- `meter` on the near one of two machines, for spec/connect/blocking_spec.lua and spec/stress/blocking.lua.

local socket = require "socket"
local sidewire = require "sidewire.core"
local files = require "spec.support.files"
local netns = require "spec.support.netns"
local shell = require "spec.support.shell"
local util = require "spec.support.util"

local meter = require "meter" -- of the C host, spec/support/meter.c

local blocking = {}

local DROPPED = 4001 -- a port
local VICTIMS, PINGERS = 12, 8
local FRAME = 0.004 -- seconds
local EVENTS = 2 * PINGERS -- of one poll: what its handlers cost is a part of it

-- --- the costs of calls, by what was called ---

local costs = {}

local function note(name, cpu, wall, voluntary, involuntary, contended)
  local cost = costs[name] or { calls = 0, cpu = 0, wall = 0, voluntary = 0, involuntary = 0, contended = 0 }
  costs[name] = cost
  cost.calls = cost.calls + 1
  cost.cpu, cost.wall = math.max(cost.cpu, cpu), math.max(cost.wall, wall)
  cost.voluntary, cost.involuntary = cost.voluntary + voluntary, cost.involuntary + involuntary
  cost.contended = cost.contended + contended
end

-- Calls f(...) and measures it; what it returns is of no interest here.
local function measure(name, f, ...)
  meter.start()
  f(...)
  note(name, meter.stop())
end

-- --- connections that get nowhere ---

local function options_of(i)
  local kind = i % 3
  local host = kind == 0 and netns.HOST or kind == 1 and ("silent-%d.example"):format(i) or "two.example"
  return { host = host, port = kind == 0 and DROPPED or netns.PORT, connect_timeout = 0.5, linger = 0,
    reconnect = { delay = 0.05, max = 0.2 }, on = { retry = function() end, connect = function() end } }
end

-- Every call of one victim; then it is closed, and there is a new one.
local function torment(victims, i)
  local client = victims[i]
  if not client then
    client = sidewire.new(options_of(i))
    victims[i] = client
    measure("connect", client.connect, client)
  end
  measure("send", client.send, client, ("x"):rep(100))
  measure("set_reconnect", client.set_reconnect, client, { delay = 0.05, max = 0.2 + math.random() })
  local host, port = client:get_server()
  measure("set_server", client.set_server, client, host, port)
  if math.random() < 0.3 then
    measure("close", client.close, client)
    victims[i] = nil
  end
end

-- --- round trips, counted: a list that grows would cost its handler milliseconds when Lua moves it ---

local STEP, STEPS = 1e-5, 5000 -- seconds

local function new_trips()
  local trips = { total = 0 }
  for i = 0, STEPS do trips[i] = 0 end
  return trips
end

local function count(trips, seconds)
  local step = math.min(STEPS, math.floor(seconds / STEP))
  trips[step], trips.total = trips[step] + 1, trips.total + 1
end

-- Seconds within which that share of the trips ended, as a whole number of steps.
local function percentile(trips, share)
  local seen, step = 0, -1
  repeat
    step = step + 1
    seen = seen + trips[step]
  until seen >= trips.total * share
  return (step + 1) * STEP
end

-- --- connections that work: a message goes there and back, again and again ---

local function ping(trips)
  local sent_at
  local client = sidewire.new { host = netns.HOST, port = netns.PORT, linger = 0, on = { message = function(client)
    local now = socket.gettime()
    count(trips, now - sent_at)
    sent_at = now
    client:send "ping"
  end } }
  assert(client:connect())
  assert(client:wait("connected", util.DEADLINE))
  sent_at = socket.gettime()
  client:send "ping"
  return client
end

-- Counts the round trips of so many seconds; with victims or without.
local function run(seconds, victims, trips)
  local pingers = {}
  for i = 1, PINGERS do pingers[i] = ping(trips) end
  local deadline, next_frame, i = socket.gettime() + seconds, 0, 0
  while socket.gettime() < deadline do
    sidewire.wait(0.001)
    measure("poll", sidewire.poll, EVENTS)
    if victims and socket.gettime() > next_frame then
      next_frame, i = socket.gettime() + FRAME, i % VICTIMS + 1
      torment(victims, i)
    end
  end
  for _, client in ipairs(pingers) do client:close() end
  for _, client in pairs(victims or {}) do
    measure("close", client.close, client)
  end
end

-- Hundredths of a second in which this machine's processors worked for other machines.
local function stolen()
  return tonumber(files.read "/proc/stat":match "^cpu +%d+ %d+ %d+ %d+ %d+ %d+ %d+ (%d+)") or 0
end

local function print_costs()
  local names = {}
  for name in pairs(costs) do names[#names + 1] = name end
  table.sort(names)
  print "call            calls  worst cpu, ms  worst wall, ms  slept  preempted  waited for locks"
  for _, name in ipairs(names) do
    local cost = costs[name]
    print(("%-14s %6d %14.3f %15.3f %6d %10d %17d"):format(name, cost.calls, cost.cpu * 1e3, cost.wall * 1e3,
      cost.voluntary, cost.involuntary, cost.contended))
  end
  for _, place in ipairs(meter.places()) do
    local file, offset = place:match "^(.*) (0x%x+)$"
    local name = file and shell.run(("addr2line -f -e %s %s | head -n 1"):format(file, offset)):match "[^\n]*" or place
    print("it waited for a lock in " .. name)
  end
end

--- So many rounds of so many seconds each, quiet and then with the victims.
function blocking.measure(rounds, seconds)
  netns.ask_names(1)
  netns.execute "ip -n far address add 10.77.0.3/24 dev wire"
  netns.drop(("tcp dport %d drop; ip daddr 10.77.0.3"):format(DROPPED))
  local quiet, busy, before = new_trips(), new_trips(), stolen()
  run(0.2, {}, new_trips()) -- the first calls load what later ones have
  costs = {}
  for _ = 1, rounds do
    run(seconds, nil, quiet)
    run(seconds, {}, busy)
  end
  print_costs()
  local p99, loaded = percentile(quiet, 0.99), percentile(busy, 0.99)
  for kind, trips in pairs { ["without victims"] = quiet, ["with the victims"] = busy } do
    print(("round trips of the others, %s: %d, p50 %.3f ms, p99 %.3f ms"):format(kind, trips.total,
      percentile(trips, 0.5) * 1e3, percentile(trips, 0.99) * 1e3))
  end
  print(("ratio of the p99 %.2f"):format(loaded / p99))
  print(("stolen time %.2f s; load %s"):format((stolen() - before) / 100, files.read "/proc/loadavg":match "^%S+"))
  for name, cost in pairs(costs) do
    -- What slept did so for a lock, of which the count is printed. The meter does not see the locks of the memory
    -- that all threads of a process share (the kernel's for its mappings, the allocator's): one call in 5,000 may meet
    -- those.
    local unexplained = cost.voluntary - cost.contended
    assert(unexplained <= cost.calls / 5000, ("%s slept %d times, %d of them for no lock that the meter sees"):format(
      name, cost.voluntary, unexplained))
  end
  assert(busy.total > 0)
end

return blocking
