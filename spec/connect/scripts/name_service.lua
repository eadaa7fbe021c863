-- What spec/connect/name_service_spec.lua runs on the near one of two machines (spec/support/netns.lua), which asks a
-- name server of the test's own, spec/support/nameserver.lua, or has only its hosts file. The functions print what they
-- have measured.

local socket = require "socket"
local sidewire = require "sidewire.core"
local netns = require "spec.support.netns"
local shell = require "spec.support.shell"
local util = require "spec.support.util"

local scripts = {}

local OF_ENGINE = 16 -- lookups at once: SW_LOOKUPS_OF_ENGINE_MAX
local LONG = 30 -- seconds
local SILENCE = 6 -- seconds that the system waits for a name server, twice: shorter than `embed` waits for the threads

local function dial(name, options)
  options = options or {}
  options.host = name
  return netns.dial(options)
end

-- What the one attempt came to. A failure that took more than a second passes for silence, which can happen on a busy
-- machine: then it is tried again.
local function fail(name)
  local began = socket.gettime()
  local _, events = dial(name, { reconnect = false })
  local event = assert(events:wait "error")
  local seconds = socket.gettime() - began
  print(("%-9s after %5.3f s: %s"):format(event[3], seconds, event[2]))
  if name:find "^broken" and seconds > 1 then return fail(name) end
  assert(event[4].stage == "resolve", event[4].stage)
  return event[3] .. ": " .. event[2]:gsub(name, "NAME")
end

local function connects(name, options)
  local client, events = dial(name, options)
  assert(client:wait("connected", util.DEADLINE))
  local info = assert(events:wait "connect")[2]
  print(("%s: connected to %s after %.3f s"):format(name, info.address, info.seconds))
  return client, info
end

-- Lookups of names with which the server stays silent; returns when all that have turns have been asked.
local function hang(count)
  netns.ask_names(SILENCE)
  for i = 1, count do dial(("silent-%d.example"):format(i), { connect_timeout = LONG }) end
  assert(util.wait_until(function()
    local asked, different = {}, 0
    for name in netns.asked_names():gmatch "silent%-[^\n]*" do
      different = different + (asked[name] and 0 or 1)
      asked[name] = true
    end
    return different == math.min(count, OF_ENGINE)
  end))
end

function scripts.says_what_failed()
  netns.ask_names(1)
  local said, count, texts = {}, 0, {}
  for _, name in ipairs { "missing.example", "empty.example", "broken.example", "silent.example" } do
    said[name] = fail(name)
    if not texts[said[name]] then count = count + 1 end
    texts[said[name]] = true
  end
  assert(said["missing.example"] == "ENOTFOUND: cannot resolve NAME: host name not found")
  assert(said["silent.example"] == "EAI_AGAIN: cannot resolve NAME: name service does not answer")
  assert(count == 4, "two have the same text")
  connects "good.example"
end

-- A silent name server keeps nobody but who asked.
function scripts.leaves_others_alone()
  netns.replace("/etc/hosts", ("%s here.example\n"):format(netns.HOST))
  local other = connects(netns.HOST)
  hang(1)
  connects "here.example"
  connects "good.example"
  assert(other:is_connected())
end

-- The seventeenth waits for its turn, though the hosts file has it; another Lua state has turns of its own. (It asks
-- for another name: the first state would share its answer.)
function scripts.waits_for_a_turn()
  netns.replace("/etc/hosts", ("%s here.example there.example\n"):format(netns.HOST))
  hang(OF_ENGINE)
  local waiting = dial("here.example", { connect_timeout = LONG })
  local ok, message, code = waiting:wait("connected", 0.5)
  assert(ok == nil and code == "ETIMEDOUT" and message:find("16 other lookups", 1, true), message)
  print(message)
  local began = socket.gettime()
  embed.in_state([[
    local sidewire = require "sidewire.core"
    local client = sidewire.new { host = "there.example", port = tonumber((...)), linger = 0 }
    assert(client:connect())
    assert(client:wait("connected", 20))
  ]], tostring(netns.PORT))
  print(("in another Lua state: connected after %.3f s"):format(socket.gettime() - began))
  assert(waiting:state() == "resolving", waiting:state())
end

-- The script ends, and lua_close does, while the lookup goes on.
function scripts.closes_meanwhile()
  hang(1)
  local client = dial "silent-too.example"
  local began = socket.gettime()
  client:close()
  print(("close took %.6f s"):format(socket.gettime() - began))
end

function scripts.goes_to_the_second()
  netns.ask_names(LONG)
  netns.execute "ip -n far address add 10.77.0.3/24 dev wire"
  netns.drop "ip daddr 10.77.0.3"
  local _, info = connects("two.example", { connect_timeout = LONG })
  assert(info.address == netns.HOST and info.seconds >= 0.25, info.seconds)
end

-- Hosts that are none are refused before anybody is asked.
function scripts.asks_nobody()
  netns.ask_names(1)
  for _, name in ipairs { "", "a..b", "x y", "http://good.example", "good.example:80", "[::1]", "127.1", "0x7f1",
    ("x"):rep(64) .. ".example" } do
    assert(not pcall(sidewire.new, { host = name, port = 1 }), name)
  end
  connects "good.example" -- a question that comes after all of them
  assert(netns.asked_names():gsub("good%.example\n", "") == "", netns.asked_names())
end

-- Leaves the near machine nothing but its own addresses, and a link that leads nowhere, if `link_local`.
local function take_the_network(hosts, link_local)
  netns.replace("/etc/resolv.conf", "nameserver 127.0.0.1\noptions timeout:1 attempts:1\n")
  netns.replace("/etc/hosts", hosts)
  netns.execute(link_local and "ip address flush dev wire scope global" or "ip link delete wire")
  if link_local then assert(util.wait_until(function()
    return shell.try "PATH=$PATH:/usr/sbin:/sbin; ip -6 address show dev wire | grep -q 'inet6 fe80.*scope link *$'"
  end)) end
end

local function reach_localhost(hosts, link_local)
  take_the_network(hosts, link_local)
  local ipv4 = assert(socket.bind("127.0.0.1", 0))
  local _, port = ipv4:getsockname()
  local _, info = connects("localhost", { port = tonumber(port) })
  assert(info.address == "127.0.0.1", info.address)
  local ipv6 = assert(socket.tcp6())
  assert(ipv6:bind("::1", 0))
  assert(ipv6:listen())
  _, port = ipv6:getsockname()
  if hosts:find "::1" then
    _, info = connects("localhost", { port = tonumber(port) })
    assert(info.address == "::1", info.address)
  end
end

local IPV4, IPV6 = "127.0.0.1 localhost\n", "::1 localhost\n"

function scripts.is_alone() reach_localhost(IPV4 .. IPV6, false) end

function scripts.has_only_link_local() reach_localhost(IPV4, true) end

function scripts.has_ipv6_first() reach_localhost(IPV6 .. IPV4, true) end

return scripts
