-- What spec/life/untrusted_spec.lua runs in `embed`, as a script of which the host trusts nothing.

local engine = require "spec.support.engine"
local session = require "spec.support.session"
local sidewire = require "sidewire.core"

local connected = session.connected

local scripts = {}

-- Everything that the policy can forbid.
local function forbid()
  assert(sidewire.set_policy { max_clients = 2, max_queue = 1000, max_inbox = 1000, max_linger = 0, files = false })
  assert(sidewire.lock_policy())
end

function scripts.connects_anywhere()
  forbid()
  connected():close()
  connected { host = "localhost" }
end

function scripts.waits_under_a_hook()
  forbid()
  local client = connected()
  local hooked = 0
  debug.sethook(function() hooked = hooked + 1 end, "", 100)
  local calls = {
    function() return client:receive(0.4) end, function() return client:wait("disconnected", 0.4) end,
    function() return sidewire.wait(0.4) end,
  }
  for _, call in ipairs(calls) do
    hooked = 0
    local began = embed.clock()
    assert(select(3, call()) == "ETIMEDOUT")
    assert(embed.clock() - began > 0.39 and hooked <= 1)
  end
end

function scripts.handles_for_long()
  forbid()
  if engine.is_jit then _G.jit.off() end -- the code that LuaJIT compiles calls no hooks
  local ran = 0
  local client = connected { on = { message = function()
    ran = ran + 1
    local ends = embed.clock() + 0.3
    while ran == 2 or embed.clock() < ends do end
  end } }
  for _ = 1, 2 do client:send "x" end
  repeat embed.sleep(0.001) until client:stats().received_bytes == 4
  local began = embed.clock()
  assert(sidewire.poll(1, 0.01) == 1)
  assert(embed.clock() - began > 0.29)
  debug.sethook(function() error "too long" end, "", 100000)
  local ok, why = pcall(sidewire.poll)
  debug.sethook()
  assert(not ok and why:find "too long" and ran == 2)
end

function scripts.waits_in_a_finalizer()
  forbid()
  local client = connected()
  engine.finalizer(function() client:wait("disconnected", 1) end)
end

function scripts.spins()
  forbid()
  local function cpu_of(spin)
    local client = connected { spin = spin }
    assert(client:send "x" and client:receive(30) == "x")
    local began = os.clock()
    embed.sleep(0.8)
    client:close()
    assert(client:wait("disconnected", 30))
    return os.clock() - began
  end
  local asleep, awake = cpu_of(0), cpu_of(1000000)
  -- Where others need the processor, the thread gives way, and takes little itself.
  assert(awake > 0.001 and awake > 3 * asleep, asleep .. " " .. awake)
end

function scripts.replaces_functions()
  local poll, copy = sidewire.poll, {}
  for name, value in pairs(sidewire) do copy[name] = value end
  engine.load("sidewire.poll = nil", "script", { sidewire = copy })()
  assert(require "sidewire.core".poll == poll)
  engine.load("sidewire.poll = function() return 'mine' end", "script", { sidewire = sidewire })()
  assert(require "sidewire.core".poll() == "mine")
end

function scripts.takes_others_messages()
  local first, second = { sidewire = sidewire, port = session.port }, { sidewire = sidewire }
  engine.load([=[
    client = sidewire.new { host = "127.0.0.1", port = port }
    client:connect()
    client:send "for the first script"
  ]=], "first", first)()
  engine.load([=[
    while not stolen do
      sidewire.wait(1)
      for client, event, message in sidewire.events() do
        if event == "message" then stolen, its = message, client end
      end
    end
    sidewire.stop()
  ]=], "second", second)()
  assert(second.stolen == "for the first script")
  assert(second.its == first.client and first.client:state() == "closed")
end

function scripts.fills_memory()
  forbid()
  local kept = {} -- luacheck: ignore 241
  for i = 1, 32 do kept[i] = i .. ("x"):rep(2 ^ 20) end
  assert(collectgarbage "count" > 32 * 1024)
end

function scripts.reaches_the_registry()
  local reached = engine.load("return debug.getregistry()._LOADED.io.open", "script", { debug = debug })()
  assert(reached == io.open)
end

function scripts.loads_libraries()
  local path = assert(engine.searchpath("lfs", package.cpath))
  local environment = { loadlib = package.loadlib, path = path }
  local lfs = engine.load("return loadlib(path, 'luaopen_lfs')()", "script", environment)()
  assert(lfs.attributes("/", "mode") == "directory")
  lfs = engine.load("return require 'lfs'", "script", { require = require })()
  assert(lfs.attributes("/", "mode") == "directory")
end

function scripts.changes_strings()
  local environment = { getmetatable = getmetatable }
  engine.load([=[ getmetatable("").__index.upper = function() return "mine" end ]=], "script", environment)()
  assert(("host"):upper() == "mine")
end

return scripts
