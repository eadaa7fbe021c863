--- Many clients end their connections at once, or have them ended, on a link where a packet takes its time: what became
-- of each message by the peer's record, by the `lost` events and by stats()?
--
--     local round_trip = require "spec.support.round_trip"
--     print(round_trip.run { way = "ours", delay = 0.15, ends = 4, clients = 25, linger = 2, margin = 0.5 })
--
-- Ways, each with so many clients of retain "unsent" and as many of "unacked", of which half are eager:
--
--   ours         COUNT messages, then disconnect(linger), `ends` times; eager ones do not wait for the connection
--                first. Then one more connection, which would show what is sent again
--   theirs       the peer sends its FIN when it has read COUNT messages, and reads on to the other one, `ends` times;
--                eager ones send all the time, the others wait for each end
--   ours-cut     half of COUNT messages are acknowledged; then as many again and disconnect(linger), a bit later for
--                each next client, and when a quarter have ended the wire is cut. It is mended when all have ended, and
--                they connect again
--   theirs-bulk  the peer sends its FIN when it has read the first bytes, and reads on to the other one, until each
--                client has sent all of BULK messages, so that the system always holds more than a round trip carries
--   theirs-cut   the peer ends as in theirs, a bit later for each next client, and the wire is cut and mended likewise
--
-- It raises when something is wrong: lost or received twice (without a cut); neither received nor reported lost;
-- reported unsent, yet received; a count of stats() that is another; an end by us that takes longer than linger and
-- margin.

local socket = require "socket"
local sidewire = require "sidewire.core"
local Peer = require "spec.support.peer"
local build = require "spec.support.build"
local netns = require "spec.support.netns"
local numbered = require "spec.support.numbered"
local util = require "spec.support.util"

local round_trip = {}

local COUNT = 50 -- messages of an end; any so many in a row have as many bytes
local RETAINED = build.has_fallbacks and { "unsent" } or { "unsent", "unacked" }
local BULK = 600 -- messages
local STALL = 1 -- seconds, when the wire is cut while messages are under way
local FRAME = 0.005 -- seconds

local message = numbered.maker(function(n) return n % COUNT * 20 + 12 - #tostring(n) end)

-- Tells the peer's streams apart.
local function greeting(number) return ("client %05d"):format(number) end

-- Way -> bytes of a connection after which the peer ends it.
local HEAD = #greeting(1) + 1
local FINISH_AFTER = { ["theirs-bulk"] = HEAD + 1 }
FINISH_AFTER.theirs = HEAD + #numbered.lines(message, 1, COUNT)
FINISH_AFTER["theirs-cut"] = FINISH_AFTER.theirs

-- --- clients ---

local Run = {}
Run.__index = Run

local function new_run(number, retain, options)
  local self = setmetatable({
    number = number, retain = retain, options = options, accepted = 0, codes = {}, longest = 0,
    is_eager = math.floor(number / #RETAINED) % 2 == 0,
  }, Run)
  self.client = sidewire.new {
    host = netns.HOST, port = netns.PORT, retain = retain, greeting = greeting(number), linger = options.linger,
    reconnect = 0.02, connect_timeout = options.is_cut and STALL or 10, stall_timeout = options.is_cut and STALL or 30,
  }
  self.losses = numbered.count_losses(self.client)
  self.client:on {
    connect = function(_, info)
      assert(info.seconds >= 2 * options.delay, "the link is quicker than it is to be")
    end,
    disconnect = function(_, _, code) table.insert(self.codes, code) end,
    message = function() end,
    error = function(_, why, code) -- the peer has ended it when we are about to
      if not (options.is_theirs and code == "ECLOSED") then error("no error can come: " .. why) end
      table.insert(self.codes, code)
    end,
  }
  return self
end

function Run:send(count)
  for _ = 1, count do
    self.accepted = self.accepted + 1
    assert(self.client:send(message(self.accepted)) == self.accepted)
  end
end

-- Goes on when the predicate is true; the others go on meanwhile.
function Run:await(what, predicate)
  local deadline = socket.gettime() + util.DEADLINE
  while not predicate() do
    if socket.gettime() > deadline then
      error(("client %d, %s, is still not %s: %s"):format(self.number, self.retain, what, self.client:state()))
    end
    coroutine.yield()
  end
end

function Run:await_connected()
  self:await("connected", function() return self.client:is_connected() end)
end

function Run:await_finished()
  self:await("finished", function()
    local s = numbered.check_account(self.client)
    return s.queued == 0 and s.in_flight == 0
  end)
end

function Run:connect()
  assert(self.client:connect())
end

function Run:await_ends(count)
  self:await(("ended %d times"):format(count), function() return #self.codes >= count end)
end

-- Returns when the connection has ended.
function Run:disconnect()
  local ended, began = #self.codes, socket.gettime()
  self.client:disconnect(self.options.linger)
  self:await_ends(ended + 1)
  local seconds = socket.gettime() - began
  self.longest = math.max(self.longest, seconds)
  local code = self.codes[ended + 1]
  assert(code == "ECLOSED" or self.options.is_theirs and code == "EPEER", code)
  assert(seconds <= self.options.linger + self.options.margin, ("an end took %.2f s"):format(seconds))
end

-- Nothing is under way any more, and what a new connection sends again is there.
function Run:settle()
  self:connect()
  self:await_connected()
  self:send(1)
  self:await_finished()
  self:await_connected() -- the peer may have ended it just now
  self:disconnect()
end

-- --- ways ---

local ways = {}

function ways.ours(run)
  for _ = 1, run.options.ends do
    run:connect()
    if not run.is_eager then run:await_connected() end
    run:send(COUNT)
    run:disconnect()
  end
  run:settle()
end

-- A message each `frames`, until the peer has ended so many connections.
local function send_all_the_time(run, frames, ends)
  while #run.codes < ends do
    run:send(1)
    for _ = 1, frames do coroutine.yield() end
  end
end

function ways.theirs(run)
  run:connect()
  if run.is_eager then
    send_all_the_time(run, 1, run.options.ends)
  else
    for i = 1, run.options.ends do
      run:send(COUNT)
      run:await_ends(i)
    end
  end
  for i = 1, run.options.ends do assert(run.codes[i] == "EPEER", run.codes[i]) end
  run:await_finished()
  run:await_connected()
  run:disconnect()
end

ways["theirs-bulk"] = function(run)
  run:connect()
  run:send(BULK)
  run:await_finished()
  run:await_connected()
  run:disconnect()
end

local started -- when all clients had come so far; nil before that
local waiting = 0

-- Goes on together with all others, but each a bit later than the one before: all within two round trips, and the time
-- that a cut takes.
function Run:start_in_turn()
  waiting = waiting + 1
  if waiting == #RETAINED * self.options.clients then started = socket.gettime() end
  self:await("started", function() return started end)
  local turn = (self.number - 1) / (#RETAINED * self.options.clients)
  self:await("its turn", function() return socket.gettime() >= started + turn * (0.2 + 4 * self.options.delay) end)
end

ways["ours-cut"] = function(run)
  run:connect()
  run:await_connected()
  run:send(COUNT / 2)
  run:await_finished()
  run:start_in_turn()
  run:send(COUNT / 2)
  run:disconnect()
  run.has_ended = true
  run:await("on a mended wire", function() return run.is_mended end)
  run:settle()
end

ways["theirs-cut"] = function(run)
  run:connect()
  run:await_connected()
  run:start_in_turn()
  run:send(COUNT)
  send_all_the_time(run, 10, 1)
  run.has_ended = true
  run:await("on a mended wire", function() return run.is_mended end)
  run:settle()
end

local function count_ended(runs)
  local count = 0
  for _, run in ipairs(runs) do
    if run.has_ended then count = count + 1 end
  end
  return count
end

local function cut_and_mend(runs)
  while count_ended(runs) < #runs / 4 do coroutine.yield() end
  netns.cut()
  while count_ended(runs) < #runs do coroutine.yield() end
  netns.mend()
  for _, run in ipairs(runs) do run.is_mended = true end
end

-- Resumes all, a frame after the other, until they have come to their ends.
local function go(routines)
  while #routines > 0 do
    sidewire.poll()
    for i = #routines, 1, -1 do
      local ok, why = coroutine.resume(routines[i])
      if not ok then error(debug.traceback(routines[i], why), 0) end
      if coroutine.status(routines[i]) == "dead" then table.remove(routines, i) end
    end
    socket.sleep(FRAME) -- it is the load of those who send all the time that is paced here
  end
end

-- --- the account ---

-- Number of a client -> what was recorded of it.
local function read_record(runs)
  local readers = {}
  for number, run in ipairs(runs) do
    readers[number] = numbered.reader(message, {
      greeting = greeting(number) .. "\n", may_repeat = run.options.is_cut and run.retain == "unacked",
    })
  end
  for stream in Peer.each_stream(netns.RECORD) do
    local number = tonumber(stream.data:match "^client (%d+)\n")
    if number then readers[number]:read(stream) end
  end
  return readers
end

-- A list of sentences.
local function judge(run, reader)
  local found = {}
  local function want(is_so, sentence, ...)
    if not is_so then
      table.insert(found, ("client %d, %s: %s"):format(run.number, run.retain, sentence:format(...)))
    end
  end
  local losses, s, seen = run.losses, run.stats, reader.seen
  local unsent, unknown = losses.unsent:count(), losses.unknown:count()
  for _, sentence in ipairs(reader.faults) do want(false, "%s", sentence) end
  for _, sentence in ipairs(losses.faults) do want(false, "%s", sentence) end
  want(seen:common(losses.unsent) == 0, "reported unsent, yet received")
  for id = 1, run.accepted do
    want(seen:has(id) or losses.unsent:has(id) or losses.unknown:has(id), "%d: not received, not reported lost", id)
  end
  want(s.accepted == run.accepted, "accepted %d, by stats %d", run.accepted, s.accepted)
  want(s.lost_unsent == unsent and s.lost_unknown == unknown, "lost %d and %d, by stats %d and %d", unsent, unknown,
    s.lost_unsent, s.lost_unknown)
  want(s.finished == run.accepted - unsent - unknown, "finished %d of %d", s.finished, run.accepted)
  want(run.options.is_cut and run.retain == "unsent" or unsent + unknown == 0, "%d are lost", unsent + unknown)
  return found
end

local function judge_all(runs)
  local found, readers = {}, read_record(runs)
  for number, run in ipairs(runs) do
    for _, sentence in ipairs(judge(run, readers[number])) do table.insert(found, sentence) end
  end
  return #found == 0 and readers, found
end

local function tell(retain, runs, readers)
  local sum = { ends = 0, accepted = 0, unsent = 0, unknown = 0, received = 0, twice = 0 }
  local longest = 0
  for number, run in ipairs(runs) do
    if run.retain == retain then
      sum.ends = sum.ends + #run.codes
      sum.accepted = sum.accepted + run.accepted
      sum.unsent = sum.unsent + run.losses.unsent:count()
      sum.unknown = sum.unknown + run.losses.unknown:count()
      sum.received = sum.received + readers[number].seen:count()
      sum.twice = sum.twice + readers[number].counts.twice
      longest = math.max(longest, run.longest)
    end
  end
  local options = runs[1].options
  print(round_trip.COLUMNS:format(options.way, ("%g ms"):format(options.delay * 2000), retain, sum.ends, sum.accepted,
    sum.received, sum.unsent, sum.unknown, sum.twice, ("%.2f s"):format(longest)))
  return sum
end

--- Of what `run` returns, for string.format. The last is the longest time from disconnect() to the end.
round_trip.COLUMNS = "%-10s %7s %-8s %5s %9s %9s %7s %8s %6s %8s"
round_trip.HEADING = round_trip.COLUMNS:format("way", "trip", "retain", "ends", "accepted", "received", "unsent",
  "unknown", "twice", "longest")

--- On the near machine.
function round_trip.go(options)
  local runs, routines = {}, {}
  for number = 1, options.clients * #RETAINED do
    runs[number] = new_run(number, RETAINED[number % #RETAINED + 1], options)
    routines[number] = coroutine.create(function() ways[options.way](runs[number]) end)
  end
  if options.is_cut then
    table.insert(routines, coroutine.create(function() cut_and_mend(runs) end))
  end
  go(routines)
  for _, run in ipairs(runs) do run.stats = numbered.check_account(run.client) end
  assert(sidewire.stop())
  local readers, found
  util.wait_until(function()
    readers, found = judge_all(runs) -- the peer may not have read yet what its system has
    return readers
  end, 5)
  assert(readers, table.concat(found, "\n", 1, math.min(#found, 40)))
  local unsent = tell("unsent", runs, readers)
  tell("unacked", runs, readers)
  assert(not options.is_cut or unsent.unknown > 0, "the cut came too late, or too early")
end

-- --- for those who run it ---

--- Runs `clients` of each retain on the near machine.
-- @tparam table options way, delay (seconds each way), ends (of each client), clients, linger, margin; limit, that of
-- netns.run
-- @treturn string two lines of COLUMNS; raises when something is wrong
function round_trip.run(options)
  local finish_after = FINISH_AFTER[options.way]
  local text = ([[require("spec.support.round_trip").go {
    way = %q, delay = %g, ends = %d, clients = %d, linger = %g, margin = %g, is_cut = %s, is_theirs = %s,
  }]]):format(options.way, options.delay, options.ends, options.clients, options.linger, options.margin,
    tostring(options.way:find "-cut$" ~= nil), tostring(finish_after ~= nil))
  return netns.run_text({
    delay = options.delay, limit = options.limit, peer = finish_after and "--finish-after " .. finish_after,
  }, text)
end

return round_trip
