local sidewire = require "sidewire"

local FUNCTIONS = { "new", "poll", "wait", "events", "notifier", "on_error", "stop", "is_ip", "is_port" }
local METHODS = { "connect", "wait", "send", "write", "receive", "confirm", "flush", "set_reconnect", "get_reconnect",
  "set_server", "get_server", "set_greeting", "disconnect", "close", "state", "is_connected", "pending", "unfinished",
  "on", "stats", "poll" }

describe("the module", function()
  it("says what it is", function()
    assert.equal("sidewire", sidewire._NAME)
    assert.matches("^%d+%.%d+%.%d+$", sidewire._VERSION)
  end)

  it("is complete as sidewire.core alone [E4]", function()
    local core = require "sidewire.core"
    for _, module in ipairs { core, sidewire } do
      for _, name in ipairs(FUNCTIONS) do assert.is_function(module[name], name) end
      assert.equal("sidewire", module._NAME)
      local client = module.new()
      for _, name in ipairs(METHODS) do assert.is_function(client[name], name) end
    end
    for name, value in pairs(core) do assert.equal(type(value), type(sidewire[name]), name) end
  end)

  it("is the same when it is opened twice [E5]", function()
    local core = require "sidewire.core"
    local client = core.new()
    package.loaded["sidewire.core"] = nil
    local again = require "sidewire.core"
    package.loaded["sidewire.core"] = core
    assert.equal(core, again)
    assert.equal("idle", client:state())
    assert.equal(debug.getmetatable(client), debug.getmetatable(again.new()))
  end)

  it("makes no globals", function()
    for _, name in ipairs { "sidewire", "core", "client" } do assert.is_nil(rawget(_G, name)) end
  end)

  it("knows numeric addresses", function()
    local ipv4 = { "127.0.0.1", "0.0.0.0", "255.255.255.255" }
    local ipv6 = { "::", "::1", "fe80::1", "fe80::1%lo", "1:2:3:4:5:6:7:8", "::ffff:1.2.3.4", "2001:DB8::A" }
    for _, text in ipairs(ipv4) do assert.equal("ipv4", sidewire.is_ip(text)) end
    for _, text in ipairs(ipv6) do assert.equal("ipv6", sidewire.is_ip(text)) end
    for _, value in ipairs { "", "127.1", "127.0.0.1.", "127.0.0.01", "256.0.0.1", "1.2.3", "1.2.3.4.5", " 127.0.0.1",
      "127.0.0.1 ", "127.0.0.1\0", "0x7f.0.0.1", "localhost", "[::1]", ":::", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9",
      "12345::", "::1\0", "::1%", 127, 1.5, true, {} } do
      assert.is_nil((sidewire.is_ip(value)))
    end
    assert.is_nil((sidewire.is_ip()))
    assert.is_nil((sidewire.is_ip(nil)))
  end)

  it("knows ports, all or only registered ones", function()
    for _, port in ipairs { 1, 80, 1023, 1024, 32767, 32768, 65535, 80.0 } do assert.is_true(sidewire.is_port(port)) end
    for _, value in ipairs { 0, -1, 65536, 1.5, 0 / 0, math.huge, "80", true, {} } do
      assert.is_false(sidewire.is_port(value))
      assert.is_false(sidewire.is_port(value, true))
    end
    assert.is_false(sidewire.is_port())
    assert.is_false(sidewire.is_port(nil))
    for port, registered in pairs { [1] = false, [1023] = false, [1024] = true, [32767] = true, [32768] = false } do
      assert.equal(registered, sidewire.is_port(port, true))
      assert.is_true(sidewire.is_port(port, false))
    end
  end)
end)
