-- Many connections in one engine: all come up, work, and are closed.
--
--     ulimit -n 11000; tools/run release lua spec/stress/many.lua [CONNECTIONS]      (10000)
--
-- Checked, exit status 1 if it is not so: every client connects, sends a message and gets its answer; after close the
-- server has no connection left, and this process no descriptor and no thread more than before. Printed, not judged:
-- times, and the memory of a client in this process.

local usage = require "spec.support.usage"
local count = usage.integer(1, "CONNECTIONS", 10000)
usage.no_more(1)

local socket = require "socket"
local Peer = require "spec.support.peer"
local util = require "spec.support.util"

local DEADLINE = 10 * util.DEADLINE

local function row(name, format, value) print(("  %-36s %12s"):format(name, format:format(value))) end

local function resident()
  collectgarbage()
  collectgarbage()
  return util.resident_bytes()
end

local began = socket.gettime()
local function lap()
  local seconds = socket.gettime() - began
  began = socket.gettime()
  return seconds
end

local peer = Peer.start { mode = "echo" }
util.begin()
local memory = resident()

local connected, answered, closed, ends = 0, 0, 0, 0
local clients = {}
for i = 1, count do
  local client = util.client(peer, { reconnect = { delay = 0.1, attempts = 5 } })
  clients[i] = client
  client:on {
    connect = function() connected = connected + 1 end,
    message = function(_, message)
      assert(message == "message " .. i)
      answered = answered + 1
    end,
    disconnect = function() ends = ends + 1 end,
    error = function(_, message) error(message) end,
    close = function() closed = closed + 1 end,
  }
end
local idle = resident()

lap()
for _, client in ipairs(clients) do assert(client:connect()) end
assert(util.poll_until(function() return connected == count end, DEADLINE))
assert(peer:wait_connections(count, DEADLINE))
local connecting = lap()
local quiet = resident()

for i, client in ipairs(clients) do assert(client:send("message " .. i)) end
assert(util.poll_until(function() return answered == count end, DEADLINE))
local answering = lap()
local used = resident()
assert(ends == 0)

for _, client in ipairs(clients) do client:close() end
assert(util.poll_until(function() return closed == count end, DEADLINE))
assert(peer:wait_connections(0, DEADLINE))
local closing = lap()
clients = nil -- luacheck: ignore 311
util.finish()

print(("%d connections in one engine"):format(count))
row("all connected", "%.2f s", connecting)
row("all answered", "%.2f s", answering)
row("all closed", "%.2f s", closing)
row("memory of a client, idle", "%.2f KiB", (idle - memory) / count / 1024)
row("memory of a client, connected", "%.2f KiB", (quiet - memory) / count / 1024)
row("memory of a client, after a message", "%.2f KiB", (used - memory) / count / 1024)
