-- What spec/life/fork_spec.lua runs in `embed`.

local session = require "spec.support.session"
local sidewire = require "sidewire.core"

local new, connected, poll_until, be_busy = session.new, session.connected, session.poll_until, session.be_busy

local scripts = {}

-- Every method and function that is to refuse, with arguments that would do otherwise.
local function refused(name, ...)
  local result, message, code = ...
  assert(result == nil and message:find "fork" and code == "EFORKED", name .. ": " .. tostring(code or result))
end
local arguments = {
  wait = { "connected", 5 }, send = { "x" }, write = { "x" }, receive = { 5 }, flush = { 5 }, confirm = { 1 },
  on = { "drain", print }, set_reconnect = { 1 }, set_server = { "127.0.0.1", 1 },
}
local function refuses_all(client)
  local count = 0
  for name, method in pairs(debug.getmetatable(client).__index) do
    refused(name, method(client, table.unpack(arguments[name] or {})))
    count = count + 1
  end
  assert(count >= 18)
  for _, name in ipairs { "poll", "wait", "stop", "new", "events" } do refused(name, sidewire[name]()) end
  assert(sidewire.is_ip "127.0.0.1" == "ipv4" and sidewire.is_port(1) == true)
  assert(tostring(client):find "^sidewire.client: 0x")
end

function scripts.forks_and_goes_on()
  local clients, got = be_busy(), 0
  local client = connected { on = { message = function() got = got + 1 end } }
  local pulled = connected {}
  for i = 1, 100 do client:send("before " .. i) end
  poll_until(function() return got > 0 end)
  local iterate = sidewire.events()
  local child = embed.fork()
  if child == 0 then
    for _, one in pairs(clients) do refuses_all(one) end
    refuses_all(client)
    refuses_all(pulled)
    refused("iterator", iterate())
    clients, pulled = nil, nil -- luacheck: ignore 311
    for _ = 1, 3 do collectgarbage() end
    local scoped <close> = client -- luacheck: ignore 211
    return -- embed closes the state: no socket may be left then
  end
  for i = 101, 200 do client:send("meanwhile " .. i) end
  local how, status = embed.reap(child)
  assert(how == "exit" and status == 0, how .. " " .. status)
  for i = 201, 300 do client:send("after " .. i) end
  poll_until(function() return got == 300 end)
  assert(pulled:send "still here")
  assert(pulled:receive(30) == "still here")
  assert(clients[1]:is_connected() and clients[2]:is_connected())
end

function scripts.forks_and_does_nothing()
  local clients = be_busy() -- luacheck: ignore 211
  local stuck = connected { port = session.silent, linger = 30 }
  for _ = 1, 100 do assert(stuck:send(("x"):rep(65000))) end
  for _ = 1, 5 do
    local child = embed.fork()
    if child == 0 then return end
    local how, status = embed.reap(child)
    assert(how == "exit" and status == 0, how .. " " .. status)
  end
  stuck:close(0)
end

function scripts.forks_without_thread(has_threads_in_child)
  local function use()
    local client = connected {}
    assert(client:send "hello")
    assert(client:receive(30) == "hello")
  end
  local function fork_and_use()
    local child = embed.fork()
    if child == 0 then
      if has_threads_in_child == "true" then use() end
      return true
    end
    use()
    local how, status = embed.reap(child)
    assert(how == "exit" and status == 0, how .. " " .. status)
  end
  new {}
  if fork_and_use() then return end
  assert(sidewire.stop())
  if fork_and_use() then return end
end

function scripts.forks_with_a_yielded_poll()
  local handled = 0
  local client = connected { on = { message = function()
    handled = handled + 1
    coroutine.yield()
  end } }
  for i = 1, 5 do client:send(i) end
  local poll
  while handled == 0 do
    sidewire.wait(0.01)
    poll = coroutine.create(sidewire.poll)
    assert(coroutine.resume(poll))
  end
  local child = embed.fork()
  if child == 0 then
    local _, result, _, code = coroutine.resume(poll)
    assert(result == nil and code == "EFORKED" and handled == 1)
    return
  end
  local how, status = embed.reap(child)
  assert(how == "exit" and status == 0)
end

function scripts.starts_a_program()
  local function inherited()
    local list <close> = io.popen "ls /proc/self/fd | wc -l"
    return list:read "n"
  end
  local before = inherited()
  local clients = be_busy()
  assert(clients[1]:is_connected())
  assert(inherited() == before)
end

return scripts
