-- Messages whose bytes follow from their number, and what streams of them must look like: with these a spec can tell of
-- every byte that arrived which message it belongs to, and whether it belongs there.
--
--     local numbered = require "spec.support.numbered"
--     local message = numbered.maker(function(n) return n % 100 end)     -- n -> bytes of padding
--     local id = client:send(message(n))                                 -- n is the id to be, so that ids can be found
--     local seen, faults = numbered.read(Peer.streams(dir), message)     -- framing "line"; for others numbered.reader
--
-- Never part of it: how a connection was cut. Only the last message of a stream may be incomplete.

local Peer = require "spec.support.peer"
local Ranges = require "spec.support.ranges"
local prefix = require "spec.support.prefix"

local numbered = {}

local LETTERS = "abcdefghijklmnopqrstuvwxyz"
local pads = {} -- letter -> a long string of it

local function padding(n, size)
  local letter = n % #LETTERS + 1
  local pad = pads[letter]
  if not pad or #pad < size then
    pad = LETTERS:sub(letter, letter):rep(size)
    pads[letter] = pad
  end
  return pad:sub(1, size)
end

--- A function from numbers to messages: the number, a space, so many bytes as size_of says. No newline in it.
function numbered.maker(size_of)
  return function(n) return n .. " " .. padding(n, size_of(n)) end
end

--- All messages first..last as lines.
function numbered.lines(message, first, last)
  local lines = {}
  for n = first, last do lines[#lines + 1] = message(n) end
  lines[#lines + 1] = ""
  return table.concat(lines, "\n")
end

-- --- framings, on their own: sidewire's codec has no part in it ---

--- The bytes of a message on the wire. The framing is one that sidewire.new takes.
function numbered.wire(framing, message)
  if prefix.SIZES[framing] then return prefix.wire(framing, message) end
  if framing == "line" then return message .. "\n" end
  return message .. (type(framing) == "table" and framing.delimiter or "")
end

local function ended_by(delimiter)
  return function(data, from)
    local first, last = data:find(delimiter, from, true)
    if first then return data:sub(from, first - 1), last + 1 end
  end
end

local function sized(size)
  return function(data, from)
    if from + size - 1 <= #data then return data:sub(from, from + size - 1), from + size end
  end
end

-- The number of a message; nil when the digits cannot be those of one.
local function to_number(digits)
  if digits and #digits <= 15 then return tonumber(digits) end
end

-- Without frames a message ends where its number says; what has none is a message up to the end.
local function self_delimiting(message)
  return function(data, from)
    local digits = data:match("^%d+", from) or ""
    local size = #data - from + 1
    if to_number(digits) then size = #message(to_number(digits)) end
    if digits ~= "" and from + #digits > #data or from + size - 1 > #data or size == 0 then return nil end
    return data:sub(from, from + size - 1), from + size
  end
end

local function prefixed(framing)
  local header = prefix.SIZES[framing]
  return function(data, from)
    local first = from + header
    if first - 1 > #data then return nil end
    local behind = first + prefix.read(framing, data, from)
    if behind - 1 <= #data then return data:sub(first, behind - 1), behind end
  end
end

--- A function that takes the message at a place of a stream: (data, from) -> message, where the next one begins; nil
-- when there is no whole one. `message` is that of numbered.maker.
function numbered.decoder(framing, message)
  if prefix.SIZES[framing] then return prefixed(framing) end
  if framing == "line" then return ended_by "\n" end
  if framing == "raw" then return self_delimiting(message) end
  if framing.delimiter then return ended_by(framing.delimiter) end
  return sized(framing.fixed)
end

-- --- streams ---

local function short(text)
  return #text > 40 and ("%q... (%d bytes)"):format(text:sub(1, 40), #text) or ("%q"):format(text)
end

local Reader = {}
Reader.__index = Reader

--- Reads recorded streams, one after the other, and remembers which messages there were. A fault is: what is no message
-- (a partial one, other bytes), a number that is not the next one on its connection, one that a connection before had
-- (unless may_repeat), a cut that is not the beginning of the next message, a connection without the greeting.
-- @tparam function message that of numbered.maker
-- @tparam[opt] table options framing (line); may_repeat; may_skip, a function (first, last) -> is it all right that a
-- connection leaves these out?; greeting, its bytes on the wire
-- @return `seen`, Ranges; `faults`, a list of sentences; `counts`: messages, twice, disorder, partial (on a new
-- connection, or anywhere), cut (at a stream's end)
function numbered.reader(message, options)
  options = options or {}
  local framing = options.framing or "line"
  return setmetatable({
    message = message, framing = framing, decode = numbered.decoder(framing, message),
    header = prefix.SIZES[framing] or 0,
    may_repeat = options.may_repeat, may_skip = options.may_skip, greeting = options.greeting or "",
    seen = Ranges.new(), faults = {}, newest = 0,
    counts = { messages = 0, twice = 0, disorder = 0, partial = 0, cut = 0 },
  }, Reader)
end

local function fault(self, kind, stream, what)
  self.counts[kind] = self.counts[kind] + 1
  if #self.faults < 20 then table.insert(self.faults, ("%s: %s: %s"):format(stream.name, kind, what)) end
end

local function follows(self, previous, n)
  if not previous or n == previous + 1 then return true end
  return n > previous and self.may_skip ~= nil and self.may_skip(previous + 1, n - 1)
end

-- Returns the number, nil when it is no message.
local function take(self, stream, payload, previous)
  local n = to_number(payload:match "^(%d+) ")
  if not n or payload ~= self.message(n) then return fault(self, "partial", stream, short(payload)) end
  if not follows(self, previous, n) then fault(self, "disorder", stream, ("%d after %d"):format(n, previous)) end
  return n
end

-- A connection's messages first..last, without a gap.
local function note(self, stream, first, last)
  local common = self.seen:add(first, last)
  self.counts.messages = self.counts.messages + last - first + 1 - common
  if common > 0 and self.may_repeat then
    self.counts.twice = self.counts.twice + common
  elseif common > 0 then
    fault(self, "twice", stream, ("%d of %d..%d"):format(common, first, last))
  elseif first <= self.newest and not self.may_repeat then
    fault(self, "disorder", stream, ("%d after %d"):format(first, self.newest))
  end
  self.newest = math.max(self.newest, last)
end

-- What is left at the end must be the beginning of a message; when its number can be read, of the next one.
local function check_cut(self, stream, rest, previous)
  self.counts.cut = self.counts.cut + 1
  local digits, space = rest:sub(self.header + 1):match "^(%d*)(.?)"
  local n = space == " " and to_number(digits) or previous and previous + 1
  if not n and space == "" then return end -- too short to tell
  if not n or not follows(self, previous, n) or numbered.wire(self.framing, self.message(n)):sub(1, #rest) ~= rest then
    fault(self, "partial", stream, short(rest))
  end
end

local function check_greeting(self, stream)
  local size = math.min(#self.greeting, #stream.data)
  if stream.data:sub(1, size) ~= self.greeting:sub(1, size) then
    fault(self, "partial", stream, "no greeting: " .. short(stream.data:sub(1, size)))
  end
  return size + 1
end

--- Reads the stream of one connection.
-- @tparam table stream one that Peer.each_stream gives; those of one server in order of acceptance
function Reader:read(stream)
  local from = check_greeting(self, stream)
  local first, previous
  while from <= #stream.data do
    local payload, next_from = self.decode(stream.data, from)
    if not payload then break end
    local n = take(self, stream, payload, previous)
    if n and first and n ~= previous + 1 then
      note(self, stream, first, previous)
      first = nil
    end
    if n then first, previous = first or n, n end
    from = next_from
  end
  if first then note(self, stream, first, previous) end
  if from <= #stream.data then check_cut(self, stream, stream.data:sub(from), previous) end
end

--- Reads all that one server, or several of which each replaced the one before, recorded there.
function Reader:read_record(dir)
  self.newest = 0
  for stream in Peer.each_stream(dir) do self:read(stream) end
end

--- Reads recorded streams of framing "line".
-- @treturn table numbers read whole -> true
-- @treturn table list of faults, sentences
-- @treturn table counts, as numbered.reader says
function numbered.read(streams, message)
  local reader = numbered.reader(message)
  for _, stream in ipairs(streams) do reader:read(stream) end
  local seen = {}
  for first, last in reader.seen:each() do
    for n = first, last do seen[n] = true end
  end
  return seen, reader.faults, reader.counts
end

-- --- fates ---

--- Sets a client's lost handler to note fates.
-- @treturn table id -> fate; `faults`: a list of sentences on ranges that overlap or are empty
function numbered.note_losses(client)
  local fates = { faults = {} }
  client:on("lost", function(_, first, last, fate)
    if first > last or (fate ~= "unsent" and fate ~= "unknown") then
      table.insert(fates.faults, ("lost %s..%s %s"):format(first, last, fate))
    end
    for id = first, last do
      if fates[id] then table.insert(fates.faults, ("id %d lost twice"):format(id)) end
      fates[id] = fate
    end
  end)
  return fates
end

--- The same for many messages: sets the lost handler, or only makes what numbered.lose takes when there is no client.
-- @treturn table unsent, unknown: Ranges; `faults`: a list of sentences
function numbered.count_losses(client)
  local losses = { unsent = Ranges.new(), unknown = Ranges.new(), faults = {} }
  if client then client:on("lost", function(_, ...) numbered.lose(losses, ...) end) end
  return losses
end

--- Notes a lost event there.
function numbered.lose(losses, first, last, fate)
  if first > last or not losses[fate] then
    table.insert(losses.faults, ("lost %s..%s %s"):format(first, last, fate))
  elseif losses.unsent:count_within(first, last) + losses.unknown:count_within(first, last) > 0 then
    table.insert(losses.faults, ("%d..%d: some of them are lost twice"):format(first, last))
  else
    losses[fate]:add(first, last)
  end
end

--- accepted = queued + in_flight + finished + lost, at this moment; returns the stats. Raises when it is not so.
function numbered.check_account(client)
  local s = client:stats()
  local sum = s.queued + s.in_flight + s.finished + s.lost
  if s.accepted ~= sum or s.lost ~= s.lost_unsent + s.lost_unknown then
    error(("accepted %d ~= queued %d + in flight %d + finished %d + lost %d (%d unsent, %d unknown)"):format(s.accepted,
      s.queued, s.in_flight, s.finished, s.lost, s.lost_unsent, s.lost_unknown), 2)
  end
  for _, name in ipairs { "queued", "in_flight", "finished", "lost" } do
    if s[name] < 0 or s[name] > s.accepted then error(("%s = %d of %d"):format(name, s[name], s.accepted), 2) end
  end
  return s
end

return numbered
