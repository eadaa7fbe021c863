-- What spec/tls/race_spec.lua runs in `embed`, where pair-2.test has the addresses 127.0.0.2 and 127.0.0.1, in that
-- order.

local session = require "spec.support.session"

local scripts = {}

-- Connects to the pair; returns what connect, error and retry told, and the client.
local function dial(port, ca, options)
  local told = {}
  options = options or {}
  options.host, options.port = "pair-2.test", tonumber(port)
  options.tls = { ca = ca, server_name = "localhost" }
  if options.reconnect == nil then options.reconnect = false end
  options.on = {
    connect = function(_, info) told[#told + 1] = { "connect", info.address } end,
    error = function(_, message, code, detail) told[#told + 1] = { "error", code, message, detail.causes } end,
    retry = function(_, _, _, message, code, detail) told[#told + 1] = { "retry", code, message, detail.causes } end,
  }
  local client = session.connect(options)
  return told, client
end

local function connects_to(address, told)
  session.poll_until(function() return #told > 0 end)
  assert(told[1][1] == "connect" and told[1][2] == address, tostring(told[1][2]) .. ": " .. tostring(told[1][3]))
end

local function equal(wanted, got)
  assert(wanted == got, ("%s, not %s"):format(tostring(got), tostring(wanted)))
end

-- One attempt reaches it.
function scripts.connects_to_the_second(port, ca)
  local told, client = dial(port, ca)
  connects_to("127.0.0.1", told)
  assert(client:send "hello" and client:receive(30) == "hello")
end

function scripts.connects_to_the_first(port, ca)
  local told, client = dial(port, ca)
  connects_to("127.0.0.2", told)
  assert(client:send "hello" and client:receive(30) == "hello")
end

local NO_SERVER = "it does not answer as a TLS server does"

-- Waits for the end of the only attempt, which must have the code ETLS and so many causes: the message and the causes.
local function failure(port, ca, count)
  local told = dial(port, ca)
  session.poll_until(function() return #told > 0 end)
  assert(told[1][1] == "error", told[1][1])
  equal("ETLS", told[1][2])
  equal(count, #told[1][4])
  return told[1][3], told[1][4]
end

local function sentence(port, reasons)
  return ("cannot connect to pair-2.test port %s: %s"):format(port, reasons)
end

function scripts.tells_each_reason(port, ca)
  local message, causes = failure(port, ca, 2)
  equal(sentence(port, ("127.0.0.2: %s; 127.0.0.1: %s"):format(NO_SERVER, NO_SERVER)), message)
  for _, cause in ipairs(causes) do equal("ETLS", cause.code) end
end

function scripts.tells_the_handshake(port, ca)
  local _, causes = failure(port, ca, 2)
  equal("ECONNREFUSED", causes[1].code)
  equal("ETLS", causes[2].code)
end

function scripts.ends_at_the_certificate(port, ca)
  local message, causes = failure(port, ca, 1)
  equal("127.0.0.2", causes[1].address)
  assert(message:find("(127.0.0.2) by TLS: its certificate has expired", 1, true), message)
end

function scripts.ends_at_the_second_certificate(port, ca)
  local message, causes = failure(port, ca, 2)
  equal("connection refused", causes[1].message)
  assert(causes[2].message:find("its certificate has expired", 1, true), causes[2].message)
  equal(sentence(port, "127.0.0.2: connection refused; 127.0.0.1: " .. causes[2].message), message)
end

function scripts.tries_the_other_next(port, ca, timeout)
  local told = dial(port, ca, { connect_timeout = tonumber(timeout), reconnect = 0.01 })
  session.poll_until(function() return #told > 1 end)
  equal("ETIMEDOUT", told[1][2])
  equal("connect", told[2][1])
  equal("127.0.0.1", told[2][2])
end

function scripts.closes_the_losers(port, ca)
  local before = session.count_sockets()
  connects_to("127.0.0.1", dial(port, ca))
  session.poll_until(function() return session.count_sockets() == before + 1 end)
end

return scripts
