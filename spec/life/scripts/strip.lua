-- What the debug library can do to the module, short of what breaks any C module: setmetatable, setuservalue and
-- getregistry. spec/life/hostile_spec.lua runs `strip` in `embed`.

local engine = require "spec.support.engine"
local session = require "spec.support.session"
local sidewire = require "sidewire.core"

local function connected(options)
  options = options or {}
  options.port = session.silent
  return session.connected(options)
end

local function empty(meta)
  for key in pairs(meta) do meta[key] = nil end
end

local ways = {}

-- Strings that the loop still reads when the state closes; clients that nothing finalizes.
function ways.metatables()
  for _ = 1, 10 do
    local client = connected { linger = 0.05 }
    for _ = 1, 60 do client:send(("x"):rep(100000)) end
  end
  local client = connected()
  local _, host = debug.getupvalue(client.send, 1)
  local send = client.send
  empty(debug.getmetatable(client))
  if host then empty(debug.getmetatable(host)) end -- Lua 5.1 does not show it
  collectgarbage()
  send(client, ("y"):rep(100000))
end

-- Nothing refers to the host userdata any more but the registry, while a poll runs.
function ways.upvalues()
  local client
  client = connected { on = { connect = function()
    local functions = {}
    for _, f in pairs(sidewire) do functions[#functions + 1] = f end
    for _, meta in ipairs { debug.getmetatable(client), debug.getmetatable(client).__index } do
      for _, f in pairs(meta) do functions[#functions + 1] = f end
    end
    for _, f in ipairs(functions) do
      if type(f) == "function" then debug.setupvalue(f, 1, io.stdout) end
    end
    client = nil
    collectgarbage()
    collectgarbage()
  end } }
  pcall(sidewire.poll)
end

-- Whatever a captured finalizer is given.
function ways.finalizer()
  local client = connected()
  local collect = debug.getmetatable(client).__gc
  local captured = {}
  for upvalue = 1, 5 do
    local name, value = debug.getupvalue(collect, upvalue)
    if name then
      debug.setupvalue(collect, upvalue, { __gc = function(userdata) captured[#captured + 1] = userdata end })
      pcall(collect, connected())
      debug.setupvalue(collect, upvalue, value)
    end
  end
  client:on("connect", function(self)
    collect(self)
    collectgarbage()
    for _, userdata in ipairs(captured) do pcall(collect, userdata) end
  end)
  sidewire.poll()
  assert(not pcall(client.state, client))
end

-- The locals of finalizers that run, among them the userdata that keeps a collected client's memory.
function ways.locals()
  local client = connected()
  local collect, keeper, collect_keeper = debug.getmetatable(client).__gc, nil, nil
  local function look()
    for level = 2, 10 do
      for slot = 1, 20 do
        local ok, _, value = pcall(debug.getlocal, level, slot)
        if ok and type(value) == "userdata" and getmetatable(value) == "sidewire.keeper" then keeper = value end
      end
    end
  end
  local function arm()
    engine.finalizer(function()
      look()
      if not keeper then arm() end
    end)
  end
  client:on("connect", function(self)
    engine.collect_often(4)
    collectgarbage()
    for _ = 1, 8 do arm() end
    for _ = 1, 50 do
      if not keeper then pcall(collect, connected()) end
    end
    collect(self)
    if not keeper then return end
    collect_keeper = debug.getmetatable(keeper).__gc
    pcall(collect_keeper, keeper)
    pcall(collect_keeper)
  end)
  client:poll()
end

function ways.saver()
  local collect = debug.getmetatable(sidewire.new()).__gc
  for _, answer in ipairs { true, false } do
    local made = sidewire.new({}, function(client)
      collect(client)
      return answer or nil, "no", "ESETTINGS"
    end)
    assert(not made or not pcall(made.state, made))
  end
  local client = sidewire.new({}, function(self, values)
    if values then collect(self) end
    return true
  end)
  client:set_server("127.0.0.1", 1)
  assert(not pcall(client.state, client))
end

local scripts = {}

function scripts.strip(way)
  ways[way]()
  collectgarbage()
  print "survived"
end

return scripts
