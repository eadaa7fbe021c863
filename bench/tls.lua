--- How fast much is sent through TLS: sidewire next to a C program that calls SSL_write of 16 KiB
-- (bench/tls_write.c), to the same peer, with the same library and cipher; and without TLS.
--
--     tools/run release lua bench/tls.lua [MB] [ROUNDS]      (1000, 7)
--
-- They take turns; medians. The peer reads, decrypts and drops. The exit status is 1 if sidewire's rate is less than
-- 0.8 of the C program's. Then what a frame of a game costs: 20 messages of 200 bytes and a poll, with TLS and
-- without: the worst and the 99th percentile of 3,000 frames, in microseconds.

local sidewire = require "sidewire.core"
local socket = require "socket"
local Peer = require "spec.support.peer"
local build = require "spec.support.build"
local certificates = require "spec.support.certificates"
local shell = require "spec.support.shell"

local megabytes, rounds = tonumber(arg[1] or 1000), tonumber(arg[2] or 7)
local TIMEOUT, WANTED = 100, 0.8
local BYTES = megabytes * 2 ^ 20
local MESSAGE = ("x"):rep(16384)

local leaf = certificates.get "leaf"
local secure = Peer.start { mode = "sink", tls = { cert = leaf.cert, key = leaf.key } }
local plain = Peer.start { mode = "sink" }
for _, peer in ipairs { secure, plain } do peer:command "digest off" end

local function connect(peer)
  local client = sidewire.new {
    host = peer.host, port = peer.port, framing = "raw", reconnect = false, linger = TIMEOUT,
    on = { drain = function() end },
    tls = peer == secure and { ca = leaf.ca },
  }
  client:connect()
  assert(client:wait("connected", TIMEOUT))
  return client
end

-- Seconds until the peer has read all, and has said so by its own end.
local function send_all(peer)
  local client = connect(peer)
  local began = socket.gettime()
  for _ = 1, BYTES / #MESSAGE do
    while not client:send(MESSAGE) do
      sidewire.wait(1) -- until the drain event
      sidewire.poll()
    end
  end
  client:disconnect()
  assert(client:wait("disconnected", TIMEOUT))
  local seconds = socket.gettime() - began
  client:close(0)
  return seconds
end

local candidates = {
  sidewire = function() return send_all(secure) end,
  c = function()
    local text = shell.output(("%s/bench/tls_write %s %d %d"):format(build.FOLDER or "build/release", secure.host,
      secure.port, BYTES))
    return assert(tonumber(text:match " ([%d.]+)%s*$"), text), text:match "^%S+"
  end,
  plain = function() return send_all(plain) end,
}
local ORDER = { "sidewire", "c", "plain" }

local rates, cipher = { sidewire = {}, c = {}, plain = {} }, nil
for round = 1, rounds do
  for i = 1, #ORDER do
    local name = ORDER[(round + i) % #ORDER + 1]
    local seconds, text = candidates[name]()
    cipher = text or cipher
    table.insert(rates[name], BYTES / seconds / 2 ^ 20)
  end
end

local function median(values)
  table.sort(values)
  return values[math.floor((#values + 1) / 2)]
end

local ours, theirs, without = median(rates.sidewire), median(rates.c), median(rates.plain)
print(("%s, MB/s: sidewire %.0f, SSL_write of 16 KiB %.0f: %.2f times; sidewire without TLS %.0f"):format(cipher, ours,
  theirs, ours / theirs, without))

-- --- frames ---

local function frames(peer)
  local client, costs = connect(peer), {}
  local message = ("y"):rep(200)
  for i = 1, 3000 do
    local began = socket.gettime()
    for _ = 1, 20 do assert(client:send(message)) end
    sidewire.poll()
    costs[i] = socket.gettime() - began
    socket.sleep(0.001)
  end
  client:close(0)
  table.sort(costs)
  return costs[#costs] * 1e6, costs[#costs - 30] * 1e6
end

for _, name in ipairs { "with TLS", "without" } do
  local worst, percentile = frames(name == "without" and plain or secure)
  print(("a frame %s: worst %.0f us, p99 %.0f us"):format(name, worst, percentile))
end
sidewire.stop(0)
os.exit(ours / theirs >= WANTED and 0 or 1)
