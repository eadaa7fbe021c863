--- Test servers with TLS and clients of them, for specs.
--
--     local tls = require "spec.support.tls"
--     tls.needs(pending)
--     local peer, leaf = tls.start("leaf", { version = "1.3" })   -- mode "echo"
--     local client = util.connected(peer, { tls = { ca = leaf.ca } })
--     local message = tls.refusal(peer, { ca = other }):match ...

local Peer = require "spec.support.peer"
local certificates = require "spec.support.certificates"
local util = require "spec.support.util"

local tls = {}

--- Skips the rest of a test, loudly, where there can be no such servers.
-- @param pending the test's own, which busted gives only to files of tests
function tls.needs(pending)
  certificates.needs(pending)
  Peer.needs_tls(pending)
end

--- Starts a server with a certificate of a kind (spec/support/certificates.lua).
-- @param options fields of Peer.start's `tls`
-- @param rest further options of Peer.start; mode is "echo" unless set
-- @return the server, and its certificate
function tls.start(kind, options, rest)
  local certificate = certificates.get(kind)
  local all = { mode = "echo", tls = { cert = certificate.cert, key = certificate.key } }
  for name, value in pairs(options or {}) do all.tls[name] = value end
  for name, value in pairs(rest or {}) do all[name] = value end
  return Peer.start(all), certificate
end

--- The client tries once, with a message in its queue. Returns it and its events after it was connected and the server
-- has sent the message back, or after the attempt, or the connection, has failed.
-- @param options those of sidewire.new
function tls.try(peer, options)
  local all = { reconnect = false }
  for name, value in pairs(options) do all[name] = value end
  local client = util.client(peer, all)
  local events = util.collect(client)
  assert(client:send "secret")
  assert(client:connect())
  assert(util.poll_until(function()
    return events:last "message" or events:last "error" or events:last "disconnect"
  end))
  return client, events
end

--- The same, for one that must be connected.
-- @return info.tls of its connect event, and the client
function tls.accepted(peer, options)
  local client, events = tls.try(peer, options)
  if events:last "message" then return events:last "connect"[2].tls, client end
  error(("not accepted: %s: %s"):format(table.concat(events:names(), " "), tostring(events[#events][2])), 2)
end

return tls
