-- A hostile script, at random: all functions and methods with all kinds of arguments, from everywhere that Lua code
-- can run, while collections start at any allocation, peers die, and what the module is made of is attacked.
--
--     tools/run asan lua spec/stress/wild.lua [SECONDS [SEED [WORD...]]]        (60, the time)
--
-- Words: a mode of spec/stress/wild/attacks.lua (the seed chooses one otherwise); `lock`: sidewire.lock_policy, if
-- there is one, is called after a third of the time; `trace`: each call is told on stderr before it is made.
--
-- It must come to its end, with exit status 0: no crash, no sanitizer report, no hang (a step that takes longer than
-- HANG ends the program by SIGABRT, with a line on stderr), no VIOLATION of what spec/stress/wild/calls.lua expects. In
-- the end the module must still work. A seed makes the same choices again, as far as threads, peers and clocks do.

local usage = require "spec.support.usage"
local seconds = usage.number(1, "SECONDS", 60)
local seed = usage.integer(2, "SEED", os.time())
local words = {}
for i = 3, #arg do words[arg[i]] = true end

local socket = require "socket"
local core = require "sidewire.core"
local sidewire = require "sidewire"
local Peer = require "spec.support.peer"
local engine = require "spec.support.engine"
local files = require "spec.support.files"
local util = require "spec.support.util"

local HANG = util.choose(30, 120) -- seconds; a step takes less than one, under ThreadSanitizer some tens at times
local MEMORY = util.choose(2 ^ 30, 6 * 2 ^ 30) -- resident bytes
local DESCRIPTORS = 400

math.randomseed(seed)
engine.interpret_only()

local World = require "spec.stress.wild.world"

-- For the acts and values, which the modules below make.
if not (engine.can_collect_at_close and engine.keeps_userdata_at_close) then
  local collect = collectgarbage
  _G.collectgarbage = function(...) return World.is_closing and 0 or collect(...) end
end

local Attacks = require "spec.stress.wild.attacks"
local Calls = require "spec.stress.wild.calls"
require "spec.stress.wild.places"

local mode = words.all and "all" or Attacks.MODES[seed % #Attacks.MODES + 1]
local known = { all = true, lock = true, trace = true }
for _, name in ipairs(Attacks.MODES) do
  known[name] = true
  if words[name] then mode = name end
end
for word in pairs(words) do
  if not known[word] then usage.wrong("no such WORD: %s", word) end
end
World.traces = words.trace
print(("seed %d: again with tools/run KIND lua spec/stress/wild.lua %g %d %s%s"):format(seed, seconds, seed, mode,
  words.lock and " lock" or ""))
io.stdout:flush()

-- --- the watchdog: another process, since a hang may be anywhere ---

local function own_pid()
  return tonumber(files.read("/proc/self/stat"):match "^%d+")
end

local WATCHDOG = [[
unset LD_PRELOAD
old= still=0
while sleep 1 && kill -0 %d 2>/dev/null; do
  new=$(cat '%s' 2>/dev/null) || exit
  if [ "$new" = "$old" ]; then still=$((still + 1)); else still=0; fi
  old=$new
  [ $still -ge %d ] || continue
  echo "HANG: seed %d, nothing for %d s after $new" >&2
  kill -ABRT %d
  sleep 5
  kill -KILL %d
  exit
done >/dev/null]]

World.folder = Peer.tempdir()
local heart = assert(io.open(World.folder .. "/heart", "w"))
local next_beat = 0

local function beat()
  local now = socket.gettime()
  if now < next_beat then return end
  next_beat = now + 0.5
  heart:seek "set"
  heart:write(("step %d\n"):format(World.counts.steps))
  heart:flush()
end

local function start_watchdog()
  beat()
  local pid = own_pid()
  local script = WATCHDOG:format(pid, World.folder .. "/heart", HANG, seed, HANG, pid, pid)
  os.execute("(" .. script .. ") &")
end

-- --- the run ---

-- Its finalizer counts the collection and makes the next one.
local function make_sentinel()
  engine.finalizer(function()
    World.counts.collections = World.counts.collections + 1
    if not World.is_closing then make_sentinel() end
  end)
end
make_sentinel()

local function check_bounds()
  local descriptors, bytes = util.count_descriptors(), util.resident_bytes()
  if descriptors > DESCRIPTORS then World.violate("%d descriptors are open", descriptors) end
  if bytes > MEMORY then World.violate("%d MiB are in memory", math.floor(bytes / 2 ^ 20)) end
end

local function turn()
  beat()
  pcall(World.step)
  World.fuel = 0
  debug.sethook()
  if World.chance(0.02) then World.trouble_peer() end
  if World.chance(0.02) then check_bounds() end
end

-- Where an error in a finalizer is raised in the code that runs just then, the driver collects nothing outside of
-- `call`.
local collect = collectgarbage
local function pause_collector()
  if not engine.has_quiet_finalizers then collect "stop" end
end

-- Until the hook of a script is gone, it or a finalizer may raise at every line, here as well. So several levels take
-- it away, each within the pcall of the next one.
local sethook = debug.sethook
local function collecting(f, levels)
  if levels == 0 then
    collect "restart"
    return f()
  end
  local ok, result = pcall(collecting, f, levels - 1)
  World.fuel = 0
  sethook()
  if not ok then error(result, 0) end
  return result
end

-- Calls f, which may then fail without its own fault.
local function call(f)
  if engine.has_quiet_finalizers then return true, f() end
  local ok, result = pcall(collecting, f, 5)
  pause_collector()
  return ok, result
end

local function run(duration)
  local deadline = socket.gettime() + duration
  while World.violations < 20 do
    local ok, now = call(socket.gettime)
    if ok and now >= deadline then break end
    call(turn)
  end
end

-- The clients of this run are closed; a new one works as if nothing had been.
local function check_survival()
  Attacks.finish()
  World.fuel = 0
  engine.collect_as_usual()
  Calls.original "sidewire.on_error"(nil)
  if Calls.original "sidewire.set_policy" and not words.lock then Calls.original "sidewire.set_policy" {} end
  assert(Calls.original "sidewire.stop"(5))
  local peer = Peer.start { mode = "echo" }
  local client = assert(Calls.original "sidewire.new" { host = peer.host, port = peer.port })
  assert(client:connect())
  assert(client:wait("connected", 10))
  for i = 1, 3 do
    assert(client:send("message ", i) == i, "the ids of a new client do not begin with 1")
    local answer, why = client:receive(10)
    assert(answer == "message " .. i, why or answer)
  end
  peer:stop()
  assert(Calls.original "sidewire.stop"(5))
end

-- What a locked policy allows, above all that this run does.
local POLICY = { max_clients = 1000, max_queue = 2 ^ 26, max_inbox = 2 ^ 28, max_linger = 5 }

local function check_locked()
  local ok, client = pcall(Calls.original "sidewire.new", { linger = 6 })
  if ok and client then World.violate "a locked policy does not hold any more" end
end

pause_collector()
World.start_peers()
start_watchdog()
Calls.learn(core, sidewire, core.new())
Calls.is_attacked = mode ~= "plain"
Attacks.begin(mode, core, sidewire)
if words.lock and core.lock_policy then
  run(seconds / 3)
  Calls.original "sidewire.set_policy"(POLICY)
  core.lock_policy()
  run(seconds * 2 / 3)
  check_locked()
else
  run(seconds)
end
local survived, why
for _ = 1, engine.has_quiet_finalizers and 1 or 4 do
  survived, why = pcall(check_survival)
  pause_collector()
  if survived then break end
end
if not survived then World.violate("the module does not work any more: %s", why) end
Attacks.last(mode)
run(math.min(seconds / 10, 1))

-- --- the end ---

local connections, bytes = World.peer_counts()
for _, peer in ipairs(World.peers) do pcall(peer.stop, peer) end
local list = {}
for name, count in pairs(World.counts) do list[#list + 1] = ("%d %s"):format(count, name) end
table.sort(list, function(a, b) return a:match " (.*)" < b:match " (.*)" end)
print(("seed %d, %s: %s; the peers: %d connections, %d bytes; %d MiB resident"):format(seed, mode,
  table.concat(list, ", "), connections, bytes, math.floor(util.resident_bytes() / 2 ^ 20)))
print(("seed %d: %d violations"):format(seed, World.violations))
io.stdout:flush()
heart:close()
Peer.remove(World.folder)
World.folder = "/nonexistent"
-- Finalizers that run while the state closes may act, too.
World.is_closing, World.fuel, World.depth = true, 50, 0
World.deadline = World.now() + 1
if World.violations > 0 then engine.exit(1, true) end
