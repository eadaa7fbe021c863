--- What ship.lua shows: on a terminal a bar that is drawn anew, elsewhere, and with NO_COLOR, a line a second.
--
-- Plain Lua has no clock but that of whole seconds, so rates are of the last whole second, and the bar counts calls.

local DRAW_EVERY = 10 -- calls of show

local Screen = {}
Screen.__index = Screen
Screen.__name = "ship.screen"

local function is_live()
  if os.getenv "NO_COLOR" or os.getenv "TERM" == "dumb" then return false end
  local result = os.execute "test -t 1"
  return result == true or result == 0 -- as Lua 5.1 and LuaJIT have it
end

local function count_columns()
  local output = assert(io.popen("stty size 2>/dev/null </dev/tty", "r"))
  local said = output:read "*a"
  output:close()
  return tonumber(said:match "^%d+ (%d+)") or 80
end

function Screen.new()
  local live = is_live()
  io.stdout:setvbuf(live and "full" or "line")
  return setmetatable({
    live = live, columns = live and count_columns() or 0,
    calls = 0, began = os.time(), second = os.time(), bytes = 0, rate = 0,
  }, Screen)
end

local function erase(self)
  if self.live then io.write "\r\27[K" end
end

--- Prints a line of its own.
function Screen:print(format, ...)
  erase(self)
  io.write(format:format(...), "\n")
  io.flush()
end

--- Prints what happened.
function Screen:say(format, ...)
  self:print("-- " .. format, ...)
end

local function in_megabytes(bytes)
  return ("%.1f MB"):format(bytes / 1e6)
end

local function share(run, bytes)
  if run.follow or not run.lines.size or run.lines.size == 0 then return nil end
  return math.min(1, bytes / run.lines.size)
end

local function bar(self, part, room, connected)
  local width = math.min(40, self.columns - room - 10)
  if not part or width < 5 then return "" end
  local full = math.floor(part * width)
  return ("\27[%dm%s\27[2m%s\27[0m "):format(connected and 32 or 33, ("="):rep(full), ("-"):rep(width - full))
end

local function draw(self, part, text, connected)
  io.write("\r", bar(self, part, #text, connected), text:sub(1, self.columns - 1), "\27[K")
  io.flush()
end

--- Shows how far it is. Call it often.
function Screen:show(run, client)
  self.calls = self.calls + 1
  local now = os.time()
  local is_new = now ~= self.second
  if not is_new and not (self.live and self.calls % DRAW_EVERY == 0) then return end
  local queue_bytes, queue_lines = client:pending()
  local bytes = math.max(0, run.lines:bytes() - queue_bytes)
  if is_new then
    self.rate = (bytes - self.bytes) / (now - self.second)
    self.second, self.bytes = now, bytes
  end
  local part = share(run, bytes)
  local text = ("%s%s  %s/s  queue %s, %d lines  %s"):format(in_megabytes(bytes),
    part and (" %3.0f %%"):format(part * 100) or "", in_megabytes(self.rate), in_megabytes(queue_bytes), queue_lines,
    client:state())
  if self.live then
    draw(self, part, text, client:is_connected())
  else
    io.write(("%3d s  %s\n"):format(now - self.began, text))
  end
end

return Screen
