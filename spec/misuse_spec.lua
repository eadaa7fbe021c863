local sidewire = require "sidewire"
local util = require "spec.support.util"

local nan, inf = 0 / 0, math.huge
local nothing = function() end

local NO_NUMBERS = { "1", "x", true, {}, nothing }
local NO_SECONDS = { nan, inf, -inf, -1, -1e-9, 1e300, "1", "x", true, {}, nothing }
local NO_DELAYS = { 0, table.unpack(NO_SECONDS) } -- where a timer must not spin
local NO_STRINGS = { 1, 127.1, true, {}, nothing, io.stdout }
local NO_HOSTS = { -- [F1]
  "", "a\0b", "\0", "127.0.0.1\0", "a\nb", "a b", " ", "a\t", "\127", "h\xc3\xb6st",
  ("a"):rep(64), ("a"):rep(63) .. "." .. ("b"):rep(64) .. ".org", ("a."):rep(127) .. "aa", ("x"):rep(100000),
  "a..b", ".a", ".", "a..", "-a", "a-", "a!b", "a,b", "*.a",
}
local NO_HOSTS_BUT_MEANT = { -- [F2]: what stands there instead of a host, and what the error says to it
  { "http://x", "URL" }, { "tcp://1.2.3.4:80", "URL" }, { "a/b", "URL or a path" }, { "user@host", "user" },
  { "h:80", "port is a separate argument" }, { "1.2.3.4:80", "port is a separate argument" },
  { "[::1]", "brackets" }, { "[::1]:80", "brackets" }, { ":::", "IPv6" }, { "1::2::3", "IPv6" },
  { "127.1", "all four parts" }, { "0x7f1", "all four parts" }, { "2130706433", "all four parts" },
  { "127.0.0.01", "all four parts" }, { "1.2.3.256", "all four parts" }, { "1.2.3.4.5", "all four parts" },
}
local NO_PORTS = { 0, -1, 65536, 1.5, nan, inf, 2 ^ 53, "80", "80x", "", true, {}, nothing } -- [F3]

-- A call that must raise; every part must stand in the message. Returns the message.
local function refused(parts, f, ...)
  local ok, message = pcall(f, ...)
  local arguments = {}
  for i, value in ipairs { ... } do
    arguments[i] = (type(value) == "string" and value or type(value)):sub(1, 60)
  end
  assert(not ok, "accepted: " .. table.concat(arguments, ", "))
  assert.is_string(message)
  for _, part in ipairs(parts) do
    assert(message:find(part, 1, true), ("no %q in %q"):format(part, message:sub(1, 400)))
  end
  return message
end

-- What a refused call must leave as it was.
local function look(client)
  local host, port = client:get_server()
  local bytes, messages = client:pending()
  return {
    text = tostring(client), state = client:state(), host = host or false, port = port or false,
    reconnect = client:get_reconnect(), bytes = bytes, messages = messages, stats = client:stats(),
  }
end

describe("misuse raises, names the field, says what is valid:", function()
  local client, before

  before_each(function()
    util.begin()
    client = sidewire.new { host = "127.0.0.1", port = 4000, reconnect = 2.5 }
    client:send "queued"
    before = look(client)
  end)

  after_each(function()
    assert.same(before, look(client))
    util.finish()
  end)

  describe("sidewire.new", function()
    local function refuses(option, values, ...)
      for _, value in ipairs(values) do refused({ "sidewire.new: ", ... }, sidewire.new, { [option] = value }) end
    end

    it("wants a table, or nothing", function()
      for _, value in ipairs { 1, "x", true, nothing } do
        refused({ "sidewire.new", "options must be a table" }, sidewire.new, value)
      end
      assert.equal("idle", sidewire.new():state())
      assert.equal("idle", sidewire.new(nil):state())
      assert.equal("idle", sidewire.new({}):state())
    end)

    it("lists the valid options when one is unknown [F5]", function()
      local message = refused({ "unknown option 'reconect'" }, sidewire.new, { reconect = true })
      for _, name in ipairs { "host", "port", "framing", "max_message", "connect_timeout", "reconnect", "queue_limit",
        "inbox_limit", "retain", "greeting", "linger", "nodelay", "keepalive", "stall_timeout", "spin", "on" } do
        assert(message:find(name, 1, true), name .. " is not listed")
      end
      refused({ "unknown option '1'" }, sidewire.new, { "127.0.0.1" })
      refused({ "unknown option 'true'" }, sidewire.new, { [true] = 1 })
      refused({ "unknown option" }, sidewire.new, { [{}] = 1 })
      refused({ "unknown option 'host" }, sidewire.new, { ["host\0"] = "x" })
    end)

    it("refuses hosts that are none [F1]", function()
      refuses("host", NO_STRINGS, "host must be a string")
      refuses("host", NO_HOSTS, "invalid host name")
    end)

    it("says what is wrong with URLs, ports in hosts, brackets and short addresses [F2]", function()
      for _, case in ipairs(NO_HOSTS_BUT_MEANT) do refuses("host", { case[1] }, "invalid host name", case[2]) end
    end)

    it("refuses ports that are none [F3]", function()
      refuses("port", NO_PORTS, "port must be a whole number, 1..65535")
    end)

    it("takes names, addresses and ports at their limits", function()
      local longest = ("a"):rep(63) .. "." .. ("b"):rep(63) .. "." .. ("c"):rep(63) .. "." .. ("d"):rep(61)
      for _, host in ipairs { "localhost", "a", "a.b.", "_dmarc.example.org", "xn--hst-sna.example", longest,
        "127.0.0.1", "255.255.255.255", "::1", "fe80::1%lo", "1a", "a-b" } do
        assert.equal(host, (sidewire.new { host = host, port = 1 }:get_server()))
      end
      assert.equal(253, #longest)
      for _, port in ipairs { 1, 65535, 80.0 } do
        assert.equal(math.tointeger(port), select(2, sidewire.new { host = "a", port = port }:get_server()))
      end
    end)

    it("refuses times that are none [F4]", function()
      refuses("connect_timeout", NO_DELAYS, "connect_timeout", "seconds")
      refuses("linger", NO_SECONDS, "linger", "seconds")
      refuses("stall_timeout", NO_SECONDS, "stall_timeout", "seconds")
      refuses("reconnect", { 0, nan, inf, -inf, -1, 1e300, "1", "on", nothing, io.stdout },
        "reconnect")
    end)

    it("refuses reconnect tables with unknown or bad fields [F4]", function()
      local function field(name, values, ...)
        for _, value in ipairs(values) do refuses("reconnect", { { [name] = value } }, ...) end
      end
      field("delay", NO_DELAYS, "delay", "seconds")
      field("max", NO_DELAYS, "max", "seconds")
      field("factor", { 0, 0.5, -1, nan, inf, 1e300, table.unpack(NO_NUMBERS) }, "factor", "1..1000")
      field("jitter", { 0, 1, "true", {} }, "jitter", "true or false")
      field("attempts", { 0, -1, 1.5, nan, inf, 2 ^ 40, table.unpack(NO_NUMBERS) }, "attempts", "whole number")
      field("delays", { 1 }, "unknown reconnect field 'delays'", "delay, max, factor, jitter, attempts")
      field(1, { 1 }, "unknown reconnect field '1'")
    end)

    it("refuses limits that are none", function()
      local no_limits = { 0, -1, 1.5, nan, inf, 1e300, table.unpack(NO_NUMBERS) }
      refuses("queue_limit", no_limits, "queue_limit", "whole number")
      refuses("inbox_limit", no_limits, "inbox_limit", "whole number")
      refuses("max_message", no_limits, "max_message", "whole number")
      refuses("max_message", { 2 ^ 40 }, "max_message", "1..1073741824")
      assert(sidewire.new { queue_limit = 16 * 2 ^ 20, inbox_limit = 2 ^ 20, max_message = 2 ^ 16 }) -- whole floats
      assert(sidewire.new { queue_limit = 1, inbox_limit = 1, max_message = 1 })
    end)

    it("refuses other spins than whole microseconds, up to a second", function()
      refuses("spin", { -1, 0.5, 50e-6, 1000001, nan, inf, true, table.unpack(NO_NUMBERS) }, "spin",
        "whole number of microseconds, 0..1000000")
      assert(sidewire.new { spin = 0 })
      assert(sidewire.new { spin = 1e6 })
    end)

    it("refuses framings that are none", function()
      refuses("framing", { "", "lines", "LINE", "u8 ", "u64", "line\0", 1, true, nothing }, "framing", '"line"',
        '"u32le"', "delimiter", "fixed")
      refuses("framing", { {}, { delimiter = "x", fixed = 1 } }, "framing", "delimiter", "fixed")
      refuses("framing", { { "line" }, { size = 3 } }, "framing", "delimiter, fixed")
      refuses("framing", { { delimiter = "" }, { delimiter = ("x"):rep(33) }, { delimiter = 1 }, { delimiter = true } },
        "delimiter", "1..32 bytes")
      refuses("framing", { { fixed = 0 }, { fixed = -1 }, { fixed = 1.5 }, { fixed = nan }, { fixed = "64" },
        { fixed = 2 ^ 31 } }, "fixed", "whole number")
      refused({ "max_message", "fixed" }, sidewire.new, { framing = { fixed = 64 }, max_message = 63 })
      assert(sidewire.new { framing = { delimiter = ("x"):rep(32) } })
      assert(sidewire.new { framing = { fixed = 64 }, max_message = 64 })
    end)

    it("refuses other retain modes", function()
      refuses("retain", { "", "all", "Unsent", 1, true, {} }, "retain", '"none"', '"unsent"', '"unacked"',
        '"unconfirmed"')
    end)

    it("refuses switches and keepalives that are none", function()
      refuses("nodelay", { 0, 1, "true", {} }, "nodelay", "true or false")
      refuses("keepalive", { true, 0, 15, "on", nothing }, "keepalive")
      for _, name in ipairs { "idle", "interval", "count" } do
        for _, value in ipairs { 0, -1, 1.5, nan, inf, 32768, "1", true } do
          refuses("keepalive", { { [name] = value } }, name, "whole number")
        end
      end
      refuses("keepalive", { { counts = 3 } }, "unknown keepalive field 'counts'", "idle, interval, count")
      assert(sidewire.new { keepalive = false })
      assert(sidewire.new { keepalive = { idle = 1 } })
    end)

    it("refuses handlers that cannot be called, and unknown events [F5]", function()
      refuses("on", { 1, "f", true, nothing }, "on", "table")
      for _, value in ipairs { 1, "f", true, false, {}, io.stdout } do
        refuses("on", { { connect = value } }, "handler of connect", "function")
      end
      for _, value in ipairs { 1, "f", true, {}, io.stdout } do
        refuses("on", { { message = value } }, "handler of message", "function", "false")
      end
      refuses("on", { { conect = nothing } }, "unknown event 'conect'",
        "connect, message, drain, acked, lost, disconnect, retry, error, log, close")
      refuses("on", { { nothing } }, "unknown event '1'")
    end)

    it("reads options, handlers and greetings without metamethods [F51]", function()
      local function raises() error "called" end
      local meta = { __index = raises, __pairs = raises, __len = raises, __newindex = raises }
      local hidden = setmetatable({}, { __index = { host = "127.0.0.1", greeting = 5, on = 5 } })
      assert.is_nil((sidewire.new(hidden):get_server()))
      local options = setmetatable({ host = "127.0.0.1", port = 1 }, meta)
      for name, value in pairs { on = { connect = nothing }, greeting = { "a" }, reconnect = { delay = 1 },
        keepalive = { idle = 1 }, framing = { fixed = 1 } } do
        rawset(options, name, setmetatable(value, meta))
      end
      local made = sidewire.new(options)
      assert.same({ "127.0.0.1", 1 }, { made:get_server() })
      made:on(setmetatable({ message = nothing }, meta))
      assert.is_true(made:set_greeting(setmetatable({ "b" }, meta)))
      assert.is_true(made:set_reconnect(setmetatable({ delay = 2 }, meta)))
    end)

    it("checks options, and makes nothing", function()
      local found = sidewire.check_options { host = "127.0.0.1", port = 1, reconnect = false, queue_limit = 1 }
      assert.same({ host = "127.0.0.1", port = 1, reconnect = false }, found)
      assert.is_nil(sidewire.check_options().host)
      refused({ "sidewire.new: unknown option 'x'" }, sidewire.check_options, { x = 1 })
    end)

    it("takes a callable table as a handler [F5]", function()
      local callable = setmetatable({}, { __call = nothing })
      for _, name in ipairs(util.EVENTS) do assert(sidewire.new { on = { [name] = callable } }) end
      assert(sidewire.new { on = { message = false } })
    end)
  end)

  describe("a client", function()
    local function refuses(method, parts, ...)
      parts = { "client:" .. method, table.unpack(parts) }
      return refused(parts, client[method], client, ...)
    end

    local function refuses_each(method, values, ...)
      for _, value in ipairs(values) do refuses(method, { ... }, value) end
    end

    it("refuses servers that are none: set_server [F1][F2][F3]", function()
      refuses("set_server", { "host must be a string" })
      refuses("set_server", { "host must be a string" }, nil, 80)
      for _, host in ipairs(NO_STRINGS) do refuses("set_server", { "host must be a string" }, host, 80) end
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
      for _, host in ipairs(NO_STRINGS) do refuses("connect", { "host must be a string" }, host, 80) end
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
      refuses("set_reconnect", { "unknown", "dely", "delay, max, factor, jitter, attempts" }, { dely = 1 })
    end)

    it("refuses times that are none [F4]", function()
      refuses_each("disconnect", NO_SECONDS, "linger", "seconds")
      refuses_each("close", NO_SECONDS, "linger", "seconds")
      refuses_each("flush", NO_SECONDS, "timeout", "seconds")
      refuses_each("receive", NO_SECONDS, "timeout", "seconds")
      for _, value in ipairs(NO_SECONDS) do
        refuses("wait", { "timeout", "seconds" }, "connected", value)
        refuses("poll", { "max_seconds", "seconds" }, nil, value)
      end
      refuses_each("poll", { -1, 1.5, nan, inf, 1e300, table.unpack(NO_NUMBERS) }, "max_events", "whole number")
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
      refuses("send", { "a string or a number" }, table.unpack(many))
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
      refuses("set_greeting", { "message 2 of greeting", "cannot carry" }, { "a", "b\nc" })
      refuses("set_greeting", { "queue_limit" }, ("x"):rep(17 * 2 ^ 20))
    end)

    it("refuses handlers that cannot be called, and unknown events; other handlers stay [F5]", function()
      local calls = 0
      client:on("error", function() calls = calls + 1 end)
      refuses("on", { "unknown event 'no value'", "connect, message" })
      for _, name in ipairs { "conect", "", "connect\0", 1, true } do
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
      before = look(client)
    end)
  end)

  it("an empty message is what its framing says [F6]", function()
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

  it("the module's functions [F4][F5]", function()
    for _, value in ipairs(NO_SECONDS) do
      refused({ "sidewire.wait", "timeout", "seconds" }, sidewire.wait, value)
      refused({ "sidewire.stop", "timeout", "seconds" }, sidewire.stop, value)
      refused({ "sidewire.poll", "max_seconds", "seconds" }, sidewire.poll, nil, value)
    end
    for _, value in ipairs { -1, 1.5, nan, inf, 1e300, table.unpack(NO_NUMBERS) } do
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

describe("a method on what is no client", function()
  before_each(util.begin)
  after_each(util.finish)

  local METHODS = { "on", "connect", "disconnect", "close", "send", "write", "confirm", "set_reconnect",
    "get_reconnect", "set_server", "get_server", "state", "is_connected", "pending", "stats", "wait", "flush",
    "receive", "poll" }
  local METAMETHODS = { "__gc", "__close", "__tostring" }

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
        assert(message:find("sidewire.client expected", 1, true), name .. ": " .. message)
      end
      refused({ "sidewire.client expected" }, method)
    end
  end)

  it("raises for a client that was collected before its last use [F9]", function()
    local said = {}
    do -- finalizers run in reverse order of creation: the client's first
      local user = setmetatable({}, { __gc = function(user)
        for name, method in pairs(all_methods(user.client)) do
          said[name] = table.pack(pcall(method, user.client, "connect", 1))
        end
      end })
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
      seen = table.pack(pcall(self.state, self))
    end)
    client:connect()
    assert(util.poll_until(function() return seen end))
    assert.is_false(seen[1])
    debug.getmetatable(client).__gc(client)
    assert.is_false((pcall(client.send, client, "x")))
  end)
end)
