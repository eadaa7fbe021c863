local sidewire = require "sidewire"
local engine = require "spec.support.engine"
local misuse = require "spec.support.misuse"
local util = require "spec.support.util"

local nothing, refused = misuse.nothing, misuse.refused

describe("a method on what is no client", function()
  before_each(util.begin)
  after_each(util.finish)

  local METHODS = { "on", "connect", "disconnect", "close", "send", "write", "confirm", "set_reconnect",
    "get_reconnect", "set_server", "get_server", "state", "is_connected", "pending", "stats", "wait", "flush",
    "receive", "poll" }
  local METAMETHODS = { "__gc", "__close", "__newindex", "__tostring" }

  local function all_methods(client)
    local all = {}
    for _, name in ipairs(METHODS) do all[name] = assert(client[name], name) end
    for _, name in ipairs(METAMETHODS) do all[name] = assert(debug.getmetatable(client)[name], name) end
    return all
  end

  it("raises [F9]", function()
    for name, method in pairs(all_methods(sidewire.new())) do
      local impostor = setmetatable({}, debug.getmetatable(sidewire.new()))
      for _, value in ipairs { 1, "x", true, {}, nothing, io.stdout, impostor } do
        local message = refused({}, method, value, "x", 1)
        local expected = name:find "^__" and "sidewire.client expected" or "the first argument must be the client"
        assert(message:find(expected, 1, true), name .. ": " .. message)
      end
      debug.setmetatable(impostor, nil) -- lest the finalizer raises as the method does
      refused({ name:find "^__" and "sidewire.client expected" or "the first argument must be the client" }, method)
    end
  end)

  it("raises for a client that was collected before its last use [F9]", function()
    local said = {}
    do -- finalizers run in reverse order of creation: the client's first
      local user = {}
      user.finalizer = engine.finalizer(function()
        for name, method in pairs(all_methods(user.client)) do
          said[name] = engine.pack(pcall(method, user.client, "connect", 1))
        end
      end)
      user.client = sidewire.new { host = "127.0.0.1", port = 1, on = { connect = nothing } }
      user.client:send "x"
    end
    collectgarbage()
    collectgarbage()
    for _, name in ipairs(METHODS) do
      assert(said[name], "not tried: " .. name)
      assert.is_false(said[name][1])
      assert(said[name][2]:find("collected", 1, true), said[name][2])
    end
    assert.is_true(said.__gc[1]) -- again: nothing
    assert.matches("^sidewire%.client: 0x%x+ collected$", said.__tostring[2])
  end)

  it("raises after the script itself called __gc, also in a handler [F9]", function()
    local client = sidewire.new { host = "127.0.0.1", port = 1, reconnect = false }
    local seen
    client:on("error", function(self)
      debug.getmetatable(self).__gc(self)
      seen = engine.pack(pcall(self.state, self))
    end)
    client:connect()
    assert(util.poll_until(function() return seen end))
    assert.is_false(seen[1])
    debug.getmetatable(client).__gc(client)
    assert.is_false((pcall(client.send, client, "x")))
  end)
end)
