-- What spec/life/fork_spec.lua runs in `embed`.

local forks = require "spec.life.scripts.forks"
local session = require "spec.support.session"
local shell = require "spec.support.shell"
local sidewire = require "sidewire.core"

local new, connected, poll_until, be_busy = session.new, session.connected, session.poll_until, session.be_busy
local succeeded = forks.succeeded

local scripts = {}

local function refuses_all(client)
  forks.refuses_all(client)
  assert(sidewire.is_ip "127.0.0.1" == "ipv4" and sidewire.is_port(1) == true)
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
    assert(iterate() == nil)
    clients, pulled = nil, nil -- luacheck: ignore 311
    for _ = 1, 3 do collectgarbage() end
    debug.getmetatable(client).__close(client) -- as the end of a scope does in Lua 5.4
    return -- embed closes the state: no socket may be left then
  end
  for i = 101, 200 do client:send("meanwhile " .. i) end
  succeeded(child)
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
    succeeded(child)
  end
  stuck:close(0)
end

function scripts.forks_without_thread()
  local function use()
    local client = connected {}
    assert(client:send "hello")
    assert(client:receive(30) == "hello")
  end
  local function fork_and_use()
    local child = embed.fork()
    use()
    if child == 0 then return true end
    succeeded(child)
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
    local _, result, more = coroutine.resume(poll)
    assert(result == 1 and more == false and handled == 1)
    return
  end
  succeeded(child)
end

function scripts.starts_a_program()
  local function inherited()
    return tonumber(shell.output "ls /proc/self/fd | wc -l")
  end
  local before = inherited()
  local clients = be_busy()
  assert(clients[1]:is_connected())
  assert(inherited() == before)
end

return scripts
