-- Life and death: how states, processes, modules, threads and clients end, and what they leave behind.
--
-- Most of it runs in processes of its own: in `embed` (spec/support/embed.c), a C host that lives on after lua_close,
-- or in the stock interpreter. TEARDOWN_RUNS and TEARDOWN_CYCLES say how often; by hand: TEARDOWN_RUNS=500.

local sidewire = require "sidewire.core"
local Peer = require "spec.support.peer"
local util = require "spec.support.util"

local RUNS = math.tointeger(os.getenv "TEARDOWN_RUNS" or util.choose(20, 3))
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

-- Runs the script in `embed`; returns what it printed. Whatever goes wrong there fails the test. forks: a child of the
-- script starts threads, for which ThreadSanitizer would end it.
local function embed(mode, script, forks)
  local said, status = shell(("%stimeout -k 5 200 %s %s %s"):format(
    forks and 'SANITIZER_OPTIONS="$SANITIZER_OPTIONS:die_after_fork=0" ' or "", EMBED, mode, with_peers(script)))
  assert(status == 0, ("embed %s: exit status %d\n%s"):format(mode, status, said))
  return said
end

-- Runs the script in the stock interpreter again and again, and wants the same exit status each time.
local function exits(wanted, script)
  local file = os.tmpname()
  local out <close> = assert(io.open(file, "w"))
  assert(out:write(PRELUDE .. script))
  out:flush()
  local run = ("timeout -k 5 60 %s %s %d %d >/dev/null 2>&1"):format(LUA, file, echo.port, silent.port)
  local said = shell(("for run in $(seq %d); do %s; echo status $?; done | sort | uniq -c"):format(RUNS, run))
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
          for name, method in pairs(debug.getmetatable(client).__index) do print(name, pcall(method, client)) end
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

  describe("a signal", function()
    it("[F41] SIGPIPE never comes, and its disposition is left alone", function()
      echo:command "close-after 10000"
      embed("run", [[
        assert(embed.is_default "PIPE")
        local code
        local client = connected {
          inbox_limit = 1, reconnect = false,
          on = { message = function() end, disconnect = function(_, _, why) code = why end },
        }
        assert(embed.is_default "PIPE")
        -- With its inbox full it does not see the peer's end, and goes on writing: EPIPE, whose signal would kill.
        client:send "full"
        repeat embed.sleep(0.001) until client:stats().paused
        client:send(("x"):rep(9994)) -- all that the peer reads, to the byte: it ends with FIN, not RST
        embed.sleep(0.05)
        repeat
          client:send "x"
          embed.sleep(0.001)
        until not client:is_connected()
        poll_until(function() return code end)
        assert(code == "EPIPE" or code == "ECONNRESET", code) -- the latter if "x" was faster than the peer's end
        assert(embed.is_default "PIPE")
      ]])
    end)

    it("[F41] goes to the host, not to our threads, also while the host blocks it and is busy", function()
      embed("run", [[
        embed.catch "TERM"
        local got = 0
        local client = connected { on = { message = function() got = got + 1 end } }
        new { host = "localhost" }:connect() -- a resolver thread too
        embed.block("TERM", true)
        embed.kill "TERM" -- only the host's thread could take it, and does not now
        for i = 1, 300 do client:send("busy " .. i) end
        poll_until(function() return got == 300 end)
        local here, elsewhere = embed.caught "TERM"
        assert(here == 0 and elsewhere == 0)
        embed.block("TERM", false)
        embed.sleep(0.01)
        here, elsewhere = embed.caught "TERM"
        assert(here == 1 and elsewhere == 0, here .. " here, " .. elsewhere .. " elsewhere")
        embed.kill "TERM"
        embed.sleep(0.01)
        here, elsewhere = embed.caught "TERM"
        assert(here == 2 and elsewhere == 0, here .. " here, " .. elsewhere .. " elsewhere")
      ]])
    end)

    it("[F41] ends a wait with EINTR", function()
      embed("run", [[
        embed.catch "ALRM"
        local client = connected {}
        local function interrupted(wait)
          embed.storm(20000)
          local ok, message, code = wait()
          embed.storm(0)
          assert(ok == nil and message == "interrupted" and code == "EINTR", tostring(code))
        end
        interrupted(function() return client:wait("disconnected", 30) end)
        interrupted(function() return client:wait "disconnected" end)
        sidewire.poll()
        interrupted(function() return sidewire.wait(30) end)
        interrupted(function() return client:receive(30) end)
        local stuck = connected { port = tonumber(silent), queue_limit = 2^26, linger = 0.1 }
        for _ = 1, 500 do assert(stuck:send(("x"):rep(65000))) end
        interrupted(function() return stuck:flush(30) end)
        assert(client:send "still there")
        repeat local message = client:receive(1) until message == "still there"
      ]])
    end)

    it("[F41] a thousand times a second disturbs nothing else", function()
      embed("run", ([[
        embed.catch "ALRM"
        embed.storm(1000)
        local function wait(call, ...) -- until no signal comes between
          local ok, message, code
          repeat ok, message, code = call(...) until code ~= "EINTR"
          return ok, message, code
        end
        local wanted, got, unwanted = %d, 0, {}
        local function note(_, ...) unwanted[#unwanted + 1] = table.concat({ ... }, " ", 1, 2) end
        local client = new { on = {
          message = function(_, message)
            got = got + 1
            assert(message == "message " .. got, message)
          end,
          disconnect = note, error = note, retry = note, lost = note,
        } }
        assert(client:connect())
        assert(wait(client.wait, client, "connected", 30))
        for i = 1, wanted do
          assert(client:send("message " .. i))
          local events, more = sidewire.poll()
          assert(math.type(events) == "integer" and type(more) == "boolean")
          if i %% 100 == 0 then
            assert(wait(client.flush, client, 30))
            while got < i do -- else there may be nothing left to wait for
              assert(wait(sidewire.wait, 30))
              sidewire.poll()
            end
          end
        end
        poll_until(function() return got == wanted end)
        for i = 1, 20 do -- connecting, resolving, ending
          local other = new { host = i %% 2 == 0 and "localhost" or nil }
          assert(other:connect())
          assert(wait(other.wait, other, "connected", 30))
          other:send(("x"):rep(100000))
          assert(other:disconnect())
          assert(wait(other.wait, other, "disconnected", 30))
          assert(other:stats().finished == 1)
        end
        assert(sidewire.stop())
        assert(#unwanted == 0, table.concat(unwanted, "\n"))
        embed.storm(0)
        local here, elsewhere = embed.caught "ALRM"
        assert(here > 0 and elsewhere == 0, here .. " here, " .. elsewhere .. " elsewhere")
      ]]):format(util.choose(5000, 1000)))
    end)

    it("[F41] SIGSTOP and SIGCONT pause the process, and that is all", function()
      embed("run", [[
        local got, unwanted = 0, 0
        local function note() unwanted = unwanted + 1 end
        local client = connected { on = {
          message = function() got = got + 1 end, disconnect = note, error = note, lost = note,
        } }
        for pause = 1, 3 do
          local pid = embed.pid()
          os.execute(("(kill -STOP %d; sleep 0.1; kill -CONT %d) </dev/null >/dev/null 2>&1 &"):format(pid, pid))
          for i = 1, 100 do
            client:send(("x"):rep(10000))
            embed.sleep(0.001)
          end
          poll_until(function() return got == pause * 100 end)
        end
        assert(unwanted == 0)
      ]])
    end)
  end)

  describe("a fork", function()
    -- Every method that is to refuse, with arguments that would do otherwise.
    local REFUSALS = [[
      local function refused(name, ...)
        local result, message, code = ...
        assert(result == nil and message:find "fork" and code == "EFORKED", name .. ": " .. tostring(code or result))
      end
      local arguments = {
        wait = { "connected", 5 }, send = { "x" }, write = { "x" }, receive = { 5 }, flush = { 5 }, confirm = { 1 },
        on = { "drain", print }, set_reconnect = { 1 }, set_server = { "127.0.0.1", 1 },
      }
      local function refuses_all(client)
        local count = 0
        for name, method in pairs(debug.getmetatable(client).__index) do
          refused(name, method(client, table.unpack(arguments[name] or {})))
          count = count + 1
        end
        assert(count >= 18)
        assert(sidewire.is_ip "127.0.0.1" == "ipv4" and sidewire.is_port(1) == true)
        assert(tostring(client):find "^sidewire.client: 0x")
      end
    ]]

    it("[F42] leaves the child with EFORKED from every method, and the parent as it was", function()
      embed("run", REFUSALS .. [[
        local clients, got = be_busy(), 0
        local client = connected { on = { message = function() got = got + 1 end } }
        local pulled = connected {}
        for i = 1, 100 do client:send("before " .. i) end
        poll_until(function() return got > 0 end)
        local iterate = sidewire.events()
        local child = embed.fork()
        if child == 0 then
          for _, one in pairs(clients) do refuses_all(one) end
          refuses_all(client)
          refuses_all(pulled)
          assert(iterate() == nil)
          clients, pulled = nil, nil
          for _ = 1, 3 do collectgarbage() end
          local scoped <close> = client
          return -- embed closes the state: no socket may be left then
        end
        for i = 101, 200 do client:send("meanwhile " .. i) end
        local how, status = embed.reap(child)
        assert(how == "exit" and status == 0, how .. " " .. status)
        for i = 201, 300 do client:send("after " .. i) end
        poll_until(function() return got == 300 end)
        assert(pulled:send "still here")
        assert(pulled:receive(30) == "still here")
        assert(clients[1]:is_connected() and clients[2]:is_connected())
      ]])
      assert(echo:wait_connections(0, util.DEADLINE)) -- nobody holds a copy
    end)

    it("[F42] is followed by lua_close alone, in a child that calls nothing", function()
      embed("run", [[
        local clients = be_busy()
        local stuck = connected { port = tonumber(silent), linger = 30 }
        for i = 1, 100 do assert(stuck:send(("x"):rep(65000))) end
        for _ = 1, 5 do
          local child = embed.fork()
          if child == 0 then return end
          local how, status = embed.reap(child)
          assert(how == "exit" and status == 0, how .. " " .. status)
        end
        stuck:close(0)
      ]])
    end)

    it("[F42] is harmless before the loop thread was started, and after it was stopped", function()
      embed("run", [[
        local function use()
          local client = connected {}
          assert(client:send "hello")
          assert(client:receive(30) == "hello")
        end
        local function fork_and_use()
          local child = embed.fork()
          if child == 0 then
            use()
            return true
          end
          use()
          local how, status = embed.reap(child)
          assert(how == "exit" and status == 0, how .. " " .. status)
        end
        new {}
        if fork_and_use() then return end
        assert(sidewire.stop())
        if fork_and_use() then return end
      ]], true)
    end)

    it("[F42] ends, in the child, a poll that a handler of the parent's left by a yield", function()
      embed("run", [[
        local handled = 0
        local client = connected { on = { message = function()
          handled = handled + 1
          coroutine.yield()
        end } }
        for i = 1, 5 do client:send(i) end
        local poll
        while handled == 0 do
          sidewire.wait(0.01)
          poll = coroutine.create(sidewire.poll)
          assert(coroutine.resume(poll))
        end
        local child = embed.fork()
        if child == 0 then
          local _, result, more = coroutine.resume(poll)
          assert(result == 1 and more == false and handled == 1)
          return
        end
        local how, status = embed.reap(child)
        assert(how == "exit" and status == 0)
      ]])
    end)

    it("[F42] and exec inherits no descriptor", function()
      embed("run", [[
        local function inherited()
          local list <close> = io.popen "ls /proc/self/fd | wc -l"
          return list:read "n"
        end
        local before = inherited()
        local clients = be_busy()
        assert(clients[1]:is_connected())
        assert(inherited() == before)
      ]])
    end)
  end)

  describe("collection", function()
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

    it("[F32] closes clients that nobody holds: a thousand leave nothing behind", function()
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

  describe("stop", function()
    it("closes all clients and joins the thread; a connect starts it again [E7]", function()
      local threads = util.count_threads()
      for _ = 1, 3 do
        local client = util.connected(echo)
        local events = util.collect(client, "close")
        assert.equal(threads + 1, util.count_threads())
        assert(sidewire.stop())
        assert(util.wait_threads(threads))
        assert.equal("closed", client:state())
        assert.equal("ECLOSED", select(3, client:connect()))
        assert(events:wait "close")
      end
    end)

    it("does nothing without a thread", function()
      assert.is_true(sidewire.stop())
      assert.is_true(sidewire.stop(0))
      local client = util.client(echo)
      local events = util.collect(client)
      assert.is_true(sidewire.stop())
      assert.equal("closed", client:state())
      sidewire.poll()
      assert.same({ "close" }, events:names())
    end)

    it("flushes up to the largest linger, then names what is lost", function()
      local client = util.connected(silent, { linger = 0.3, queue_limit = 2 ^ 26 })
      local events = util.collect(client, "lost", "close")
      for _ = 1, 100 do assert(client:send(("x"):rep(65000))) end
      local begin = now()
      assert(sidewire.stop())
      assert(now() - begin < 0.3 + MARGIN)
      sidewire.poll()
      assert.equal("close", events[#events][1])
      local lost = 0
      for _, event in ipairs(events) do
        if event[1] == "lost" then lost = lost + event[3] - event[2] + 1 end
      end
      local stats = client:stats()
      assert.equal(stats.lost, lost)
      assert.equal(100, stats.lost + stats.finished)
    end)

    it("takes no longer than its timeout, and what aborting takes", function()
      local client = util.connected(silent, { linger = 60, queue_limit = 2 ^ 26 })
      for _ = 1, 100 do assert(client:send(("x"):rep(65000))) end
      local begin = now()
      assert(sidewire.stop(0.1))
      assert(now() - begin < 0.1 + MARGIN)
      assert.equal("closed", client:state())
    end)

    it("ends every state of a client, resolving and waiting too", function()
      local clients = {}
      for i, host in ipairs { "127.0.0.1", "localhost", "no-such-host.invalid" } do
        clients[i] = sidewire.new { host = host, port = i == 1 and 1 or echo.port, linger = 0 }
        assert(clients[i]:connect())
      end
      local begin = now()
      assert(sidewire.stop())
      assert(now() - begin < 0.5 + MARGIN)
      for _, client in ipairs(clients) do assert.equal("closed", client:state()) end
    end)

    it("may be called by a handler", function()
      local client = util.connected(echo)
      local stopped
      client:on("message", function() stopped = sidewire.stop() end)
      client:send "x"
      client:send "y"
      assert(util.poll_until(function() return stopped ~= nil end))
      assert.is_true(stopped)
      local events = util.collect(client, "message", "close")
      sidewire.poll()
      assert.same({ "close" }, events:names())
      assert(util.connected(echo):close())
    end)
  end)
end)
