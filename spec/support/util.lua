-- What specs share: waiting for things, collecting events, and looking for what was left behind.
--
--     local util = require "spec.support.util"
--     describe("a client", function()
--       before_each(util.begin)             -- notes the open descriptors and threads
--       after_each(util.finish)             -- stops sidewire and all peers, wants both back
--
--       it("...", function()
--         local peer = Peer.start { mode = "echo" }
--         local client = util.connected(peer, { framing = "raw" })   -- new, connect, wait("connected")
--         local events = util.collect(client)                        -- handlers for all events; see below
--         client:send "x"
--         assert(util.poll_until(function() return events:count "message" == 1 end))
--         assert.same({ "connect", "message" }, events:names())
--
-- Deadlines are optional (util.DEADLINE, generous: sanitizers are slow) and met only by what hangs: nothing waits
-- longer than it must. Waits return what the predicate returned, or nil and a sentence that says what was waited for.

local lfs = require "lfs"
local socket = require "socket"
local sidewire = require "sidewire.core"
local engine = require "spec.support.engine"
local Peer = require "spec.support.peer"
local build = require "spec.support.build"
local files = require "spec.support.files"
local ports = require "spec.support.ports"

local util = {}

--- What spec.support.build says of the build, for convenience.
util.is_sanitized, util.DEADLINE, util.choose = build.is_sanitized, build.DEADLINE, build.choose

--- Seconds: a delay that no spec outlives.
util.LONG = 60

--- Every event, as `collect` and `client:on` know them.
util.EVENTS = { "connect", "message", "drain", "acked", "lost", "disconnect", "retry", "error", "log", "close" }
if build.has_fallbacks then table.remove(util.EVENTS, 4) end -- its handlers are refused

--- A random element of a list.
function util.pick(list)
  return list[math.random(#list)]
end

-- --- waiting ---

local function timed_out(seconds)
  return nil, ("still not so after %g s"):format(seconds)
end

--- Looks every few milliseconds, without polling. For what sidewire.poll has no part in.
-- @return what the predicate returned, if true in the end; or nil, message
function util.wait_until(predicate, seconds)
  seconds = seconds or util.DEADLINE
  local deadline = socket.gettime() + seconds
  repeat
    local result = predicate()
    if result then return result end
    socket.sleep(0.002)
  until socket.gettime() > deadline
  return timed_out(seconds)
end

--- Polls, and sleeps in sidewire.wait, until the predicate (looked at after each poll) is true.
-- @return as wait_until
function util.poll_until(predicate, seconds)
  seconds = seconds or util.DEADLINE
  local deadline = socket.gettime() + seconds
  repeat
    sidewire.poll()
    local result = predicate()
    if result then return result end
    sidewire.wait(0.01) -- not longer: the predicate may look at what makes no work for poll
  until socket.gettime() > deadline
  return timed_out(seconds)
end

--- Waits, without polling, until the client has received so many bytes in all, framing included: the messages that
-- they hold are there for the next poll, receive or events().
function util.wait_received(client, bytes, seconds)
  return util.wait_until(function() return client:stats().received_bytes >= bytes end, seconds)
end

-- --- clients ---

--- A client of the peer, connected, and accepted by the peer, so that its control commands reach the connection.
-- Options are those of sidewire.new; host and port are the peer's.
function util.connected(peer, options)
  local client = util.client(peer, options)
  local accepted = peer:stats().accepted
  assert(client:connect())
  assert(client:wait("connected", util.DEADLINE))
  assert(peer:wait_accepted(accepted + 1, util.DEADLINE))
  return client
end

--- A client of the peer, idle.
function util.client(peer, options)
  local complete = { host = peer.host, port = peer.port }
  if peer.port == 0 then complete = { server = peer.host } end -- a unix socket
  for name, value in pairs(options or {}) do complete[name] = value end
  return sidewire.new(complete)
end

--- A peer that was stopped: nothing listens on its port until it starts again.
function util.stopped_peer()
  local peer = Peer.start()
  peer:stop()
  return peer
end

--- A peer that refuses connections, until the command "accept on".
function util.refusing_peer()
  local peer = Peer.start()
  peer:command "accept off"
  return peer
end

--- A client that nobody lets in, and that waits for its next attempt, for LONG; the message of its retry event.
function util.waiting_client()
  local client = sidewire.new { host = "127.0.0.1", port = ports.closed(), reconnect = util.LONG }
  local events = util.collect(client)
  assert(client:connect())
  return client, assert(events:wait "retry")[4]
end

--- Waits until the client has the state, without polling.
function util.wait_for_state(client, state)
  assert(util.wait_until(function() return (client:state()) == state end))
end

--- Waits until every event that is on its way has come: until a later one, of another client, has.
function util.settle()
  local client = sidewire.new { host = "127.0.0.1", port = ports.closed(), reconnect = false }
  local events = util.collect(client)
  assert(client:connect())
  assert(events:wait "error")
  client:close()
end

local Events = {}
Events.__index = Events

--- Sets handlers that collect, for the named events, or for all but log and acked, which come only when asked for.
-- @return a list of { event, argument, ..., n = number of values }, with the methods below
function util.collect(client, ...)
  local events = setmetatable({}, Events)
  local names = { ... }
  if #names == 0 then
    for _, name in ipairs(util.EVENTS) do
      if name ~= "log" and name ~= "acked" then names[#names + 1] = name end
    end
  end
  for _, name in ipairs(names) do
    client:on(name, function(_, ...) events[#events + 1] = engine.pack(name, ...) end)
  end
  return events
end

--- The names of the events so far, in order.
function Events:names()
  local names = {}
  for i, event in ipairs(self) do names[i] = event[1] end
  return names
end

--- How many with this name.
function Events:count(name)
  local count = 0
  for _, event in ipairs(self) do
    if event[1] == name then count = count + 1 end
  end
  return count
end

--- The newest with this name, or nil.
function Events:last(name)
  for i = #self, 1, -1 do
    if self[i][1] == name then return self[i] end
  end
end

--- The first arguments of all with this name: `events:all "message"` are the messages.
function Events:all(name)
  local all = {}
  for _, event in ipairs(self) do
    if event[1] == name then all[#all + 1] = event[2] end
  end
  return all
end

--- Forgets what was collected.
function Events:clear()
  for i = #self, 1, -1 do self[i] = nil end
end

--- Polls until so many (1) of that name came; returns the newest of them.
function Events:wait(name, count, seconds)
  local ok, why = util.poll_until(function() return self:count(name) >= (count or 1) end, seconds)
  if ok then return self:last(name) end
  return nil, ("waiting for %s: %s; so far: %s"):format(name, why, table.concat(self:names(), " "))
end

-- --- what was left behind ---

local function entries(path)
  local names = {}
  for name in lfs.dir(path) do
    if name ~= "." and name ~= ".." then names[#names + 1] = name end
  end
  return names
end

--- Open descriptors of this process (the one that looks is counted, always).
function util.count_descriptors()
  return #entries "/proc/self/fd"
end

--- Threads of this process.
function util.count_threads()
  return #entries "/proc/self/task"
end

--- Waits until this process has `count` threads. One that was joined is counted a moment longer: the kernel ends the
-- join before it takes the task out of /proc.
-- @return true; or nil, message
function util.wait_threads(count)
  if util.wait_until(function() return util.count_threads() == count end, 5) then return true end
  return nil, ("%d threads, not %d"):format(util.count_threads(), count)
end

--- Bytes of this process that are in memory.
function util.resident_bytes()
  return tonumber(files.read("/proc/self/statm"):match "^%d+ (%d+)") * 4096
end

--- A line for each open descriptor of this process: its number, and what it is.
function util.describe_descriptors()
  local list = {}
  for _, fd in ipairs(entries "/proc/self/fd") do
    list[#list + 1] = fd .. " " .. tostring(lfs.symlinkattributes("/proc/self/fd/" .. fd, "target"))
  end
  return table.concat(list, "\n")
end

local threads_without_engine

-- Once it was started, the engine of this Lua state keeps its two wake-up descriptors, and ThreadSanitizer a thread of
-- its own.
local function warm_up()
  local client = sidewire.new { host = "127.0.0.1", port = 1, reconnect = false }
  assert(client:connect())
  client:wait("disconnected", 5)
  threads_without_engine = util.count_threads() - 1
  assert(sidewire.stop())
end
warm_up()

local before -- at `begin`

--- For before_each.
function util.begin()
  collectgarbage()
  assert(util.wait_threads(threads_without_engine))
  before = { descriptors = util.count_descriptors(), threads = util.count_threads() }
end

--- For before_each: util.begin; starts a peer, which it returns.
function util.begin_with_peer(options)
  util.begin()
  return Peer.start(options)
end

--- For after_each: stops sidewire and all peers, then wants descriptors and threads back as they were.
function util.finish()
  sidewire.on_error(nil)
  local stopped, why = sidewire.stop()
  Peer.stop_all()
  ports.close_all()
  for _ in sidewire.events() do end -- luacheck: ignore 542 (the next spec is to find nothing)
  collectgarbage()
  collectgarbage()
  assert(stopped, why)
  local function is_back()
    return util.count_descriptors() <= before.descriptors and util.count_threads() <= before.threads
  end
  if util.wait_until(is_back, 5) then return end
  error(("left behind: %d descriptors before, %d now; %d threads before, %d now\n%s"):format(before.descriptors,
    util.count_descriptors(), before.threads, util.count_threads(), util.describe_descriptors()), 0)
end

--- Like util.finish, but ends the peers first: what is stuck need not linger then.
function util.finish_without_peers()
  Peer.stop_all()
  util.finish()
end

--- The losses among collected events as ranges, in order of the ids: { { first, last, fate }, ... }
function util.losses(events)
  local list = {}
  for _, event in ipairs(events) do
    if event[1] == "lost" then list[#list + 1] = { event[2], event[3], event[4] } end
  end
  return list
end

return util
