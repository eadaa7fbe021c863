-- Clients that the garbage collector takes, or must not take yet.

local sidewire = require "sidewire.core"
local host = require "spec.support.host"
local util = require "spec.support.util"

describe("collection", function()
  local echo
  before_each(function() echo = host.begin() end)
  after_each(util.finish)

  local function weakly(client)
    return setmetatable({ client = client }, { __mode = "v" })
  end

  -- In a function of its own, so that no register of the test holds the client.
  local function drop(make)
    local weak = weakly(make())
    collectgarbage()
    collectgarbage()
    return weak
  end

  it("[F32] closes clients that no variable holds: a thousand leave nothing behind", function()
    local rounds = util.choose(10, 3)
    local memory
    for round = 1, rounds do
      for i = 1, 100 do
        local client = util.client(echo)
        assert(client:connect())
        if i % 3 ~= 0 then assert(client:wait("connected", util.DEADLINE)) end
        if i % 2 == 0 then client:send "dropped" end
      end
      collectgarbage()
      assert(echo:wait_connections(0, util.DEADLINE))
      sidewire.poll()
      if round == 2 then memory = util.resident_bytes() end
    end
    if not util.is_sanitized then assert(util.resident_bytes() - memory < 2 ^ 20) end
    assert(util.wait_until(function() return util.count_descriptors() <= 40 end))
  end)

  it("[F32] of a closed client does nothing more, and closing twice neither", function()
    local events
    local weak = drop(function()
      local client = util.connected(echo)
      sidewire.poll()
      events = util.collect(client)
      assert(client:close())
      assert(client:close())
      assert(events:wait "close")
      assert(client:close())
      assert.same({ "close" }, events:names())
      return client
    end)
    assert.is_nil(weak.client)
    sidewire.poll()
    assert.same({ "close" }, events:names())
  end)

  it("spares a client with a handler until its connection has ended and its events are delivered", function()
    local got, ended
    local weak = drop(function()
      return util.connected(echo, {
        reconnect = false,
        on = { message = function(_, message) got = message end, disconnect = function() ended = true end },
      })
    end)
    assert(weak.client)
    weak.client:send "hello"
    assert(util.poll_until(function() return got end))
    collectgarbage()
    assert(weak.client:is_connected())
    echo:command "finish"
    assert(util.wait_until(function() return weak.client:state() == "idle" end))
    collectgarbage()
    assert(weak.client, "it has an event to deliver")
    assert(util.poll_until(function() return ended end))
    collectgarbage()
    assert.is_nil(weak.client)
  end)

  it("spares a client with a handler while it waits for the next attempt", function()
    local retries = 0
    local weak = drop(function()
      local client = sidewire.new { host = "127.0.0.1", port = 1, reconnect = 0.01 }
      client:on("retry", function() retries = retries + 1 end)
      client:connect()
      return client
    end)
    assert(util.poll_until(function()
      collectgarbage()
      return retries >= 3
    end))
    weak.client:close()
  end)

  it("spares a client with a handler until its close event is delivered", function()
    local closed
    local weak = drop(function()
      local client = util.connected(echo, { on = { close = function() closed = true end } })
      client:close()
      return client
    end)
    assert(weak.client)
    assert(util.poll_until(function() return closed end))
    collectgarbage()
    assert.is_nil(weak.client)
  end)

  it("takes an idle client, with a handler or without", function()
    assert.is_nil(drop(function() return util.client(echo) end).client)
    assert.is_nil(drop(function() return util.client(echo, { on = { message = print } }) end).client)
  end)

  it("takes a connected client without handlers, and closes its connection", function()
    local weak = drop(function() return util.connected(echo) end)
    assert.is_nil(weak.client)
    assert(echo:wait_connections(0, util.DEADLINE))
  end)

  it("takes a client whose handlers were taken away", function()
    local weak = drop(function()
      local client = util.connected(echo, { on = { message = print, connect = print } })
      client:on { message = nil }
      client:on("message", nil)
      client:on("connect", nil)
      return client
    end)
    assert.is_nil(weak.client)
  end)

  it("takes a client again and again that its handlers refer to", function()
    for _ = 1, 10 do
      local weak = drop(function()
        local client
        client = util.connected(echo, { on = { message = function() client:poll() end } })
        client:disconnect()
        return client
      end)
      assert(util.poll_until(function()
        collectgarbage()
        return weak.client == nil
      end))
    end
  end)
end)
