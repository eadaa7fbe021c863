-- What spec/receive/notifier_spec.lua runs in `embed`: hosts that sleep in a loop of their own, here socket.select.

local forks = require "spec.life.scripts.forks"
local build = require "spec.support.build"
local engine = require "spec.support.engine"
local files = require "spec.support.files"
local session = require "spec.support.session"
local shell = require "spec.support.shell"
local sidewire = require "sidewire.core"
local socket = require "socket"

local connected, is_timeout = session.connected, session.is_timeout

local LONG = 30 -- seconds: met only by what hangs

local scripts = {}

local notifier

local descriptor = {} -- as select sees it: the number alone, as in loops that ask for it once
function descriptor.getfd() return descriptor.fd end
function descriptor.dirty() return false end

-- Is the descriptor readable within so many seconds?
local function is_readable(seconds)
  return #socket.select({ descriptor }, nil, seconds or 0) == 1
end

-- Polls as a loop does, whenever the descriptor is readable, until the predicate is true; returns how often.
local function poll_until(predicate)
  local polls = 0
  while not predicate() do
    assert(is_readable(LONG), "nothing made the descriptor readable")
    sidewire.poll()
    polls = polls + 1
  end
  return polls
end

-- Polls until a while passes in which the descriptor is not readable; returns how often.
local function become_quiet(take)
  local polls = 0
  while is_readable(0.1) do
    polls = polls + 1
    assert(polls < 100, "the descriptor stays readable though nothing is left")
    take()
  end
  return polls
end

-- A connected client with a handler that counts messages, when all that comes of connecting is polled.
local function counting(options)
  local got = { count = 0 }
  options = options or {}
  options.on = options.on or {}
  options.on.message = options.on.message or function(_, message)
    got.count = got.count + 1
    got.last = message
  end
  local client = connected(options)
  become_quiet(sidewire.poll)
  return client, got
end

-- Waits, without polling, until the client has received so many bytes: their messages are there then.
local function await(client, bytes)
  while client:stats().received_bytes < bytes do socket.sleep(0.001) end
end

local function begin()
  notifier = assert(sidewire.notifier())
  descriptor.fd = notifier:fd()
end

function scripts.shows_what_is_queued()
  begin()
  assert(not is_readable(0.05))
  local client, got = counting { on = { connect = function() end } }
  assert(not is_readable(0.05))
  for i = 1, 5 do client:send(i) end
  assert(client:flush(LONG))
  await(client, 10)
  for i = 1, 4 do
    assert(is_readable())
    assert(sidewire.poll(1) == 1 and got.count == i)
  end
  assert(is_readable() and notifier:dirty() == true)
  assert(sidewire.poll() == 1)
  assert(become_quiet(sidewire.poll) <= 1 and notifier:dirty() == false)
end

function scripts.begins_late()
  local client = connected { on = { message = function() end } }
  sidewire.poll()
  client:send "x"
  assert(sidewire.wait(LONG)) -- has taken it from the channel
  begin()
  assert(is_readable())
  assert(sidewire.poll() == 1 and become_quiet(sidewire.poll) <= 1)
  client:send "y"
  assert(is_readable(LONG))
  await(client, 4)
  assert(sidewire.poll() == 1)
end

function scripts.shows_what_raising_handlers_leave()
  begin()
  local raising = true
  local client = counting { on = { message = function(_, message) if raising then error(message, 0) end end } }
  for i = 1, 3 do client:send(i) end
  local raised = 0
  while raised < 3 do
    assert(is_readable(LONG))
    local ok, why = pcall(sidewire.poll)
    if not ok then
      raised = raised + 1
      assert(tonumber(why) == raised, why)
    end
  end
  assert(become_quiet(sidewire.poll) <= 2)
  raising = false
  client:send "again"
  assert(is_readable(LONG))
end

function scripts.shows_what_comes_after_a_handler_never_returned()
  begin()
  local handled = 0
  local client = counting { on = { message = function()
    handled = handled + 1
    coroutine.yield()
  end } }
  for i = 1, 20 do
    client:send(i)
    while handled < i do
      assert(is_readable(LONG))
      assert(coroutine.resume(coroutine.create(function() return sidewire.poll() end)))
    end
  end
end

function scripts.follows_polls_within_handlers()
  begin()
  local client, got = nil, 0
  client = counting { on = { message = function()
    got = got + 1
    sidewire.poll()
    if got < 50 then client:send "x" end
  end } }
  client:send "x"
  poll_until(function() return got == 50 end)
  assert(become_quiet(sidewire.poll) <= 1)
end

function scripts.shows_only_what_poll_takes()
  begin()
  local client = connected()
  sidewire.poll()
  become_quiet(sidewire.poll)
  for i = 1, 10 do client:send(i) end
  await(client, 21)
  assert(become_quiet(sidewire.poll) <= 10) -- they are left for receive, or for a handler
  client:disconnect(LONG)
  assert(client:wait("disconnected", LONG))
  become_quiet(function() sidewire.poll(0) end)
  client:on("disconnect", function() end)
  assert(is_readable())
  assert(sidewire.poll() == 1 and not is_readable())
  client:on("message", function() end)
  assert(is_readable())
  client:on("message", nil)
  sidewire.poll()
  assert(not is_readable())
  client:on("message", function() end)
  assert(is_readable() and sidewire.poll() == 10 and not is_readable())
end

function scripts.shows_all_that_events_takes()
  begin()
  local client = connected()
  assert(is_readable(LONG)) -- before the first poll, whatever came
  become_quiet(function() for _ in sidewire.events() do end end) -- luacheck: ignore 542
  client:send "x"
  local got
  while not got do
    assert(is_readable(LONG))
    for _, event, message in sidewire.events() do got = event == "message" and message end
  end
  become_quiet(function() for _ in sidewire.events() do end end) -- luacheck: ignore 542
  sidewire.poll()
  client:send "y"
  await(client, 4)
  become_quiet(sidewire.poll) -- not for poll
  local iterate = sidewire.events()
  assert(is_readable())
  iterate()
  assert(iterate() == nil and not is_readable())
end

function scripts.shows_what_receive_takes()
  begin()
  local client, got = connected { reconnect = false }, 0
  for i = 1, 50 do client:send(i) end
  while got < 50 do
    assert(is_readable(LONG))
    while client:receive() do got = got + 1 end
  end
  become_quiet(function() client:receive() end)
  client:disconnect(LONG)
  local code
  while code ~= "ECLOSED" do
    assert(is_readable(LONG))
    code = select(3, client:receive())
  end
  become_quiet(function() client:receive() end)
end

-- Each of them takes what came for the other client, too.
function scripts.is_not_disturbed_by_waits()
  begin()
  local client, got = counting()
  local pulled = connected()
  assert(pulled:receive() == nil)
  become_quiet(sidewire.poll)
  local waits = {
    function() assert(sidewire.wait(LONG) == true) end,
    function() assert(is_timeout(pulled:wait("disconnected", 0.05))) end,
    function() assert(is_timeout(pulled:receive(0.05))) end,
    function() assert(pulled:send "p" and pulled:flush(LONG) and pulled:receive(LONG) == "p") end,
    function() assert(client:unfinished()) end,
  }
  for i, wait in ipairs(waits) do
    local received = client:stats().received_bytes
    client:send(i)
    await(client, received + 2)
    wait()
    assert(is_readable(), i)
    assert(sidewire.poll() == 1 and got.count == i)
    become_quiet(sidewire.poll)
    assert(is_timeout(sidewire.wait(0.01)) and not is_readable())
    client:send "again"
    assert(is_readable(LONG), i)
    poll_until(function() return got.last == "again" end)
    client, got = counting()
    for j = 1, i do client:send(j) end
    poll_until(function() return got.count == i end)
    become_quiet(sidewire.poll)
  end
end

-- receive takes what came for the other client, and then lacks the memory for its own message.
function scripts.outlasts_an_error_in_a_wait()
  begin()
  local client, got = counting()
  local pulled = connected { framing = "raw", max_message = 2 ^ 20 }
  assert(pulled:receive() == nil)
  become_quiet(sidewire.poll)
  for i = 1, 20 do
    client:send "x"
    pulled:send(("x"):rep(999), string.char(64 + i)) -- a string that is nowhere in Lua, or it would need no memory
    await(client, i * 2)
    await(pulled, i * 1000)
    collectgarbage()
    embed.fail_allocations(2) -- the second is Lua's own second try
    local ok, why = pcall(pulled.receive, pulled, LONG)
    embed.fail_allocations(0)
    assert(not ok and why == "not enough memory", why)
    assert(is_readable())
    while pulled:receive() do end -- luacheck: ignore 542
    poll_until(function() return got.count == i end)
    become_quiet(function() sidewire.poll() end)
  end
end

function scripts.outlasts_stop()
  begin()
  local fd = notifier:fd()
  for _ = 1, 3 do
    local closed = false
    local client, got = counting { on = { close = function() closed = true end } }
    client:send "x"
    poll_until(function() return got.count == 1 end)
    assert(sidewire.stop())
    assert(is_readable())
    poll_until(function() return closed end)
    become_quiet(sidewire.poll)
    assert(sidewire.notifier() == notifier and notifier:fd() == fd)
  end
end

function scripts.ping_pongs()
  begin()
  local client, got = nil, 0
  client = counting { on = { message = function(_, message)
    got = got + 1
    assert(tonumber(message) == got)
    if got < 1000 then client:send(got + 1) end
  end } }
  client:send(1)
  local polls = poll_until(function() return got == 1000 end)
  assert(polls <= 2 * 1000, polls) -- a signal that comes late wakes the loop once without need
  assert(become_quiet(sidewire.poll) <= 1)
end

-- Many clients at once, all from one thread: nothing is lost on the way from one to the other.
function scripts.serves_many()
  begin()
  local CLIENTS, ROUNDS = 40, 50
  local left = CLIENTS
  for _ = 1, CLIENTS do
    local rounds = 0
    session.connect { on = {
      connect = function(client) client:send "x" end,
      message = function(client)
        rounds = rounds + 1
        if rounds < ROUNDS then client:send "x" else left = left - 1 end
      end,
    } }
  end
  poll_until(function() return left == 0 end)
  assert(become_quiet(sidewire.poll) <= 1)
end

-- --- the object and its descriptor ---

-- The flags of a descriptor, as open(2) numbers them.
local function has_flag(fd, flag)
  local flags = tonumber(files.read("/proc/self/fdinfo/" .. fd):match "flags:%s*(%d+)", 8)
  return flags % (2 * flag) >= flag
end

local DESCRIPTORS, KIND = 1, "eventfd" -- of a notifier
if build.has_fallbacks then DESCRIPTORS, KIND = 2, "pipe" end

function scripts.is_one_object()
  local descriptors, threads = embed.census()
  begin()
  local fd = notifier:fd()
  assert(engine.is_integer(fd) and fd > 2)
  assert(notifier:getfd() == fd and notifier:pollfd() == fd)
  assert(notifier:events() == "r" and notifier:timeout() == nil and notifier:dirty() == false)
  assert(select("#", notifier:timeout()) == 1)
  local name = engine.has_integers and "sidewire.notifier" or "userdata" -- tostring tells __name since Lua 5.3
  assert(sidewire.notifier() == notifier and tostring(notifier):find("^" .. name .. ": 0x"))
  assert(has_flag(fd, tonumber("2000000", 8)), "not close-on-exec")
  assert(has_flag(fd, tonumber("4000", 8)), "not non-blocking")
  local d, t = embed.census()
  assert(d == descriptors + DESCRIPTORS and t == threads, d .. " " .. t)
  notifier = nil
  collectgarbage()
  collectgarbage()
  begin()
  assert(notifier:fd() == fd and embed.census() == descriptors + DESCRIPTORS)
  counting()
  sidewire.stop()
  assert(notifier:fd() == fd and embed.census() == descriptors + 3 * DESCRIPTORS) -- and two wake-ups
end

function scripts.lacks_descriptors()
  local descriptors = embed.census()
  local before = embed.limit_descriptors(0)
  local made, message, code = sidewire.notifier()
  embed.limit_descriptors(before)
  assert(made == nil and code == "EMFILE", code)
  assert(message == "cannot open the notifier's descriptor: too many open files", message)
  assert(embed.census() == descriptors)
  begin()
  local client, got = counting()
  client:send "x"
  poll_until(function() return got.count == 1 end)
end

function scripts.ends_with_the_state()
  begin()
  counting()
  local last = notifier
  session.finally(function()
    assert(select(3, sidewire.notifier()) == "ECLOSED")
    for _, method in ipairs { "fd", "getfd", "pollfd", "dirty" } do
      local result, message, code = last[method](last)
      assert(result == nil and message == "this Lua state is closing" and code == "ECLOSED", method)
    end
    assert(last:events() == "r" and last:timeout() == nil)
    print "said so"
  end)
end

-- --- forks ---

local function identity(fd)
  return shell.output(("readlink /proc/%d/fd/%d"):format(embed.pid(), fd)):match "[^\n]+"
end

local function use()
  local client, got = counting()
  client:send "x"
  poll_until(function() return got.count == 1 end)
  return client
end

-- What the child takes does not show in the parent, nor the reverse. first: what it calls first.
function scripts.forks_with_a_thread(first)
  begin()
  local fd = notifier:fd()
  local client, got = counting()
  client:send "x"
  await(client, 2)
  assert(is_readable(LONG))
  local child = embed.fork()
  if child == 0 then
    if first == "fd" then assert(notifier:fd() == fd) end
    if first == "poll" then assert(sidewire.poll() == 0) end
    if first == "connect" then assert(session.connect()) end
    if first == "notifier" then assert(sidewire.notifier() == notifier) end
    assert(notifier:fd() == fd and sidewire.notifier() == notifier)
    assert(has_flag(fd, tonumber("2000000", 8)))
    become_quiet(sidewire.poll)
    for _ = 1, 3 do use() end
    assert(identity(fd):find(KIND))
    return
  end
  forks.succeeded(child)
  assert(is_readable() and sidewire.poll() == 1 and got.count == 1)
  assert(become_quiet(sidewire.poll) <= 1)
  use()
end

-- An engine without a thread is used on both sides, but not its descriptor.
function scripts.forks_without_a_thread(when)
  begin()
  local fd = notifier:fd()
  if when == "stopped" then
    use()
    assert(sidewire.stop())
    become_quiet(sidewire.poll)
  end
  local child = embed.fork()
  use()
  assert(notifier:fd() == fd)
  if child == 0 then
    assert(sidewire.stop()) -- its close event makes its own descriptor readable, not the parent's
    return
  end
  become_quiet(sidewire.poll)
  forks.succeeded(child)
  assert(become_quiet(sidewire.poll) == 0)
  use()
end

-- What was queued before the fork is there on both sides, and each empties its own queue.
function scripts.forks_with_a_queue()
  begin()
  local closed = 0
  local client = counting { on = { close = function() closed = closed + 1 end } }
  client:close()
  assert(sidewire.stop())
  assert(is_readable(LONG))
  local child = embed.fork()
  if child == 0 then
    assert(sidewire.poll() == 1 and closed == 1)
    assert(become_quiet(sidewire.poll) <= 1)
    return
  end
  forks.succeeded(child)
  assert(is_readable() and sidewire.poll() == 1 and closed == 1)
  assert(become_quiet(sidewire.poll) <= 1)
end

return scripts
