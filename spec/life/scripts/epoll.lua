-- What spec/life/epoll_spec.lua runs in `frail`.

local build = require "spec.support.build"
local engine = require "spec.support.engine"
local session = require "spec.support.session"
local sidewire = require "sidewire.core"

local new = session.new

local scripts = {}

local seconds = build.DEADLINE
local ERRNO = { EINTR = 4, EBADF = 9, ENOMEM = 12, EMFILE = 24, ENOSPC = 28 }

local events = {}
local client = new { reconnect = 0.01 }
for _, name in ipairs { "connect", "message", "disconnect", "error" } do
  client:on(name, function(_, ...) events[#events + 1] = engine.pack(name, ...) end)
end

local function poll_until(what, predicate)
  local deadline = os.time() + seconds
  repeat
    sidewire.poll()
    local result = predicate()
    if result then return result end
    sidewire.wait(0.05)
  until os.time() > deadline
  error("no " .. what)
end

local function wait_for(name, again)
  return poll_until(name, function()
    for _, event in ipairs(events) do
      if event[1] == name then return event end
    end
    if again then again() end
  end)
end

-- Connects and sends as often as it takes: a thread that is ending still takes both, and answers with an error.
local function works()
  events = {}
  wait_for("message", function()
    if client:state() == "idle" then assert(client:connect()) end
    client:send "hello"
  end)
end

function scripts.is_interrupted()
  frail.fail("epoll_wait", ERRNO.EINTR, 1, 50)
  works()
  for _ = 1, 60 do client:send "more" end
  assert(client:flush(seconds))
  for _, event in ipairs(events) do assert(event[1] == "connect" or event[1] == "message", event[1]) end
end

function scripts.fails_to_wait(code)
  works()
  frail.fail("epoll_wait", ERRNO[code], 1)
  client:send "wakes the thread, which then wants to sleep"
  assert(wait_for "disconnect"[3] == code)
  assert(client:state() == "idle")
  local s = client:stats()
  assert(s.accepted == s.queued + s.in_flight + s.finished + s.lost)
  works()
end

function scripts.fails_while_idle()
  local idle = new { retain = "unconfirmed" }
  local losses = {}
  idle:on("lost", function(_, ...) losses[#losses + 1] = table.concat({ ... }, " ") end)
  assert(idle:connect())
  for _ = 1, 3 do idle:send "never confirmed" end
  assert(idle:flush(seconds))
  idle:disconnect()
  assert(idle:wait("disconnected", seconds))
  works()
  frail.fail("epoll_wait", ERRNO.EBADF, 1)
  client:send "wakes the thread, which then wants to sleep"
  poll_until("lost", function() return #losses > 0 end)
  assert(#losses == 1 and losses[1] == "1 3 unknown", losses[1])
end

function scripts.fails_while_flushing()
  local keeper = new { retain = "unconfirmed", reconnect = 0.5 }
  assert(keeper:connect())
  for _ = 1, 3 do keeper:send "never confirmed" end
  assert(keeper:flush(seconds))
  assert(keeper:connect("127.0.0.1", 1)) -- no server listens there
  poll_until("replay", function() return keeper:stats().queued == 3 and keeper:state() == "waiting" end)
  frail.fail("epoll_wait", ERRNO.EBADF, 2) -- not before the next attempt
  local ok, message, code = keeper:flush(seconds)
  assert(not ok and code == "EBADF", message)
end

function scripts.fails_while_changing_servers()
  local told = 0
  client:set_reconnect(false)
  client:on("lost", function(_, first, last) told = told + last - first + 1 end)
  for _ = 1, 10 do
    works()
    frail.fail("epoll_wait", ERRNO.EBADF, 1)
    assert(client:connect("localhost")) -- another server, to the client
    local left = 1000 -- more would come back, and fill the inbox
    repeat
      if left > 0 then client:send "now or later" end
      left = left - 1
    until client:state() == "idle" or client:state() == "connected" -- epoll had failed before that connect
    for _ = 1, 20 do client:send "later" end
    assert(client:connect("127.0.0.1"))
    works()
    assert(client:flush(seconds))
    poll_until("fate for each message", function()
      local s = client:stats()
      return s.lost == told and s.finished + told == s.accepted
    end)
  end
end

function scripts.has_no_epoll()
  for _, error in ipairs { ERRNO.EMFILE, ERRNO.ENOMEM } do
    frail.fail("epoll_create1", error, 1, 10)
    works() -- by poll(2)
    assert(frail.calls "epoll_create1" > 0)
    client:disconnect()
    assert(client:wait("disconnected", seconds))
    assert(sidewire.stop())
    client = new()
    client:on("message", function(_, ...) events[#events + 1] = engine.pack("message", ...) end)
  end
end

function scripts.fails_to_watch(code, n)
  frail.fail("epoll_ctl", ERRNO[code], tonumber(n))
  works()
  client:close()
end

return scripts
