-- Scripts that mean harm, or do strange things: the host survives, and so does the module. Most run in a process
-- of their own: what they do ends in a crash where it is not mended.

local sidewire = require "sidewire.core"
local build = require "spec.support.build"
local engine = require "spec.support.engine"
local host = require "spec.support.host"
local shell = require "spec.support.shell"
local Peer = require "spec.support.peer"
local util = require "spec.support.util"

local run = host.runner "spec.life.scripts.strip"

-- Every call of spec/life/scripts/collect.lua.
local CALLS = { "on", "on_one", "connect", "connect_elsewhere", "disconnect", "close", "send", "send_many",
  "send_large", "send_refused", "write", "confirm", "receive", "wait", "flush", "poll", "poll_all", "wait_all",
  "events", "notifier", "state", "pending", "stats", "unfinished", "set_greeting", "set_server", "get_server",
  "set_reconnect", "get_reconnect", "tostring", "new", "misuse" }

-- Those that make nothing new, so that no collection can start in them today: they are tried all the same.
local FRUGAL = { disconnect = true, close = true, wait_all = true, pending = true, get_server = true,
  notifier = true }

describe("a finalizer that runs within a method of a client and ends that client", function()
  local peer
  before_each(function() peer = util.begin_with_peer { mode = "echo" } end)
  after_each(util.finish)

  for _, call in ipairs(CALLS) do
    it("does no harm [F51]: " .. call, function()
      local script, ran = ("spec/life/scripts/collect.lua %d %s"):format(peer.port, call), 0
      for _ = 1, 20 do -- what a poll makes depends on what has come by then: under LuaJIT, 13 of 30 tries made nothing
        local said, status = shell.run(("timeout -k 5 120 %s %s"):format(build.LUA, script))
        assert(status == 0, said)
        ran = tonumber(said:match "survived (%d+)")
        if ran > 0 or FRUGAL[call] then return end
      end
      assert(ran > 0, "no attack ran")
    end)
  end
end)

describe("the module's metatables", function()
  before_each(util.begin)
  after_each(util.finish)

  it("are not the script's [F51]", function()
    local client = sidewire.new()
    client:send "x"
    local _, state = assert(client:unfinished())
    assert.equal("sidewire.client", getmetatable(client))
    assert.equal("sidewire.unfinished", getmetatable(state))
    assert.is_false((pcall(setmetatable, client, {})))
    assert.is_nil(client.__gc)
    assert.is_nil(client.__index)
  end)

  it("hold finalizers that check what they get [F51]", function()
    local client = sidewire.new()
    client:send "x"
    local _, state = assert(client:unfinished())
    local impostor = setmetatable({}, { __gc = debug.getmetatable(client).__gc })
    for _, userdata in ipairs { client, state } do
      local collect = debug.getmetatable(userdata).__gc
      local other = userdata == client and state or client
      for _, value in ipairs { 1, "x", true, {}, io.stdout, impostor, other } do
        local ok, message = pcall(collect, value)
        assert.is_false(ok)
        assert(message:find("sidewire%.%a+ expected, got "), message)
      end
      assert.is_false((pcall(collect)))
    end
    setmetatable(impostor, nil)
    assert.equal("idle", client:state())
  end)

  it("leave no finalizer where the debug library reaches the module's own userdata [F51]", function()
    if not engine.has_c_upvalues then return pending(engine.lacks "way to the upvalues of C functions") end
    local client = sidewire.new { host = "127.0.0.1", port = 1 }
    local _, shared = debug.getupvalue(client.send, 1)
    assert.equal("sidewire.context", getmetatable(shared))
    assert.is_nil(debug.getmetatable(shared).__gc)
  end)
end)

describe("with the debug library", function()
  before_each(host.begin)
  after_each(util.finish)

  local function strip_by(way)
    assert.matches("survived", run("embed cycles 4", "strip", way))
  end

  it("metatables can be emptied [F51]", function() strip_by "metatables" end)
  it("the module's own userdata cannot be let go while it is used [F51]", function() strip_by "upvalues" end)
  it("a finalizer can be captured, and called by hand [F51]", function() strip_by "finalizer" end)
  it("the memory of a collected client cannot be freed by hand [F51]", function() strip_by "locals" end)
  it("a client can be collected by hand while its settings are saved [F51]", function() strip_by "saver" end)
end)

describe("upvalues of the module's functions", function()
  before_each(util.begin)
  after_each(util.finish)

  -- Calls with each upvalue replaced, and puts it back. What is returned is of no interest; that it returns is.
  local function try(f, ...)
    for upvalue = 1, 9 do
      local name, value = debug.getupvalue(f, upvalue)
      if not name then return end
      for _, wrong in ipairs { false, 1, "x", {}, io.stdout, print } do
        debug.setupvalue(f, upvalue, wrong)
        pcall(f, ...)
        debug.setupvalue(f, upvalue, value)
      end
    end
  end

  it("are checked before they are used [F51]", function()
    if not engine.has_c_upvalues then return pending(engine.lacks "way to the upvalues of C functions") end
    local client = sidewire.new { host = "127.0.0.1", port = 1 }
    local next, finalizers = sidewire.events(), { "__close", "__tostring", "__gc" }
    local arguments = { send = { ("x"):rep(100000) }, on = { "message", print }, wait = { "disconnected", 0 },
      set_greeting = { "x" }, flush = { 0 }, receive = { 0 } }
    local count = 0
    for name, method in pairs(debug.getmetatable(client).__index) do
      if name ~= "close" then try(method, client, engine.unpack(arguments[name] or {})) end
      count = count + 1
    end
    assert(count > 20)
    for name, f in pairs(sidewire) do
      if type(f) == "function" and name ~= "stop" then try(f, name == "wait" and 0 or nil) end
    end
    try(next)
    for _, name in ipairs(finalizers) do try(debug.getmetatable(client)[name], client) end
    assert.matches("collected", tostring(client)) -- its __gc does not need the upvalue
  end)

  it("are checked before strings that were sent are released, so that all of them are [F51]", function()
    if not engine.has_c_upvalues then return pending(engine.lacks "way to the upvalues of C functions") end
    local peer = Peer.start { mode = "sink" }
    local client = util.client(peer, { framing = "raw" })
    collectgarbage()
    local before = collectgarbage "count"
    for i = 1, 20 do assert(client:send(("x"):rep(2 ^ 19 + i))) end
    assert(client:connect())
    assert(peer:wait_bytes(20 * 2 ^ 19, util.DEADLINE))
    assert(util.wait_until(function() return client:pending() == 0 end))
    local _, context = debug.getupvalue(client.send, 1)
    debug.setupvalue(client.send, 1, false)
    assert.is_false((pcall(client.send, client, ("x"):rep(2 ^ 19))))
    debug.setupvalue(client.send, 1, context)
    sidewire.poll()
    collectgarbage()
    assert(collectgarbage "count" - before < 2 ^ 12, collectgarbage "count" - before)
  end)
end)
