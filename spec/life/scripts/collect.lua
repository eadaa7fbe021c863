-- Ends a client from a finalizer, while one of its own methods is running: collect.lua PORT METHOD
--
-- Methods make strings and tables, making these may start a collection, and that runs finalizers. Here a finalizer runs
-- at nearly every allocation and does something to the very client that the method belongs to, by each of ATTACKS in
-- turn. Prints "survived" and how often an attack ran within the method; errors that calls raise are not of interest.

local sidewire = require "sidewire.core"
local engine = require "spec.support.engine"

local port, name = tonumber((...)), select(2, ...)

local function collect_by_hand(client)
  debug.getmetatable(client).__gc(client)
end

local ATTACKS = {
  collect_by_hand,
  function(client)
    collect_by_hand(client)
    collectgarbage()
    collectgarbage()
  end,
  function(client) client:close(0) end,
  function(client)
    client:disconnect(0)
    client:set_server("localhost", 1)
  end,
  function(client) client:connect("127.0.0.1", 1) end,
  function(client)
    while client:receive() do end
    sidewire.poll()
  end,
  function() for _ in sidewire.events() do end end, -- luacheck: ignore 542
  function(client)
    client:on { message = false }
    client:on { message = function() end, connect = function() end }
  end,
  function() sidewire.stop(0) end,
  function(client) -- the last one: no client of the state has a finalizer from here on
    for _, meta in ipairs { debug.getmetatable(client), getmetatable(client) } do
      if type(meta) == "table" then meta.__gc = nil end
    end
  end,
}

-- Waits seldom, for the sake of time.
local function brief(i)
  return i % 50 == 0 and 0.0002 or 0
end

-- A float that was never a string before: making that one takes memory.
local function float(i)
  return i + 0.25 + math.random()
end

-- Calls that make strings or tables between looking at the client and using it.
local CALLS = {
  on = function(c) return c:on { connect = function() end, message = function() end, lost = function() end } end,
  on_one = function(c) return c:on("message", function() end) end,
  connect = function(c) return c:connect("127.0.0.1", port) end,
  connect_elsewhere = function(c) return c:connect("localhost", port) end,
  disconnect = function(c) return c:disconnect(0.001) end,
  close = function(c) return c:close(0.001) end,
  send = function(c, i) return c:send(float(i)) end,
  send_many = function(c, i)
    local pieces = {}
    for k = 1, 40 do pieces[k] = float(i) end
    return c:send(engine.unpack(pieces))
  end,
  send_large = function(c, i) return c:send(("x"):rep(70000), float(i)) end,
  send_refused = function(c, i) return c:send("two\nlines", float(i)) end,
  write = function(c, i) return c:write(float(i)) end,
  confirm = function(c) return c:confirm(2 ^ 40) end,
  receive = function(c, i) return c:receive(brief(i)) end,
  wait = function(c, i) return c:wait("disconnected", brief(i)) end,
  flush = function(c, i) return c:flush(brief(i)) end,
  poll = function(c) return c:poll() end,
  poll_all = function() return sidewire.poll() end,
  wait_all = function(_, i) return sidewire.wait(brief(i)) end,
  notifier = function() return sidewire.notifier():fd() end,
  events = function() for _, _, _ in sidewire.events() do local _ = {} end end,
  state = function(c) return c:state() .. tostring(c:is_connected()) end,
  pending = function(c) return c:pending() end,
  stats = function(c) return c:stats() end,
  unfinished = function(c)
    local next, state = c:unfinished()
    if not next then return end
    for _ = 1, 3 do
      debug.getmetatable(state).__gc(state)
      next(state)
    end
  end,
  set_greeting = function(c, i) return c:set_greeting { "hello", float(i), float(i), "you" } end,
  set_server = function(c, i) return c:set_server("name" .. i, port) end,
  get_server = function(c) return c:get_server() end,
  set_reconnect = function(c) return c:set_reconnect { delay = 0.5, max = 1, factor = 2, jitter = true } end,
  get_reconnect = function(c) return c:get_reconnect() end,
  tostring = function(c) return tostring(c) end,
  new = function()
    return sidewire.new { host = "127.0.0.1", port = port, greeting = { "a", 1.5 }, on = { connect = function() end },
      reconnect = { delay = 1 }, keepalive = { idle = 3 }, framing = { delimiter = "\n" } }
  end,
  misuse = function(c) return c:on("no such event " .. 1.5, 1) end,
}

local attack, target, is_inside
local ran = 0

local function arm()
  engine.finalizer(function()
    if is_inside and target then
      local client = target
      target = nil
      ran = ran + 1
      pcall(attack, client)
    end
    if attack then arm() end
  end)
end

local function new_client()
  local client = sidewire.new { host = "127.0.0.1", port = port, linger = 0, retain = "unconfirmed" }
  client:connect()
  client:wait("connected", 10)
  client:send "one"
  client:send(2)
  client:receive(10)
  client:send(("x"):rep(100000))
  return client
end

local MODES = {
  engine.collect_young,
  function() engine.collect_often(4) end,
  function() engine.collect_often(30) end,
}

local call = assert(CALLS[name], name)
for _, each in ipairs(ATTACKS) do
  for _, mode in ipairs(MODES) do
    local client = new_client()
    attack, target = each, client
    mode()
    collectgarbage() -- so that the next one begins as early as the mode says
    for _ = 1, 8 do arm() end
    for i = 1, 400 do
      engine.collect_next()
      is_inside = true
      pcall(call, client, i)
      is_inside = false
      if not target and i % 5 == 0 then break end
    end
    attack, target = nil, nil
    engine.collect_as_usual()
    pcall(client.close, client, 0)
  end
end
collectgarbage()
collectgarbage()
print(("survived %d"):format(ran))
