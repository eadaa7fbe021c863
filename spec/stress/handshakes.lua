-- 1,000 TLS handshakes at once: what do the host's calls cost its thread, and how long do the round trips of a plain
-- client of the same engine take meanwhile?
--
--     tools/run release lua spec/stress/handshakes.lua [CLIENTS] [ROUNDS]      (1000, 3)
--
-- Checked, exit status 1 if it is not so: every client connects, and hardly a call puts the thread to sleep: a page
-- fault may, while the other thread changes the memory of the process. Printed, and to be read on a quiet machine: the
-- worst processor time of a call, which is to be below 1 ms; and the 99th percentile of the round trips, which is to be
-- 5 ms at most. The server that shakes hands is pinned to the last processor, where taskset is: on two, its work would
-- else delay the echo server's answers, too.

local usage = require "spec.support.usage"
local clients = usage.integer(1, "CLIENTS", 1000)
local rounds = usage.integer(2, "ROUNDS", 3)
usage.no_more(2)

local Peer = require "spec.support.peer"
local certificates = require "spec.support.certificates"
local shell = require "spec.support.shell"

-- For the C host `meter`.
local SCRIPT = [[
local port, plain_port, ca, count = ...
local meter = require "meter"
local sidewire = require "sidewire.core"
local socket = require "socket"
local worst, sleeps, waits = {}, 0, 0
local function measure(name, f, ...)
  meter.start()
  f(...)
  local cpu, _, voluntary, _, contended = meter.stop()
  worst[name] = math.max(worst[name] or 0, cpu)
  sleeps, waits = sleeps + voluntary, waits + contended
end
local connected, failed, refusal = 0, 0, nil
local plain = sidewire.new { host = "127.0.0.1", port = tonumber(plain_port) }
plain:connect()
assert(plain:wait("connected", 10))
local on = {
  connect = function() connected = connected + 1 end,
  retry = function(_, _, _, why) failed, refusal = failed + 1, why end,
}
local all, trips = {}, {}
local began = socket.gettime()
for i = 1, tonumber(count) do
  all[i] = sidewire.new { host = "127.0.0.1", port = tonumber(port), tls = { ca = ca }, on = on, connect_timeout = 30 }
  measure("connect", all[i].connect, all[i])
  measure("send", all[i].send, all[i], "hello")
end
while connected < #all and socket.gettime() - began < 60 do
  local asked = socket.gettime()
  plain:send "x"
  assert(plain:receive(10) == "x")
  trips[#trips + 1] = socket.gettime() - asked
  measure("poll", sidewire.poll, 50)
  socket.sleep(0.001)
end
local seconds = socket.gettime() - began
table.sort(trips)
print(("%d of %d connected in %.2f s, %d failed attempts%s"):format(connected, #all, seconds, failed,
  refusal and " (" .. refusal .. ")" or ""))
print(("%d round trips beside, ms: median %.2f, p99 %.2f, worst %.2f"):format(#trips,
  trips[math.ceil(#trips / 2)] * 1e3, trips[math.ceil(#trips * 0.99)] * 1e3, trips[#trips] * 1e3))
print(("worst processor time, ms: connect %.3f, send %.3f, poll of 50 events %.3f; %d sleeps, %d waits for locks")
  :format(
  worst.connect * 1e3, worst.send * 1e3, worst.poll * 1e3, sleeps, waits))
for _, client in ipairs(all) do client:close(0) end
sidewire.stop(5)
os.exit(connected == #all and sleeps - waits <= #all / 50 and 0 or 1)
]]

local leaf = certificates.get "leaf"
local status = 0
-- "on processor N", or where it may be.
local function pin(peer)
  local last = tonumber(shell.output("nproc")) - 1
  local _, failed = shell.run(("taskset -pc %d %d"):format(last, peer.pid))
  return failed == 0 and "on processor " .. last or "on any processor"
end

for _ = 1, rounds do
  local secure = Peer.start { mode = "sink", backlog = clients, tls = { cert = leaf.cert, key = leaf.key } }
  local plain = Peer.start { mode = "echo" }
  print(("the server that shakes hands runs %s, all else on any"):format(pin(secure)))
  local output, ended = shell.run(shell.words(os.getenv "SIDEWIRE_BUILD" .. "/meter", SCRIPT, secure.port, plain.port,
    leaf.ca, clients))
  io.write(output)
  if ended ~= 0 then status = 1 end
  secure:stop()
  plain:stop()
end
os.exit(status)
