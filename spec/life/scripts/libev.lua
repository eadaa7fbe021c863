-- What spec/life/libev_spec.lua runs in `neighbour`.

local session = require "spec.support.session"
local sidewire = require "sidewire.core"

local new, connected = session.new, session.connected

local scripts = {}

function scripts.turns_beside_sidewire()
  assert(neighbour.turn() == 2)
  local client = connected()
  for _ = 1, 5 do
    assert(client:send "x" and client:receive(30) == "x")
    assert(neighbour.turn() == 2)
  end
  assert(sidewire.stop())
  assert(neighbour.turn() == 2)
end

function scripts.loses_its_hooks()
  neighbour.set_allocator()
  neighbour.set_error_hook()
  local client = new()
  neighbour.keep_loop()
  neighbour.fail(1, 0)
  neighbour.turn()
  local before = neighbour.counts()
  assert(before.here > 0 and before.blocks > 0 and before.errors_here == 1)
  assert(client:connect() and client:wait("connected", 30))
  assert(neighbour.turn() == 2)
  neighbour.end_loop() -- its blocks are freed by free(), and the host's allocator does not know
  local after = neighbour.counts()
  assert(after.here == before.here and after.elsewhere == 0 and after.blocks == before.blocks)
end

function scripts.sets_its_allocator_anew()
  neighbour.set_allocator()
  local client = connected()
  neighbour.set_allocator()
  assert(neighbour.turn() == 2 and neighbour.counts().here > 0)
  local clients = {} -- luacheck: ignore 241
  for i = 1, 100 do clients[i] = connected() end
  local counts = neighbour.counts()
  assert(counts.elsewhere > 0 and counts.foreign > 0)
  assert(client:send "x" and client:receive(30) == "x")
  assert(sidewire.stop())
  counts = neighbour.counts()
  connected() -- a new loop leaves the host's as it is
  assert(neighbour.counts().elsewhere > counts.elsewhere)
end

function scripts.sets_its_error_hook_anew()
  local ended = 0
  local client = connected { on = { disconnect = function() ended = ended + 1 end } }
  neighbour.set_error_hook()
  neighbour.fail(1, 3)
  assert(neighbour.turn() == 2)
  assert(client:send "x" and client:receive(30) == "x")
  sidewire.poll()
  local counts = neighbour.counts()
  assert(counts.errors_here == 1 and counts.errors_elsewhere == 3 and ended == 0)
  assert(sidewire.stop())
  connected() -- a new loop leaves the host's hook as it is
  neighbour.fail(1, 0)
  assert(neighbour.turn() == 2 and neighbour.counts().errors_here == 2)
end

function scripts.counts_fork_handlers()
  local before = neighbour.counts().fork_handlers
  local client = new()
  assert(neighbour.counts().fork_handlers == before)
  assert(client:connect())
  for _ = 1, 3 do
    connected()
    assert(neighbour.counts().fork_handlers == before + 1)
    assert(sidewire.stop())
  end
end

function scripts.fails()
  neighbour.fail(1, 0)
  neighbour.turn()
end

function scripts.fails_after_connecting()
  neighbour.set_error_hook()
  connected()
  scripts.fails()
end

return scripts
