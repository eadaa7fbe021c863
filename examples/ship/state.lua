--- What ship.lua keeps in a file with --state, so that it can go on after its own end, whenever that comes:
--
--     ship 1
--     name app.log-6929fb1c5566894a12c03e8     under which the receiver keeps the lines
--     offset 123456                     bytes of the source whose lines were taken, to be sent or sent already
--     before 6c6f672e2e2e0a             the last of these bytes, in hexadecimal: is it still the same source?
--     confirmed 1000                    lines that the receiver has
--     lines 2                           that it may not have, as they are sent:
--     1001 text
--     1002 more text
--
-- The lines are saved, too, because the source may have been rotated or be gone when they are wanted. A file that is
-- older than what the receiver has does no harm: what is sent twice has the same number, and the receiver drops it.
--
-- Saving writes FILE.new and renames it to FILE: whenever the process is killed, FILE is the old one or the new one.
-- Plain Lua cannot have it flushed to the disk (fsync): after a power cut FILE may be empty or cut short. That is
-- noticed, and such a file is left alone, for somebody to decide. One process at a time may use it.

local HEADER = "^ship 1\nname ([%w._-]+)\noffset (%d+)\nbefore (%x*)\nconfirmed (%d+)\nlines (%d+)\n()"
local ENOENT = 2

local State = {}
State.__index = State
State.__name = "ship.state"

-- --- reading ---

local function read_file(path)
  local file, why, code = io.open(path, "rb")
  if not file then return nil, why, code end
  local text, fault = file:read "*a"
  file:close()
  return text, fault and path .. ": " .. fault
end

-- The lines that were saved, without their numbers, which must be those from `number` on; or nil if they are not.
local function parse_lines(text, at, number, count)
  local lines = {}
  for i = 1, count do
    local line, next_at = text:match("^" .. number + i - 1 .. " ([^\n]*)\n()", at)
    if not line then return nil end
    lines[i], at = line .. "\n", next_at
  end
  return at == #text + 1 and table.concat(lines) or nil
end

-- A state with what the text says; or nil if it was not written by this program, or not to its end.
local function parse(text)
  local name, offset, before, confirmed, count, at = text:match(HEADER)
  if not name then return nil end
  offset, confirmed, count = tonumber(offset), tonumber(confirmed), tonumber(count)
  if not (offset and confirmed and count) then return nil end
  local lines = parse_lines(text, at, confirmed + 1, count)
  if not lines then return nil end
  before = before:gsub("%x%x", function(digits) return string.char(tonumber(digits, 16)) end)
  return { name = name, offset = offset, before = before, base = confirmed, text = lines }
end

-- Nobody else's, also when the file was shipped before with another state.
local function new_name(source)
  local base = source:match("[^/]*$"):gsub("[^%w._-]", "_"):gsub("^%.", "_")
  local address = tostring({}):match "%x*$" -- differs from process to process
  return ("%s-%x%s%x"):format(base:sub(1, 100), os.time(), address, math.floor(os.clock() * 1e6))
end

--- Reads the state; without a file it is that of a source of which nothing was shipped.
-- @return with `name`; `base`, lines that were confirmed; `offset`, `before`, `text`: for Lines:resume; or nil, message
function State.open(path, source)
  local text, why, code = read_file(path)
  local self = { name = new_name(source), offset = 0, before = "", base = 0, text = "" }
  if text then self = parse(text) end
  if why and code ~= ENOENT then return nil, why end
  if not self then return nil, path .. ": this is no state of ship.lua, or not all of one; it is left as it is" end
  self.path, self.is_new, self.held = path, not text, self.base
  self.second, self.progress = os.time(), 0 -- at the last saving
  return setmetatable(self, State)
end

-- --- what the receiver has ---

--- What the receiver is told first on every connection.
function State:greeting()
  return "ship " .. self.name
end

--- Takes an answer of the receiver's. Returns what is wrong with it, or nothing.
function State:hear(answer)
  local count = tonumber(answer:match "^%d+$")
  if not count then return ("the receiver answers %q"):format(answer:sub(1, 200)) end
  if count < self.held then
    return ("the receiver has %s up to line %d, and had it up to line %d: is it another one?"):format(self.name, count,
      self.held)
  end
  self.held = count
end

--- Confirms what the receiver has, except what an earlier process has sent and this one has not: call it often.
function State:confirm(client)
  local stats = client:stats()
  client:confirm(math.min(self.held - self.base, stats.accepted - stats.queued))
end

-- --- writing ---

local function replace_file(path, text)
  local new = path .. ".new"
  local file, why = io.open(new, "wb")
  if not file then return nil, why end
  file:setvbuf "no" -- or what is left in the buffer when Ctrl-C comes here is written when the handle is collected
  local written, fault = file:write(text)
  local closed, late_fault = file:close() -- some systems tell a fault as late as here
  if not (written and closed) then return nil, ("%s: %s"):format(new, fault or late_fault) end
  return os.rename(new, path)
end

-- What the receiver may not have, as it is sent, and the id of the first of it.
local function copy_queue(client)
  local next_line, copy, code
  repeat next_line, copy, code = client:unfinished() until code ~= "EINTR"
  assert(next_line, copy)
  local lines, first = {}, client:stats().accepted + 1
  for id, line in next_line, copy do
    first = math.min(first, id)
    lines[#lines + 1] = line .. "\n"
  end
  return lines, first
end

--- Saves how far the lines were taken, and those that the receiver may not have. When none were taken, the file says
-- so already, and has lines that were not taken.
-- @return true, or nil and what is wrong
function State:save(lines, client)
  if lines:taken() == 0 and not self.is_new then return true end
  self.is_new = false
  local queue, first = copy_queue(client)
  local before = lines:before():gsub(".", function(byte) return ("%02x"):format(byte:byte()) end)
  return replace_file(self.path, ("ship 1\nname %s\noffset %d\nbefore %s\nconfirmed %d\nlines %d\n%s"):format(self.name,
    lines:bytes(), before, self.base + first - 1, #queue, table.concat(queue)))
end

--- Saves it if the second is a new one and something has changed. Call it often.
function State:keep(lines, client)
  local now, stats = os.time(), client:stats()
  local progress = stats.accepted + stats.finished
  if now == self.second or progress == self.progress then return true end
  self.second, self.progress = now, progress
  return self:save(lines, client)
end

return State
