-- What spec/connect/race_spec.lua runs in `embed`, where pair-N.test has the addresses 127.0.0.N and 127.0.0.1, in this
-- order.

local session = require "spec.support.session"
local sidewire = require "sidewire.core"

local scripts = {}

-- Connects to the pair; returns what connect, error and retry told, and the client.
local function dial(n, port, options)
  local told = {}
  options = options or {}
  options.host, options.port = ("pair-%d.test"):format(n), tonumber(port)
  options.on = {
    connect = function(_, info) told[#told + 1] = { "connect", info.address, info.seconds, info.timeline } end,
    disconnect = function() told[#told + 1] = { "disconnect" } end,
    error = function(_, message, code, detail) told[#told + 1] = { "error", code, message, detail.causes } end,
    retry = function(_, _, _, message, code, detail) told[#told + 1] = { "retry", code, message, detail.causes } end,
  }
  return told, session.connect(options)
end

-- The second address answers, and there is no other attempt.
function scripts.connects_to_the_second(port, timeout)
  local told = dial(2, port, { connect_timeout = tonumber(timeout) })
  session.poll_until(function() return #told > 0 end)
  assert(told[1][1] == "connect" and told[1][2] == "127.0.0.1", told[1][1])
  print("seconds", told[1][3])
end

-- Neither works: the code is that of the one that refuses.
function scripts.tells_the_refusal(port)
  local told = dial(2, port, { connect_timeout = 1, reconnect = false })
  session.poll_until(function() return #told > 0 end)
  assert(told[1][1] == "error" and told[1][2] == "ECONNREFUSED", told[1][2])
  local sentence = ("cannot connect to pair-2.test port %s: 127.0.0.2: connection timed out; "
    .. "127.0.0.1: connection refused"):format(port)
  assert(told[1][3] == sentence, told[1][3])
  local first, second = told[1][4][1], told[1][4][2]
  assert(#told[1][4] == 2)
  assert(first.address == "127.0.0.2" and first.code == "ETIMEDOUT" and first.message == "connection timed out")
  assert(second.address == "127.0.0.1" and second.code == "ECONNREFUSED" and second.message == "connection refused")
  assert(first.port == tonumber(port) and second.port == tonumber(port))
  assert(first.seconds >= 0.9 and second.seconds < first.seconds, first.seconds)
end

-- The first address takes all of connect_timeout, so that the second has no turn.
function scripts.tells_what_was_not_tried(port)
  local told = dial(2, port, { connect_timeout = 0.1, reconnect = 60 })
  session.poll_until(function() return #told > 0 end)
  local causes = told[1][4]
  assert(told[1][1] == "retry" and told[1][2] == "ETIMEDOUT", told[1][2])
  assert(#causes == 2 and causes[1].message == "connection timed out", causes[1].message)
  assert(causes[2].code == "ETIMEDOUT" and causes[2].seconds == 0)
  assert(causes[2].message == "not tried, because connect_timeout was over", causes[2].message)
end

-- The first address does not answer.
function scripts.tells_the_timeline(port)
  local told = dial(2, port)
  session.poll_until(function() return #told > 0 end)
  local timeline = told[1][4]
  assert(timeline.dns > 0 and math.abs(timeline.dns + timeline.tcp + timeline.stages - told[1][3]) < 1e-5)
  print("tcp", timeline.tcp)
end

-- Both addresses of the name are IPv4.
function scripts.binds_to_a_family(port)
  local told = dial(2, port, { bind = "::1", reconnect = false })
  session.poll_until(function() return #told > 0 end)
  assert(told[1][2] == "EAFNOSUPPORT" and #told[1][4] == 0, told[1][2])
  told = dial(2, port, { bind = "127.0.0.1" })
  session.poll_until(function() return #told > 0 end)
  assert(told[1][1] == "connect" and told[1][2] == "127.0.0.1", told[1][1])
end

-- The first address accepts and ends at once, so that the next attempt begins with the other.
function scripts.avoids_what_ends_at_once(port)
  local told, client = dial(2, port, { reconnect = 0.01 })
  session.poll_until(function() return #told >= 4 end)
  local words = {}
  for i, one in ipairs(told) do words[i] = one[1] .. (one[1] == "connect" and " " .. one[2] or "") end
  local said = table.concat(words, ", ", 1, 4)
  assert(said == "connect 127.0.0.2, disconnect, retry, connect 127.0.0.1", said)
  assert(client:wait("connected", 30))
  sidewire.poll()
end

-- No socket is left of the addresses that lost.
function scripts.closes_the_losers(port)
  local before = session.count_sockets()
  local told = dial(2, port)
  session.poll_until(function() return #told > 0 end)
  session.poll_until(function() return session.count_sockets() == before + 1 end)
end

return scripts
