-- A host whose Lua has no memory to give, and whose epoll fails: in `frail` (spec/support/frail.c), a C host that also
-- sees to it that no state leaves anything behind.

local Peer = require "spec.support.peer"
local host = require "spec.support.host"
local util = require "spec.support.util"

local peer

local function frail(mode, script)
  return host.run({ "frail", mode }, script, peer.port, util.DEADLINE)
end

describe("Lua's allocator", function()
  before_each(function()
    util.begin()
    peer = Peer.start { mode = "echo" }
  end)
  after_each(util.finish)

  it("[F39] may fail at each allocation of a whole life: the script's error is all that comes of it", function()
    frail("starve", [[
      local port = ...
      local sidewire = require "sidewire.core"
      local seen = {}
      local client = sidewire.new {
        host = "127.0.0.1", port = tonumber(port), reconnect = 0.01,
        on = {
          connect = function(_, info) seen.connect = info.address .. info.port end,
          message = function(_, message) seen[#seen + 1] = message .. "!" end,
          disconnect = function(_, why, _, detail) seen.disconnect = why .. detail.stage end,
        },
      }
      assert(client:connect())
      for n = 1, 9 do client:send("number ", n, " of ", 10.5) end
      client:send("a large one: ", ("m"):rep(20000))
      for _ = 1, 2000 do
        sidewire.poll()
        if #seen == 10 then break end
        sidewire.wait(0.01)
      end
      assert(#seen == 10)
      client:set_server("127.0.0.1", 1)
      client:set_reconnect { delay = 0.5, max = 1 }
      assert(client:get_server() and client:get_reconnect() and client:stats().accepted == 10 and tostring(client))
      client:disconnect()
      client:wait "disconnected"
      for client, event, a, b, c in sidewire.events() do seen[event] = { a, b, c } end
      client:close()
      sidewire.poll()
    ]])
  end)

  it("[F39] may fail in calls that the script protects: no message is lost, and it goes on with memory", function()
    frail("starve", [[
      local port, seconds = ...
      local sidewire = require "sidewire.core"
      local closes, polls_that_raised = 0, 0

      -- Called until it does not raise; what it raises is the lack of memory.
      local function insist(f, ...)
        for _ = 1, 3 do
          local ok, result, more, code = pcall(f, ...)
          if ok then return result, more, code end
          if not tostring(result):find("not enough memory", 1, true) then error(result, 0) end
        end
        frail.relent()
        return f(...)
      end

      local client = insist(sidewire.new, { host = "127.0.0.1", port = tonumber(port), reconnect = 0.01 })
      assert(insist(client.connect, client))
      for n = 1, 20 do
        local id = insist(client.send, client, "message ", n)
        assert(id == n, "an id for a send that raised")
      end
      for n = 1, 20 do
        local message = insist(client.receive, client, tonumber(seconds))
        assert(message == "message " .. n, message)
      end
      insist(client.on, client, "close", function() closes = closes + 1 end)
      insist(client.close, client)
      assert(insist(client.wait, client, "disconnected", tonumber(seconds)))
      insist(function()
        polls_that_raised = polls_that_raised + 1
        sidewire.poll()
        polls_that_raised = polls_that_raised - 1
      end)
      frail.relent()
      sidewire.poll()
      local s = client:stats()
      assert(closes == 1 or closes == 0 and polls_that_raised > 0) -- then it could not be called
      assert(s.accepted == 20 and s.finished == 20 and s.lost == 0)
    ]])
  end)
end)

describe("libev's epoll", function()
  before_each(function()
    util.begin()
    peer = Peer.start { mode = "echo" }
  end)
  after_each(util.finish)

  local PRELUDE = [[
    local port, seconds = ...
    port, seconds = tonumber(port), tonumber(seconds)
    local EINTR, EBADF, ENOMEM, EMFILE, ENOSPC = 4, 9, 12, 24, 28
    local sidewire = require "sidewire.core"
    local events = {}
    local client = sidewire.new { host = "127.0.0.1", port = port, reconnect = 0.01 }
    for _, name in ipairs { "connect", "message", "disconnect", "error" } do
      client:on(name, function(_, ...) events[#events + 1] = table.pack(name, ...) end)
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
  ]]

  it("[F17] interrupted (EINTR) again and again means nothing", function()
    frail("run", PRELUDE .. [[
      frail.fail("epoll_wait", EINTR, 1, 50)
      works()
      for _ = 1, 60 do client:send "more" end
      assert(client:flush(seconds))
      for _, event in ipairs(events) do assert(event[1] == "connect" or event[1] == "message", event[1]) end
    ]])
  end)

  for _, code in ipairs { "EBADF", "ENOMEM" } do
    it(("[F17] failing to wait (%s) is an event for each client; connect starts a new thread"):format(code), function()
      frail("run", PRELUDE .. ([[
        works()
        frail.fail("epoll_wait", %s, 1)
        client:send "wakes the thread, which then wants to sleep"
        assert(wait_for "disconnect"[3] == %q)
        assert(client:state() == "idle")
        local s = client:stats()
        assert(s.accepted == s.queued + s.in_flight + s.finished + s.lost)
        works()
      ]]):format(code, code))
    end)
  end

  it("[F17] failing to wait ends what an idle client keeps for replay, and tells of it", function()
    frail("run", PRELUDE .. [[
      local idle = sidewire.new { host = "127.0.0.1", port = port, retain = "unconfirmed" }
      local losses = {}
      idle:on("lost", function(_, ...) losses[#losses + 1] = table.concat({ ... }, " ") end)
      assert(idle:connect())
      for _ = 1, 3 do idle:send "never confirmed" end
      assert(idle:flush(seconds))
      idle:disconnect()
      assert(idle:wait("disconnected", seconds))
      works()
      frail.fail("epoll_wait", EBADF, 1)
      client:send "wakes the thread, which then wants to sleep"
      poll_until("lost", function() return #losses > 0 end)
      assert(#losses == 1 and losses[1] == "1 3 unknown", losses[1])
    ]])
  end)

  it("[F17] failing to wait fails a flush of what was to be sent again", function()
    frail("run", PRELUDE .. [[
      local keeper = sidewire.new { host = "127.0.0.1", port = port, retain = "unconfirmed", reconnect = 0.5 }
      assert(keeper:connect())
      for _ = 1, 3 do keeper:send "never confirmed" end
      assert(keeper:flush(seconds))
      assert(keeper:connect("127.0.0.1", 1)) -- nobody listens there
      poll_until("replay", function() return keeper:stats().queued == 3 and keeper:state() == "waiting" end)
      frail.fail("epoll_wait", EBADF, 2) -- not before the next attempt
      local ok, message, code = keeper:flush(seconds)
      assert(not ok and code == "EBADF", message)
    ]])
  end)

  it("[F17] failing to wait while a client changes servers: what it accepts meanwhile is told of, or sent", function()
    frail("run", PRELUDE .. [[
      local told = 0
      client:set_reconnect(false)
      client:on("lost", function(_, first, last) told = told + last - first + 1 end)
      for _ = 1, 10 do
        works()
        frail.fail("epoll_wait", EBADF, 1)
        assert(client:connect("localhost")) -- another server, to the client
        local left = 1000 -- more would come back, and fill the inbox
        repeat
          if left > 0 then client:send "now or later" end
          left = left - 1
        until client:state() == "idle"
        for _ = 1, 20 do client:send "later" end
        assert(client:connect("127.0.0.1"))
        works()
        assert(client:flush(seconds))
        poll_until("fate for each message", function()
          local s = client:stats()
          return s.lost == told and s.finished + told == s.accepted
        end)
      end
    ]])
  end)

  it("[F16] that cannot be had (EMFILE, ENOMEM) is done without", function()
    frail("run", PRELUDE .. [[
      for _, error in ipairs { EMFILE, ENOMEM } do
        frail.fail("epoll_create1", error, 1, 10)
        works() -- by poll(2)
        assert(frail.calls "epoll_create1" > 0)
        client:disconnect()
        assert(client:wait("disconnected", seconds))
        assert(sidewire.stop())
        client = sidewire.new { host = "127.0.0.1", port = port }
        client:on("message", function(_, ...) events[#events + 1] = table.pack("message", ...) end)
      end
    ]])
  end)

  it("[F17] refusing to watch (ENOSPC, ENOMEM) ends the attempt or the thread, and the next one works", function()
    for _, error in ipairs { "ENOSPC", "ENOMEM" } do
      for n = 1, 6 do
        frail("run", PRELUDE .. ([[
          frail.fail("epoll_ctl", %s, %d)
          works()
          client:close()
        ]]):format(error, n))
      end
    end
  end)
end)
