-- Life and death: how states, processes, modules, threads and clients end, and what they leave behind.
--
-- Most of it runs in processes of its own: in `embed` (spec/support/embed.c), a C host that lives on after lua_close, or
-- in the stock interpreter. TEARDOWN_RUNS and TEARDOWN_CYCLES say how often; by hand: TEARDOWN_RUNS=500.

local sidewire = require "sidewire.core"
local Peer = require "spec.support.peer"
local util = require "spec.support.util"

local RUNS = math.tointeger(os.getenv "TEARDOWN_RUNS" or util.choose(20, 5))
local CYCLES = math.tointeger(os.getenv "TEARDOWN_CYCLES" or util.choose(300, 40))

-- What closing may take beyond the linger. A sanitizer is slow, but hangs no less visibly.
local MARGIN = util.choose(0.5, 5)

local BUILD = assert(os.getenv "SIDEWIRE_BUILD", "run this with tools/run")
local EMBED = ("tools/run %s %s/embed"):format(BUILD:match "[^/]+$", BUILD)
local LUA = os.getenv "SIDEWIRE_LUA"

-- Begins every script: `...` is the port of an echoing peer, and that of a silent one.
local PRELUDE = [[
-- Made before the module is loaded, so finalized after it.
latest = setmetatable({}, { __gc = function(self) if self.call then self.call() end end })
local function finally(call) latest.call = call end
local sidewire = require "sidewire.core"
local echo, silent = ...
local function new(options)
  options.host = options.host or "127.0.0.1"
  options.port = options.port or tonumber(echo)
  return sidewire.new(options)
end
local function connected(options)
  local client = new(options)
  assert(client:connect())
  assert(client:wait("connected", 30))
  return client
end
local function poll_until(predicate)
  local deadline = os.time() + 30
  repeat
    sidewire.poll()
    if predicate() then return end
    sidewire.wait(0.01)
  until os.time() > deadline
  error("still not so", 2)
end
-- Keeps the loop busy: messages there and back, in every state of a client.
local function be_busy()
  local clients = {}
  for i = 1, 3 do clients[i] = connected { on = { message = function() end } } end
  for i = 1, 100 do assert(clients[1 + i % 3]:send(("busy %d"):format(i))) end
  clients.refused = new { port = 1, on = { retry = function() end } }
  clients.refused:connect()
  clients.resolving = new { host = "localhost" }
  clients.resolving:connect()
  clients.idle = new {}
  sidewire.poll()
  return clients
end
]]

local function quote(text)
  return "'" .. text:gsub("'", "'\\''") .. "'"
end

-- Runs the shell's command; returns what it printed and its exit status.
local function shell(command)
  local output = assert(io.popen("exec 2>&1; " .. command, "r"))
  local said = output:read "a"
  local _, how, code = output:close()
  return said, how == "exit" and code or 128 + code
end

local echo, silent -- peers

local function with_peers(script)
  return ("%s %d %d"):format(quote(PRELUDE .. script), echo.port, silent.port)
end

-- Runs the script in `embed`; returns what it printed. Whatever goes wrong there fails the test.
local function embed(mode, script)
  local said, status = shell(("timeout -k 5 100 %s %s %s"):format(EMBED, mode, with_peers(script)))
  assert(status == 0, ("embed %s: exit status %d\n%s"):format(mode, status, said))
  return said
end

-- Runs the script in the stock interpreter again and again, and wants the same exit status each time.
local function exits(wanted, script)
  local file = os.tmpname()
  local out <close> = assert(io.open(file, "w"))
  assert(out:write(PRELUDE .. script))
  out:flush()
  local said = shell(("for run in $(seq %d); do timeout -k 5 60 %s %s %d %d >/dev/null 2>&1; echo status $?; done | sort | uniq -c")
    :format(RUNS, LUA, file, echo.port, silent.port))
  os.remove(file)
  assert.equal(("%d status %d"):format(RUNS, wanted), said:match "^%s*(.-)%s*$")
end

local function now()
  return require "socket".gettime()
end

describe("tearing down", function()
  before_each(function()
    util.begin()
    echo = Peer.start { mode = "echo" }
    silent = Peer.start { mode = "silent" }
  end)
  after_each(util.finish)

  describe("a Lua state", function()
    it("[F33] closes within the linger + 0.5 s, whatever its connections are doing", function()
      local said = embed("run", [[
        be_busy()
        local stuck = connected { port = tonumber(silent), linger = 0.7 }
        for i = 1, 100 do assert(stuck:send(("x"):rep(65000))) end
        local stalled_ending = connected { port = tonumber(silent), linger = 0.7 }
        stalled_ending:send "x"
        stalled_ending:disconnect()
      ]])
      local seconds = tonumber(said:match "closed in ([%d.]+) s")
      assert(seconds < 1 + MARGIN, said) -- the others' linger is the default, 1 s
    end)

    it("[F33] closes at once when nothing holds it up", function()
      local said = embed("run", [[
        local clients = be_busy()
        poll_until(function() return clients[1]:stats().finished == 33 end)
        for _, client in pairs(clients) do client:close() end
      ]])
      assert(tonumber(said:match "closed in ([%d.]+) s") < 0.5 + MARGIN, said)
    end)

    it("[F33] delivers what was queued, if the linger lasts", function()
      embed("run", [[
        local client = connected { framing = "raw", linger = 10 }
        for _ = 1, 50 do assert(client:send(("x"):rep(65536))) end
      ]])
      assert(echo:wait_bytes(50 * 65536, util.DEADLINE))
      assert(echo:wait_connections(0, util.DEADLINE))
    end)

    it("closes without having connected, or even made a client", function()
      embed("cycles 20", [[ ]])
      embed("cycles 20", [[ new { on = { close = print } }:send "never sent" ]])
    end)

    it("gives ECLOSED to a connect in a finalizer that runs after the module's", function()
      local said = embed("run", [[
        local client = connected {}
        finally(function() print("late", select(3, client:connect())) end)
      ]])
      assert.matches("late%s+ECLOSED", said)
    end)

    it("survives every call in a finalizer that runs after the module's", function()
      local said = embed("run", [[
        local client = connected { on = { message = function() end } }
        finally(function()
          for name, call in pairs(sidewire) do
            if type(call) == "function" then print(name, pcall(call)) end
          end
          for name, method in pairs(getmetatable(client).__index) do print(name, pcall(method, client)) end
          print(pcall(tostring, client))
          print "survived"
        end)
      ]])
      assert.matches("survived", said)
    end)

    it("survives a poll in a finalizer while a client with undelivered events is being collected", function()
      embed("run", [[
        for _, poll in ipairs { sidewire.poll, function() for _ in sidewire.events() do end end } do
          connected {}
          local polled
          setmetatable({}, { __gc = function() poll() polled = true end }) -- finalized before the client
          collectgarbage()
          assert(polled)
        end
      ]])
    end)

    it("takes along the clients that finalizers make while it closes", function()
      embed("cycles " .. util.choose(20, 5), [[
        local client = connected {}
        setmetatable({}, {
          __gc = function()
            client = new { on = { connect = print } }
            assert(client:connect())
            client:send "x"
          end,
        })
        finally(function() assert(select(3, client:connect()) == "ECLOSED") end)
      ]])
    end)

    it("[F35] leaves nothing behind when it is opened and closed again and again", function()
      embed("cycles " .. CYCLES, [[ be_busy() ]])
    end)

    it("[F35] may unload the module again and again: it stays mapped, and works", function()
      embed("unload " .. CYCLES, [[
        local clients = be_busy()
        poll_until(function() return clients[1]:stats().received > 10 end)
      ]])
    end)

    it("[F36] is independent of others, in one thread and in several", function()
      embed("threads 1 5", [[ be_busy() ]])
      embed(util.choose("threads 8 20", "threads 4 5"), [[
        local clients, got = be_busy(), 0
        local client = connected { on = { message = function(_, message)
          got = got + 1
          assert(message == "message " .. got)
        end } }
        for i = 1, 200 do client:send("message " .. i) end
        poll_until(function() return got == 200 end)
        clients[2]:close()
        if got % 2 == 0 then assert(sidewire.stop()) end
        connected {}
      ]])
    end)
  end)

  describe("a process", function()
    local ends = {
      ["by itself"] = { 0, "%s" },
      ["by os.exit()"] = { 0, "%s os.exit()" },
      ["by os.exit(7)"] = { 7, "%s os.exit(7)" },
      ["by os.exit(0, true)"] = { 0, "%s os.exit(0, true)" },
      ["by os.exit(7, true)"] = { 7, "%s os.exit(7, true)" },
      ["by an error"] = { 1, "%s error 'on purpose'" },
    }
    local places = {
      ["at top level"] = "%s",
      ["in a coroutine"] = "coroutine.wrap(function() %s end)()",
      ["in a handler"] = [[
        local client = connected { on = { message = function() %s end } }
        client:send "x"
        repeat until not sidewire.wait() or sidewire.poll() < 0]],
      ["in a handler in a coroutine"] = [[
        local client = connected { on = { message = function() %s end } }
        client:send "x"
        coroutine.wrap(function() repeat until not sidewire.wait() or sidewire.poll() < 0 end)()]],
      ["in a finalizer"] = "setmetatable({}, { __gc = function() %s end }) collectgarbage()",
    }
    for place, where in pairs(places) do
      for way, case in pairs(ends) do
        local ends_there = (way ~= "by itself" or place == "at top level") -- a handler's return ends nothing
          and (way ~= "by an error" or place ~= "in a finalizer") -- is a warning only
        if ends_there then
          it(("[F34] ends %s %s with status %d"):format(way, place, case[1]), function()
            exits(case[1], "local clients = be_busy() " .. where:format(case[2]:format ""))
          end)
        end
      end
    end

    it("[F34] ends by os.exit while a stuck client has data to send", function()
      for _, close in ipairs { "false", "true" } do
        exits(5, ([[
          local client = connected { port = tonumber(silent), linger = 0.1 }
          for i = 1, 100 do assert(client:send(("x"):rep(65000))) end
          os.exit(5, %s)
        ]]):format(close))
      end
    end)

    it("[F35] may take 30 ms in a destructor at exit while the loop thread still runs", function()
      for _ = 1, RUNS do
        embed("exit", [[
          local clients = be_busy()
          local flood = connected { on = { message = function(client, message) client:send(message) end } }
          flood:send "x"
          poll_until(function() return flood:stats().received > 10 end)
          clients = nil
        ]])
      end
    end)
  end)
end)
