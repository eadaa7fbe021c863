--- Arguments: values of every type, among them tables and userdata whose metamethods run further random calls or raise,
--- and the ones that make sense for a function, so that connections come about and data flows.

local World = require "spec.stress.wild.world"
local build = require "spec.support.build"
local engine = require "spec.support.engine"

local Values = {
  functions = {}, -- of the module, by name; the driver fills it
  extra = {}, -- makers of further values; attacks add some
}

local random, pick, chance = math.random, World.pick, World.chance

-- --- strings ---

local BIG = { ("x"):rep(20000), ("y\n"):rep(40000), ("\0"):rep(2 ^ 20), ("z"):rep(3 * 2 ^ 20) }

local BINARY = {}
for i = 1, 300 do BINARY[i] = string.char(random(0, 255)) end
BINARY = table.concat(BINARY)

local STRINGS = {
  "", "a", "hello", "line\n", "\r", "\r\n", "\0", "0", "1", "17", "-1", "1e3", "0x10", " 5 ", "nan", "inf", "connected",
  "disconnected", "message", "connect", "close", "127.0.0.1", "::1", "localhost", "%s%n%d", "host", "port", "on",
  "framing", "__gc", "sidewire.client", BINARY, ("w"):rep(1000),
}

function Values.text()
  if chance(0.02) then return pick(BIG) end
  if chance(0.3) then return ("t%d"):format(random(0, 1073741824)) end -- a new one, which collections have to free
  return pick(STRINGS)
end

local NUMBERS = {
  0, 1, 2, 7, -1, 255, 256, 65535, 65536, 2147483648, 2147483647, 4294967296, 9007199254740993,
  engine.MAX_INTEGER, -engine.MAX_INTEGER - 1, 0.5, 1.5, -0.0, 1e-300, 1e8, 1e300, 2 ^ 53, 2 ^ 63, -2 ^ 63, math.huge,
  -math.huge, 0 / 0, math.pi,
}

--- A number that is no integer, and so becomes a string only when it is a piece of a message.
function Values.float()
  return random() * 10 ^ random(-20, 20)
end

function Values.number()
  return chance(0.5) and pick(NUMBERS) or chance(0.5) and Values.float() or random(0, 100)
end

-- --- metamethods ---

local METHODS = {
  "__index", "__newindex", "__len", "__pairs", "__tostring", "__call", "__name", "__gc", "__close", "__eq", "__concat",
  "__add", "__lt", "__le", "__unm", "__metatable", "__mode",
}

local PLAIN = { __name = true, __metatable = true, __mode = true }

--- A function that runs random calls. It counts what called it under `count`, if given.
function Values.hostile(count)
  local value = chance(0.5) and Values.any(2) or nil
  return function(...)
    if World.fuel <= 0 then return end
    if count then World.counts[count] = World.counts[count] + 1 end
    if chance(0.2) then value = (...) end
    return World.mischief(value)
  end
end

local function metatable()
  local meta = {}
  for _ = 1, random(6) do
    local name = pick(METHODS)
    if chance(0.1) then
      meta[name] = Values.simple()
    elseif not PLAIN[name] then
      meta[name] = chance(0.2) and Values.module_function() or Values.hostile()
    elseif chance(0.5) then
      meta[name] = Values.text()
    end
  end
  return meta
end

-- --- tables ---

local KEYS = {
  1, 2, 3, "host", "port", "framing", "linger", "on", "greeting", "delay", "max", "fixed", "delimiter", "message",
  "close", "reconnect", "attempts",
}

local function bare_table(level)
  local made = {}
  for _ = 1, random(0, 4) do
    local key = chance(0.8) and pick(KEYS) or Values.any(level + 1)
    if key ~= nil and key == key and key ~= "settings" then made[key] = Values.any(level + 1) end
  end
  return made
end

local function hostile_table(level)
  return setmetatable(bare_table(level), metatable())
end

local null = assert(io.open "/dev/null")

local function userdata()
  if chance(0.3) then return null end
  return World.client() or World.remains[random(8)]
end

-- --- functions and coroutines ---

--- One of the module, by name.
function Values.module_function()
  return pick(Values.functions).f
end

local STANDARD = {
  pcall, next, rawset, rawget, setmetatable, getmetatable, tostring, type, collectgarbage, select, ipairs,
  coroutine.yield, engine.close_thread, World.resume, coroutine.wrap, engine.is_yieldable, string.rep, engine.pack,
  engine.unpack, debug.traceback,
}

local function coroutine_value()
  return World.threads[random(8)] or coroutine.create(Values.hostile())
end

--- Called by poll with what it has: none of these may wait for long then.
function Values.handler()
  local which = random(12)
  if which == 1 then return setmetatable({}, { __call = Values.hostile "events" }) end
  if which == 2 then return pick(STANDARD) end
  if which == 3 then return coroutine.wrap(Values.hostile "events") end
  if which == 4 then
    local entry = pick(Values.functions)
    if not entry.waits then return entry.f end
  end
  return Values.hostile "events"
end

-- --- all of them ---

function Values.simple()
  return pick { false, true, 0, Values.number(), Values.text(), Values.float() }
end

local MAKERS = {
  function() return nil end,
  function() return chance(0.5) end,
  Values.number, Values.number, Values.float, Values.text, Values.text,
  bare_table, hostile_table, hostile_table, userdata, userdata, coroutine_value, Values.hostile,
  function() return pick(STANDARD) end,
  Values.module_function,
  function() return pick { _G, string, World.remains } end,
  function() if #Values.extra > 0 then return pick(Values.extra)() end end,
}

--- Any value. level: how deep it stands in others.
function Values.any(level)
  level = level or 0
  if level > 2 then return Values.simple() end
  return pick(MAKERS)(level)
end

-- --- those that make sense ---

local EVENTS = { "connect", "message", "drain", "acked", "lost", "disconnect", "retry", "error", "log", "close" }
local FRAMINGS = {
  "line", "line", "raw", "raw", "u8", "u16be", "u16le", "u32be", "u32le", { delimiter = "\0" }, { fixed = 5 }, "varint",
  "netstring", "resp", "content-length", { length = "u8", offset = 1, adjustment = -2 },
}

function Values.event()
  return pick(EVENTS)
end

function Values.framing()
  return pick(FRAMINGS)
end

--- Seconds that a call may wait.
function Values.seconds()
  return pick { 0, 0, 0, 0.001, 0.001, 0.01, 0.03 }
end

function Values.handlers()
  local handlers = {}
  for _ = 1, random(6) do handlers[pick(EVENTS)] = Values.handler() end
  if chance(0.1) then handlers.message = false end
  return handlers
end

function Values.greeting()
  if chance(0.3) then return Values.text() end
  local list = {}
  for i = 1, random(0, 4) do list[i] = chance(0.5) and Values.float() or Values.text() end
  return list
end

local RECONNECTS = { true, false, 0.001, 0.01, { delay = 0.001, max = 0.01 }, { delay = 0.01, attempts = 2 } }

function Values.reconnect()
  return pick(RECONNECTS)
end

function Values.options()
  local options = {
    framing = Values.framing(), linger = pick { 0, 0.01, 0.1 }, reconnect = Values.reconnect(),
    retain = pick(build.RETAINS), inbox_limit = pick { 1000, 100000, 2 ^ 20 },
    queue_limit = pick { 1000, 100000, 2 ^ 22 }, connect_timeout = pick { 0.01, 1 }, spin = pick { 0, 0, 50 },
  }
  options.host, options.port = World.server()
  if chance(0.5) then options.on = Values.handlers() end
  if chance(0.2) then options.greeting = Values.greeting() end
  if chance(0.2) then options.stall_timeout = pick { 0, 0.01, 1 } end
  if chance(0.2) then options.max_message = pick { 5, 100, 2 ^ 20 } end
  if chance(0.1) then options.keepalive = pick { false, { idle = 1, interval = 1, count = 1 } } end
  if chance(0.1) then setmetatable(options, metatable()) end
  return options
end

--- Pieces of a message.
function Values.pieces()
  local pieces = {}
  for i = 1, pick { 1, 1, 2, 3, 20 } do pieces[i] = chance(0.4) and Values.float() or Values.text() end
  return engine.unpack(pieces)
end

return Values
