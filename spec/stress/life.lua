--- One client of the stress run, from its making to the account of all its messages, and the two peers it talks to.
--
--     local life = Life.start { framing = "u8", retain = "unsent", ask = function(is_so, sentence, ...) ... end }
--     life:frame()              -- sends, does something rash now and then, confirms
--     life:finish()             -- ends it; frames go on until
--     life:is_over()            -- nothing of it is left: then
--     local counts = life:account()
--
-- `ask` gets everything that must be so. Message n is the one with id n, so both sides know what to expect; what is
-- kept of them is ranges.

local sidewire = require "sidewire.core"
local Pair = require "spec.stress.pair"
local Receiver = require "spec.stress.receiver"
local build = require "spec.support.build"
local numbered = require "spec.support.numbered"
local util = require "spec.support.util"

local Life = {
  --- What handlers raise on purpose.
  MARK = "raised on purpose",
  --- Bytes of the messages that peers make, and so those of a fixed framing.
  FLOOD = 400,
}
Life.__index = Life

local RASH = 0.03 -- chance that the script does something else than sending, a frame, and that a handler will
local LAST = 5 -- frames before the end, when perhaps both peers go away
local SETTLED = 20 -- frames without a connection, after which none is thought to come any more
local DEADLINE = util.choose(2000, 6000) -- frames that ending may take

-- --- messages ---

-- Mostly small ones, some that fill pages, some that the kernel takes in several parts, as far as the framing allows.
local function maker(framing)
  if type(framing) == "table" and framing.fixed then
    return numbered.maker(function(n) return framing.fixed - 1 - #tostring(n) end)
  end
  local most = framing == "u8" and 240 or (framing == "u16be" or framing == "u16le") and 60000 or 100000
  local salt = math.random(1000)
  return numbered.maker(function(n)
    local k = n + salt
    if k % 997 == 0 then return most end
    return math.min(most, k % 101 == 0 and 20000 or k * 31 % 200)
  end)
end

-- The framings in which the peer can make messages of its own, and what it calls them.
local FLOODABLE = { line = "line", raw = "line", u32be = "u32be", fixed = "line" }

-- What the peer answers with, and its options.
local function choose_peer(framing, retain)
  local made = FLOODABLE[type(framing) == "table" and next(framing) or framing]
  local answer = retain == "unconfirmed" and "echo" or ({ "echo", "sink", "flood" })[math.random(made and 3 or 2)]
  if answer ~= "flood" then return answer, { mode = answer } end
  return answer, { mode = "flood " .. Life.FLOOD, framing = made }
end

-- --- the start ---

-- Message 0, up to twice: on every connection before all others, and without an id.
local function greeting_of(self)
  local list = {}
  for i = 1, self.greetings do list[i] = self.message(0) end
  return list
end

local function options_of(self, peer)
  return {
    host = peer.host, port = peer.port, framing = self.framing, retain = self.retain, greeting = greeting_of(self),
    max_message = 2 ^ 20,
    queue_limit = math.random(256, 1024) * 1024, -- two greetings of 100 KB fit
    inbox_limit = self.answer == "flood" and 16 * 1024 or nil, -- else the peer sends as fast as it can
    linger = ({ 0, 0.05, 0.3 })[math.random(3)], spin = ({ 0, 0, 50, 1000 })[math.random(4)],
    reconnect = { delay = 0.002, max = 0.05 },
  }
end

--- @tparam table settings framing, retain, ask
function Life.start(settings)
  local framing, retain = settings.framing, settings.retain
  local answer, peer_options = choose_peer(framing, retain)
  local self = setmetatable({
    framing = framing, retain = retain, ask = settings.ask, answer = answer, message = maker(framing),
    pair = Pair.start(peer_options), losses = numbered.count_losses(), writes = math.random() < 0.5,
    greetings = math.random(0, 2), accepted = 0, acked = 0, confirmed = 0, connects = 0, refused = 0,
    frames_left = math.random(50, 800),
  }, Life)
  self.pair.may_be_harsh = math.random() < 0.6
  -- What is confirmed while it waits to be sent again need not be sent.
  self.may_skip = function(_, last) return retain == "unconfirmed" and last <= self.confirmed end
  self.receiver = Receiver.new {
    answer = answer, framing = framing, message = self.message, greetings = self.greetings, may_skip = self.may_skip,
    want = function(...) self:want(...) end,
  }
  self.client = sidewire.new(options_of(self, self.pair[1]))
  if math.random() < 0.3 then self.client:set_greeting(greeting_of(self)) end -- the same again
  self:listen()
  self.client:connect()
  return self
end

function Life:want(is_so, sentence, ...)
  if is_so then return end
  self.ask(false, "%s, retain %s, peer %s: " .. sentence, self:framing_name(), self.retain, self.answer, ...)
end

function Life:framing_name()
  return type(self.framing) == "table" and next(self.framing) or self.framing
end

-- --- handlers ---

local handlers = {}

function handlers.connect(self)
  self:want(not self.is_up, "connect follows connect")
  self.is_up = true
  self.receiver:begin()
  self.connects = self.connects + 1
end

function handlers.disconnect(self)
  self:want(self.is_up, "disconnect without connect")
  self.is_up = false
end

function handlers.message(self, text)
  self:want(self.is_up, "a message without connect")
  self.receiver:take(text)
end

-- Before the script gives up, what is kept is not lost.
function handlers.lost(self, first, last, fate)
  numbered.lose(self.losses, first, last, fate)
  self:want(first > self.acked or self.retain == "unconfirmed", "%d were lost, %d acknowledged", first, self.acked)
  if self.is_ending then return end
  local allowed = self.retain == "none" or self.retain == "unsent" and fate == "unknown"
  self:want(allowed, "%d..%d were lost, %s", first, last, fate)
end

function handlers.close(self)
  self:want(not self.is_closed, "a second close event")
  self.is_closed = true
end

if not build.has_fallbacks then
  function handlers.acked(self, id)
    self:want(id > self.acked and id <= self.accepted, "acked %d after %d, of %d", id, self.acked, self.accepted)
    self.acked = id
  end
end

handlers.retry = function() end
handlers.drain = function() end
handlers.error = function() end

-- Each handler does its duty, then perhaps what a mischievous script might do in it.
function Life:listen()
  for name, duty in pairs(handlers) do
    self.client:on(name, function(_, ...)
      self:want(not self.is_closed, "%s after close", name)
      duty(self, ...)
      local mischief = self.mischief
      self.mischief = nil
      if mischief then mischief(self) end
    end)
  end
end

local MISCHIEF = {
  function() error(Life.MARK, 0) end,
  function(self) self:finish() end,
  function(self)
    self.client:disconnect(0)
    self.client:connect()
  end,
  function() sidewire.poll(3) end,
  function(self) self.client:poll() end,
  function() collectgarbage() end,
  function(self) self:send(3) end,
}

-- --- the script ---

local function other_peer(self)
  self.at = 3 - (self.at or 1)
  return self.pair[self.at].host, self.pair[self.at].port
end

-- The copies are those that were accepted last, without a gap.
local function check_unfinished(self)
  local next_id, state, values = self.client:unfinished()
  local previous
  for id, text, is_written in next_id, state, values do
    local expected = is_written and numbered.wire(self.framing, self.message(id)) or self.message(id)
    self:want(text == expected and (not previous or id == previous + 1), "unfinished: %d %q after %s", id,
      text:sub(1, 40), previous)
    previous = id
  end
  self:want(not previous or previous == self.accepted, "unfinished up to %s, accepted %d", previous, self.accepted)
end

local RECONNECTS = { false, true, 0.01, { delay = 0.001, attempts = 2 } }

local RASH_ACTS = {
  check_unfinished,
  function(self) self.client:disconnect() end,
  function(self) self.client:disconnect(0) end,
  function(self)
    self.client:disconnect(math.random() * 0.05)
    self.client:connect()
  end,
  function(self) self.client:connect(other_peer(self)) end,
  function(self)
    self.client:set_server(other_peer(self))
    if math.random() < 0.5 then self.client:disconnect() end
  end,
  function(self) self.client:flush(math.random() * 0.005) end,
  function(self) self.client:wait("connected", math.random() * 0.003) end,
  function(self) self.client:wait("disconnected", math.random() * 0.003) end,
  function() sidewire.wait(math.random() * 0.003) end,
  function() collectgarbage() end,
  function(self) self.client:set_reconnect(RECONNECTS[math.random(#RECONNECTS)]) end,
  function(self) self:send(2000) end,
}

-- Now and then the script does the framing itself.
local function put(self, n)
  local text = self.message(n)
  if self.writes and n % 16 == 0 then return self.client:write(numbered.wire(self.framing, text)) end
  return self.client:send(text)
end

--- Sends up to so many.
function Life:send(count)
  for _ = 1, count do
    if self.is_ending then return end
    local n = self.accepted + 1
    local id, _, code = put(self, n)
    self:want(id == n or not id and code == "EFULL", "send gave %s, %s instead of %d", id, code, n)
    if not id then
      self.refused = self.refused + 1
      return
    end
    self.accepted = n
  end
end

-- The echo of a message proves that the peer has read it. The last ones stay unconfirmed, though the peer has them.
function Life:confirm()
  local newest = self.receiver.newest
  if self.retain ~= "unconfirmed" or not newest or self.frames_left < 2 * LAST or math.random() < 0.3 then return end
  self.confirmed = math.max(self.confirmed, newest)
  local ok, why = self.client:confirm(newest)
  self:want(ok, "confirm(%d): %s", newest, why)
end

function Life:frame()
  if self.is_ending then return self:end_frame() end
  self.pair:frame()
  self:send(math.random(0, util.choose(10, 3)))
  self:confirm()
  self:want(pcall(numbered.check_account, self.client))
  if math.random() < RASH then RASH_ACTS[math.random(#RASH_ACTS)](self) end
  if math.random() < RASH then self.mischief = MISCHIEF[math.random(#MISCHIEF)] end
  if not self.is_ending and self.client:state() == "idle" and math.random() < 0.2 then self.client:connect() end
  self.frames_left = self.frames_left - 1
  if self.frames_left == LAST and math.random() < 0.3 then self.pair:go_away() end
  if self.frames_left <= 0 and not self.is_ending then self:finish() end
end

-- --- the end ---

-- Without handlers nothing but the script holds the client; a script that holds it no more does not learn what becomes
-- of the rest. Messages that come in would wait for events(), so they are discarded; such a client is held until it is
-- idle.
local function abandon(self)
  for name in pairs(handlers) do self.client:on(name, nil) end
  if self.answer ~= "sink" then
    self.client:on("message", false)
    self.client:disconnect()
  end
  self.client, self.is_abandoned = nil, true
end

--- Closes the client, or forgets it.
function Life:finish()
  if self.is_ending then return end
  self.is_ending, self.frames_since, self.frames_settled = true, 0, 0
  local way = math.random(4)
  if way == 1 then
    abandon(self)
  elseif way == 2 then
    self.client:close(0)
  else
    self.client:close(way == 3 and math.random() * 0.3 or nil)
  end
end

function Life:end_frame()
  self.frames_since = self.frames_since + 1
  if self.frames_since == 1 then self.pair:calm() end
  if self.is_abandoned and self.frames_since % 10 == 0 then collectgarbage() end
  local is_gone = (self.is_abandoned or self.is_closed) and self.pair:count_connections() == 0
  self.frames_settled = is_gone and self.frames_settled + 1 or 0
end

--- Nothing of it is left, or it takes too long.
function Life:is_over()
  return self.is_ending and (self.frames_settled >= SETTLED or self.frames_since >= DEADLINE)
end

local function check_stats(self)
  local s = numbered.check_account(self.client)
  local unsent, unknown = self.losses.unsent:count(), self.losses.unknown:count()
  self:want(s.accepted == self.accepted, "accepted %d, by stats %d", self.accepted, s.accepted)
  self:want(s.queued == 0 and s.in_flight == 0, "closed with %d queued, %d in flight", s.queued, s.in_flight)
  self:want(s.lost_unsent == unsent, "lost %d unsent, by stats %d", unsent, s.lost_unsent)
  self:want(s.lost_unknown == unknown, "lost %d unknown, by stats %d", unknown, s.lost_unknown)
end

local function wire_of_greeting(self)
  return numbered.wire(self.framing, self.message(0)):rep(self.greetings)
end

--- What the peers have read against what the client said of it; the peers are ended.
-- @treturn table counts
function Life:account()
  self:want(self.frames_settled >= SETTLED, "%s, it still has %d connections",
    self.is_abandoned and "forgotten" or "closed", self.pair:count_connections())
  local reader = numbered.reader(self.message, {
    framing = self.framing, may_skip = self.may_skip, greeting = wire_of_greeting(self),
    may_repeat = self.retain == "unacked" or self.retain == "unconfirmed",
  })
  for _, peer in ipairs(self.pair) do reader:read_record(peer.dir) end
  self.pair:stop()

  local seen, losses = reader.seen, self.losses
  local reported = losses.unsent:count() + losses.unknown:count()
  local reported_read = seen:common(losses.unknown)
  local unread = self.accepted - seen:count() - reported + reported_read
  for _, sentence in ipairs(reader.faults) do self:want(false, "%s", sentence) end
  for _, sentence in ipairs(losses.faults) do self:want(false, "%s", sentence) end
  self:want(seen:count_within(1, self.accepted) == seen:count(), "more was read than accepted")
  self:want(seen:common(losses.unsent) == 0, "%d were reported unsent and had arrived", seen:common(losses.unsent))
  if not self.is_abandoned then
    check_stats(self)
    -- Where acknowledgements are not counted, what the system holds at the end of a connection counts as finished.
    local may_miss = (self.pair.is_harsh or build.has_fallbacks) and self.retain ~= "unconfirmed"
    self:want(may_miss or unread == 0, "%d are neither read nor reported", unread)
  end
  return {
    lives = 1, connections = self.connects, accepted = self.accepted, refused = self.refused, read = seen:count(),
    twice = reader.counts.twice, cut = reader.counts.cut, unsent = losses.unsent:count(),
    unknown = losses.unknown:count(), unread = self.is_abandoned and 0 or unread,
    forgotten = self.is_abandoned and unread or 0, received = self.receiver.count, troubles = self.pair.troubles,
  }
end

return Life
