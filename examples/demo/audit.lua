--- What became of every message? Compares what the client says (accepted, lost, acknowledged) with the byte streams
-- that the peer recorded, one for each connection.
--
-- A killed peer leaves a gap: its system had acknowledged bytes that it never came to read. So an id may be missing at
-- the end of a connection, up to the last one that TCP had acknowledged there; anywhere else it must be reported lost.

-- Takes one line of a stream. `last` is the newest id so far, on any connection.
local function take_line(found, text, accepted, last, line)
  local digits, body = line:match "^(%d+) (.*)$"
  local id = tonumber(digits)
  if not id or id > accepted or body ~= text:line(id) then
    found.altered = found.altered + 1
  elseif found.seen[id] then
    found.duplicated = found.duplicated + 1
  else
    if id < last then found.disordered = found.disordered + 1 end
    found.seen[id] = true
    found.received = found.received + 1
    return math.max(id, last)
  end
  return last
end

-- What stands behind the last line end must be the beginning of the next message, and only a killed peer leaves that.
local function take_tail(found, text, last, tail, was_killed)
  if tail == "" then return end
  local message = ("%d %s\n"):format(last + 1, text:line(last + 1))
  if was_killed and message:sub(1, #tail) == tail then
    found.cut = found.cut + 1
  else
    found.altered = found.altered + 1
  end
end

-- Returns the newest id of each stream.
local function read_streams(found, streams, text, accepted)
  local newest, last = {}, 0
  for i, stream in ipairs(streams) do
    local tail_at = 1
    for line, next_at in stream.data:gmatch "([^\n]*)\n()" do
      last = take_line(found, text, accepted, last, line)
      tail_at = next_at
    end
    take_tail(found, text, last, stream.data:sub(tail_at), i < #streams)
    newest[i] = last
  end
  return newest
end

-- Marks the ids that the client reported lost.
local function read_losses(found, losses)
  local fate_of = {}
  for _, loss in ipairs(losses) do
    for id = loss.first, loss.last do
      fate_of[id] = loss.fate
      found.lost = found.lost + 1
      if found.seen[id] then found.lost_received = found.lost_received + 1 end
      if found.seen[id] and loss.fate == "unsent" then found.denied = found.denied + 1 end
    end
  end
  return fate_of
end

-- Marks the ids that may be missing: behind the newest received one, up to the last one settled when the connection
-- ended. Not so on the last connection, which ended in order.
local function read_ends(ends, newest)
  local acknowledged = {}
  for i = 1, #ends - 1 do
    for id = (newest[i] or ends[i]) + 1, ends[i] do acknowledged[id] = true end
  end
  return acknowledged
end

--- Judges a run.
-- @tparam table streams from the peer, in order of connection
-- @param text what was shipped
-- @tparam table run accepted: the newest id; losses: { first =, last =, fate = }; ends: for each connection that ended,
--   the newest id that was acknowledged or reported lost by then
-- @treturn table counts of messages
return function(streams, text, run)
  local found = {
    seen = {}, received = 0, altered = 0, duplicated = 0, disordered = 0, cut = 0,
    lost = 0, lost_received = 0, denied = 0, unread = 0, unaccounted = 0,
  }
  local newest = read_streams(found, streams, text, run.accepted)
  local fate_of = read_losses(found, run.losses)
  local acknowledged = read_ends(run.ends, newest)
  for id = 1, run.accepted do
    if not found.seen[id] and not fate_of[id] then
      local kind = acknowledged[id] and "unread" or "unaccounted"
      found[kind] = found[kind] + 1
    end
  end
  return found
end
