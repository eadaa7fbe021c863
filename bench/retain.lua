--- What keeping messages until they are acknowledged costs: 64-byte messages, retain = "unsent" next to "unacked".
--
--     tools/run release lua bench/retain.lua [MESSAGES] [ROUNDS]      (1000000, 5)
--
-- The modes take turns; each sends until the peer has everything, once with a queue that takes it all, once with the
-- default queue_limit, where a refused send waits for drain. Medians.

local sidewire = require "sidewire.core"
local socket = require "socket"
local Peer = require "spec.support.peer"

local messages = tonumber(arg[1] or 1000000)
local rounds = tonumber(arg[2] or 5)
local MESSAGE = ("m"):rep(63)
local TIMEOUT = 60 -- seconds; only a fault lasts so long

local function wait_for_room(client, events)
  events.drain = false
  repeat
    assert(sidewire.wait(TIMEOUT))
    client:poll()
  until events.drain
end

-- Million messages a second.
local function measure(peer, retain, queue_limit)
  local events = {}
  local client = sidewire.new {
    host = peer.host, port = peer.port, retain = retain, queue_limit = queue_limit,
    on = { drain = function() events.drain = true end },
  }
  client:connect()
  assert(client:wait("connected", TIMEOUT))
  local before = peer:stats().bytes
  local began = socket.gettime()
  for _ = 1, messages do
    while not client:send(MESSAGE) do wait_for_room(client, events) end
  end
  assert(peer:wait_bytes(before + messages * (#MESSAGE + 1), TIMEOUT))
  local rate = messages / (socket.gettime() - began) / 1e6
  client:close()
  assert(peer:wait_connections(0, TIMEOUT))
  return rate
end

local function median(values)
  table.sort(values)
  return values[math.floor((#values + 1) / 2)]
end

local peer = Peer.start()
for _, limit in ipairs { { "all of it", 4 * messages * 64 }, { "16 MiB, the default", 16 * 2 ^ 20 } } do
  local rates = { unsent = {}, unacked = {} }
  for round = 1, rounds do
    local first = round % 2 == 0 and "unsent" or "unacked"
    for _, retain in ipairs { first, first == "unsent" and "unacked" or "unsent" } do
      table.insert(rates[retain], measure(peer, retain, limit[2]))
    end
  end
  local unsent, unacked = median(rates.unsent), median(rates.unacked)
  print(("queue for %-20s unsent %.2f, unacked %.2f million/s: %+.1f %%"):format(limit[1], unsent, unacked,
    (unacked / unsent - 1) * 100))
end
sidewire.stop()
peer:stop()
