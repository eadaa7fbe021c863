-- What ends a wait, and what must not.

local Peer = require "spec.support.peer"
local host = require "spec.support.host"
local util = require "spec.support.util"

-- A wait depends on how the script has taken things before, so each script has a Lua state of its own, in `embed`.
local PRELUDE = [[
  local port = tonumber((...))
  local sidewire = require "sidewire.core"
  local function connected(options)
    options = options or {}
    options.host, options.port = "127.0.0.1", port
    local client = sidewire.new(options)
    assert(client:connect())
    assert(client:wait("connected", 30))
    return client
  end
  local function is_timeout(...) return select(3, ...) == "ETIMEDOUT" end
]]

local peer

local function embed(script)
  return host.run({ "embed", "run" }, PRELUDE .. script, peer.port)
end

describe("sidewire.wait", function()
  before_each(function()
    util.begin()
    peer = Peer.start { mode = "echo" }
  end)
  after_each(util.finish)

  it("ends with whatever came, before the script's first poll, events() or receive", function()
    embed [[
      local client = connected()
      assert(sidewire.wait(30) == true) -- the connect event, though nothing hears it
      client:send "x"
      assert(sidewire.wait(30) == true)
      assert(client:receive(30) == "x")
      assert(is_timeout(sidewire.wait(0))) -- from now on, only what receive takes
    ]]
  end)

  it("lets a loop of wait and events sleep and wake, with wait as its first call", function()
    embed [[
      local clients, got = { connected(), connected() }, 0
      for i = 1, 50 do clients[1 + i % 2]:send(i) end
      while got < 50 do
        assert(sidewire.wait(30) == true)
        for _, event in sidewire.events() do
          if event == "message" then got = got + 1 end
        end
      end
      assert(is_timeout(sidewire.wait(0.01)))
      clients[1]:send "x"
      assert(sidewire.wait(30) == true)
    ]]
  end)

  it("lets a loop of wait and receive over two clients sleep and wake, and tells each end once", function()
    embed [[
      local clients, got, ended = { connected { reconnect = false }, connected { reconnect = false } }, 0, 0
      for i = 1, 50 do clients[1 + i % 2]:send(i) end
      while got < 50 do
        assert(sidewire.wait(30) == true)
        for _, client in ipairs(clients) do
          while client:receive() do got = got + 1 end
        end
      end
      assert(is_timeout(sidewire.wait(0.01)))
      for _, client in ipairs(clients) do client:disconnect() end
      while ended < 2 do
        assert(sidewire.wait(30) == true)
        for i, client in pairs(clients) do
          local _, _, code = client:receive()
          if code == "ECLOSED" then ended, clients[i] = ended + 1, nil end
        end
      end
      assert(is_timeout(sidewire.wait(0.01))) -- the disconnect events lie there still, for poll
      assert(select(2, sidewire.poll()) == false)
    ]]
  end)

  it("ends, for a script that polls, with what has a handler, and with nothing else", function()
    embed [[
      local client = connected()
      sidewire.poll()
      client:send "for receive"
      while client:stats().inbox_bytes == 0 do sidewire.wait(0.001) end
      assert(is_timeout(sidewire.wait(0.01)))
      client:disconnect(30)
      assert(client:wait("disconnected", 30))
      assert(is_timeout(sidewire.wait(0.01)))
      client:on("disconnect", function() end)
      assert(sidewire.wait(0) == true)
      assert(sidewire.poll() == 1)
      assert(is_timeout(sidewire.wait(0)))
      client:on("message", function() end)
      assert(sidewire.wait(0) == true)
    ]]
  end)

  it("ends, for a script that polls, when what nobody hears takes up much of the inbox", function()
    embed [[
      local client = sidewire.new { host = "127.0.0.1", port = 1, reconnect = 0.001, inbox_limit = 4000 }
      client:connect()
      sidewire.poll()
      for _ = 1, 5 do
        assert(sidewire.wait(30) == true) -- some retry events
        assert(sidewire.poll() == 0)
      end
    ]]
  end)

  it("follows the script when it takes things in another way", function()
    embed [[
      local client = connected()
      for _ in sidewire.events() do end
      client:send "x"
      assert(sidewire.wait(30) == true)
      sidewire.poll()
      assert(is_timeout(sidewire.wait(0)))
      for _, event, message in sidewire.events() do assert(event == "message" and message == "x") end
      client:send "y"
      assert(client:receive(30) == "y")
      client:send "z"
      assert(sidewire.wait(30) == true)
      client:on("message", function() end) -- pulled no more
      assert(sidewire.wait(0) == true and sidewire.poll() == 1)
      client:on("message", nil)
      client:send "w"
      while client:stats().inbox_bytes == 0 do sidewire.wait(0.001) end
      assert(is_timeout(sidewire.wait(0)))
    ]]
  end)

  it("does not end for ever with an end that nobody took, once that client has begun anew or was closed", function()
    embed [[
      local client, other = connected { reconnect = false }, connected()
      other:send "x"
      assert(client:receive() == nil and other:receive(30) == "x") -- both are pulled
      client:disconnect(30)
      assert(client:wait("disconnected", 30))
      assert(sidewire.wait(0) == true) -- the end
      client:connect()
      assert(client:wait("connected", 30))
      assert(client:receive() == nil)
      assert(is_timeout(sidewire.wait(0.01)))
      client:disconnect(30)
      assert(client:wait("disconnected", 30))
      assert(sidewire.wait(0) == true)
      client:close()
      assert(is_timeout(sidewire.wait(0.01)))
    ]]
  end)

  it("tells why poll(2) cannot wait, as the other waits do, and goes on when it can", function()
    local said = embed [[
      local client = connected { on = { message = function() end } }
      sidewire.poll()
      local before = embed.limit_descriptors(0)
      print("sidewire.wait", sidewire.wait(30))
      print("client:wait", client:wait("disconnected", 30))
      client:on("message", nil)
      print("client:receive", client:receive(30))
      embed.limit_descriptors(before)
      client:send "x"
      assert(sidewire.wait(30) == true and client:receive(30) == "x")
      embed.limit_descriptors(0)
      assert(sidewire.stop() == true)
      embed.limit_descriptors(before)
    ]]
    for _, call in ipairs { "sidewire%.wait", "client:wait", "client:receive" } do
      assert.matches(call .. "%s+nil%s+cannot wait: poll%(2%) failed: invalid argument%s+EINVAL", said)
    end
  end)
end)

describe("a wait within another wait", function()
  before_each(function()
    util.begin()
    peer = Peer.start { mode = "silent" }
  end)
  after_each(util.finish)

  -- Ten bytes are a message, and a byte comes each millisecond: many of them within one call of receive mean that it
  -- was not woken.
  local SCRIPT = [[
    local client = connected { framing = { fixed = 10 } }
    local is_waiting, drained, raised = false, 0, false
    local function arm()
      setmetatable({}, { __gc = function()
        if is_waiting then
          is_waiting = false
          while client:receive() do drained = drained + 1 end
          %s
        end
        if client then arm() end
      end })
    end
    print "ready"
    io.stdout:flush()
    collectgarbage("incremental", 1, 1000, 4)
    collectgarbage()
    for _ = 1, 8 do arm() end
    local received, worst = client:stats().received_bytes, 0
    repeat
      is_waiting = true
      local message, _, code = client:receive(1.5)
      is_waiting = false
      local now = client:stats().received_bytes
      if message then worst = math.max(worst, now - received) end
      received = now
    until code
    client = nil
    collectgarbage("incremental", 200, 100, 13)
    print("drained", drained, "worst", worst, "received", received, raised)
  ]]

  local MORE = {
    ["takes no wake-up from it"] = "",
    ["takes no wake-up from it when it times out"] = "client:receive(0.001)",
    ["takes no wake-up from it when it waits for all clients"] = "sidewire.wait(0.001)",
    ["takes no wake-up from it when an error ends it"] = [[
          embed.fail_allocations(2) -- the second is Lua's own second try
          local ok, why = pcall(client.receive, client, 1)
          embed.fail_allocations(0)
          assert(not ok and why == "not enough memory", why)
          raised = true
    ]],
    ["takes no wake-up from it when it is a wait for others"] = "client:wait('disconnected', 0.001) sidewire.poll()",
  }
  for title, more in pairs(MORE) do
    it(title, function()
      local output = host.start({ "embed", "run" }, PRELUDE .. SCRIPT:format(more), peer.port)
      assert.equal("ready", output:read "l")
      assert(peer:wait_accepted(1, util.DEADLINE))
      peer:command("send-slow " .. ("78"):rep(1500))
      local said = output:read "a"
      output:close()
      local drained, worst, received = said:match "drained%s+(%d+)%s+worst%s+(%d+)%s+received%s+(%d+)"
      assert(tonumber(drained) > 0, said)
      assert.equal("1500", received)
      assert(tonumber(worst) < 500, said)
      assert.equal(more:find "raised" ~= nil, said:find("received%s+1500%s+true") ~= nil, said)
    end)
  end
end)
