-- What spec/life/forked_child_spec.lua runs in `embed`.

local forks = require "spec.life.scripts.forks"
local build = require "spec.support.build"
local engine = require "spec.support.engine"
local files = require "spec.support.files"
local session = require "spec.support.session"
local sidewire = require "sidewire.core"

local new, connect, connected, poll_until = session.new, session.connect, session.connected, session.poll_until
local refused, refuses_all, succeeded = forks.refused, forks.refuses_all, forks.succeeded
local done, in_child = forks.done, forks.in_child

-- --- what the scripts have in common ---

-- Instead of session.new, where sidewire.new is refused.
local function try_new(options, saver)
  return sidewire.new(session.options(options), saver)
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

-- Waits without polling; framing counts.
local function wait_received(client, bytes)
  local deadline = embed.clock() + 15
  while client:stats().received_bytes < bytes do
    assert(embed.clock() < deadline, "still not so")
    embed.sleep(0.001)
  end
end

local function ignore() end
local function descriptors() return (embed.census()) end

-- --- the scripts ---

local scripts = {}

function scripts.has_new_clients()
  local client = connected()
  round_trip(client, "before")
  local child = in_child(function()
    use()
    use { host = "localhost" }
    local got = {}
    local own = connected { host = "localhost", on = { message = function(_, text) got[#got + 1] = text end } }
    for i = 1, 100 do assert(own:send(i)) end
    poll_until(function() return #got == 100 end)
    for i = 1, 100 do assert(got[i] == tostring(i)) end
    own:on("message", nil)
    own:send "an event"
    wait_received(own, 301)
    local names = {}
    for who, event in sidewire.events() do
      assert(who == own)
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
end

function scripts.finds_clients_refused()
  local client, idle, closed = connected(), new(), connected()
  assert(closed:close())
  local function all_refuse()
    for _, one in ipairs { client, idle, closed } do refuses_all(one) end
  end
  succeeded(in_child(function()
    all_refuse()
    local own = connected()
    all_refuse()
    round_trip(own, "mine")
    assert(not tostring(own):find "forked")
    assert(sidewire.stop())
    all_refuse()
  end))
  round_trip(client, "mine")
end

function scripts.has_no_client()
  local handled = 0
  local client = connected { on = { connect = function() handled = handled + 1 end } } -- luacheck: ignore 211
  local pulled = connected()
  for i = 1, 10 do assert(pulled:send(i)) end
  assert(pulled:receive(15) == "1")
  local iterate, state = sidewire.events()
  succeeded(in_child(function()
    assert(iterate(state) == nil)
    local count, more = sidewire.poll()
    assert(count == 0 and more == false and handled == 0)
    for _ in sidewire.events() do error "an event of the parent's" end
    local result, message, code = sidewire.wait(0.01)
    assert(result == nil and code == "ETIMEDOUT", message)
    result, message, code = sidewire.wait()
    assert(result == nil and code == "ECLOSED" and message:find "nothing to wait for", message)
    assert(sidewire.stop() == true)
    sidewire.on_error(print)
    assert(sidewire.check_file "x" and sidewire.check_options())
    assert(descriptors() > 0 and handled == 0)
  end))
  sidewire.poll()
  assert(handled == 1)
  for i = 2, 10 do assert(pulled:receive(15) == tostring(i)) end
end

function scripts.waits_for_own_events()
  local clients = {}
  for i = 1, 5 do
    clients[i] = connected { on = i % 2 == 0 and { message = ignore } or nil }
    for j = 1, 50 do assert(clients[i]:send(j)) end
  end
  assert(sidewire.wait(15))
  sidewire.poll(1) -- the rest stays, in lists and counts
  succeeded(in_child(function()
    local own = connected { on = { message = ignore } }
    poll_until(function() return own:is_connected() end)
    sidewire.poll()
    local began = embed.clock()
    local _, message, code = sidewire.wait(0.3)
    assert(code == "ETIMEDOUT" and embed.clock() - began > 0.29, message)
    own:send "x"
    assert(sidewire.wait(15) and sidewire.poll() == 1)
  end))
  wait_received(clients[5], 141)
end

function scripts.keeps_the_policy()
  assert(sidewire.set_policy { max_clients = 2, max_linger = 0 })
  local one, two = connected(), connected()
  succeeded(in_child(function()
    assert(sidewire.set_policy { max_clients = 1, max_linger = 0 })
    assert(sidewire.lock_policy())
    local own = connected() -- luacheck: ignore 211
    assert(select(3, try_new()) == "EPOLICY")
  end))
  assert(sidewire.lock_policy())
  succeeded(in_child(function()
    assert(select(3, sidewire.set_policy {}) == "EPOLICY")
    local a, b = connected(), connected() -- luacheck: ignore 211
    assert(select(3, try_new()) == "EPOLICY")
    local again = require "sidewire.core"
    assert(again == sidewire and select(3, again.set_policy {}) == "EPOLICY")
  end))
  assert(one:is_connected() and two:is_connected() and select(3, try_new()) == "EPOLICY")
end

function scripts.collects_clients()
  local COUNT = 10
  local weak, held, got = setmetatable({}, { __mode = "v" }), {}, 0 -- luacheck: ignore 241
  local function make()
    for i = 1, COUNT do
      local client = connected { on = { message = function() got = got + 1 end } } -- kept while connected
      weak[i], held[i] = client, i % 2 == 0 and client or nil
    end
  end
  make()
  local open = descriptors()
  succeeded(in_child(function()
    assert(open - descriptors() == COUNT, open - descriptors()) -- closed at the fork
    assert(sidewire.poll() == 0)
    held = nil
    local before = descriptors()
    for _ = 1, 3 do collectgarbage() end
    assert(next(weak) == nil and before == descriptors())
    use()
  end))
  collectgarbage()
  for i = 1, COUNT do
    assert(weak[i]:is_connected() and weak[i]:send "still here")
  end
  poll_until(function() return got == COUNT end)
end

function scripts.has_lingering_sockets()
  local COUNT = 5
  local before = descriptors()
  local clients = {}
  for i = 1, COUNT do
    local client = connected { port = session.silent, linger = 30 }
    assert(client:send "x") -- the peer reads neither this nor our end
    assert(client:disconnect())
    assert(client:connect())
    assert(client:wait("connected", 15))
    clients[i] = client
  end
  local open = descriptors()
  assert(open - before >= 2 * COUNT)
  for _, works in ipairs { false, true } do
    succeeded(in_child(function()
      assert(open - descriptors() == 2 * COUNT, open - descriptors())
      if works then use() end
    end))
  end
  for _, client in ipairs(clients) do client:close(0) end
  assert(sidewire.stop(0))
end

function scripts.forks_again()
  local client = connected { on = { message = ignore } }
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
end

-- A handler forks at the third of five messages, and in the child it does one of these.
local ACTS = {
  function() end,
  function(connect_own) connect_own() end,
  function(connect_own, has_answer)
    connect_own()
    poll_until(has_answer)
  end,
  function(connect_own)
    connect_own()
    assert(sidewire.stop())
  end,
}

function scripts.forks_in_a_handler(call)
  if call == "with on_error set" then sidewire.on_error(error) end
  local function forks_once(act, has_own)
    local got, answer, child, is_child = 0, nil, nil, false
    local client, own = connected(), nil
    local function connect_own()
      own = connected { on = { message = function(_, text) answer = text end } }
      own:send "own"
    end
    local function has_answer() return answer == "own" end
    client:on("message", function()
      got = got + 1
      if got ~= 3 or child then return end
      child = embed.fork()
      is_child = child == 0
      if is_child then act(connect_own, has_answer) end
    end)
    for i = 1, 5 do assert(client:send(i)) end
    wait_received(client, 10)
    sidewire.wait(15)
    local is_for_one = call == "of client:poll"
    local count, message, code = (is_for_one and client.poll or sidewire.poll)(is_for_one and client or nil)
    if is_child then
      if is_for_one then
        refused(count, message, code)
      else -- the connect event, and three messages
        assert(count == 3 or count == 4, count)
      end
      refused(client:poll())
      if has_own then
        poll_until(has_answer)
        round_trip(connected(), "and another")
      end
      for _ = 1, 20 do sidewire.poll() end -- too many polls within polls would raise
      error(done)
    end
    poll_until(function() return got == 5 end)
    succeeded(child)
    round_trip(connected(), "parent")
    assert(client:close())
  end
  for i, act in ipairs(ACTS) do forks_once(act, i == 2 or i == 3) end
end

function scripts.lacks_memory_at_first()
  local client = connected { on = { message = ignore } }
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
end

function scripts.forks_in_a_saver()
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
    local made, message, code = try_new({}, save_and_fork(answer))
    if child == 0 then
      if answer then refused(made:connect()) else assert(code == "ESETTINGS", message) end
      use()
      error(done)
    end
    assert(not made == not answer)
    succeeded(child)
  end
  round_trip(client, "parent")
end

function scripts.looks_names_up()
  local clients = {}
  embed.slow_lookups(2)
  for i = 1, 17 do clients[i] = connect { host = ("name-%d.test"):format(i) } end
  repeat embed.sleep(0.001) until embed.lookups() == 16
  local child = in_child(function()
    embed.slow_lookups(0)
    for _ = 1, 6 do use { host = "localhost" } end
  end)
  embed.slow_lookups(0)
  succeeded(child)
  for i = 1, 17 do assert(clients[i]:wait("connected", 15)) end
  use { host = "localhost" }
end

function scripts.goes_on_after_stop()
  embed.slow_lookups(1)
  for i = 1, 16 do connect { host = ("name-%d.test"):format(i) } end
  repeat embed.sleep(0.001) until embed.lookups() == 16
  assert(sidewire.stop(0))
  local idle = new() -- of nobody's thread: both sides can use it
  local child = in_child(function()
    embed.slow_lookups(0)
    assert(idle:connect() and idle:wait("connected", 15))
    for _ = 1, 4 do use { host = "localhost" } end
    os.exit(0) -- two descriptors stay: the parent's helpers, which are not here, share the engine
  end)
  assert(idle:connect() and idle:wait("connected", 15))
  succeeded(child)
end

function scripts.has_pinned_strings()
  local function text(i) return (("%06d,"):format(i)):rep(20000) end
  local stuck = connected { port = session.silent, linger = 0, max_message = 2^20 }
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
end

function scripts.iterates_copies()
  local client = connected { port = session.silent, retain = "unconfirmed", linger = 0 }
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
end

function scripts.exits(closes)
  local function exit() os.exit(0, closes == "true") end
  local client, handled = connected(), 0
  for round = 1, 6 do
    local child = in_child(function()
      if round % 3 ~= 0 then use { host = round % 2 == 0 and "localhost" or nil } end
      local unflushed = round % 3 == 1 and connected()
      if unflushed then unflushed:send "last" end
      exit()
    end)
    round_trip(client, "meanwhile")
    succeeded(child)
    round_trip(client, "after")
  end
  client:on("message", function()
    handled = handled + 1
    succeeded(in_child(function()
      use()
      exit()
    end))
  end)
  client:send "x"
  poll_until(function() return handled == 1 end)
end

function scripts.calls_in_late_finalizer()
  local said = os.tmpname()
  session.finally(function()
    local codes = {}
    for i, name in ipairs { "new", "poll", "events", "notifier", "wait", "stop", "lock_policy" } do
      codes[i] = tostring(select(3, sidewire[name]())) .. " "
    end
    files.write(said, table.concat(codes))
  end)
  local client = connected()
  for _, life in ipairs { function() end, use } do
    succeeded(in_child(life))
    assert(files.read(said) == ("ECLOSED "):rep(7))
    os.remove(said)
  end
  session.finally(nil)
  round_trip(client, "parent")
end

function scripts.forks_while_busy(rounds)
  local clients, got, sent = {}, 0, 0
  local often = build.has_fallbacks and "drain" or "acked"
  for i = 1, 4 do
    clients[i] = connected { on = { message = function() got = got + 1 end, [often] = ignore } }
  end
  connect { host = "localhost", port = 1, reconnect = 0.001 }
  for round = 1, tonumber(rounds) do
    for i = 1, 200 do
      assert(clients[1 + i % 4]:send(("x"):rep(i % 10 == 0 and 20000 or 100)))
      sent = sent + 1
    end
    local child = in_child(function()
      refused(clients[1]:send "x")
      if round % 4 == 0 then clients = nil collectgarbage() end
      if round % 5 ~= 0 then use { host = round % 2 == 0 and "localhost" or nil } end
    end)
    sidewire.poll()
    succeeded(child)
  end
  poll_until(function() return got == sent end)
end

-- --- ---

local function end_child(problem)
  return problem == done and problem or debug.traceback(problem)
end

local function ending_well(script)
  return function(...)
    local ok, problem = engine.xpcall(script, end_child, ...)
    assert(ok or problem == done, problem)
  end
end

for name, script in pairs(scripts) do scripts[name] = ending_well(script) end

return scripts
