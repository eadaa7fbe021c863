-- What spec/connect/network_spec.lua runs on the near one of two machines (spec/support/netns.lua): what becomes of
-- connections when the network says no, or nothing. The functions print what they have measured.

local socket = require "socket"
local build = require "spec.support.build"
local engine = require "spec.support.engine"
local netns = require "spec.support.netns"
local shell = require "spec.support.shell"
local util = require "spec.support.util"

local scripts = {}

-- What the one attempt came to: the code, the text, and after how many seconds.
local function fail(options)
  local began = socket.gettime()
  options.reconnect = false
  local client, events = netns.dial(options)
  local _, message, code = engine.unpack(assert(events:wait "error"))
  local seconds = socket.gettime() - began
  client:close()
  print(("%-13s after %5.3f s: %s"):format(code, seconds, message))
  return code, message, seconds
end

-- The attempts go on, each after its delay: as many as the delays let, and without work between them. Then mend() lets
-- the next one through.
local function goes_on(code, options, mend)
  local DELAY, COUNT = 0.05, 4
  options.reconnect = { delay = DELAY, factor = 2, max = 0.2, jitter = false }
  local began, clock = socket.gettime(), os.clock()
  local client, events = netns.dial(options)
  assert(events:wait("retry", COUNT))
  local seconds, cpu = socket.gettime() - began, os.clock() - clock
  local due = 0
  for i = 1, COUNT do
    local _, _, delay, message, found = engine.unpack(events[i])
    assert(found == code, message)
    assert(math.abs(delay - math.min(0.2, DELAY * 2 ^ (i - 1))) < 1e-9, delay)
    if i < COUNT then due = due + delay end
  end
  assert(seconds >= due, "the attempts came too early")
  print(("%-13s %d attempts in %.2f s, of which the delays take %.2f s; processor time %.3f s"):format(code, COUNT,
    seconds, due, cpu))
  assert(cpu < 0.25, "busy") -- of this process; nothing else runs in it
  mend()
  assert(client:wait("connected", util.DEADLINE))
  client:close()
end

function scripts.vanishes()
  netns.drop "tcp dport 4000"
  local code, message, seconds = fail { connect_timeout = 0.5 }
  assert(code == "ETIMEDOUT" and message:find("connection timed out", 1, true), message)
  assert(seconds >= 0.5)
  goes_on("ETIMEDOUT", { connect_timeout = 0.1 }, netns.undrop)
end

-- stall_timeout is for connections: an attempt keeps its connect_timeout.
function scripts.keeps_its_time()
  netns.drop "tcp dport 4000"
  local code, _, seconds = fail { connect_timeout = 1.5, stall_timeout = 0.1 }
  assert(code == "ETIMEDOUT" and seconds >= 1.5, seconds)
end

function scripts.is_refused()
  local code = fail { port = 4999 }
  assert(code == "ECONNREFUSED", code)
end

-- A server on the far machine that ends each connection at once; it ends itself after so many.
function scripts.ends_at_once()
  local PORT, COUNT, DELAY = 4001, 5, 0.05
  local server = ([[local listener = assert(require "socket".bind("%s", %d))
    listener:settimeout(20)
    for _ = 1, %d do
      local accepted = listener:accept()
      if accepted then accepted:close() end
    end]]):format(netns.HOST, PORT, COUNT)
  netns.execute(("ip netns exec far %s -e %s >/dev/null 2>&1 &"):format(build.PROGRAM, shell.quote(server)))
  netns.execute(("until ip netns exec far ss -Hltn sport = :%d | grep -q LISTEN; do sleep 0.005; done"):format(PORT))
  local began = socket.gettime()
  local client, events = netns.dial { port = PORT, reconnect = { delay = DELAY, factor = 2, max = 10, jitter = false } }
  assert(events:wait("retry", COUNT))
  local seconds, delays = socket.gettime() - began, {}
  for _, event in ipairs(events) do
    if event[1] == "retry" then delays[#delays + 1] = event[3] end
  end
  for i = 1, COUNT do assert(math.abs(delays[i] - DELAY * 2 ^ (i - 1)) < 1e-9, delays[i]) end
  assert(seconds >= DELAY * (2 ^ (COUNT - 1) - 1), "the attempts came too early")
  print(("%d connections that ended at once in %.2f s; the delays are %s s"):format(COUNT, seconds,
    table.concat(delays, ", ")))
  client:close()
end

-- What a router answers (icmp(7), Linux: icmp_err_convert).
function scripts.is_rejected()
  for _, row in ipairs {
    { "icmp type host-unreachable", "EHOSTUNREACH" },
    { "icmp type net-unreachable", "ENETUNREACH" },
    { "icmp type port-unreachable", "ECONNREFUSED" },
    { "icmp type admin-prohibited", "EHOSTUNREACH" },
    { "with tcp reset", "ECONNREFUSED" },
  } do
    netns.drop("tcp dport 4000", "reject " .. row[1]:gsub("^icmp", "with icmp"))
    -- An address to itself is not told of some of these before the last attempt of the system: the code is what counts.
    local code, message = fail { connect_timeout = 5 }
    assert(code == row[2], message)
    netns.undrop()
  end
  netns.drop("tcp dport 4000", "reject with icmp type host-unreachable")
  goes_on("EHOSTUNREACH", { connect_timeout = 5 }, netns.undrop)
end

function scripts.has_no_route()
  local code, message = fail { host = "192.0.2.1" }
  assert(code == "ENETUNREACH" and message:find("192.0.2.1 port 4000", 1, true), message)
  goes_on("ENETUNREACH", { host = "192.0.2.1" }, function()
    netns.execute "ip -n far address add 192.0.2.1/24 dev wire && ip route add 192.0.2.0/24 via 10.77.0.2"
    netns.execute "ip netns exec far nft 'table ip n { chain p { type nat hook prerouting priority -100; \
      ip daddr 192.0.2.1 dnat to 10.77.0.2; }; }'"
  end)
end

function scripts.has_its_link_down()
  netns.execute "ip link set wire down"
  local code, message = fail {}
  assert(code == "ENETUNREACH", message)
  goes_on("ENETUNREACH", {}, function() netns.execute "ip link set wire up" end)
end

-- So many local ports there are.
local function allow_ports(first, last)
  netns.execute(("echo %d %d >/proc/sys/net/ipv4/ip_local_port_range"):format(first, last))
end

function scripts.has_no_port_left()
  allow_ports(40000, 40003)
  local clients = {}
  for i = 1, 4 do
    clients[i] = netns.dial {}
    assert(clients[i]:wait("connected", util.DEADLINE))
  end
  local code, message = fail {}
  assert(code == "EADDRNOTAVAIL", message)
  goes_on("EADDRNOTAVAIL", {}, function() allow_ports(40000, 40100) end)
  for _, client in ipairs(clients) do assert(client:is_connected()) end
end

-- The only local port there is, is the one that it asks for.
function scripts.meets_itself()
  allow_ports(40000, 40000)
  local code, message = fail { host = "127.0.0.1", port = 40000 }
  assert(code == "ESELF", message)
  goes_on("ESELF", { host = "127.0.0.1", port = 40000 }, function()
    allow_ports(32768, 60999)
    scripts.listener = assert(socket.bind("127.0.0.1", 40000))
  end)
end

return scripts
