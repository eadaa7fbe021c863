--- What the parts of the random driver share: clients, peers, fuel, counters, and the list of violations.
--
-- Fuel bounds what one step may do: each act takes one unit, wherever it is called from. Without fuel, everything that
-- the driver left behind (finalizers, handlers, hooks, metamethods) does nothing, so the driver's own work between two
-- steps is undisturbed.

local socket = require "socket"
local engine = require "spec.support.engine"
local Peer = require "spec.support.peer"

local World = {
  fuel = 0, -- acts that may still begin
  depth = 0, -- acts that have begun and not ended
  deadline = 0, -- World.now, when the fuel of this step is spent in any case
  clients = {}, -- the ones that the driver holds; some places are empty
  SLOTS = 16,
  all = setmetatable({}, { __mode = "k" }), -- every client that is in memory -> true
  subject = nil, -- the client whose method was called last, perhaps still inside it
  threads = {}, -- suspended coroutines
  remains = {}, -- some values that were returned, or came back from a finalizer
  counts = { steps = 0, acts = 0, calls = 0, errors = 0, refusals = 0, events = 0, collections = 0, finalizers = 0,
    hooks = 0, yields = 0, clients = 0, attacks = 0 },
  peers = {},
  violations = 0,
  is_bent = false, -- something is replaced that results depend on: what comes out is not judged
  is_closing = false, -- the Lua state is about to close, so nothing is left to count violations
}

local DEPTH = 7
local CLIENTS_MAX = 40
local STEP_SECONDS = 0.5

--- A random integer, 1..n.
local random = math.random

--- One of the list's values.
function World.pick(list)
  return list[random(#list)]
end

function World.chance(probability)
  return random() < probability
end

-- --- violations ---

function World.violate(sentence, ...)
  World.violations = World.violations + 1
  if World.violations <= 20 then
    io.stdout:write("VIOLATION: ", sentence:format(...), "\n")
    io.stdout:flush()
  end
  if World.is_closing then os.exit(1) end
end

local serials, newest_serial = setmetatable({}, { __mode = "k" }), 0

-- A number for each value that was told: an address would need tostring, which calls metamethods.
local function serial_of(value)
  if not serials[value] then
    newest_serial = newest_serial + 1
    serials[value] = newest_serial
  end
  return serials[value]
end

--- Says what is about to be done, to find the reason of a crash; see the option `trace`.
function World.trace(...)
  if not World.traces then return end
  local words = {}
  for i = 1, select("#", ...) do
    local value = select(i, ...)
    local text = rawequal(value, nil) and "nil" or type(value) == "string" and ("%q"):format(value:sub(1, 40))
      or type(value) == "number" and tostring(value) or ("%s %d"):format(type(value), serial_of(value))
    words[i] = text:gsub("\n", "n")
  end
  io.stderr:write(("%s%s\n"):format(("  "):rep(World.depth), table.concat(words, " ")))
end

-- --- errors on purpose ---

local raised = setmetatable({}, { __mode = "k" })

--- Raises a string, nil, or a value that is_own_error knows.
function World.raise(value)
  if value == nil and World.chance(0.7) then value = "raised on purpose" end
  if value ~= value then value = "not a number" end
  if value ~= nil then raised[value] = true end
  error(value, random(0, 2))
end

function World.is_own_error(value)
  return value == nil or raised[value] == true
end

-- --- acts ---

local acts = {} -- functions, as often as they are to be chosen

function World.add_act(weight, act)
  for _ = 1, weight do acts[#acts + 1] = act end
end

--- Seconds. While the state closes, whole ones: Lua 5.1, 5.2 and LuaJIT unload C modules then (socket, not sidewire),
-- and still call finalizers of what a finalizer has made and collected, where socket.gettime would be a crash.
function World.now()
  return World.is_closing and os.time() or socket.gettime()
end

function World.is_tired()
  if World.fuel > 0 and World.now() > World.deadline then World.fuel = 0 end
  return World.fuel <= 0
end

--- Does something at random, unless the fuel is spent. Raises only what hooks raise.
function World.act()
  if World.is_tired() or World.depth >= DEPTH then return end
  World.fuel = World.fuel - 1
  World.counts.acts = World.counts.acts + 1
  World.depth = World.depth + 1
  pcall(World.pick(acts))
  World.depth = math.max(World.depth - 1, 0)
end

--- What handlers, finalizers, hooks and metamethods do: acts, then yields where that is possible, or raises, or returns
--- a value, or nothing.
function World.mischief(value)
  if World.fuel <= 0 then return end
  for _ = 1, random(0, 2) do World.act() end
  if engine.is_yieldable() and World.chance(0.1) then
    World.counts.yields = World.counts.yields + 1
    coroutine.yield(value)
  end
  if World.chance(0.1) then World.raise(World.chance(0.5) and value or nil) end
  if World.chance(0.5) then return value end
end

--- coroutine.resume, but closes a coroutine that failed. A function of Lua's that fails in a coroutine (table.concat)
-- leaves its buffer to the garbage collector, which frees no such thing any more while the state closes (Lua 5.4.0 to
-- 5.4.6, luaC_checkfinalizer): LeakSanitizer would call that a leak.
function World.resume(thread, ...)
  local results = engine.pack(coroutine.resume(thread, ...))
  if not results[1] and coroutine.status(thread) == "dead" then engine.close_thread(thread) end
  return engine.unpack(results, 1, results.n)
end

--- One step of the driver: fuel, and acts until it is spent.
function World.step()
  World.fuel, World.depth, World.deadline = random(5, 60), 0, World.now() + STEP_SECONDS
  World.counts.steps = World.counts.steps + 1
  while World.fuel > 0 do
    World.act()
    World.depth = 0
  end
end

-- --- clients ---

--- A client that the driver holds, or nil.
function World.client()
  if World.subject and World.chance(0.2) then return World.subject end
  return World.clients[random(World.SLOTS)]
end

function World.adopt(client)
  World.counts.clients = World.counts.clients + 1
  World.all[client] = true
  -- Some are forgotten at once.
  if World.chance(0.8) then World.clients[random(World.SLOTS)] = client end
end

local function count_clients()
  local count = 0
  for _ in pairs(World.all) do count = count + 1 end
  return count
end

--- May there be one more? Those that only the module holds are closed, if need be.
function World.has_room(close)
  if count_clients() < CLIENTS_MAX then return true end
  collectgarbage()
  local held = {}
  for _, client in pairs(World.clients) do held[client] = true end
  for client in pairs(World.all) do
    if not held[client] then pcall(close, client, 0) end
  end
  return count_clients() < CLIENTS_MAX
end

function World.keep(value)
  World.remains[random(8)] = value
end

-- --- peers ---

local KINDS = {
  { mode = "echo" }, { mode = "lines" }, { mode = "silent" }, { mode = "flood 100" }, { mode = "sink" },
}

function World.start_peers()
  for i, options in ipairs(KINDS) do World.peers[i] = Peer.start(options) end
end

local COMMANDS = {
  "reset", "finish", "close", "stall on", "stall off", "throttle 10000", "throttle 0", "close-on-accept on",
  "close-on-accept off", "finish-on-accept on", "finish-on-accept off", "accept off", "accept on", "reset-after 1000",
  "reset-after 0", "send 00ff0a0d0a", "send-line hello", "send-reset 0a0a0a",
}

local function trouble(peer)
  if not peer:is_running() then
    peer:start_again()
  elseif World.chance(0.1) then
    peer:kill()
  else
    peer:command(World.pick(COMMANDS))
  end
end

--- Troubles a peer; between two steps only. One that does not come back, as when another program has its port, is
--- replaced.
function World.trouble_peer()
  local place = random(#KINDS)
  local peer = World.peers[place]
  if pcall(trouble, peer) then return end
  pcall(peer.kill, peer)
  World.peers[place] = Peer.start(KINDS[place])
end

--- Connections that the present peers have seen, and bytes that they have read.
function World.peer_counts()
  local connections, bytes = 0, 0
  for _, peer in ipairs(World.peers) do
    local ok, stats = pcall(peer.stats, peer)
    if ok then connections, bytes = connections + stats.accepted, bytes + stats.bytes end
  end
  return connections, bytes
end

--- Where a client may go: mostly to a peer.
function World.server()
  local peer = World.pick(World.peers)
  if World.chance(0.9) then return peer.host, peer.port end
  if World.chance(0.5) then return "127.0.0.1", 1 end -- refuses
  return World.pick { "localhost", "::1", "127.0.0.2" }, peer.port
end

return World
