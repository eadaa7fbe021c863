--- The Lua that runs the specs: which one it is, what it can do, and one way for what its relatives do differently.
-- Uses no other module, so that programs and scripts in other processes can have it, too.
--
--     local engine = require "spec.support.engine"
--     if not engine.has_yields then return pending(engine.lacks "yields across handlers") end
--     local arguments = engine.pack(...)
--     call(engine.unpack(arguments, 1, arguments.n))
--
-- luacheck: std max

local is_jit = rawget(_G, "jit") ~= nil
local version = tonumber(_VERSION:match "%d+%.%d+") -- 5.1 for LuaJIT

local engine = {
  --- "5.1" to "5.5", or "luajit"; as LUA= of `make` names them.
  NAME = is_jit and "luajit" or ("%.1f"):format(version),
  is_jit = is_jit,
  --- `local x <close>`, and coroutine.close.
  has_close = version >= 5.4,
  --- A handler can yield through poll, a C function (lua_callk).
  has_yields = version >= 5.3,
  --- A function that pcall runs can yield.
  has_yields_in_pcall = is_jit or version >= 5.2,
  --- Lua itself survives that its allocator fails. LuaJIT 2.1 loses memory then, and crashes.
  survives_lack_of_memory = not is_jit,
  --- coroutine.create takes C functions, too.
  has_c_coroutines = is_jit or version >= 5.2,
  --- debug.getupvalue and debug.setupvalue reach the upvalues of C functions.
  has_c_upvalues = is_jit or version >= 5.2,
  --- debug.setupvalue is safe for a Lua function whose variable another function shares. That of 5.1 tells the
  --- collector that the function has a new value, and not that the variable has (lapi.c, lua_setupvalue: the barrier is
  --- put at the closure), so that the value may be freed while it is used.
  has_safe_setupvalue = is_jit or version >= 5.2,
  --- A hook for lines is safe in all functions. Lua 5.2 and 5.3 may look up a line of the function before, as one of
  --- the present one, and read beyond its list of lines (ldebug.c, luaG_traceexec, L->oldpc).
  has_safe_line_hooks = is_jit or version == 5.1 or version >= 5.4,
  --- Tracebacks name the functions of modules.
  has_named_functions = version >= 5.3,
  --- Userdata have user values; elsewhere a table that holds them belongs to each, which takes memory.
  has_user_values = version >= 5.4,
  --- Integers of 64 bits, apart from floats.
  has_integers = version >= 5.3,
  --- os.exit(status, true) closes the state.
  has_closing_exit = is_jit or version >= 5.2,
  --- A finalizer can collect garbage while the state closes. Lua 5.3 may never end then, with or without sidewire.
  can_collect_at_close = version ~= 5.3,
  --- Such a finalizer can use userdata afterwards. Lua 5.1 and LuaJIT may have freed what a table still holds: they
  --- take the mark off each userdata that they finalize, also in the middle of a collection (lgc.c, GCTM; lj_gc.c,
  --- gc_finalize).
  keeps_userdata_at_close = version >= 5.2,
  --- An error in a finalizer is only a warning, or nothing at all; elsewhere it is raised where the collection began.
  has_quiet_finalizers = version >= 5.4,
}

--- Bytes that Lua may keep beside the messages of a test whose memory is bounded: texts of refusals, of which the older
-- collectors leave more behind.
engine.GARBAGE = (version >= 5.4 and 2 or 3) * 2 ^ 20

--- The largest number up to which all whole ones are exact.
engine.MAX_INTEGER = math.maxinteger or 2 ^ 53

--- The reason of a test that is pending because this engine has no such thing.
function engine.lacks(thing)
  return ("Lua %s has no %s"):format(engine.NAME, thing)
end

-- --- values ---

engine.unpack = table.unpack or unpack

--- A text in which Lua has written floats ("60.0 s"), as this engine writes them ("60 s").
function engine.as_written(text)
  if engine.has_integers then return text end
  return (text:gsub("%f[%d.][%d.]+%f[^%d.]", function(number) return number:match "^(%d+)%.0$" end))
end

--- debug.upvaluejoin; nil where the engine has none.
engine.join_upvalues = debug.upvaluejoin

--- All arguments in a list, their number in the field n.
engine.pack = table.pack or function(...) return { n = select("#", ...), ... } end

--- Is it a number that Lua writes without a decimal point?
function engine.is_integer(value)
  if math.type then return math.type(value) == "integer" end
  return type(value) == "number" and value % 1 == 0
end

-- --- code ---

--- Loads a text, with its globals in a table (those of the program if absent).
-- @return a function; or nil, message
function engine.load(text, name, environment)
  if engine.has_closing_exit then return load(text, name, "t", environment or _G) end -- 5.2 and LuaJIT
  local f, message = loadstring(text, name)
  return f and setfenv(f, environment or _G), message
end

--- package.searchpath: the first file that a path has for a module; or nil, message.
function engine.searchpath(name, path)
  if package.searchpath then return package.searchpath(name, path) end
  local tried = {}
  for template in path:gmatch "[^;]+" do
    local place = template:gsub("%?", (name:gsub("%.", "/")))
    local file = io.open(place)
    if file then
      file:close()
      return place
    end
    tried[#tried + 1] = place
  end
  return nil, "no file " .. table.concat(tried, ", ")
end

--- xpcall with arguments for the function.
function engine.xpcall(f, handler, ...)
  local arguments = engine.pack(...)
  return xpcall(function() return f(engine.unpack(arguments, 1, arguments.n)) end, handler)
end

--- Is this a coroutine that could yield? Lua 5.1, 5.2 and LuaJIT do not know of the C functions that prevent it: the
-- yield raises an error then.
function engine.is_yieldable()
  if coroutine.isyieldable then return coroutine.isyieldable() end
  local thread, is_main = coroutine.running()
  return thread ~= nil and not is_main
end

--- coroutine.close, where the engine has it.
engine.close_thread = coroutine.close or function() end

--- Calls a function while a value is in a to-be-closed variable, where the engine has them.
engine.in_scope = engine.has_close and engine.load([[
  local value, f = ...
  local scoped <close> = value
  return f(select(3, ...))
]], "in_scope") or function(_, f, ...) return f(...) end

--- Ends the process; closes the state first where the engine can do that and it is wanted.
function engine.exit(status, is_closing)
  if engine.has_closing_exit then os.exit(status, is_closing) end
  os.exit(status)
end

--- Keeps LuaJIT from compiling anything from now on. For scripts whose finalizers do everything: LuaJIT 2.1 itself
-- crashes when a finalizer raises where compiled code is left, and hangs when one runs compiled code that allocates.
function engine.interpret_only()
  if is_jit then require "jit".off() end
end

-- --- garbage ---

--- An object that calls f with itself when it is collected. Before Lua 5.2 tables have no finalizers, userdata have.
function engine.finalizer(f)
  if version >= 5.2 then return setmetatable({}, { __gc = f }) end
  local proxy = newproxy(true)
  getmetatable(proxy).__gc = f
  return proxy
end

--- How collections run: the pause between two, the speed, and 2^step bytes between two steps of one, where the engine
-- takes a step. Their meaning is that of collectgarbage.
function engine.collect_by(pause, speed, step)
  if version >= 5.4 then
    collectgarbage("incremental", pause, speed, step)
  else
    collectgarbage("setpause", pause)
    collectgarbage("setstepmul", speed)
  end
end

--- From now on a collection begins as soon as one has ended, so that finalizers run all the time.
function engine.collect_often(step)
  engine.collect_by(1, 1000, step)
end

--- The same, with a whole collection at each step: for scripts that make little.
function engine.collect_always(step)
  engine.collect_by(1, version >= 5.4 and 1000 or 1000000, step)
end

local made = 0

--- The next allocation of a C function goes on with a collection: between two steps of one, Lua 5.2 and 5.3 let pass
-- what a small script makes in all.
function engine.collect_next()
  if version >= 5.4 or version < 5.2 then return end
  collectgarbage "restart" -- a step is due when something was allocated, here without a look at it
  made = made + 1
  return ("%d"):format(made)
end

--- Collections begin as in a new state again.
function engine.collect_as_usual()
  engine.collect_by(200, version >= 5.4 and 100 or 200, 13)
end

--- Young objects are collected often, where the engine has such a mode; else as collect_often.
function engine.collect_young(minor, major)
  if version >= 5.4 then collectgarbage("generational", minor or 1, major or 1) else engine.collect_often() end
end

return engine
