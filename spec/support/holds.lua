--- What clients hold, in a process in which nothing else uses memory: prints by how many bytes that has grown.
--
--     holds.lua queue SIZE LIMIT    a queue that is filled, by messages of so many bytes on the wire
--     holds.lua drip SIZE LIMIT     an inbox that is filled, by messages that come one by one, and not polled for
--     holds.lua burst HOST PORT     many clients, each of which gets much back from a peer that echoes, and is idle
--                                   then: prints what each has grown by at most, and in the end

local socket = require "socket"
local sidewire = require "sidewire.core"
local util = require "spec.support.util"

local TIMEOUT = 10 -- seconds

local before

local function grown()
  collectgarbage()
  collectgarbage()
  return util.resident_bytes() - (before or 0)
end

local function begin() before = grown() + (before or 0) end

local run = {}

function run.queue(size, limit)
  local client, message = sidewire.new { queue_limit = tonumber(limit) }, ("x"):rep(size - 1)
  begin()
  repeat local id, _, code = client:send(message) until not id and assert(code == "EFULL", code)
  print(grown())
end

function run.drip(size, limit)
  local server = assert(socket.bind("127.0.0.1", 0))
  local port = tonumber((select(2, server:getsockname())))
  local client = sidewire.new { host = "127.0.0.1", port = port, framing = "u8", inbox_limit = tonumber(limit) }
  client:connect()
  local stranger = assert(server:accept())
  stranger:setoption("tcp-nodelay", true)
  assert(client:wait("connected", TIMEOUT))
  local message, sent = string.char(size - 1) .. ("x"):rep(size - 1), 0
  local stats
  begin()
  repeat
    assert(stranger:send(message))
    sent = sent + size
    repeat stats = client:stats() until stats.received_bytes == sent
  until stats.paused
  assert(stats.inbox_bytes >= limit and stats.inbox_bytes < limit + size + 8, stats.inbox_bytes)
  print(grown())
end

function run.burst(host, port)
  local count, kilobyte, received = 200, ("x"):rep(999), 0
  local clients = {}
  for i = 1, count do
    clients[i] = sidewire.new {
      host = host, port = tonumber(port), on = { message = function() received = received + 1 end },
    }
    clients[i]:connect()
    assert(clients[i]:wait("connected", TIMEOUT))
  end
  local function exchange(kilobytes)
    local all = received + kilobytes * count
    for _ = 1, kilobytes do
      for _, client in ipairs(clients) do assert(client:send(kilobyte)) end
    end
    while received < all do
      sidewire.wait(1)
      sidewire.poll()
    end
  end
  exchange(1) -- what stays for good is there
  begin()
  exchange(64)
  local most = grown()
  util.wait_until(function() return grown() < count * 1024 end, TIMEOUT)
  print(("%d %d"):format(math.floor(most / count), math.floor(grown() / count)))
end

run[arg[1]](tonumber(arg[2]) or arg[2], tonumber(arg[3]))
