-- sidewire in a C host with many states of LuaJIT, each with an allocator of its own: examples/hosts/engine.

local Peer = require "spec.support.peer"
local hosts = require "spec.support.hosts"
local shell = require "spec.support.shell"

describe("a C host with states of LuaJIT that have allocators of their own", function()
  local missing = hosts.missing("luajit", "cc")
  if missing then return pending(missing) end

  local dir, peer

  -- Its output and exit status.
  local function run(states, limit)
    return hosts.start(("env LUA_CPATH='%s/?.so' %s/engine examples/hosts/engine/busy.lua %s %d %d %d"):format(
      hosts.build "luajit", dir, peer.host, peer.port, states, limit)):finish()
  end

  setup(function()
    dir = Peer.tempdir()
    shell.execute(("cc -o %s/engine examples/hosts/engine/engine.c $(pkg-config --cflags --libs luajit)"):format(dir))
  end)
  teardown(function() Peer.remove(dir) end)
  before_each(function() peer = Peer.start { mode = "echo" } end)
  after_each(hosts.finish)

  it("closes each while sidewire is busy, and nothing is left", function()
    local output, status = run(200, 2 ^ 24)
    assert.equal(0, status, output)
    local threads = tonumber(output:match "^200 states, at most %d+ bytes each and (%d+) threads\n")
    assert(threads > 4, output) -- one for each state that is connected
    assert.matches("\n0 allocations refused, 0 failures\nleft: 0 bytes, 1 threads\n$", output)
    assert(peer:stats().bytes > 1e6, peer:stats().bytes)
  end)

  it("leaves nothing either when there is too little memory, wherever it ends", function()
    for limit = 60000, 200000, 20000 do
      local output, status = run(10, limit)
      assert.equal(0, status, output)
      local refused = tonumber(output:match "(%d+) allocations refused, ")
      if limit < 100000 then assert(refused > 0, output) end
      assert.matches("left: 0 bytes, 1 threads\n$", output)
    end
  end)
end)
