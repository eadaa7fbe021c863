--- How fast a script reads small pieces of a byte stream: client:read(16) next to LuaSocket's receive(16).
--
--     tools/run release lua bench/read.lua [READS] [ROUNDS]      (1000000, 7)
--
-- A peer sends as much as it can. The two take turns; medians. The exit status is 1
-- if sidewire's rate is less than 1.5 times LuaSocket's.

local sidewire = require "sidewire.core"
local socket = require "socket"
local Peer = require "spec.support.peer"

local reads, rounds = tonumber(arg[1] or 1000000), tonumber(arg[2] or 7)
local SIZE, TIMEOUT, WANTED = 16, 60, 1.5

-- Million reads a second.
local function measure(read)
  assert(#read(SIZE) == SIZE)
  local began = socket.gettime()
  for _ = 1, reads do assert(read(SIZE)) end
  return reads / (socket.gettime() - began) / 1e6
end

local candidates = {}

function candidates.sidewire(peer)
  local client = sidewire.new { host = peer.host, port = peer.port, framing = "raw", reconnect = false }
  client:connect()
  assert(client:wait("connected", TIMEOUT))
  local rate = measure(function(size) return client:read(size, TIMEOUT) end)
  client:close(0)
  return rate
end

function candidates.luasocket(peer)
  local connection = assert(socket.connect(peer.host, peer.port))
  connection:settimeout(TIMEOUT)
  local rate = measure(function(size) return connection:receive(size) end)
  connection:close()
  return rate
end

local peer = Peer.start { mode = "flood 65536" }
local rates = { sidewire = {}, luasocket = {} }
for round = 1, rounds do
  local first = round % 2 == 0 and "sidewire" or "luasocket"
  for _, name in ipairs { first, first == "sidewire" and "luasocket" or "sidewire" } do
    table.insert(rates[name], candidates[name](peer))
    assert(peer:wait_connections(0, TIMEOUT))
  end
end

local function median(values)
  table.sort(values)
  return values[math.floor((#values + 1) / 2)]
end

local ours, theirs = median(rates.sidewire), median(rates.luasocket)
print(("read(%d): sidewire %.2f M/s, LuaSocket %.2f M/s: %.2f times"):format(SIZE, ours, theirs, ours / theirs))
sidewire.stop(0)
os.exit(ours / theirs >= WANTED and 0 or 1)
