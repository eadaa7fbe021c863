-- Arguments that methods and functions refuse.

local sidewire = require "sidewire"
local engine = require "spec.support.engine"
local misuse = require "spec.support.misuse"
local util = require "spec.support.util"

local nan, inf = 0 / 0, math.huge
local nothing, refused = misuse.nothing, misuse.refused
local NO_NUMBERS, NO_SECONDS, NO_DELAYS = misuse.NO_NUMBERS, misuse.NO_SECONDS, misuse.NO_DELAYS
local NO_STRINGS, NO_HOSTS, NO_PORTS = misuse.NO_STRINGS, misuse.NO_HOSTS, misuse.NO_PORTS
local NO_HOSTS_BUT_MEANT = misuse.NO_HOSTS_BUT_MEANT

describe("misuse raises, names the field, says what is valid:", function()
  local client

  before_each(function() client = misuse.begin() end)
  after_each(misuse.finish)

  describe("a client", function()
    local function refuses(method, parts, ...)
      parts = { "client:" .. method, engine.unpack(parts) }
      return refused(parts, client[method], client, ...)
    end

    local function refuses_each(method, values, ...)
      for _, value in ipairs(values) do refuses(method, { ... }, value) end
    end

    it("refuses servers that are none: set_server [F1][F2][F3]", function()
      refuses("set_server", { "host must be a string" })
      refuses("set_server", { "host must be a string" }, nil, 80)
      for _, host in ipairs(NO_STRINGS) do
        refuses("set_server", { type(host) == "table" and "server must be a URL" or "host must be a string" }, host, 80)
      end
      for _, host in ipairs(NO_HOSTS) do refuses("set_server", { "invalid host name" }, host, 80) end
      for _, case in ipairs(NO_HOSTS_BUT_MEANT) do
        refuses("set_server", { "invalid host name", case[2] }, case[1], 80)
      end
      refuses("set_server", { "port must be a whole number, 1..65535" }, "example.org")
      for _, port in ipairs(NO_PORTS) do
        refuses("set_server", { "port must be a whole number, 1..65535" }, "example.org", port)
      end
    end)

    it("refuses servers that are none: connect [F1][F2][F3]", function()
      for _, host in ipairs(NO_STRINGS) do
        refuses("connect", { type(host) == "table" and "server must be a URL" or "host must be a string" }, host, 80)
      end
      for _, host in ipairs(NO_HOSTS) do refuses("connect", { "invalid host name" }, host, 80) end
      for _, case in ipairs(NO_HOSTS_BUT_MEANT) do refuses("connect", { "invalid host name", case[2] }, case[1], 80) end
      for _, port in ipairs(NO_PORTS) do
        refuses("connect", { "port must be a whole number, 1..65535" }, "127.0.0.1", port)
        refuses("connect", { "port must be a whole number, 1..65535" }, nil, port)
      end
    end)

    it("refuses to connect without a host or a port", function()
      refused({ "client:connect", "no host" }, function() sidewire.new():connect() end)
      refused({ "client:connect", "no host" }, function() sidewire.new({ port = 1 }):connect() end)
      refused({ "client:connect", "no port" }, function() sidewire.new({ host = "127.0.0.1" }):connect() end)
      refused({ "client:connect", "no port" }, function() sidewire.new():connect "127.0.0.1" end)
    end)

    it("refuses reconnect policies that are none [F4]", function()
      refuses("set_reconnect", { "spec" })
      refuses_each("set_reconnect", { 0, nan, inf, -inf, -1, 1e300, "1", "on", nothing, io.stdout }, "spec")
      for _, value in ipairs(NO_DELAYS) do
        refuses("set_reconnect", { "delay", "seconds" }, { delay = value })
        refuses("set_reconnect", { "max", "seconds" }, { max = value })
      end
      refuses("set_reconnect", { "unknown", "dely", "delay, max, factor, attempts, jitter" }, { dely = 1 })
    end)

    it("refuses times that are none [F4]", function()
      refuses_each("disconnect", NO_SECONDS, "linger", "seconds")
      refuses_each("close", NO_SECONDS, "linger", "seconds")
      refuses_each("flush", NO_SECONDS, "timeout", "seconds")
      refuses_each("receive", NO_SECONDS, "timeout", "seconds")
      for _, pattern in ipairs { "*l", "*a", "x" } do
        refuses("receive", { "got '" .. pattern .. "': it takes no pattern", "client:read" }, pattern)
      end
      for _, value in ipairs(NO_SECONDS) do
        refuses("wait", { "timeout", "seconds" }, "connected", value)
        refuses("poll", { "max_seconds", "seconds" }, nil, value)
      end
      refuses_each("poll", { -1, 1.5, nan, inf, 1e300, engine.unpack(NO_NUMBERS) }, "max_events", "whole number")
    end)

    it("says what to write instead of a name of LuaSocket, and what a client is not", function()
      for name, words in pairs { settimeout = "take", setoption = "sidewire.new", getpeername = "get_server",
        stop = "client:disconnect" } do
        local ok, why = pcall(function() return sidewire.new()[name] end)
        if name ~= "settimeout" then assert.truthy(why:find(words, 1, true), why) end
        assert.is_false(ok)
        assert.truthy(why:find("client." .. name .. ": there is no such method: ", 1, true), why)
      end
      for _, name in ipairs { "tcp", "connect", "sleep", "select" } do
        local ok, why = pcall(function() return sidewire[name] end)
        assert.is_false(ok)
        assert.truthy(why:find("sidewire." .. name .. ": there is no such function: ", 1, true), why)
      end
      assert.same({}, { sidewire.new().other, sidewire.other, sidewire.new()[1] })
      local ok, why = pcall(function() return "got " .. sidewire.new() end)
      assert.is_false(ok)
      assert.truthy(why:find("the first parameter of a handler is the client", 1, true), why)
    end)

    it("refuses an iterator that was not called", function()
      local ok, why = pcall(function() for _ in sidewire.events do error "it was called" end end)
      assert.is_false(ok)
      assert.truthy(why:find("in sidewire.events() do", 1, true), why)
    end)

    it("refuses to wait for other states", function()
      refuses("wait", { "connected", "disconnected" })
      refuses_each("wait", { "idle", "Connected", "", 1, true, {} }, "state", '"connected" or "disconnected"')
    end)

    it("refuses to send what is no message, and queues nothing [F6]", function()
      refuses("send", { "a string or a number", "no value" })
      refuses("send", { "a string or a number", "nil" }, nil)
      local printable = setmetatable({}, { __tostring = function() return "x" end })
      for _, value in ipairs { {}, true, nothing, io.stdout, printable } do
        refuses("send", { "a string or a number" }, value)
        refuses("send", { "a string or a number" }, "good", value)
        refuses("send", { "a string or a number" }, value, "good")
      end
      refuses("send", { "a string or a number" }, "good", nil, "good")
      local many = {}
      for i = 1, 100 do many[i] = "x" end
      many[57] = {}
      refuses("send", { "a string or a number" }, engine.unpack(many))
    end)

    it("refuses to write what are no bytes, and queues nothing [F6]", function()
      refuses("write", { "a string" })
      refuses_each("write", { {}, true, nothing }, "a string")
    end)

    it("refuses to confirm what is no id, and where nothing waits to be confirmed", function()
      refuses_each("confirm", { "x", {}, true, 1.5, nothing }, "id must be a whole number")
      refuses("confirm", { 'retain = "unconfirmed"' }, 1)
    end)

    it("refuses greetings that are no messages", function()
      refuses_each("set_greeting", { {{}}, {1, {}}, { x = "y" }, true }, "greeting")
      refuses("set_greeting", { "message 2 of greeting", "must not hold" }, { "a", "b\nc" })
      refuses("set_greeting", { "queue_limit" }, ("x"):rep(17 * 2 ^ 20))
    end)

    it("refuses handlers that cannot be called, and unknown events; other handlers stay [F5]", function()
      local calls = 0
      client:on("error", function() calls = calls + 1 end)
      for _, name in ipairs { 1, true, nothing } do refuses("on", { "event must be a name" }, name, nothing) end
      refuses("on", { "event must be a name", "got no value" })
      refuses("on", { "handler of message", "got no value" }, "message")
      for _, name in ipairs { "conect", "", "connect\0" } do
        refuses("on", { "unknown event '", "connect, message" }, name, nothing)
      end
      for _, value in ipairs { 1, "f", true, false, {}, io.stdout } do
        refuses("on", { "handler of error", "function" }, "error", value)
        refuses("on", { "handler of error", "function" }, { error = value })
      end
      refuses("on", { "unknown event 'conect'" }, { error = nothing, conect = nothing })
      refuses("on", { "handler of close" }, { error = nothing, close = 1 })
      refuses("on", { "handler of message", "function", "false" }, "message", true)
      client:connect("127.0.0.1", 1)
      client:set_reconnect(false)
      assert(util.poll_until(function() return client:state() == "idle" and calls > 0 end))
      assert.equal(1, calls)
      misuse.watch()
    end)
  end)

  it("an empty message is sent where its framing can carry it, and refused elsewhere [F6]", function()
    for framing, bytes in pairs { line = 1, u8 = 1, u16be = 2, u16le = 2, u32be = 4, u32le = 4 } do
      local sender = sidewire.new { framing = framing }
      assert.equal(1, sender:send "")
      assert.same({ bytes, 1 }, { sender:pending() })
    end
    local sender = sidewire.new { framing = { delimiter = "--" } }
    assert.equal(1, sender:send "")
    assert.same({ 2, 1 }, { sender:pending() })
    for _, framing in ipairs { "raw", { fixed = 3 } } do
      sender = sidewire.new { framing = framing }
      local id, message, code = sender:send ""
      assert.is_nil(id)
      assert.is_string(message)
      assert.equal("EFRAME", code)
      assert.same({ 0, 0 }, { sender:pending() })
    end
    assert.same({ nil, "bytes must not be empty", "EFRAME" }, { sidewire.new():write "" })
  end)

  it("the module's functions refuse times, counts and handlers that are none [F4][F5]", function()
    for _, value in ipairs(NO_SECONDS) do
      refused({ "sidewire.wait", "timeout", "seconds" }, sidewire.wait, value)
      refused({ "sidewire.stop", "timeout", "seconds" }, sidewire.stop, value)
      refused({ "sidewire.poll", "max_seconds", "seconds" }, sidewire.poll, nil, value)
    end
    for _, value in ipairs { -1, 1.5, nan, inf, 1e300, engine.unpack(NO_NUMBERS) } do
      refused({ "sidewire.poll", "max_events", "whole number" }, sidewire.poll, value)
    end
    for _, value in ipairs { 1, "f", true, false, {}, io.stdout } do
      refused({ "sidewire.on_error", "function" }, sidewire.on_error, value)
    end
    sidewire.on_error(setmetatable({}, { __call = nothing }))
  end)

  it("a refused stop closes nothing", function()
    refused({ "timeout" }, sidewire.stop, -1)
    assert.equal("idle", client:state())
  end)
end)
