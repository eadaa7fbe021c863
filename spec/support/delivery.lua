-- What specs on the fate of messages share: numbered messages on their way to a peer that reads them, or does not.

local assert = require "luassert"
local Peer = require "spec.support.peer"
local build = require "spec.support.build"
local numbered = require "spec.support.numbered"
local util = require "spec.support.util"

local delivery = {}

local KIB = 1024

--- Messages by number: small ones, and of a KiB each.
delivery.small = numbered.maker(function(n) return n % 90 end)
delivery.kilobyte = numbered.maker(function() return KIB end)

local account = numbered.check_account

--- Sends the next `count` messages; all are accepted. Returns the stats.
function delivery.send_all(client, message, count)
  local first = client:stats().accepted + 1
  for n = first, first + count - 1 do assert.equal(n, client:send(message(n))) end
  return account(client)
end

--- More than the kernel's buffers take for a peer that does not read.
function delivery.overfill(client)
  return delivery.send_all(client, delivery.kilobyte, 3000)
end

-- A predicate: messages are in flight (where acknowledgements are not counted: finished), others queued, and nothing
-- moves.
local function stillness(client)
  local sent, since = -1, 0
  return function()
    local s = account(client)
    since = s.sent_bytes == sent and since + 1 or 0
    sent = s.sent_bytes
    return (s.in_flight > 0 or build.has_fallbacks) and s.queued > 0 and since >= 10
  end
end

--- Waits until the kernel takes no more of what a peer does not read; some messages are in flight then, others queued.
function delivery.wait_stuck(client)
  assert(util.poll_until(stillness(client)))
  return account(client)
end

--- The same without polling.
function delivery.wait_stuck_without_polling(client)
  assert(util.wait_until(stillness(client)))
end

--- Waits until every message is finished or lost.
function delivery.wait_finished(client)
  assert(util.poll_until(function()
    local s = account(client)
    return s.queued == 0 and s.in_flight == 0
  end))
  return account(client)
end

--- How many messages are queued, in flight, finished, lost.
function delivery.groups(client)
  local s = account(client)
  return { s.queued, s.in_flight, s.finished, s.lost }
end

-- Its kernel buffers little for it, and never more with time.
local function with_small_buffer(peer, ...)
  peer:command "rcvbuf 65536"
  return peer, ...
end

--- A peer whose kernel buffers little for it.
function delivery.start_peer(options)
  return with_small_buffer(Peer.start(options))
end

--- The same, with what it reads recorded in the folder that is returned, too.
function delivery.recorded(options)
  return with_small_buffer(Peer.start_recorded(options))
end

--- What each connection of a recording peer read.
function delivery.all_data(dir)
  local data = {}
  for _, stream in ipairs(Peer.streams(dir)) do data[#data + 1] = stream.data end
  return data
end

--- A client whose peer does not read, with more than the kernel takes; then the peer resets the connection, and reads
-- from now on. No second attempt comes by itself.
-- @return client, events, the disconnect event, peer, the peer's folder, the stats before
function delivery.cut(options)
  local peer, dir = delivery.recorded { mode = "silent" }
  options.reconnect = util.LONG
  local client = util.connected(peer, options)
  local events = util.collect(client)
  delivery.overfill(client)
  local before = delivery.wait_stuck(client)
  peer:command "reset"
  local disconnect = assert(events:wait "disconnect")
  peer:command "mode sink"
  return client, events, disconnect, peer, dir, before
end

return delivery
