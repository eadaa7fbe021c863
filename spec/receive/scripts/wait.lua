-- What spec/receive/wait_spec.lua and vain_wait_spec.lua run in `embed`.

local engine = require "spec.support.engine"
local session = require "spec.support.session"
local sidewire = require "sidewire.core"

local connected, is_timeout = session.connected, session.is_timeout

local scripts = {}

function scripts.waits_first()
  local client = connected()
  assert(sidewire.wait(30) == true) -- the connect event, though nothing hears it
  client:send "x"
  assert(sidewire.wait(30) == true)
  assert(client:receive(30) == "x")
  assert(is_timeout(sidewire.wait(0))) -- from now on, only what receive takes
end

function scripts.waits_and_iterates()
  local clients, got = { connected(), connected() }, 0
  for i = 1, 50 do clients[1 + i % 2]:send(i) end
  while got < 50 do
    assert(sidewire.wait(30) == true)
    for _, event in sidewire.events() do
      if event == "message" then got = got + 1 end
    end
  end
  assert(is_timeout(sidewire.wait(0.01)))
  clients[1]:send "x"
  assert(sidewire.wait(30) == true)
end

function scripts.waits_and_receives()
  local clients, got, ended = { connected { reconnect = false }, connected { reconnect = false } }, 0, 0
  for i = 1, 50 do clients[1 + i % 2]:send(i) end
  while got < 50 do
    assert(sidewire.wait(30) == true)
    for _, client in ipairs(clients) do
      while client:receive() do got = got + 1 end
    end
  end
  assert(is_timeout(sidewire.wait(0.01)))
  for _, client in ipairs(clients) do client:disconnect() end
  while ended < 2 do
    assert(sidewire.wait(30) == true)
    for i, client in pairs(clients) do
      local _, _, code = client:receive()
      if code == "ECLOSED" then ended, clients[i] = ended + 1, nil end
    end
  end
  assert(is_timeout(sidewire.wait(0.01))) -- the disconnect events lie there still, for poll
  assert(select(2, sidewire.poll()) == false)
end

function scripts.waits_and_polls()
  local client = connected()
  sidewire.poll()
  client:send "for receive"
  while client:stats().inbox_bytes == 0 do sidewire.wait(0.001) end
  assert(is_timeout(sidewire.wait(0.01)))
  client:disconnect(30)
  assert(client:wait("disconnected", 30))
  assert(is_timeout(sidewire.wait(0.01)))
  client:on("disconnect", function() end)
  assert(sidewire.wait(0) == true)
  assert(sidewire.poll() == 1)
  assert(is_timeout(sidewire.wait(0)))
  client:on("message", function() end)
  assert(sidewire.wait(0) == true)
end

function scripts.waits_with_a_full_inbox()
  local client = sidewire.new { host = "127.0.0.1", port = 1, reconnect = 0.001, inbox_limit = 4000 }
  client:connect()
  sidewire.poll()
  for _ = 1, 5 do
    assert(sidewire.wait(30) == true) -- some retry events
    assert(sidewire.poll() == 0)
  end
end

function scripts.changes_its_way()
  local client = connected()
  for _ in sidewire.events() do end
  client:send "x"
  assert(sidewire.wait(30) == true)
  sidewire.poll()
  assert(is_timeout(sidewire.wait(0)))
  for _, event, message in sidewire.events() do assert(event == "message" and message == "x") end
  client:send "y"
  assert(client:receive(30) == "y")
  client:send "z"
  assert(sidewire.wait(30) == true)
  client:on("message", function() end) -- pulled no more
  assert(sidewire.wait(0) == true and sidewire.poll() == 1)
  client:on("message", nil)
  client:send "w"
  while client:stats().inbox_bytes == 0 do sidewire.wait(0.001) end
  assert(is_timeout(sidewire.wait(0)))
end

function scripts.leaves_ends()
  local client, other = connected { reconnect = false }, connected()
  other:send "x"
  assert(client:receive() == nil and other:receive(30) == "x") -- both are pulled
  client:disconnect(30)
  assert(client:wait("disconnected", 30))
  assert(sidewire.wait(0) == true) -- the end
  client:connect()
  assert(client:wait("connected", 30))
  assert(client:receive() == nil)
  assert(is_timeout(sidewire.wait(0.01)))
  client:disconnect(30)
  assert(client:wait("disconnected", 30))
  assert(sidewire.wait(0) == true)
  client:close()
  assert(is_timeout(sidewire.wait(0.01)))
end

function scripts.cannot_wait()
  local client = connected { on = { message = function() end } }
  sidewire.poll()
  local before = embed.limit_descriptors(0)
  print("sidewire.wait", sidewire.wait(30))
  print("client:wait", client:wait("disconnected", 30))
  client:on("message", nil)
  print("client:receive", client:receive(30))
  embed.limit_descriptors(before)
  client:send "x"
  assert(sidewire.wait(30) == true and client:receive(30) == "x")
  embed.limit_descriptors(0)
  assert(sidewire.stop() == true)
  embed.limit_descriptors(before)
end

local raised = false -- by the inner wait

-- What a finalizer does that runs within a wait.
local inner_waits = {
  none = function() end,
  timeout = function(client) client:receive(0.001) end,
  all_clients = function() sidewire.wait(0.001) end,
  others = function(client)
    client:wait("disconnected", 0.001)
    sidewire.poll()
  end,
  error = function(client)
    pcall(client.is_connected, client) -- Lua makes the memory that calls as deep as the next one need
    embed.fail_allocations(2) -- the second is Lua's own second try
    local ok, why = pcall(client.receive, client, 1)
    embed.fail_allocations(0)
    assert(ok or why == "not enough memory", why)
    raised = raised or not ok -- not when the message takes no memory
  end,
}

-- Ten bytes are a message, and a byte comes each millisecond: many of them within one call of receive mean that it was
-- not woken.
function scripts.waits_within_a_wait(inner)
  local client = connected { port = session.silent, framing = { fixed = 10 } }
  local is_waiting, drained = false, 0
  local function arm()
    engine.finalizer(function()
      if is_waiting then
        is_waiting = false
        while client:receive() do drained = drained + 1 end
        inner_waits[inner](client)
      end
      if client then arm() end
    end)
  end
  print "ready"
  io.stdout:flush()
  engine.collect_always(4)
  collectgarbage()
  for _ = 1, 8 do arm() end
  local received, worst = client:stats().received_bytes, 0
  repeat
    engine.collect_next()
    is_waiting = true
    local message, _, code = client:receive(1.5)
    is_waiting = false
    local now = client:stats().received_bytes
    if message then worst = math.max(worst, now - received) end
    received = now
  until code
  client = nil
  engine.collect_as_usual()
  print("drained", drained, "worst", worst, "received", received, raised)
end

function scripts.iterates_until_nothing_can_come()
  print(sidewire.wait())
  local client = session.new { port = 1, reconnect = false }
  print(sidewire.wait())
  client:connect()
  local names = {}
  local function take()
    for _, event in sidewire.events() do names[#names + 1] = event end
  end
  take()
  while true do
    local ok, message, code = sidewire.wait()
    if not ok then
      print(message, code)
      break
    end
    take()
  end
  client:close()
  assert(sidewire.wait() == true)
  take()
  print(table.concat(names, " "), select(3, sidewire.wait()))
  sidewire.stop()
  print(select(3, sidewire.wait()))
end

return scripts
