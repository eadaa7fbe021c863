--- What scripts in C hosts have in common: clients of the peers of the spec that runs them (spec/support/host.lua).

local engine = require "spec.support.engine"

-- Made before the module is loaded, so finalized after it.
local latest = {}
latest.finalizer = engine.finalizer(function() if latest.call then latest.call() end end)

local sidewire = require "sidewire.core"
local shell = require "spec.support.shell"

local session = {
  port = nil, -- of the peer to which clients go
  silent = nil, -- that of the other one, 0 without one
}

--- Calls a function of a module with the arguments that follow the two ports.
function session.run(module, name, port, silent, ...)
  session.port, session.silent = tonumber(port), tonumber(silent)
  return require(module)[name](...)
end

--- Is called when the state closes and the module is finalized already.
function session.finally(call)
  latest.call = call
end

--- Options of a client of the peer.
function session.options(options)
  options = options or {}
  options.host, options.port = options.host or "127.0.0.1", options.port or session.port
  return options
end

function session.new(options)
  return assert(sidewire.new(session.options(options)))
end

--- A client that has begun to connect.
function session.connect(options)
  local client = session.new(options)
  assert(client:connect())
  return client
end

function session.connected(options)
  local client = session.connect(options)
  assert(client:wait("connected", 30))
  return client
end

--- A client of the silent peer that has more to send than that peer's system takes.
function session.stuck(options)
  options = options or {}
  options.port = session.silent
  local client = session.connected(options)
  for _ = 1, 100 do assert(client:send(("x"):rep(65000))) end
  return client
end

--- How many sockets this process has. Some of its descriptors may be closed while they are listed.
function session.count_sockets()
  local said = shell.run(("ls -l /proc/%d/fd 2>/dev/null | grep -c socket:"):format(embed.pid()))
  return assert(tonumber(said), said)
end

function session.poll_until(predicate)
  local deadline = os.time() + 30
  repeat
    sidewire.poll()
    if predicate() then return end
    sidewire.wait(0.01)
  until os.time() > deadline
  error("still not so", 2)
end

--- Clients in every state, some with messages there and back.
function session.be_busy()
  local clients = {}
  for i = 1, 3 do clients[i] = session.connected { on = { message = function() end } } end
  for i = 1, 100 do assert(clients[1 + i % 3]:send(("busy %d"):format(i))) end
  clients.refused = session.new { port = 1, on = { retry = function() end } }
  clients.refused:connect()
  clients.resolving = session.connect { host = "localhost" }
  clients.idle = session.new()
  sidewire.poll()
  return clients
end

function session.is_timeout(...)
  return select(3, ...) == "ETIMEDOUT"
end

return session
