-- What spec/life/state_spec.lua runs in `embed`: mostly, what a script leaves to lua_close.

local engine = require "spec.support.engine"
local files = require "spec.support.files"
local session = require "spec.support.session"
local sidewire = require "sidewire.core"

local finally, new, connected, stuck = session.finally, session.new, session.connected, session.stuck
local poll_until, be_busy = session.poll_until, session.be_busy

local scripts = {}

function scripts.is_busy_and_stuck()
  be_busy()
  stuck { linger = 0.7 }
  local stalled_ending = connected { port = session.silent, linger = 0.7 }
  stalled_ending:send "x"
  stalled_ending:disconnect()
end

function scripts.is_busy_and_closes_all()
  local clients = be_busy()
  poll_until(function() return clients[1]:stats().finished == 33 end)
  for _, client in pairs(clients) do client:close() end
end

function scripts.has_messages_queued()
  local client = connected { framing = "raw", linger = 10 }
  for _ = 1, 50 do assert(client:send(("x"):rep(65536))) end
end

function scripts.connects_in_late_finalizer()
  local client = connected {}
  finally(function() print("late", select(3, client:connect())) end)
end

function scripts.calls_everything_in_late_finalizer()
  local client = connected { on = { message = function() end } }
  finally(function()
    for name, call in pairs(sidewire) do
      if type(call) == "function" then print(name, pcall(call)) end
    end
    for name, method in pairs(debug.getmetatable(client).__index) do print(name, pcall(method, client)) end
    print(pcall(tostring, client))
    print "survived"
  end)
end

function scripts.polls_in_finalizer()
  for _, poll in ipairs { sidewire.poll, function() for _ in sidewire.events() do end end } do
    connected {}
    local polled
    engine.finalizer(function() poll() polled = true end) -- finalized before the client
    collectgarbage()
    assert(polled)
  end
end

-- What a script may be in while its state closes. Each gets a client that has something to read.
local CALLS = {
  poll = function(client)
    client:on("message", function() end)
    sidewire.poll()
  end,
  ["a handler"] = function(client)
    client:on("message", function() collectgarbage() end)
    sidewire.poll()
  end,
  events = function() for _ in sidewire.events() do collectgarbage() end end,
  receive = function(client) for _ = 1, 3 do client:receive(0.05) end end,
  read = function(client) for _ = 1, 3 do client:read(1, 0.05) end end,
  wait = function(client) client:wait("disconnected", 0.05) end,
  ["sidewire.wait"] = function() for _ = 1, 3 do sidewire.wait(0.05) end end,
  flush = function(client) client:flush(0.05) end,
  unfinished = function(client) for _ in client:unfinished() do client:stats() end end,
  connect = function(client) client:connect("127.0.0.1", client:get_server().port) end,
  send = function(client)
    client:send(1.5, "piece", 2.5)
    client:send(("x"):rep(100000) .. client:stats().pending)
    client:send({})
  end,
  set_server = function(client) client:set_server("tcp://127.0.0.1:1234") end,
  set_greeting = function(client) client:set_greeting { "hello", 1.5 } end,
  set_policy = function() sidewire.set_policy { deny = { "10.0.0.0/8" }, max_clients = 5 } end,
  disconnect = function(client) client:disconnect(0.05) end,
  close = function(client) client:close() end,
  stop = function() sidewire.stop(0.05) end,
  notifier = function() return sidewire.notifier():fd() end,
  new = function()
    local client = sidewire.new { host = "localhost", port = 4000, greeting = { "x", 1.5 } }
    client:connect()
  end,
}

-- Counts from 0, one more in each state of the process.
local function next_number(path)
  local number = #(files.try_read(path) or "")
  files.write(path, ("."):rep(number + 1))
  return number
end

-- Before Lua 5.4, a step of the collector in the call may run the finalizer that ends the module. In each further
-- state, one step more is taken before the call.
function scripts.collects_in_a_call_while_it_closes(name, where, path)
  local steps = next_number(path)
  local client = connected { framing = name == "read" and "raw" or nil, retain = "unconfirmed" }
  for i = 1, 10 do client:send(i) end
  assert(sidewire.wait(30))
  _G.kept = { client, engine.finalizer(function()
    local function call() return CALLS[name](client) end
    if where == "in a coroutine" then call = coroutine.wrap(call) end
    engine.collect_by(1, 1, 0)
    for _ = 1, steps do collectgarbage "step" end
    collectgarbage "restart"
    pcall(call)
    print "called"
  end) }
end

function scripts.connects_in_finalizers()
  local client = connected {}
  engine.finalizer(function()
    client = new { on = { connect = print } }
    assert(client:connect())
    client:send "x"
  end)
  finally(function() assert(select(3, client:connect()) == "ECLOSED") end)
end

-- Before Lua 5.4 that collection runs the finalizer that ends the module, and after it those of the handles.
function scripts.collects_clients_in_finalizer()
  engine.finalizer(function()
    for _ = 1, 10 do new {} end
    collectgarbage()
  end)
end

function scripts.is_busy_and_hears()
  local clients = be_busy()
  poll_until(function() return clients[1]:stats().received > 10 end)
end

function scripts.ends_some_and_goes_on()
  local clients, got = be_busy(), 0
  local client = connected { on = { message = function(_, message)
    got = got + 1
    assert(message == "message " .. got)
  end } }
  for i = 1, 200 do client:send("message " .. i) end
  poll_until(function() return got == 200 end)
  clients[2]:close()
  if got % 2 == 0 then assert(sidewire.stop()) end
  connected {}
end

function scripts.does_nothing() end

function scripts.sends_without_connecting()
  new({ on = { close = print } }):send "never sent"
end

function scripts.is_busy()
  be_busy()
end

function scripts.has_a_linger()
  stuck { linger = 1.5 }
end

function scripts.closes_with_linger()
  stuck():close(1.5)
end

function scripts.lingers_under_policy()
  assert(sidewire.set_policy { max_linger = 0.1 })
  assert(sidewire.new { linger = 1.5 } == nil)
  stuck():close(1.5)
end

-- For spec/life/process_spec.lua.
function scripts.keeps_the_loop_busy()
  be_busy()
  local flood = connected { on = { message = function(client, message) client:send(message) end } }
  flood:send "x"
  poll_until(function() return flood:stats().received > 10 end)
end

return scripts
