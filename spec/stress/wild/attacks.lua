--- Attacks on what the module is made of: metatables that it hands out, the methods in them, its metamethods called by
--- hand, the upvalues of its functions. `Attacks.begin(mode)` chooses which:
--
--     plain        none of them
--     metatables   what getmetatable hands out is changed, emptied and called
--     debug        metamethods that only the debug library reaches are called by hand, with anything, at any moment
--     upvalues     upvalues of the module's functions are of a wrong type while these are called
--     all          all of them
--
-- Not done, since no C module can withstand it: debug.setmetatable, debug.setuservalue, debug.setlocal in C functions,
-- changes of the registry; what the debug library finds is called, and put back, but never changed for good.

local World = require "spec.stress.wild.world"
local Values = require "spec.stress.wild.values"
local Calls = require "spec.stress.wild.calls"
local engine = require "spec.support.engine"

local Attacks = { MODES = { "plain", "metatables", "debug", engine.has_safe_setupvalue and "upvalues" or nil } }

local random, pick, chance = math.random, World.pick, World.chance

local FIELDS = {
  "__gc", "__index", "__close", "__name", "__tostring", "__newindex", "__len", "__call", "__eq", "__mode",
  "__metatable", "__pairs", "__concat",
}

local function attacked(what, ...)
  World.counts.attacks = World.counts.attacks + 1
  World.trace("attack", what, ...)
end

-- --- subjects ---

local core, sidewire

local function iterator_state()
  local client = World.client()
  if not World.all[client] then return end
  local _, state = Calls.original "client:unfinished"(client)
  return state
end

local SUBJECTS = {
  World.client, World.client, World.client,
  function() return World.subject end, function() return World.subject end,
  iterator_state,
  function() return (Calls.original "sidewire.notifier"()) end,
  function() return World.remains[random(8)] end,
  function() return pick { core, sidewire, sidewire.settings } end,
}

local function arguments_for(subject)
  local which = random(5)
  if which <= 2 then return subject end
  if which == 3 then return World.client() end
  if which == 4 then return Values.any(), Values.any() end
end

-- --- what is put back in the end ---

-- An attack puts back what it has changed, unless a hook raises before that, or a coroutine is left in it.
local undoings = {} -- key -> place -> function, of the first change

local function undo_at_the_end(key, place, undo)
  undoings[key] = undoings[key] or {}
  undoings[key][place] = undoings[key][place] or undo
end

-- --- metatables that are handed out ---

local saved = {} -- { table, copy }

local function save(t)
  for _, entry in ipairs(saved) do
    if entry[1] == t then return end
  end
  local copy = {}
  for name, value in next, t do copy[name] = value end
  saved[#saved + 1] = { t, copy }
end

-- Lest the run has nothing but broken metatables after its first attack.
local function restore()
  for _, entry in ipairs(saved) do
    local t, copy = entry[1], entry[2]
    setmetatable(t, nil)
    for name in next, t do
      if copy[name] == nil then t[name] = nil end
    end
    for name, value in next, copy do t[name] = value end
  end
  World.is_bent = false
end

local function change(meta)
  save(meta)
  World.is_bent = true
  local value = pick { Values.hostile, Values.any, Values.module_function, function() return nil end }()
  local index = rawget(meta, "__index")
  if type(index) == "table" and chance(0.3) then
    save(index)
    index[pick(Calls.METHODS)] = value
  elseif chance(0.1) then
    setmetatable(meta, { __index = value })
  else
    meta[pick(FIELDS)] = value
  end
end

local function attack_metatable()
  local subject = pick(SUBJECTS)()
  if type(subject) ~= "userdata" and not (type(subject) == "table" and rawequal(subject, core)) then return end
  if io.type(subject) then return end
  local meta = getmetatable(subject)
  attacked("metatable", subject, meta)
  pcall(setmetatable, subject, {})
  pcall(rawset, subject, "send", Values.any())
  pcall(function() subject[pick(Calls.METHODS)] = Values.any() end)
  if type(meta) ~= "table" then return end
  local field = meta[pick(FIELDS)]
  if chance(0.5) then pcall(field, arguments_for(subject)) end
  if chance(0.3) then change(meta) end
  World.act()
  if chance(0.5) then restore() end
end

local function attack_module()
  local module = pick { core, sidewire, sidewire.settings }
  local name = pick { "new", "poll", "wait", "events", "notifier", "load", "save", "on_error" }
  local value = rawget(module, name)
  attacked("module", name)
  local is_bent = World.is_bent
  World.is_bent = true
  undo_at_the_end(module, name, function() module[name] = value end)
  module[name] = Values.any()
  pcall(World.act)
  module[name] = value
  World.is_bent = is_bent
end

local function load_again()
  local name = pick { "sidewire", "sidewire.core", "sidewire.settings" }
  attacked("load again", name)
  local module = package.loaded[name]
  package.loaded[name] = nil
  local is_hooked = debug.gethook() ~= nil -- a hook may raise
  local ok, again = pcall(require, name)
  package.loaded[name] = module
  if World.is_bent or is_hooked or not ok and tostring(again):find "stack overflow" then return end
  -- A finalizer that ran meanwhile may have raised, or tried to yield.
  if not ok and not engine.has_quiet_finalizers then return end
  if not ok then return World.violate("%s cannot be loaded again: %s", name, again) end
  if name == "sidewire.core" and again ~= core then
    World.violate("%s is another table when it is loaded again", name)
  end
end

-- --- metamethods by hand ---

--- The userdata that the module's C functions share, if the debug library shows it.
local function shared_userdata()
  local f = Calls.original "sidewire.poll"
  for i = 1, 8 do
    local name, value = debug.getupvalue(f, i)
    if not name then return end
    if type(value) == "userdata" then return value end
  end
end

local function call_by_hand()
  local subject = pick(SUBJECTS)()
  if chance(0.15) then subject = shared_userdata() end
  if type(subject) ~= "userdata" or io.type(subject) then return end
  local meta = debug.getmetatable(subject)
  local field = meta and meta[pick(FIELDS)]
  if chance(0.5) then field = meta and meta.__gc end
  if type(field) ~= "function" then return end
  local is_shared = rawequal(subject, shared_userdata())
  local args = engine.pack(arguments_for(subject))
  -- That one ends the module for good: Attacks.last does it.
  if is_shared and rawequal(args[1], subject) then return end
  attacked("by hand", field, engine.unpack(args, 1, args.n))
  local is_hooked = debug.gethook() ~= nil -- a hook may raise
  local ok, why = pcall(field, engine.unpack(args, 1, args.n))
  if ok or is_hooked or type(why) == "string" or not engine.has_quiet_finalizers then return end
  World.violate("a metamethod raised a %s", type(why))
end

-- --- upvalues ---

local function wrong_value()
  return pick { 1, 2, 3 } == 1 and Values.any() or pick { false, 0, "x", {}, io.stdout, World.client() or false }
end

local function bend(f, i, value, during)
  local is_bent = World.is_bent
  World.is_bent = true
  local _, old = debug.getupvalue(f, i)
  undo_at_the_end(f, i, function() debug.setupvalue(f, i, old) end)
  debug.setupvalue(f, i, value)
  pcall(during)
  debug.setupvalue(f, i, old)
  World.is_bent = is_bent
end

local function attack_upvalue()
  local call = Calls.prepare()
  local i = random(3)
  if not debug.getupvalue(call.f, i) then return end
  local value = wrong_value()
  attacked("upvalue", call.name, i, value)
  bend(call.f, i, value, function() Calls.make(call) end)
end

-- The same of a function that metamethods or iterators are.
local function attack_hidden_upvalue()
  local subject = chance(0.5) and World.client() or iterator_state()
  if type(subject) ~= "userdata" or io.type(subject) then return end
  local meta = debug.getmetatable(subject)
  local f = meta and meta[pick { "__gc", "__close", "__tostring" }]
  if chance(0.3) then f = Calls.original "sidewire.events"() end
  if type(f) ~= "function" or not debug.getupvalue(f, 1) then return end
  local value = wrong_value()
  attacked("hidden upvalue", f, value)
  bend(f, random(2), value, function() f(arguments_for(subject)) end)
end

-- Upvalues of Lua functions are joined with another's for the time of a call.
local function attack_join()
  local call = Calls.prepare(pick { "sidewire.new", "settings.load", "settings.save", "client:connect" })
  local i = random(3)
  local ok, name = pcall(debug.getupvalue, call.f, i)
  if not ok or not name or name == "" or name == "_ENV" then return end
  local own, foreign = false, Values.any()
  local function keep() return own end
  local function other() return foreign end
  attacked("join", call.name, i)
  local is_bent = World.is_bent
  World.is_bent = true
  engine.join_upvalues(keep, 1, call.f, i)
  undo_at_the_end(call.f, "join " .. i, function() engine.join_upvalues(call.f, i, keep, 1) end)
  engine.join_upvalues(call.f, i, other, 1)
  pcall(Calls.make, call)
  engine.join_upvalues(call.f, i, keep, 1)
  World.is_bent = is_bent
end

-- --- the choice ---

local GROUPS = {
  plain = {},
  metatables = { attack_metatable, attack_metatable, attack_metatable, attack_module, load_again },
  debug = { call_by_hand, call_by_hand, call_by_hand },
  upvalues = { attack_upvalue, attack_upvalue, attack_hidden_upvalue, engine.join_upvalues and attack_join },
}

function Attacks.begin(mode, core_module, sidewire_module)
  core, sidewire = core_module, sidewire_module
  for name, group in pairs(GROUPS) do
    if mode == name or mode == "all" then
      for _, attack in ipairs(group) do World.add_act(2, attack) end
    end
  end
  if mode == "debug" or mode == "all" then Values.extra[1] = shared_userdata end
end

--- Puts back what attacks changed, as far as scripts can.
function Attacks.finish()
  restore()
  for _ = 1, 2 do -- a value gets into its variable only once the variable is back
    for _, places in pairs(undoings) do
      for _, undo in pairs(places) do undo() end
    end
  end
end

--- What ends the module, so only when nothing is expected of it any more: its own finalizer by hand.
function Attacks.last(mode)
  if mode ~= "debug" and mode ~= "all" then return end
  local shared = shared_userdata()
  local meta = shared and debug.getmetatable(shared)
  local collect = meta and meta.__gc
  if type(collect) ~= "function" then return end
  World.add_act(2, function()
    attacked "the module's own finalizer"
    pcall(collect, shared)
  end)
end

return Attacks
