-- What spec/tls/connect_spec.lua runs in `embed`: what a host's policy says of TLS.

local session = require "spec.support.session"
local sidewire = require "sidewire"

local scripts = {}

-- Options of a client of the server with TLS.
local function new(port, tls)
  return sidewire.new { host = "127.0.0.1", port = tonumber(port), tls = tls, reconnect = false }
end

local function refused(message, text)
  assert(message == text, ("%s, not %s"):format(tostring(message), text))
end

local VERIFY = "sidewire.new: the host's policy does not allow tls.verify = false: tls_verify is true"
local FILES = "sidewire.new: the host's policy does not allow to open files, as tls.ca, tls.cert and tls.key may name: "
  .. "files is false; give PEM text"

local function connects(client)
  assert(client:connect())
  assert(client:wait("connected", 30))
end

function scripts.verifies(port, ca, pin)
  assert(new(port, { verify = false }))
  assert(sidewire.set_policy { tls_verify = true })
  local client, message, code = new(port, { verify = false })
  assert(client == nil and code == "EPOLICY")
  refused(message, VERIFY)
  connects(assert(new(port, { verify = false, pin = pin }))) -- a pinned key is proof enough
  connects(assert(new(port, { ca = ca })))
end

function scripts.opens_no_files(port, ca, cert, key)
  assert(sidewire.set_policy { files = false })
  local function text(path)
    local file = assert(io.open(path))
    local pem = file:read "*a"
    file:close()
    return pem
  end
  for _, tls in ipairs { { ca = ca }, { ca = text(ca), cert = cert, key = text(key) },
    { ca = text(ca), cert = text(cert), key = key } } do
    local client, message, code = new(port, tls)
    assert(client == nil and code == "EPOLICY")
    refused(message, FILES)
  end
  connects(assert(new(port, { ca = text(ca), cert = text(cert), key = text(key) })))
end

function scripts.names_the_library(port, ca, library)
  assert(sidewire.set_policy { tls_library = library })
  local told
  local client = assert(new(port, { ca = ca }))
  client:on("error", function(_, message, code) told = { message, code } end)
  assert(client:connect())
  session.poll_until(function() return told end)
  assert(told[2] == "ENOTLS", told[2])
  local beginning = ("cannot connect to 127.0.0.1 port %d by TLS: there is no TLS library here"):format(port)
  assert(told[1]:find(beginning, 1, true), told[1])
  assert(told[1]:find(library, 1, true), told[1])
  session.connected() -- without TLS
  assert(sidewire.set_policy {})
  connects(assert(new(port, { ca = ca }))) -- the usual ones
end

return scripts
