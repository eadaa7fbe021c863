-- Many clients that become ready while the script sleeps, for spec/receive/wake_spec.lua, which counts what
-- wakes it.
--
--     tools/run release lua spec/stress/sleeper.lua CLIENTS HOST PORT [notifier]
--
-- Connects, prints "asleep", and sleeps until every client has received something. No client has a handler, so nothing
-- that comes ends a sidewire.wait: the thread looks and sleeps on, as one does that a lot goes on around. With
-- "notifier" it sleeps in LuaSocket's select instead, and prints the descriptor after "asleep".

local usage = require "spec.support.usage"
local count, host, port = usage.integer(1, "CLIENTS"), arg[2], usage.integer(3, "PORT")
local has_notifier = arg[4] == "notifier"
usage.no_more(has_notifier and 4 or 3)

local sidewire = require "sidewire.core"

local notifier = has_notifier and assert(sidewire.notifier())

local function sleep()
  if not notifier then return sidewire.wait(0.1) end
  require "socket".select({ notifier }, nil, 0.1)
  sidewire.poll()
end

local clients = {}
for i = 1, count do
  clients[i] = sidewire.new { host = host, port = port }
  assert(clients[i]:connect())
end

-- Sleeps until `predicate` is true of every client.
local function sleep_until(predicate)
  for _, client in ipairs(clients) do
    while not predicate(client) do sleep() end
  end
end

sidewire.poll() -- from now on the script takes what has a handler
sleep_until(function(client) return client:state() == "connected" end)
print("asleep" .. (notifier and " " .. notifier:fd() or ""))
io.stdout:flush()
sleep_until(function(client) return client:stats().received_bytes > 0 end)
os.exit(0) -- without a stop, which sleeps, too
