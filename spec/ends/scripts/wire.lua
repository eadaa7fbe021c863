-- What spec/ends/wire_spec.lua runs between two network namespaces (spec/support/netns.lua): the wire is cut and mended
-- at known times. The functions print what they have measured.

local socket = require "socket"
local sidewire = require "sidewire.core"
local Peer = require "spec.support.peer"
local netns = require "spec.support.netns"
local numbered = require "spec.support.numbered"
local util = require "spec.support.util"

local scripts = {}

-- A message a millisecond makes the stream.
local message = numbered.maker(function(n) return n % 1000 end)
local count = 0
local client, events

local function send_some()
  for _ = 1, 5 do
    count = count + 1
    assert(client:send(message(count)) == count)
  end
end

local function start(options)
  options.host, options.port = netns.HOST, netns.PORT
  client = sidewire.new(options)
  events = util.collect(client, "connect", "disconnect", "lost", "retry")
  assert(client:connect())
  assert(client:wait("connected", util.DEADLINE))
  sidewire.poll()
end

-- Seconds from the cut to the end of the connection.
local function cut_until_disconnect(keep_busy)
  local began = socket.gettime()
  netns.cut()
  assert(util.poll_until(function()
    if keep_busy then send_some() end
    return events:last "disconnect"
  end))
  return socket.gettime() - began
end

-- Times in seconds.
function scripts.is_cut_in_mid_stream(stall, margin)
  start { stall_timeout = stall, reconnect = 0.2, retain = "unsent" }
  for _ = 1, 100 do
    send_some()
    util.poll_until(function() return client:stats().queued == 0 end)
  end
  local seconds = cut_until_disconnect(true)
  print(("[F24] cut in mid-stream, stall_timeout %g s: disconnect after %.2f s"):format(stall, seconds))
  assert(events:last "disconnect"[3] == "ETIMEDOUT", events:last "disconnect"[3])
  assert(seconds > stall - 0.1 and seconds < stall + margin)

  netns.mend()
  assert(events:wait("connect", 2))
  send_some()
  assert(util.poll_until(function()
    local s = numbered.check_account(client)
    return s.finished + s.lost == count
  end))
  assert(sidewire.stop())
  local fates = {}
  for _, range in ipairs(util.losses(events)) do
    assert(range[3] == "unknown")
    for id = range[1], range[2] do fates[id] = true end
  end
  local seen, faults = numbered.read(Peer.streams(netns.RECORD), message)
  assert(#faults == 0, faults[1])
  for id = 1, count do assert(seen[id] or fates[id], id) end
end

function scripts.is_cut_while_idle(budget, margin)
  start { keepalive = { idle = 1, interval = 1, count = budget - 1 }, stall_timeout = 30, reconnect = false }
  assert(client:send "once it was not idle")
  assert(util.poll_until(function() return client:stats().finished == 1 end))
  local seconds = cut_until_disconnect(false)
  print(("[F24] cut while idle, keepalive %g s: disconnect after %.2f s"):format(budget, seconds))
  assert(events:last "disconnect"[3] == "ETIMEDOUT", events:last "disconnect"[3])
  assert(seconds > budget - 1 and seconds < budget + margin) -- it had been idle for a moment
end

function scripts.is_away_for_a_second()
  start { stall_timeout = 30, queue_limit = 2^20, reconnect = false }
  local function stream(seconds)
    local deadline = socket.gettime() + seconds
    while socket.gettime() < deadline do
      if client:pending() < 2^19 then send_some() end
      sidewire.poll()
      sidewire.wait(0.001)
    end
  end
  for _ = 1, 2 do
    stream(0.2)
    netns.cut()
    stream(1)
    assert(client:stats().queued > 0) -- it was cut
    netns.mend()
  end
  assert(util.poll_until(function() return client:stats().finished == count end))
  assert(#events:names() == 1 and client:is_connected())
  assert(sidewire.stop())
  local streams = Peer.streams(netns.RECORD)
  assert(#streams == 1 and streams[1].data == numbered.lines(message, 1, count))
end

return scripts
