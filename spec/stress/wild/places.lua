--- Where calls are made from: coroutines that yield and are resumed later, closed or forgotten, finalizers, hooks,
--- scopes, message handlers, loops over what the module iterates over; and collections at every moment.

local World = require "spec.stress.wild.world"
local Values = require "spec.stress.wild.values"
local Calls = require "spec.stress.wild.calls"
local engine = require "spec.support.engine"

local random, pick, chance = math.random, World.pick, World.chance

local THREADS = 8

-- --- hooks ---

local function hook()
  if World.fuel <= 0 or chance(0.7) then return end
  World.counts.hooks = World.counts.hooks + 1
  World.act()
  if chance(0.02) then
    debug.sethook() -- so that the error reaches code that is not hooked, too
    World.raise()
  end
end

local HOOKS = engine.has_safe_line_hooks and { "c", "r", "l", "cr", "crl", "" } or { "c", "r", "cr", "" }

local function choose_hook()
  return hook, pick(HOOKS), random(3, 200)
end

World.add_act(2, function()
  debug.sethook(choose_hook())
  for _ = 1, random(3) do World.act() end
  debug.sethook()
end)

-- --- coroutines ---

-- What is done to a coroutine does not count for the depth of what does it.
local function resume(thread, ...)
  local depth = World.depth
  World.trace("resume", thread)
  local ok, value = World.resume(thread, ...)
  World.depth = depth
  return ok, value
end

local function hostile_scope()
  return setmetatable({}, { __close = Values.hostile() })
end

local function act_and_yield(...)
  for _ = 1, random(4) do
    World.act()
    if engine.is_yieldable() and chance(0.4) then coroutine.yield(...) end
  end
end

local function body(...)
  engine.in_scope(hostile_scope(), act_and_yield, ...)
end

local function start_thread()
  local thread
  if engine.has_c_coroutines and chance(0.2) then
    -- The function of the module is all that the coroutine has.
    local call = Calls.prepare()
    thread = coroutine.create(call.f)
    resume(thread, engine.unpack(call.args, 1, call.args.n))
  else
    thread = coroutine.create(body)
    if chance(0.1) then debug.sethook(thread, choose_hook()) end
    resume(thread, Values.any())
  end
  if coroutine.status(thread) == "suspended" then World.threads[random(THREADS)] = thread end
end

local function go_on_with_thread()
  local place = random(THREADS)
  local thread = World.threads[place]
  if not thread then return start_thread() end
  if chance(0.2) then
    World.threads[place] = nil
    if chance(0.7) then engine.close_thread(thread) end
    return
  end
  resume(thread, Values.any())
  if coroutine.status(thread) == "dead" then World.threads[place] = nil end
end

World.add_act(4, start_thread)
World.add_act(4, go_on_with_thread)

-- --- finalizers ---

local function finalize(object)
  if World.fuel <= 0 then return end
  World.counts.finalizers = World.counts.finalizers + 1
  if chance(0.1) then World.keep(object) end
  if chance(0.1) and object.client then World.clients[random(World.SLOTS)] = object.client end
  if chance(0.1) then collectgarbage(pick { "collect", "step", "count" }) end
  if object.client and chance(0.5) then
    local call = Calls.prepare()
    if call.client then
      call.client, call.args[1] = object.client, object.client
      return Calls.make(call)
    end
  end
  return World.mischief(object)
end

--- Garbage whose finalizers act: some of it holds a client, which may die with it.
local function litter(count)
  for _ = 1, count do
    local object = {}
    object.finalizer = engine.finalizer(function() return finalize(object) end)
    if chance(0.3) then object.client = World.client() end
    if chance(0.1) then
      -- Nothing else holds this one: both die in the same collection.
      local ok, client = Calls.call "sidewire.new"
      if ok then object.client = client end
      for slot = 1, World.SLOTS do
        if rawequal(World.clients[slot], client) then World.clients[slot] = nil end
      end
    end
  end
end

-- All that there is to collect, finalizers included, is collected at the first allocation of the call.
local function ambush()
  local call = Calls.prepare(chance(0.6) and pick {
    "client:send", "client:write", "client:on", "client:set_greeting", "client:receive", "sidewire.poll", "client:poll",
    "client:unfinished", "client:stats", "client:connect", "client:set_server", "sidewire.new",
  } or nil)
  collectgarbage "stop"
  litter(random(4))
  engine.collect_young()
  collectgarbage "restart"
  Calls.make(call)
end

World.add_act(4, function() litter(random(10)) end)
World.add_act(6, ambush)

-- --- collections ---

local COLLECT = {
  function() collectgarbage() end,
  function() collectgarbage "step" end,
  function() collectgarbage("step", random(0, 100)) end,
  function() engine.collect_young(random(1, 100), random(1, 100)) end,
  function() engine.collect_by(random(1, 200), random(40, 1000), random(1, 14)) end,
  -- A step at nearly every allocation, cycle after cycle.
  function() engine.collect_often(random(1, 8)) end,
}

World.add_act(4, function() pick(COLLECT)() end)

-- --- scopes, message handlers ---

local function act_and_raise()
  World.act()
  if chance(0.3) then World.raise() end
end

World.add_act(2, function() engine.in_scope(hostile_scope(), act_and_raise) end)
World.add_act(1, function() engine.in_scope(World.client(), act_and_raise) end)

World.add_act(2, function()
  local call = Calls.prepare()
  call.raises_anything = true -- what the message handler returns
  Calls.make(call, function(f, ...) return engine.xpcall(f, Values.hostile(), ...) end)
end)

-- From a coroutine of its own, which ends when the call does; what it yields are its results then.
World.add_act(1, function()
  Calls.make(Calls.prepare "sidewire.poll", function(f, ...)
    local is_bent = World.is_bent
    World.is_bent = true
    pcall(coroutine.wrap(function(...) return f(...) end), ...)
    World.is_bent = is_bent
    return true, 0
  end)
end)

-- From within functions that no yield can leave.
World.add_act(1, function()
  if chance(0.5) then return ("x"):gsub(".", Values.hostile()) end
  table.sort({ 1, 2, 3 }, Values.hostile())
end)

-- --- where little of a stack is left ---

-- ThreadSanitizer looks at the whole of its own stack at each allocation, which takes half a minute in what follows;
-- nothing there has to do with threads.
local is_slow = (os.getenv "SIDEWIRE_BUILD" or ""):find "tsan" ~= nil

-- What happens there. A collection may come upon objects whose finalizers Lua has no stack to call, and frees them all
-- the same.
local function act_with_little_stack()
  if chance(0.5) then Calls.call "sidewire.new" end
  pick { Calls.call, ambush, collectgarbage, collectgarbage }()
end

-- Lua allows some 200 C functions in one another. So many of these are given back before the act. LuaJIT has no such
-- limit: this alone, without sidewire, overflows the stack of the thread and crashes.
local function sink(margin)
  local function down()
    local ok = pcall(string.gsub, "x", "x", down)
    if ok then return end
    margin = margin - 1
    if margin < 0 then return act_with_little_stack() end
    error "not yet"
  end
  pcall(down)
end

World.add_act(1, function()
  if is_slow or engine.is_jit or chance(0.7) then return end
  sink(random(0, 4))
end)

local function recurse()
  return 1 + recurse()
end

local deepest = 0 -- how often this one can call itself in a coroutine:

local function recurse_to(most, level)
  if level > deepest then deepest = level end
  if level == most then return pick { Calls.call, collectgarbage }() end
  local value = recurse_to(most, level + 1)
  return value
end

-- Lua's own stack ends after a million slots. Nothing else happens in these two meanwhile: each collection would go
-- through all of it.
World.add_act(1, function()
  if is_slow or chance(0.98) then return end
  Calls.call "sidewire.new"
  collectgarbage "stop"
  World.fuel, World.clients = 0, {}
  if deepest == 0 then pcall(coroutine.wrap(recurse_to), engine.MAX_INTEGER, 1) end
  pcall(coroutine.wrap(recurse_to), deepest - random(0, 6), 1)
  collectgarbage "restart"
end)

-- A message handler has a little stack beyond the end.
World.add_act(1, function()
  if is_slow or chance(0.99) then return end
  local call = Calls.prepare()
  call.raises_anything = true
  collectgarbage "stop"
  World.fuel = 0
  Calls.make(call, function(f, ...)
    local args = engine.pack(...)
    return xpcall(recurse, function() return f(engine.unpack(args, 1, args.n)) end)
  end)
  collectgarbage "restart"
end)

-- --- loops ---

World.add_act(3, function()
  local iterate = Calls.original "sidewire.events"()
  if not iterate then return end
  for _ = 1, random(30) do
    local client, event = iterate()
    if client == nil then break end
    World.counts.events = World.counts.events + 1
    if type(event) ~= "string" and not World.is_bent then
      World.violate("events() gave a %s, not a name", type(event))
    end
    if chance(0.3) then World.act() end
    if chance(0.05) then World.raise() end
  end
end)

World.add_act(2, function()
  local client = World.client()
  if not World.all[client] then return end
  local step, state = Calls.original "client:unfinished"(client)
  if not step then return end
  if chance(0.3) then World.keep(state) end
  local previous
  for id, text in step, state do
    if type(text) ~= "string" or previous and id <= previous then
      World.violate("unfinished gave %s, a %s, after %s", id, type(text), previous)
    end
    previous = id
    if chance(0.2) then World.act() end
    if chance(0.05) then World.raise() end
  end
  if chance(0.3) then step(Values.any()) end
end)

return {}
