-- Calls that are written as in another library, or as by mistake: the error says how to write them, and where they are.

local sidewire = require "sidewire"
local core = require "sidewire.core"
local engine = require "spec.support.engine"
local files = require "spec.support.files"
local misuse = require "spec.support.misuse"
local Peer = require "spec.support.peer"
local util = require "spec.support.util"

local nothing, refused = misuse.nothing, misuse.refused
local TONUMBER = "', a string: tonumber makes a number of it"
local EVENTS = select(2, pcall(sidewire.new, { on = { nonsense = nothing } })):match "%(valid: (.*)%)"
local OPTIONS = select(2, pcall(sidewire.new, { nonsense = 1 })):match "%(valid: (.*)%)"

describe("a call that is written another way", function()
  before_each(util.begin)
  after_each(util.finish)

  for path, module in pairs { ["sidewire"] = sidewire, ["sidewire.settings"] = sidewire.settings,
    ["sidewire.resp"] = sidewire.resp } do
    it("says that the functions are called with a dot: " .. path, function()
      for name, f in pairs(module) do
        local called = path .. "." .. name
        local parts = { ("%s: call it with a dot, %s(...), not with a colon"):format(called, called) }
        if type(f) == "function" then
          refused(parts, f, module)
          refused(parts, f, module, 1)
        end
      end
    end)
  end

  it("says it of the core's functions, too", function()
    for name, f in pairs(core) do
      if type(f) == "function" then
        refused({ ("sidewire.%s: call it with a dot, sidewire.%s(...), not with a colon"):format(name, name) }, f, core)
      end
    end
  end)

  it("says that the methods are called with a colon, and names the one that was called", function()
    local client = sidewire.new()
    for name, method in pairs(debug.getmetatable(client).__index) do
      local part = ("client:%s: call it with a colon, client:%s(...): the first argument must be the client, got ")
        :format(name, name)
      refused({ part .. "no value" }, method)
      refused({ part .. "'hello'" }, method, "hello")
      refused({ part .. "a table" }, method, {})
    end
  end)

  it("says where handlers stand, for each event", function()
    local client = sidewire.new()
    for event in EVENTS:gmatch "[%w_]+" do
      for _, name in ipairs { "on_" .. event, "on" .. event, event, "on" .. event:sub(1, 1):upper() .. event:sub(2) } do
        refused({ "client." .. name .. ": ", ('client:on("%s", f)'):format(event), ("on = { %s = f }"):format(event) },
          function() client[name] = nothing end)
        refused({ "unknown option '" .. name .. "': ", ("on = { %s = f }"):format(event) }, sidewire.new,
          { [name] = nothing })
      end
    end
  end)

  it("says that a client has no fields", function()
    local client = sidewire.new()
    for _, name in ipairs { "score", "send", "on_", "on", "", 5, true } do
      refused({ ("client.%s: a client has no fields to set"):format(tostring(name)) }, function() client[name] = 1 end)
    end
    assert.is_nil(client.score)
  end)

  it("wants a handler, and not what a function returned that returns nothing", function()
    local client = sidewire.new()
    refused({ "client:on: event must be a name", "client:on(\"message\", f)", "got no value" }, client.on, client)
    for event in EVENTS:gmatch "[%w_]+" do
      refused({ "client:on: the handler of " .. event, "got no value: give the function f, not the result of f()" },
        function() client:on(event, nothing()) end)
      assert.equal(client, client:on(event, nil))
    end
  end)
end)

describe("a number that is given as a string", function()
  before_each(util.begin)
  after_each(util.finish)

  local NUMBERS = { -- each option that takes a number, and so does each of these fields
    "port", "max_message", "connect_timeout", "reconnect", "queue_limit", "inbox_limit", "max_read", "linger",
    "stall_timeout", "spin", "bind.port", "keepalive.idle", "keepalive.interval", "keepalive.count", "reconnect.delay",
    "reconnect.max", "reconnect.factor", "reconnect.attempts", "framing.fixed",
  }
  local OTHERS = { "host", "server", "order", "framing", "tls", "bind", "retain", "preamble", "greeting", "nodelay",
    "keepalive", "on", "settings" }

  it("is named as such in each option", function()
    for _, name in ipairs(NUMBERS) do
      local option, field = name:match "^([%w_]+)%.?([%w_]*)$"
      local value = field ~= "" and { [field] = "7" } or "7"
      refused({ name .. " must be ", "got '7" .. TONUMBER }, sidewire.new, { [option] = value })
    end
  end)

  it("is looked for in all of them", function()
    local known = {}
    for _, names in ipairs { NUMBERS, OTHERS } do
      for _, name in ipairs(names) do known[name] = true end
    end
    for name in OPTIONS:gmatch "[%w_]+" do assert(known[name], name .. ": is it a number?") end
  end)

  it("is named as such in each argument", function()
    local client = sidewire.new { framing = "raw" }
    local calls = {
      { client.wait, client, "connected", "7" }, { client.flush, client, "7" }, { client.receive, client, "7" },
      { client.read, client, "7" }, { client.read, client, 7, "7" }, { client.disconnect, client, "7" },
      { client.close, client, "7" }, { client.poll, client, "7" }, { client.poll, client, nil, "7" },
      { client.set_reconnect, client, "7" },
      { client.set_server, client, "127.0.0.1", "7" }, { client.connect, client, "127.0.0.1", "7" },
      { sidewire.poll, "7" }, { sidewire.poll, nil, "7" }, { sidewire.wait, "7" }, { sidewire.stop, "7" },
      { sidewire.set_policy, { max_clients = "7" } },
    }
    for _, call in ipairs(calls) do refused({ "got '7" .. TONUMBER }, engine.unpack(call, 1, 4)) end
  end)

  it("is named as such only if tonumber helps", function()
    for _, text in ipairs { "7x", "", "seven" } do
      local message = refused({ "port must be " }, sidewire.new, { port = text })
      assert.falsy(message:find("tonumber", 1, true))
    end
    assert.falsy(refused({ "nodelay must be " }, sidewire.new, { nodelay = "1" }):find("tonumber", 1, true))
  end)

  it("is no string in a settings file, where it may be out of range", function()
    local folder = Peer.tempdir()
    local path = folder .. "/net.ini"
    for _, text in ipairs { "70000", "0x50", "80.5", ("9"):rep(30) } do
      files.write(path, "port = " .. text .. "\n")
      local values, message = sidewire.settings.load(path)
      assert.is_nil(values)
      assert.falsy(message:find("tonumber", 1, true), message)
    end
    Peer.remove(folder)
  end)
end)

describe("the line that an error names", function()
  before_each(util.begin)
  after_each(util.finish)

  local function load_game(text, environment)
    environment.pcall, environment.sidewire, environment.core = pcall, sidewire, core
    return assert(engine.load(text, "=game.lua", environment))
  end

  local CALLS = {
    ["sidewire.new"] = "sidewire.new, { port = 0 }", ["core.new"] = "core.new, { port = 0 }",
    ["sidewire.new with settings"] = "sidewire.new, { settings = '', port = 0 }",
    ["sidewire.poll"] = "sidewire.poll, -1", ["client:send"] = "client.send, client, {}",
    ["client.send"] = "client.send", ["sidewire.settings.load"] = "sidewire.settings.load, 5",
    ["sidewire.settings.save"] = "sidewire.settings.save, 'net.ini', 5",
    ["sidewire.resp.encode"] = "sidewire.resp.encode",
  }

  for name, call in pairs(CALLS) do
    local f, arguments = call:match "^([^,]+),? ?(.*)$"

    it("is that of the call: " .. name, function()
      local run = load_game(("\n\nlocal result = %s(%s) return result"):format(f, arguments),
        { client = sidewire.new() })
      assert.equal("game.lua:3: ", select(2, pcall(run)):match "^game%.lua:%d+: ")
    end)

    it("is that of the pcall: " .. name, function()
      local text = ("\nlocal ok, message = pcall(%s) return ok, message"):format(call)
      local run = load_game(text, { client = sidewire.new() })
      assert.equal("game.lua:2: ", select(3, pcall(run)):match "^game%.lua:%d+: ")
    end)

    it("is the last one that Lua knows when the call is a tail call: " .. name, function()
      local text = "local function open() return %s(%s) end\n\nlocal result = open() return result"
      local run = load_game(text:format(f, arguments), { client = sidewire.new() })
      local line = select(2, pcall(run)):match "^game%.lua:(%d+): "
      -- 1 where Lua keeps the frame that calls a C function.
      assert(line == "3" or line == "1", line)
    end)
  end

  it("is none where no Lua has called", function()
    if not engine.has_c_coroutines then return pending(engine.lacks "coroutines of C functions") end
    local ok, message = coroutine.resume(coroutine.create(core.new), { port = 0 })
    assert.same({ false, "sidewire.new: port must be a whole number, 1..65535, got 0" }, { ok, message })
  end)
end)
