--- What one call costs the script under the Lua that runs this: a small program for every engine.
--
--     engine_cost.lua SINK FLOOD      two ports of 127.0.0.1: a peer that reads all, and one that sends lines
--
-- prints `send=NS poll=NS`: nanoseconds for each send of 64 bytes, and for each line that poll delivers to a handler.
-- Each is of the fastest tenth of many batches, so that what else the machine does counts little.

local socket = require "socket"
local sidewire = require "sidewire.core"

local BATCHES, BATCH = 100, 5000
local clock = socket.gettime

-- Calls one batch after the other; `prepare` is not timed, and `batch` returns how many calls it has made.
local function fast_tenth(prepare, batch)
  local costs = {}
  for i = 1, BATCHES do
    prepare()
    local began = clock()
    local count = batch()
    costs[i] = (clock() - began) / count * 1e9
  end
  table.sort(costs)
  return costs[BATCHES / 10]
end

local function connect(port, on)
  local client = sidewire.new { host = "127.0.0.1", port = tonumber(port), inbox_limit = 64 * 2 ^ 20, on = on }
  client:connect()
  assert(client:wait("connected", 10))
  return client
end

local function cost_of_send(port)
  local client, message = connect(port), ("m"):rep(64)
  local cost = fast_tenth(function() assert(client:flush(10)) end, function()
    for _ = 1, BATCH do client:send(message) end
    return BATCH
  end)
  client:close()
  return cost
end

-- The inbox is filled first, with more than all batches take, and then the loop only refills it.
local function cost_of_poll(port)
  local received = 0
  local client = connect(port, { message = function() received = received + 1 end })
  socket.sleep(1)
  local cost = fast_tenth(function() end, function() return (sidewire.poll(BATCH)) end)
  client:close()
  assert(received == BATCHES * BATCH)
  return cost
end

local sink, flood = arg[1], arg[2]
print(("send=%.0f poll=%.0f"):format(cost_of_send(sink), cost_of_poll(flood)))
sidewire.stop()
