--- The benchmark: `make bench`, or a part of it: `make bench WORKLOADS="flood bulk" CANDIDATES="sidewire luv" ROUNDS=3
-- SCALE=0.1`. What is measured is in bench/workloads.lua.
--
-- Every run is a process of its own. The candidates take turns (A B C A B C ...), so that a slow moment of the machine
-- meets them all; a figure is the median of ROUNDS runs. One peer serves all runs, pinned to PEER_CPU, and after each
-- of them it must have read exactly the bytes that were sent.
--
-- Without such settings it writes bench/results.json and, in docs, the tables of performance.md and the plots; else
-- results.json and the plots go into build/bench, and with OUTPUT=none nowhere.

local socket = require "socket"
local Peer = require "spec.support.peer"
local report = require "bench.report"
local workloads = require "bench.workloads"
local engine = require "spec.support.engine"
local shell = require "spec.support.shell"

local TIMEOUT = 120 -- seconds; only a fault lasts so long
local STALL = 1     -- seconds
local PEER_CPU = 1
local SCRATCH = "build/bench"

local build = os.getenv "SIDEWIRE_BUILD" or "build/release"
local interpreter = os.getenv "SIDEWIRE_LUA" or "lua5.4"
local clock = socket.gettime

-- --- what was asked for ---

-- "a=x y" "b=3" -> { a = "x y", b = "3" }; what is empty was not given.
local function parse(arguments)
  local settings = {}
  for _, argument in ipairs(arguments) do
    local name, value = argument:match "^(%u+)=(.*)$"
    assert(name, "not NAME=value: " .. argument)
    if value ~= "" then settings[name] = value end
  end
  return settings
end

-- The members of `all` that the words name, or all when there are no words.
local function choose(words, all, name_of)
  if not words then return all end
  local chosen, wanted = {}, {}
  for word in words:gmatch "%S+" do wanted[word] = true end
  for _, one in ipairs(all) do
    if wanted[name_of(one)] then chosen[#chosen + 1] = one end
  end
  return chosen
end

-- --- candidates ---

local PROGRAMS = { plain = "/bench/plain", queued = "/bench/qt", batched = "/bench/qt" }
local NEEDS = { luv = "luv", luv_batched = "luv", cqueues = "cqueues" } -- Lua modules

local function is_file(path)
  local file = io.open(path)
  return file ~= nil and file:close()
end

-- Returns why a candidate cannot run here, or nothing.
local function obstacle(candidate)
  local program, module = PROGRAMS[candidate], NEEDS[candidate]
  if program and not is_file(build .. program) then return "it was not built: what it needs is not installed" end
  local found = not module or engine.searchpath(module, package.path .. ";" .. package.cpath)
  if not found then return "there is no Lua module " .. module end
end

local function available(candidates, told)
  local list = {}
  for _, candidate in ipairs(candidates) do
    local why = obstacle(candidate)
    if not why then
      list[#list + 1] = candidate
    elseif not told[candidate] then
      told[candidate] = why
      print(("NOT TESTED: %s: %s"):format(workloads.titles[candidate], why))
    end
  end
  return list
end

local function command_line(candidate, workload, amount, peer)
  local program = PROGRAMS[candidate] and build .. PROGRAMS[candidate] or interpreter .. " bench/measure.lua"
  local arguments = ("%s %s %s %d %s %d %s/frames-%s.dat"):format(candidate, workload.run or workload.name, peer.host,
    peer.port, amount, workload.connections or 1, SCRATCH, candidate)
  return ('ulimit -n "$(ulimit -Hn)"; exec timeout %d %s %s'):format(2 * TIMEOUT, program, arguments)
end

-- --- one run ---

-- What the hypervisor gave to others so far, on all CPUs.
local function stolen_ms()
  local file = io.open "/proc/stat"
  if not file then return 0 end
  local line = file:read "*l"
  file:close()
  return tonumber(line:match("^cpu" .. ("%s+%d+"):rep(7) .. "%s+(%d+)")) * 10 -- from ticks of 10 ms
end

local function alternate(peer, seconds)
  local deadline = clock() + seconds
  while clock() < deadline do
    socket.sleep(STALL)
    peer:command "stall on"
    socket.sleep(STALL)
    peer:command "stall off"
  end
end

local function parse_figures(line)
  local figures = {}
  for name, value in line:gmatch "(%w+[%w_]*)=(%S+)" do figures[name] = tonumber(value) or value end
  return figures
end

-- Starts the candidate's process, does the harness's part while it runs, returns its figures.
local function run_process(workload, candidate, amount, peer)
  local output = shell.start_command(command_line(candidate, workload, amount, peer))
  if output:read "*l" ~= "ready" then error(("%s, %s: it did not get ready"):format(workload.name, candidate), 0) end
  local arrived
  if workload.stalls then alternate(peer, amount) end
  if workload.arrives then
    assert(peer:wait_bytes(workload.bytes(amount), TIMEOUT))
    arrived = clock()
  end
  local said, status = shell.finish(output)
  assert(status == 0, "the candidate failed")
  return parse_figures(said), arrived
end

-- The peer is back as it was before, with no connection.
local function settle(peer, workload, bytes, candidate)
  if workload.mode ~= "silent" then assert(peer:wait_connections(0, TIMEOUT)) end
  local got = peer:stats().bytes
  if got ~= bytes then
    error(("%s, %s: the peer got %d bytes instead of %d"):format(workload.name, candidate, got, bytes), 0)
  end
  peer:command "mode sink"
  assert(peer:wait_connections(0, TIMEOUT))
end

local function run_once(workload, candidate, amount, peer)
  peer:command("mode " .. workload.mode)
  peer:command "reset-stats"
  local stolen = stolen_ms()
  local figures, arrived = run_process(workload, candidate, amount, peer)
  figures.steal_ms = stolen_ms() - stolen
  settle(peer, workload, workload.bytes(amount, figures), candidate)
  if figures.last and figures.last ~= amount then
    error(("%s, %s: the last line was %s of %d"):format(workload.name, candidate, figures.last, amount), 0)
  end
  if workload.arrives == "bytes" then
    figures.rate = workload.bytes(amount) / (arrived - figures.began) / 1e6
  elseif workload.arrives == "messages" then
    figures.rate = amount / (arrived - figures.began) / 1e6
  end
  return figures
end

-- --- all runs ---

-- On a terminal: a line that the next one replaces.
local show = shell.try "test -t 2" and function(format, ...)
  io.stderr:write("\r\27[K", format:format(...))
end or function() end

local function scaled(amount, scale)
  if scale == 1 then return amount end
  return math.max(1, math.floor(amount * scale))
end

local function descriptors()
  return tonumber(shell.output "ulimit -Hn") or math.huge
end

local function run_workload(workload, settings, peer, told)
  if (workload.connections or 1) + 50 > descriptors() then
    print(("NOT TESTED: %s: ulimit -n allows only %d descriptors"):format(workload.name, descriptors()))
    return
  end
  local candidates = available(choose(settings.candidates, workload.candidates, function(name) return name end), told)
  local amount, runs = scaled(workload.amount, settings.scale), {}
  for _, candidate in ipairs(candidates) do runs[candidate] = {} end
  for round = 1, settings.rounds do
    for _, candidate in ipairs(candidates) do
      show("%s, round %d of %d: %s", workload.name, round, settings.rounds, candidate)
      runs[candidate][round] = run_once(workload, candidate, amount, peer)
    end
  end
  show ""
  return { workload = workload, candidates = candidates, runs = runs, amount = amount }
end

-- A peer that wanders from CPU to CPU makes the figures jump.
local function pin(peer)
  local command = ("taskset -pc %d %d >/dev/null 2>&1"):format(PEER_CPU, peer.pid)
  return shell.try(command) and ("CPU %d"):format(PEER_CPU) or "any CPU"
end

local function main()
  local asked = parse(arg)
  local settings = {
    rounds = tonumber(asked.ROUNDS or 5), scale = tonumber(asked.SCALE or 1), candidates = asked.CANDIDATES,
  }
  local is_full = next(asked) == nil
  shell.execute("mkdir -p " .. SCRATCH)
  local peer = Peer.start()
  peer:command "digest off"
  local place = report.place(pin(peer), settings)
  print(place)
  local results, told = {}, {}
  for _, workload in ipairs(choose(asked.WORKLOADS, workloads.list, function(one) return one.name end)) do
    local result = run_workload(workload, settings, peer, told)
    if result then
      results[#results + 1] = result
      print("\n" .. report.table(result))
    end
  end
  peer:stop()
  if asked.OUTPUT ~= "none" then report.write(results, place, is_full, SCRATCH) end
end

main()
