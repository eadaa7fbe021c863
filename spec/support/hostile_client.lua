--- Clients of TLS servers: those of spec.support.hostile_tls, and peers with TLS.
--
--     local hostile = require "spec.support.hostile_client"
--     local server = hostile.start(pending, { mode = "records", version = "1.3" })
--     local client, events = hostile.connect(server, { framing = "raw" })    -- begins to connect
--     after_each(hostile.finish)                                             -- instead of util.finish

local Hostile = require "spec.support.hostile_tls"
local Peer = require "spec.support.peer"
local certificates = require "spec.support.certificates"
local files = require "spec.support.files"
local util = require "spec.support.util"

local hostile = { VERSIONS = { "1.2", "1.3" } }

--- Starts a hostile server with a good certificate, or skips the rest of the test.
function hostile.start(pending, options)
  certificates.needs(pending)
  Hostile.needs(pending)
  local leaf = certificates.get "leaf"
  options.cert, options.key = leaf.cert, leaf.key
  return Hostile.start(options)
end

--- Starts a peer with TLS and a good certificate, or skips the rest of the test.
-- @tparam function begin Peer.start, or what takes the same options
-- @return what it returns
function hostile.start_peer(pending, begin, options)
  certificates.needs(pending)
  Peer.needs_tls(pending)
  local leaf = certificates.get "leaf"
  options.tls.cert, options.tls.key = leaf.cert, leaf.key
  return begin(options)
end

--- The option tls of a client that trusts the server.
function hostile.trust(server)
  return { ca = files.try_read(server.ca or "") and server.ca or certificates.get("leaf").ca }
end

--- A client that has begun to connect, makes no second attempt, and collects its events.
-- @return the client, the events (util.collect)
function hostile.connect(server, options)
  local complete = { tls = hostile.trust(server), reconnect = false }
  for name, value in pairs(options or {}) do complete[name] = value end
  local client = util.client(server, complete)
  local events = util.collect(client)
  assert(client:connect())
  return client, events
end

--- Waits until it is connected.
function hostile.connected(server, options)
  local client, events = hostile.connect(server, options)
  assert(events:wait "connect")
  return client, events
end

function hostile.finish()
  Hostile.stop_all()
  util.finish_without_peers()
end

return hostile
