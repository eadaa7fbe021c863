-- What spec/tools/bundle_spec.lua runs in `neighbour`, with the module of `make bundle`.

local session = require "spec.support.session"
local sidewire = require "sidewire.core"

local scripts = {}

-- The host's allocator and error hook see the host's loops, and nothing of sidewire's, which has an error hook of its
-- own.
function scripts.leaves_the_hooks_alone()
  neighbour.set_allocator()
  neighbour.set_error_hook()
  local client, ended = session.connected { reconnect = false }, nil
  client:on("disconnect", function(_, _, code) ended = code end)
  assert(client:send "x" and client:receive(30) == "x")
  neighbour.fail(1, 0)
  assert(neighbour.turn() == 2)
  neighbour.fail(0, 1)
  assert(client:send "y")
  session.poll_until(function() return ended end)
  assert(ended == "EBADF", ended)
  assert(sidewire.stop())
  assert(neighbour.turn() == 2)
  local counts = neighbour.counts()
  assert(counts.here > 0 and counts.elsewhere == 0 and counts.foreign == 0)
  assert(counts.errors_here == 1 and counts.errors_elsewhere == 0)
end

return scripts
