--- What the specs of poll share: clients for which lines have come, and handlers that note them.
--
--     before_each(lines.begin)     -- util.begin, and starts a peer that echoes, which it returns
--     after_each(util.finish)
--     local client = lines.with_lines(5)
--     local got = lines.note(client)
--     sidewire.poll()
--     assert.same(lines.numbers(1, 5), got)

local assert = require "luassert"
local sidewire = require "sidewire"
local util = require "spec.support.util"

local lines = {}

local peer

function lines.begin()
  peer = util.begin_with_peer { mode = "echo" }
  return peer
end

--- A connected client for which the lines "1" .. "count" came back and are queued; its connect event was polled away.
function lines.with_lines(count, options)
  local client = util.connected(peer, options)
  sidewire.poll()
  local bytes = 0
  for i = 1, count do
    assert(client:send(i))
    bytes = bytes + #tostring(i) + 1
  end
  assert(util.wait_received(client, bytes))
  return client
end

--- The texts of such lines.
function lines.numbers(first, last)
  local list = {}
  for i = first, last do list[#list + 1] = tostring(i) end
  return list
end

--- Sets a message handler that notes each message and then does what `act` does.
function lines.note(client, act)
  local got = {}
  client:on("message", function(_, message)
    got[#got + 1] = message
    if act then act(message) end
  end)
  return got
end

return lines
