-- Messages whose bytes follow from their number, and what streams of them must look like: with these a spec can tell of
-- every byte that arrived which message it belongs to, and whether it belongs there.
--
--     local numbered = require "spec.support.numbered"
--     local message = numbered.maker(function(n) return n % 100 end)     -- n -> bytes of padding
--     local id = client:send(message(n))                                 -- n is the id to be, so that ids can be found
--     local read = numbered.read(Peer.streams(dir), message)             -- framing "line"
--
-- Never part of it: how a connection was cut. Only the last line of a stream may be incomplete.

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

local function short(text)
  return #text > 40 and ("%q... (%d bytes)"):format(text:sub(1, 40), #text) or ("%q"):format(text)
end

--- Reads recorded streams. A fault is: a line that is no message (a partial one, other bytes), a number that came
-- before, a number that is not above the one before it, a cut that is not the beginning of a message.
-- @treturn table numbers read whole -> true
-- @treturn table list of faults, sentences
-- @treturn table counts: messages, twice, disorder, partial (on a new connection, or anywhere), cut (at a stream's end)
function numbered.read(streams, message)
  local seen, faults, newest = {}, {}, 0
  local counts = { messages = 0, twice = 0, disorder = 0, partial = 0, cut = 0 }

  local function fault(kind, stream, what)
    counts[kind] = counts[kind] + 1
    if #faults < 20 then faults[#faults + 1] = ("%s: %s: %s"):format(stream.name, kind, what) end
  end

  local function take(stream, line)
    local n = math.tointeger(line:match "^(%d+) ")
    if not n or line ~= message(n) then return fault("partial", stream, short(line)) end
    if seen[n] then return fault("twice", stream, short(line)) end
    if n <= newest then fault("disorder", stream, ("%d after %d"):format(n, newest)) end
    seen[n] = true
    newest = math.max(newest, n)
    counts.messages = counts.messages + 1
  end

  for _, stream in ipairs(streams) do
    local from = 1
    local newline = stream.data:find("\n", from, true)
    while newline do
      take(stream, stream.data:sub(from, newline - 1))
      from = newline + 1
      newline = stream.data:find("\n", from, true)
    end
    local rest = stream.data:sub(from)
    if rest ~= "" then
      counts.cut = counts.cut + 1
      local n = math.tointeger(rest:match "^(%d+) ")
      if n and message(n):sub(1, #rest) ~= rest then fault("partial", stream, short(rest)) end
    end
  end
  return seen, faults, counts
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
