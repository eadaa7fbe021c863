-- The situations of docs/connecting.md (spec/support/connecting.lua), each run on the near one of two machines with a
-- name server (spec/support/netns.lua). Each returns the options of a client, and perhaps a function that is to be
-- called again and again.

local socket = require "socket"
local netns = require "spec.support.netns"
local ports = require "spec.support.ports"
local sidewire = require "sidewire.core"
local util = require "spec.support.util"

local situations = {}

local kept = {} -- that must not be collected

local function allow_ports(first, last)
  netns.execute(("echo %d %d >/proc/sys/net/ipv4/ip_local_port_range"):format(first, last))
end

local function connected()
  local client = sidewire.new { host = netns.HOST, port = netns.PORT, linger = 0 }
  assert(client:connect())
  assert(client:wait("connected", util.DEADLINE))
  kept[#kept + 1] = client
end

function situations.refused()
  return { port = 4999 }
end

function situations.vanishes()
  netns.drop "tcp dport 4000"
  return {}
end

function situations.full_backlog()
  local hole = ports.black_hole("127.0.0.1", 4000)
  kept[1] = hole
  return { host = "127.0.0.1" }
end

function situations.rejected()
  netns.drop("tcp dport 4000", "reject with icmp type host-unreachable")
  return {}
end

function situations.no_route()
  return { host = "192.0.2.1" }
end

function situations.link_down()
  netns.execute "ip link set wire down"
  return {}
end

function situations.not_found() return { host = "missing.example" } end

function situations.no_address() return { host = "empty.example" } end

function situations.name_server_fails() return { host = "broken.example" } end

function situations.name_server_silent() return { host = "silent.example", connect_timeout = 10 } end

function situations.name_server_slow()
  netns.ask_names(30)
  return { host = "silent.example" }
end

function situations.wrong_scope() return { host = "fe80::1%nosuch" } end

function situations.lookups_busy()
  netns.ask_names(30)
  for i = 1, 16 do
    kept[i] = sidewire.new { host = ("silent-%d.example"):format(i), port = 4000, connect_timeout = 30 }
    assert(kept[i]:connect())
  end
  assert(util.wait_until(function() return netns.asked_names():find "silent%-16" end))
  return { host = "good.example" }
end

function situations.itself()
  allow_ports(40000, 40000)
  return { host = "127.0.0.1", port = 40000 }
end

function situations.no_ports()
  allow_ports(40000, 40000)
  connected()
  return {}
end

function situations.no_descriptors()
  connected() -- the engine has what it needs
  repeat
    kept[#kept + 1] = io.open "/dev/null"
    local more = io.open "/dev/null"
    kept[#kept + 1] = more
  until not more
  return {}
end

function situations.leads_inside()
  assert(sidewire.set_policy { allow = { "*.example" } })
  return { host = "good.example" }
end

function situations.first_dead()
  netns.execute "ip -n far address add 10.77.0.3/24 dev wire"
  netns.drop "ip daddr 10.77.0.3"
  return { host = "two.example" }
end

function situations.ends_at_once()
  local listener = assert(socket.bind("127.0.0.1", 4000))
  listener:settimeout(0)
  return { host = "127.0.0.1" }, function()
    local accepted = listener:accept()
    if accepted then accepted:close() end
  end
end

--- Runs one, and prints what the script sees first, of the events that are `wanted`: event, code, text, seconds.
function situations.run(name, wanted)
  netns.ask_names(1)
  local options, tick = situations[name]()
  options.host, options.port = options.host or netns.HOST, options.port or netns.PORT
  options.connect_timeout = options.connect_timeout or 1
  options.reconnect, options.linger = false, 0
  local told
  local function tell(event, code, message)
    if event == wanted then told = told or { event, code or "-", message } end
  end
  options.on = {
    connect = function(_, info) tell("connect", nil, ("info.address is %s"):format(info.address)) end,
    error = function(_, message, code) tell("error", code, message) end,
    disconnect = function(_, message, code) tell("disconnect", code, message) end,
  }
  local client = sidewire.new(options)
  local began = socket.gettime()
  assert(client:connect())
  assert(util.poll_until(function()
    if tick then tick() end
    return told
  end))
  local seconds = socket.gettime() - began
  for i, one in pairs(kept) do -- descriptors, so that the rest has some
    if io.type(one) == "file" then
      one:close()
      kept[i] = nil
    end
  end
  print(table.concat({ told[1], told[2], told[3], ("%.3f"):format(seconds) }, "\t"))
end

return situations
