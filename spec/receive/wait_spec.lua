-- What ends a wait, and what must not.

local sidewire = require "sidewire"
local Peer = require "spec.support.peer"
local engine = require "spec.support.engine"
local host = require "spec.support.host"
local util = require "spec.support.util"

describe("wait, flush and receive", function()
  before_each(util.begin)
  after_each(util.finish)

  it("run no handlers [F37]", function()
    local peer = Peer.start { mode = "echo" }
    local client = util.client(peer, { reconnect = false })
    local events = util.collect(client, "connect", "disconnect", "log", "drain", "lost")
    sidewire.poll() -- a script that polls: sidewire.wait waits for what has a handler
    client:connect()
    assert(client:wait("connected", util.DEADLINE))
    client:send "x"
    assert(client:flush(util.DEADLINE))
    assert.equal("x", client:receive(util.DEADLINE))
    assert(sidewire.wait(util.DEADLINE))
    peer:command "finish"
    assert(client:wait("disconnected", util.DEADLINE))
    assert.same({}, events:names())
    sidewire.poll()
    assert.equal(1, events:count "connect")
    assert.equal(1, events:count "disconnect")
  end)

  it("can be called in a handler", function()
    local peer = Peer.start { mode = "echo" }
    local client = util.client(peer)
    local answers = {}
    client:on("connect", function()
      client:send "a"
      assert(client:flush(util.DEADLINE))
      answers[1] = client:receive(util.DEADLINE)
      assert(client:wait("connected"))
      client:disconnect()
      assert(client:wait("disconnected", util.DEADLINE))
    end)
    local events = util.collect(client, "disconnect")
    client:connect()
    assert(events:wait "disconnect")
    assert.same({ "a" }, answers)
  end)
end)

describe("sidewire.wait", function()
  local peer

  before_each(function() peer = util.begin_with_peer { mode = "echo" } end)
  after_each(util.finish)

  it("is true as soon as, and as long as, poll has work", function()
    local client = util.connected(peer)
    assert.is_true(sidewire.wait(util.DEADLINE))
    assert.is_true(sidewire.wait(0))
    sidewire.poll()
    assert.same({ nil, "timed out: nothing came", "ETIMEDOUT" }, { sidewire.wait(0) })
    client:on("message", function() end)
    client:send "x"
    assert.is_true(sidewire.wait(util.DEADLINE))
    assert.is_true(sidewire.wait())
    assert.equal(1, (sidewire.poll()))
    assert.same({ nil, "timed out: nothing came", "ETIMEDOUT" }, { sidewire.wait(0.02) })
  end)

  it("times out, or says that nothing can come, without a connection", function()
    local _, message, code = sidewire.wait(0.01)
    assert.matches("^timed out: nothing came; no client .*call client:connect first$", message)
    assert.equal("ETIMEDOUT", code)
    assert.equal("ECLOSED", select(3, sidewire.wait()))
  end)
end)

-- A wait depends on how the script has taken things before, so each script has a Lua state of its own, in `embed`.
local embed = host.embedder "spec.receive.scripts.wait"

describe("sidewire.wait", function()
  before_each(host.begin)
  after_each(util.finish)

  it("ends with whatever came, before the script's first poll, events() or receive", function()
    embed "waits_first"
  end)

  it("lets a loop of wait and events sleep and wake, with wait as its first call", function()
    embed "waits_and_iterates"
  end)

  it("lets a loop of wait and receive over two clients sleep and wake, and tells each end once", function()
    embed "waits_and_receives"
  end)

  it("ends, for a script that polls, with what has a handler, and with nothing else", function()
    embed "waits_and_polls"
  end)

  it("ends, for a script that polls, when events without a handler take up much of the inbox", function()
    embed "waits_with_a_full_inbox"
  end)

  it("follows the script when it takes things in another way", function()
    embed "changes_its_way"
  end)

  it("does not end for ever with an end that was not taken, once that client has begun anew or was closed", function()
    embed "leaves_ends"
  end)

  it("tells why poll(2) cannot wait, as the other waits do, and goes on when it can", function()
    local said = embed "cannot_wait"
    for _, call in ipairs { "sidewire%.wait", "client:wait", "client:receive" } do
      assert.matches(call .. "%s+nil%s+cannot wait: poll%(2%) failed: invalid argument%s+EINVAL", said)
    end
  end)
end)

describe("a wait within another wait", function()
  local silent
  before_each(function() silent = select(2, host.begin()) end)
  after_each(util.finish)

  local WAITS = { -- those of spec/receive/scripts/wait.lua, and in words
    none = "takes no wake-up from it",
    timeout = "takes no wake-up from it when it times out",
    all_clients = "takes no wake-up from it when it waits for all clients",
    error = "takes no wake-up from it when an error ends it",
    others = "takes no wake-up from it when it is a wait for others",
  }
  for inner, title in pairs(WAITS) do
    it(title, function()
      if engine.NAME == "5.2" then return pending "Lua 5.2 hardly ever collects within a wait" end
      local output = host.start("spec.receive.scripts.wait", "embed run", "waits_within_a_wait", inner)
      assert.equal("ready", output:read "*l")
      assert(silent:wait_accepted(1, util.DEADLINE))
      local messages = {} -- all different: a string that Lua has already takes no memory
      for i = 1, 150 do messages[i] = ("%010d"):format(i) end
      silent:command("send-slow " .. Peer.hex(table.concat(messages)))
      local said = output:read "*a"
      output:close()
      local drained, worst, received = said:match "drained%s+(%d+)%s+worst%s+(%d+)%s+received%s+(%d+)"
      assert(drained, said)
      assert(tonumber(drained) > 0, said)
      assert.equal("1500", received)
      assert(tonumber(worst) < 500, said)
      assert.equal(inner == "error", said:find("received%s+1500%s+true") ~= nil, said)
    end)
  end
end)
