-- A system that has no more descriptors, threads or memory to give: an error or an event says so, and all is well again
-- as soon as it gives.

local engine = require "spec.support.engine"
local faults = require "spec.support.faults"
local Peer = require "spec.support.peer"
local host = require "spec.support.host"
local util = require "spec.support.util"

local function works(client)
  assert(client:wait("connected", util.DEADLINE))
  assert(client:flush(util.DEADLINE))
  assert(util.poll_until(function() return client:stats().received_bytes > 0 end))
end

local embed = host.embedder "spec.injected.scripts.injected"

describe("a system that refuses", function()
  before_each(util.begin)
  after_each(util.finish)

  -- Dialling under these rules fails with `code`: it is retried, ends as an error when that is over, and then works.
  local function fails_with(rules, name, code)
    local peer = Peer.start { mode = "echo" }
    local client = util.client(peer, { host = name, reconnect = 0.005 })
    local events = util.collect(client, "retry", "error", "connect")
    client:send "whenever there is a connection"
    faults.during(rules, function()
      assert(client:connect())
      assert(events:wait("retry", 3))
      assert.equal(code, events:last("retry")[5])
      assert.equal(0, events:count "connect" + events:count "error")
      client:set_reconnect(false)
      assert.equal(code, assert(events:wait "error")[3])
      assert.equal("idle", client:state())
    end)
    assert(client:connect())
    works(client)
    client:close()
  end

  for _, call in ipairs {
    { "socket EMFILE @1+", "127.0.0.1", "EMFILE" },
    { "socket ENFILE @1+", "localhost", "ENFILE" },
    { "socket ENOBUFS @1+", "127.0.0.1", "ENOBUFS" },
    { "connect EADDRNOTAVAIL @1+", "127.0.0.1", "EADDRNOTAVAIL" },
    { "getsockopt ENOBUFS @1+; connect EINPROGRESS @1+; recv ECONNRESET @1+", "127.0.0.1", "ECONNRESET" },
    { "getaddrinfo EMFILE @1+", "localhost", "EMFILE" }, -- EAI_SYSTEM
    { "getaddrinfo EAI_MEMORY @1+", "localhost", "ENOMEM" },
    { "getaddrinfo EAI_MEMORY @1+", "127.0.0.1", "ENOMEM" },
    { "getaddrinfo EAI_AGAIN @1+", "localhost", "EAI_AGAIN" },
    { "getaddrinfo EAI_NONAME @1+", "localhost", "ENOTFOUND" },
    { "pthread_create EPERM @2+", "localhost", "EPERM" }, -- the first is the loop's
  } do
    it(("[F16] a connection to %s by %s: %s"):format(call[2], call[1], call[3]), function()
      fails_with(call[1], call[2], call[3])
    end)
  end

  it("[F16] a thread makes connect fail, and what was queued waits for the next one", function()
    local peer = Peer.start { mode = "echo" }
    local client = util.client(peer)
    client:send "first"
    faults.during("pthread_create EAGAIN @1+", function()
      for _ = 1, 20 do
        local ok, message, code = client:connect()
        assert.same({ nil, "EAGAIN", "string", "idle" }, { ok, code, type(message), (client:state()) })
      end
    end)
    assert(client:connect())
    works(client)
  end)

  it("[F16] memory makes connect to another server fail, and a further call goes there", function()
    local first, second = Peer.start(), Peer.start()
    local client = util.connected(first)
    for call = 1, 2 do -- for the server, for the command
      faults.during(("malloc ENOMEM @%d"):format(call), function()
        assert.equal("ENOMEM", (select(3, client:connect(second.host, second.port))))
        assert.same({ first.host, first.port }, { client:get_server(), (select(2, client:get_server())) })
        assert.equal("connected", client:state())
      end)
    end
    assert(client:connect(second.host, second.port))
    assert(second:wait_accepted(1, util.DEADLINE))
    assert.same({ second.host, second.port }, { client:get_server(), (select(2, client:get_server())) })
  end)

  it("[F16] a thread for the lookup fails the attempt, and says so", function()
    local peer = Peer.start { mode = "echo" }
    local client = util.client(peer, { host = "localhost", reconnect = 0.1 })
    local events = util.collect(client, "retry")
    client:send "first"
    -- The first thread is the loop's.
    local counts = faults.during("pthread_create EAGAIN @2; pthread_create EAGAIN @3", function()
      assert(client:connect())
      works(client)
    end)
    assert.equal(2, counts.pthread_create.faults)
    assert.equal(2, events:count "retry")
    local _, _, _, message, code = engine.unpack(events:last "retry")
    assert.equal("EAGAIN", code)
    assert(message:find("cannot resolve localhost: the system allows no further thread", 1, true), message)
  end)

  -- The wake-ups are opened once for each Lua state: a fresh one in a C host, which counts descriptors and threads.
  for n = 1, 2 do
    for _, code in ipairs { "EMFILE", "ENFILE", "ENOMEM" } do
      it(("[F16] wake-up %d, with %s, makes connect fail"):format(n, code), function()
        host.begin()
        embed("has_no_wake_up", n, code)
      end)
    end
  end
end)
