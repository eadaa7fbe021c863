-- What an idle, connected client costs, in C and Lua together.
--
--     ulimit -n 2100; tools/run release lua spec/stress/idle.lua [CONNECTIONS] [tls]      (2000; a multiple of 50)
--
-- Checked, exit status 1 if it is not so: the resident memory of this process grows by at most 2.5 KiB each, before Lua
-- 5.4 by a small table more; with TLS, whose library has buffers of its own, by 64 KiB. Clients connect a few at a
-- time: an attempt needs memory of its own, and so does this script, which serve the next ones then.

local engine = require "spec.support.engine"
local usage = require "spec.support.usage"
local count = usage.integer(1, "CONNECTIONS", 2000)
local has_tls = arg[2] == "tls"
usage.no_more(has_tls and 2 or 1)

local sidewire = require "sidewire.core"
local Peer = require "spec.support.peer"
local certificates = require "spec.support.certificates"
local build = require "spec.support.build"
local util = require "spec.support.util"

-- Bytes. poll(2) has its own list of descriptors. Before Lua 5.4 a client's handlers are in a table of their own.
local LIMIT = has_tls and 64 * 1024 or (engine.has_user_values and 2560 or 2720) + (build.has_fallbacks and 20 or 0)
local AT_ONCE = 50

local function resident()
  sidewire.poll()
  collectgarbage()
  collectgarbage()
  return util.resident_bytes()
end

local leaf = has_tls and certificates.get "leaf"
local peer = Peer.start { mode = "sink", tls = leaf and { cert = leaf.cert, key = leaf.key } }
local clients = {}
for i = 1, count do clients[i] = false end

local function connect(from)
  for i = from, from + AT_ONCE - 1 do
    clients[i] = util.client(peer, { tls = leaf and { ca = leaf.ca } or nil })
    assert(clients[i]:connect())
  end
  for i = from, from + AT_ONCE - 1 do assert(clients[i]:wait("connected", util.DEADLINE)) end
  return resident()
end

local before = connect(1) -- what the first ones need is there from then on
local after
for from = AT_ONCE + 1, count, AT_ONCE do after = connect(from) end
local each = (after - before) / (count - AT_ONCE)

print(("%d idle connections%s: %.0f bytes each, %d allowed"):format(count, has_tls and " with TLS" or "", each, LIMIT))
assert(each <= LIMIT)
sidewire.stop(0)
