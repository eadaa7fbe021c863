-- The child of a fork: the module begins anew there, and the parent's clients stay the parent's.
--
-- All of it runs in `embed` (spec/support/embed.c), which closes the child's state and then looks for descriptors that
-- are left. FORK_RUNS says how often a process forks while its thread is busy.

local Peer = require "spec.support.peer"
local host = require "spec.support.host"
local util = require "spec.support.util"

local RUNS = math.tointeger(os.getenv "FORK_RUNS" or util.choose(30, 5))

-- Begins every script: `...` is the port of an echoing peer, and that of a silent one.
local PRELUDE = [[
  local echo, silent = tonumber((...)), tonumber((select(2, ...)))
  local sidewire = require "sidewire.core"
  local function new(options, saver)
    options = options or {}
    options.host, options.port = options.host or "127.0.0.1", options.port or echo
    return sidewire.new(options, saver)
  end
  local function connected(options)
    local client = assert(new(options))
    assert(client:connect())
    assert(client:wait("connected", 15))
    return client
  end
  local function round_trip(client, message)
    assert(client:send(message))
    assert(client:receive(15) == message)
  end
  -- A whole life of a client that the child makes.
  local function use(options)
    local client = connected(options)
    round_trip(client, "hello")
    assert(client:close())
    assert(client:wait("disconnected", 15))
  end
  local function refused(result, message, code)
    assert(result == nil and code == "EFORKED" and message:find "fork", tostring(message))
  end
  -- Calls the function in a child, whose state is closed then, as at the end of every script of `embed`.
  local function in_child(f)
    local child = embed.fork()
    if child == 0 then
      f()
      error(in_child) -- unwinds to the last line
    end
    return child
  end
  local function succeeded(child)
    local how, status = embed.reap(child)
    assert(how == "exit" and status == 0, how .. " " .. status)
  end
  local function poll_until(predicate)
    local deadline = embed.clock() + 15
    while not predicate() do
      assert(embed.clock() < deadline, "still not so")
      sidewire.wait(0.01)
      sidewire.poll()
    end
  end
  -- Without polling; framing counts.
  local function wait_received(client, bytes)
    local deadline = embed.clock() + 15
    while client:stats().received_bytes < bytes do
      assert(embed.clock() < deadline, "still not so")
      embed.sleep(0.001)
    end
  end
  local function descriptors() return (embed.census()) end
  local function main()
]]

local CLOSING = [[
  end
  local ok, problem = xpcall(main, function(problem)
    return problem == in_child and problem or debug.traceback(problem)
  end)
  assert(ok or problem == in_child, problem)
]]

local echo, silent

local function embed(script, forks)
  return host.run({ "embed", "run", forks = forks or true }, PRELUDE .. script .. CLOSING, echo.port, silent.port)
end

describe("a forked child", function()
  before_each(function()
    util.begin()
    echo = Peer.start { mode = "echo" }
    silent = Peer.start { mode = "silent" }
  end)
  after_each(util.finish)

  it("[F42] has new clients, by number and by name, while the parent goes on", function()
    embed [[
      local client = connected()
      round_trip(client, "before")
      local child = in_child(function()
        use()
        use { host = "localhost" }
        local got = {}
        local heard = connected { host = "localhost", on = { message = function(_, text) got[#got + 1] = text end } }
        for i = 1, 100 do assert(heard:send(i)) end
        poll_until(function() return #got == 100 end)
        for i = 1, 100 do assert(got[i] == tostring(i)) end
        heard:on("message", nil)
        heard:send "an event"
        wait_received(heard, 301)
        local names = {}
        for who, event in sidewire.events() do
          assert(who == heard)
          names[event] = true
        end
        assert(names.message)
        assert(sidewire.stop())
        use() -- the thread starts anew
      end)
      round_trip(client, "meanwhile")
      succeeded(child)
      round_trip(client, "after")
      use()
    ]]
    assert(echo:wait_connections(0, util.DEADLINE)) -- nobody holds a copy
  end)

  it("[F42] finds the parent's clients refused, and tells them from its own", function()
    embed [[
      local client, idle, closed = connected(), assert(new()), connected()
      assert(closed:close())
      local arguments = {
        wait = { "connected", 5 }, send = { "x" }, write = { "x" }, receive = { 5 }, flush = { 5 }, confirm = { 1 },
        on = { "drain", print }, set_reconnect = { 1 }, set_server = { "127.0.0.1", 1 },
      }
      local function refuses_all()
        for _, one in ipairs { client, idle, closed } do
          for name, method in pairs(debug.getmetatable(one).__index) do
            refused(method(one, table.unpack(arguments[name] or {})))
          end
          assert(tostring(one):find " forked$")
        end
      end
      succeeded(in_child(function()
        refuses_all()
        local own = connected()
        refuses_all()
        round_trip(own, "mine")
        assert(not tostring(own):find "forked")
        assert(sidewire.stop())
        refuses_all()
      end))
      round_trip(client, "mine")
    ]]
  end)

  it("[F42] has nothing to poll, to wait for and to stop before its first client", function()
    embed [[
      local heard = 0
      local client = connected { on = { connect = function() heard = heard + 1 end } }
      local pulled = connected()
      for i = 1, 10 do assert(pulled:send(i)) end
      assert(pulled:receive(15) == "1")
      local iterate, state = sidewire.events()
      succeeded(in_child(function()
        assert(iterate(state) == nil)
        local count, more = sidewire.poll()
        assert(count == 0 and more == false and heard == 0)
        for _ in sidewire.events() do error "an event of the parent's" end
        local result, message, code = sidewire.wait(0.01)
        assert(result == nil and code == "ETIMEDOUT", message)
        result, message, code = sidewire.wait()
        assert(result == nil and code == "ECLOSED" and message:find "nothing to wait for", message)
        assert(sidewire.stop() == true)
        sidewire.on_error(print)
        assert(sidewire.check_file "x" and sidewire.check_options())
        assert(descriptors() > 0 and heard == 0)
      end))
      sidewire.poll()
      assert(heard == 1)
      for i = 2, 10 do assert(pulled:receive(15) == tostring(i)) end
    ]]
  end)

  it("[F42] waits for its own events alone, though the parent's are queued", function()
    embed [[
      local function note() end
      local clients = {}
      for i = 1, 5 do
        clients[i] = connected { on = i % 2 == 0 and { message = note } or nil }
        for j = 1, 50 do assert(clients[i]:send(j)) end
      end
      assert(sidewire.wait(15))
      sidewire.poll(1) -- the rest stays, in lists and counts
      succeeded(in_child(function()
        local own = connected { on = { message = note } }
        poll_until(function() return own:is_connected() end)
        sidewire.poll()
        local began = embed.clock()
        local _, message, code = sidewire.wait(0.3)
        assert(code == "ETIMEDOUT" and embed.clock() - began > 0.29, message)
        own:send "x"
        assert(sidewire.wait(15) and sidewire.poll() == 1)
      end))
      wait_received(clients[5], 141)
    ]]
  end)

  it("[F42] keeps the policy, and a lock; the parent's clients do not count", function()
    embed [[
      assert(sidewire.set_policy { max_clients = 2, max_linger = 0 })
      local one, two = connected(), connected()
      succeeded(in_child(function()
        assert(sidewire.set_policy { max_clients = 1, max_linger = 0 })
        assert(sidewire.lock_policy())
        local own = connected()
        assert(select(3, new()) == "EPOLICY")
      end))
      assert(sidewire.lock_policy())
      succeeded(in_child(function()
        assert(select(3, sidewire.set_policy {}) == "EPOLICY")
        local a, b = connected(), connected()
        assert(select(3, new()) == "EPOLICY")
        local again = require "sidewire.core"
        assert(again == sidewire and select(3, again.set_policy {}) == "EPOLICY")
      end))
      assert(one:is_connected() and two:is_connected() and select(3, new()) == "EPOLICY")
    ]]
  end)

  it("[F42] closes copies of sockets, and nothing else, by collection", function()
    embed [[
      local COUNT = 10
      local weak, heard = setmetatable({}, { __mode = "v" }), 0
      local held = {}
      local function make()
        for i = 1, COUNT do
          local client = connected { on = { message = function() heard = heard + 1 end } } -- kept while connected
          weak[i], held[i] = client, i % 2 == 0 and client or nil
        end
      end
      make()
      succeeded(in_child(function()
        assert(sidewire.poll() == 0)
        held = nil
        local before = descriptors()
        for _ = 1, 3 do collectgarbage() end
        assert(next(weak) == nil and before - descriptors() == COUNT, before - descriptors())
        use()
      end))
      collectgarbage()
      for i = 1, COUNT do
        assert(weak[i]:is_connected() and weak[i]:send "still here")
      end
      poll_until(function() return heard == COUNT end)
    ]]
    assert(echo:wait_connections(0, util.DEADLINE))
  end)

  it("[F42] forks again", function()
    embed [[
      local client = connected { on = { message = function() end } }
      succeeded(in_child(function()
        local own = connected()
        succeeded(in_child(function()
          refused(client:send "x")
          refused(own:send "x")
          local deepest = connected { host = "localhost" }
          refused(own:state())
          succeeded(in_child(use)) -- and again, at once
          round_trip(deepest, "deepest")
          client, own = nil, nil
          collectgarbage()
          collectgarbage()
          use()
        end))
        round_trip(own, "child")
        refused(client:send "x")
        succeeded(in_child(function() -- no client of its own
          refused(own:state())
          assert(sidewire.poll() == 0 and sidewire.stop())
        end))
        round_trip(own, "child")
      end))
      assert(client:send "parent")
      wait_received(client, #"parent\n")
    ]]
    assert(echo:wait_connections(0, util.DEADLINE))
  end)

  -- Each time the handler of the third message of five forks.
  for title, script in pairs {
    ["of sidewire.poll"] = "local function poll() return sidewire.poll() end local ends = 'count'",
    ["of client:poll"] = "local function poll(client) return client:poll() end local ends = 'EFORKED'",
    ["with on_error set"] = [[sidewire.on_error(error)
      local function poll() return sidewire.poll() end local ends = 'count']],
  } do
    it("[F42] returns from a handler " .. title .. " that forked", function()
      embed(script .. [[
        for _, acts in ipairs { "nothing", "new", "poll", "stop" } do
          local got, child, is_child = 0, nil, false
          local client = connected()
          local own
          client:on("message", function()
            got = got + 1
            if got ~= 3 or child then return end
            child = embed.fork()
            if child ~= 0 then return end
            is_child = true
            if acts == "nothing" then return end
            own = connected { on = { message = function(_, text) got = text end } }
            own:send "own"
            if acts == "poll" then poll_until(function() return got == "own" end) end
            if acts == "stop" then assert(sidewire.stop()) end
          end)
          for i = 1, 5 do assert(client:send(i)) end
          wait_received(client, 10)
          sidewire.wait(15)
          local count, message, code = poll(client)
          if is_child then
            if ends == "EFORKED" then
              refused(count, message, code)
            else -- the connect event, and three messages
              assert(count == 3 or count == 4, count)
            end
            refused(client:poll())
            if acts ~= "nothing" and acts ~= "stop" then
              poll_until(function() return got == "own" end)
              round_trip(connected(), "and another")
            end
            for i = 1, 20 do sidewire.poll() end -- too many polls within polls would raise
            error(in_child)
          end
          poll_until(function() return got == 5 end)
          succeeded(child)
          round_trip(connected(), "parent")
          assert(client:close())
        end
      ]])
    end)
  end

  it("[F42] begins anew when memory comes back", function()
    embed [[
      local client = connected { on = { message = function() end } }
      for failing = 1, 8 do
        succeeded(in_child(function()
          embed.fail_allocations(failing)
          local ok, problem = pcall(sidewire.poll)
          embed.fail_allocations(0)
          assert(ok and problem == 0 or problem:find "not enough memory", problem)
          refused(client:state())
          assert(sidewire.poll() == 0)
          use()
        end))
      end
      assert(client:is_connected())
    ]]
  end)

  it("[F42] may fork in the function that saves settings", function()
    embed [[
      local client = connected()
      local child
      local function save_and_fork(answer)
        return function()
          child = embed.fork()
          if child == 0 then use() end
          return answer, "not saved", "ESETTINGS"
        end
      end
      for _, answer in ipairs { true, false } do
        local made, message, code = new({}, save_and_fork(answer))
        if child == 0 then
          if answer then refused(made:connect()) else assert(code == "ESETTINGS", message) end
          use()
          error(in_child)
        end
        assert(not made == not answer)
        succeeded(child)
      end
      round_trip(client, "parent")
    ]]
  end)

  it("[F42] looks names up, though all look-ups of the parent's are under way", function()
    embed [[
      local clients = {}
      embed.slow_lookups(2)
      for i = 1, 5 do
        clients[i] = new { host = "localhost" }
        clients[i]:connect()
      end
      repeat embed.sleep(0.001) until embed.lookups() == 4
      local child = in_child(function()
        embed.slow_lookups(0)
        for _ = 1, 6 do use { host = "localhost" } end
      end)
      embed.slow_lookups(0)
      succeeded(child)
      for i = 1, 5 do assert(clients[i]:wait("connected", 15)) end
      use { host = "localhost" }
    ]]
  end)

  it("[F42] goes on where a stopped parent had look-ups under way", function()
    embed([[
      embed.slow_lookups(1)
      for i = 1, 4 do new({ host = "localhost" }):connect() end
      repeat embed.sleep(0.001) until embed.lookups() == 4
      assert(sidewire.stop(0))
      local idle = assert(new()) -- of nobody's thread: both sides can use it
      local child = in_child(function()
        embed.slow_lookups(0)
        assert(idle:connect() and idle:wait("connected", 15))
        for _ = 1, 4 do use { host = "localhost" } end
        os.exit(0) -- two descriptors stay: the parent's helpers, which are not here, share the engine
      end)
      assert(idle:connect() and idle:wait("connected", 15))
      succeeded(child)
    ]], "exits")
  end)

  it("[F42] has its own pinned strings, while the parent's are in flight", function()
    embed [[
      local function text(i) return (("%06d,"):format(i)):rep(20000) end
      local stuck = connected { port = silent, linger = 0, max_message = 2^20 }
      for i = 1, 100 do assert(stuck:send(text(i))) end
      local client = connected { queue_limit = 2^26, max_message = 2^20 }
      for i = 1, 100 do assert(client:send(text(i))) end
      local child = in_child(function()
        local own = connected { max_message = 2^20 }
        refused(client:send(text(1)))
        for i = 1001, 1030 do
          assert(own:send(text(i)))
          collectgarbage()
          assert(own:receive(15) == text(i))
        end
        own:send(text(1)) -- in flight when the state closes
      end)
      for i = 1, 100 do
        assert(client:receive(15) == text(i))
        collectgarbage()
      end
      succeeded(child)
      stuck:close(0)
    ]]
  end)

  it("[F42] goes on with the copies of client:unfinished that it has", function()
    embed [[
      local client = connected { port = silent, retain = "unconfirmed", linger = 0 }
      for i = 1, 10 do assert(client:send("message " .. i)) end
      local iterate, state = client:unfinished()
      assert(iterate(state) == 1)
      succeeded(in_child(function()
        refused(client:unfinished())
        use()
        for i = 2, 10 do
          local id, message = iterate(state)
          assert(id == i and message == "message " .. i)
        end
        assert(iterate(state) == nil)
      end))
      assert(iterate(state) == 2)
    ]]
  end)

  for _, call in ipairs { "os.exit(0, true)", "os.exit(0)" } do
    it("[F42] ends by " .. call, function()
      embed(([[
        local client, handled = connected(), 0
        for round = 1, 6 do
          local child = in_child(function()
            if round %% 3 ~= 0 then use { host = round %% 2 == 0 and "localhost" or nil } end
            local unflushed = round %% 3 == 1 and connected()
            if unflushed then unflushed:send "last" end
            %s
          end)
          round_trip(client, "meanwhile")
          succeeded(child)
          round_trip(client, "after")
        end
        client:on("message", function()
          handled = handled + 1
          local child = embed.fork()
          if child == 0 then
            use()
            %s
          end
          succeeded(child)
        end)
        client:send "x"
        poll_until(function() return handled == 1 end)
      ]]):format(call, call), "exits")
      assert(echo:wait_connections(0, util.DEADLINE))
    end)
  end

  it("[F42] says ECLOSED to finalizers that run after its end", function()
    host.run({ "embed", "run", forks = true }, [[
      local said = os.tmpname()
      late = setmetatable({}, { __gc = function(self) if self.call then self.call() end end }) -- goes last
    ]] .. PRELUDE .. [[
      late.call = function()
        local file <close> = io.open(said, "w")
        for _, f in ipairs { "new", "poll", "events", "wait", "stop", "lock_policy" } do
          file:write(tostring(select(3, sidewire[f]())), " ")
        end
      end
      local client = connected()
      for _, life in ipairs { function() end, use } do
        succeeded(in_child(life))
        local file <close> = io.open(said)
        assert(file:read "a" == ("ECLOSED "):rep(6))
        os.remove(said)
      end
      late.call = nil
      round_trip(client, "parent")
    ]] .. CLOSING, echo.port, silent.port)
  end)

  it(("[F42] comes up %d times while the parent's thread is busy"):format(RUNS), function()
    embed(([[
      local clients, got = {}, 0
      for i = 1, 4 do
        clients[i] = connected { on = { message = function() got = got + 1 end, acked = function() end } }
      end
      new({ host = "localhost", port = 1, reconnect = 0.001 }):connect()
      local sent = 0
      for round = 1, %d do
        for i = 1, 200 do
          assert(clients[1 + i %% 4]:send(("x"):rep(i %% 10 == 0 and 20000 or 100)))
          sent = sent + 1
        end
        local child = in_child(function()
          refused(clients[1]:send "x")
          if round %% 4 == 0 then clients = nil collectgarbage() end
          if round %% 5 ~= 0 then use { host = round %% 2 == 0 and "localhost" or nil } end
        end)
        sidewire.poll()
        succeeded(child)
      end
      poll_until(function() return got == sent end)
    ]]):format(RUNS))
  end)
end)
