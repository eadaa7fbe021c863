-- Options that sidewire.new takes, and those that it refuses.

local core = require "sidewire.core"
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

  before_each(misuse.begin)
  after_each(misuse.finish)

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
        "inbox_limit", "retain", "bind", "preamble", "greeting", "linger", "nodelay", "keepalive", "stall_timeout",
        "spin", "on" } do
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
        assert.equal(tonumber(port), select(2, sidewire.new { host = "a", port = port }:get_server()))
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
      field("factor", { 0, 0.5, -1, nan, inf, 1e300, engine.unpack(NO_NUMBERS) }, "factor", "1..1000")
      field("jitter", { 0, 1, "true", {} }, "jitter", "true or false")
      field("attempts", { 0, -1, 1.5, nan, inf, 2 ^ 40, engine.unpack(NO_NUMBERS) }, "attempts", "whole number")
      field("delays", { 1 }, "unknown reconnect field 'delays'", "delay, max, factor, attempts, jitter")
      field(1, { 1 }, "unknown reconnect field '1'")
    end)

    it("refuses limits that are none", function()
      local no_limits = { 0, -1, 1.5, nan, inf, 1e300, engine.unpack(NO_NUMBERS) }
      refuses("queue_limit", no_limits, "queue_limit", "whole number")
      refuses("inbox_limit", no_limits, "inbox_limit", "whole number")
      refuses("max_message", no_limits, "max_message", "whole number")
      refuses("max_message", { 2 ^ 40 }, "max_message", "1..1073741824")
      assert(sidewire.new { queue_limit = 16 * 2 ^ 20, inbox_limit = 2 ^ 20, max_message = 2 ^ 16 }) -- whole floats
      assert(sidewire.new { queue_limit = 1, inbox_limit = 1, max_message = 1 })
    end)

    it("refuses other spins than whole microseconds, up to a second", function()
      refuses("spin", { -1, 0.5, 50e-6, 1000001, nan, inf, true, engine.unpack(NO_NUMBERS) }, "spin",
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
      assert.same({ "127.0.0.1", 1, "tcp://127.0.0.1:1" }, { made:get_server() })
      made:on(setmetatable({ message = nothing }, meta))
      assert.is_true(made:set_greeting(setmetatable({ "b" }, meta)))
      assert.is_true(made:set_reconnect(setmetatable({ delay = 2 }, meta)))
    end)

    it("checks options, and makes nothing", function()
      local found = sidewire.check_options { host = "127.0.0.1", port = 1, reconnect = false, queue_limit = 1 }
      assert.same({ host = "127.0.0.1", port = 1, server = { "tcp://127.0.0.1:1" }, reconnect = false }, found)
      assert.is_nil(sidewire.check_options().host)
      for _, checks in ipairs { sidewire, core } do
        refused({ "sidewire.check_options: unknown option 'x'" }, checks.check_options, { x = 1 })
        refused({ "sidewire.check_options: give server, or host and port" }, checks.check_options,
          { server = "tcp://a:1", port = 1 })
      end
    end)

    it("checks options with a settings file, which is not read", function()
      local found = sidewire.check_options { host = "127.0.0.1", port = 1, settings = "/no/folder/net.ini" }
      assert.same({ "127.0.0.1", 1 }, { found.host, found.port })
      refused({ "sidewire.check_options: settings must be the name of a file, got '5'" }, sidewire.check_options,
        { settings = 5 })
      refused({ "sidewire.check_options: unknown option 'x'", "spin, on, settings)" }, sidewire.check_options,
        { x = 1, settings = "net.ini" })
      refused({ "sidewire.check_options: unknown option 'settings'" }, core.check_options, { settings = "net.ini" })
    end)

    it("says what names of other libraries are here", function()
      for name, instead in pairs { timeout = "connect_timeout", address = "host", url = "server", ssl = "tls",
        cafile = "tls = { ca = }", delimiter = "framing = { delimiter = }", auto_reconnect = "reconnect" } do
        refused({ ("unknown option '%s': write %s"):format(name, instead) }, sidewire.new, { [name] = 1 })
      end
      for name, instead in pairs { cafile = "ca", certificate = "cert", keyfile = "key", protocol = "min_version",
        sni = "server_name" } do
        refused({ ("unknown tls field '%s': write %s"):format(name, instead) }, sidewire.new, { tls = { [name] = 1 } })
      end
    end)

    it("shows control characters as escapes, and proposes a delimiter", function()
      refused({ [[got '\r\n': for this delimiter, write { delimiter = "\r\n" }]] }, sidewire.new, { framing = "\r\n" })
      refused({ [[got '\000': for this delimiter]] }, sidewire.new, { framing = "\0" })
      refused({ [['a\tb']] }, sidewire.new, { host = "a\tb" })
    end)

    it("takes a callable table as a handler [F5]", function()
      local callable = setmetatable({}, { __call = nothing })
      for _, name in ipairs(util.EVENTS) do assert(sidewire.new { on = { [name] = callable } }) end
      assert(sidewire.new { on = { message = false } })
    end)
  end)
end)
