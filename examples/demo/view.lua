--- What the demo shows while it runs: in a terminal four lines that are drawn anew ten times a second, and above them
-- the events, which scroll; elsewhere, and with NO_COLOR, plain lines. Both views are used alike:
--
--     local view = View.open()
--     view:say(seconds, text)       -- an event, so many seconds after the start
--     view:show(sample)             -- every `view.interval` seconds
--     view:close()                  -- in any case; a second time it does nothing
--
-- A sample holds `seconds`; `state` of the client; `queue_bytes`, `queue_messages`, `queue_limit`; the counts
-- `accepted` and `answered`, and `count`, of all there is to send; and of the seconds that a frame took in sidewire
-- `frame`, the longest since the last sample, and `worst`, the longest of all.

local grouped = require "examples.demo.grouped"

local FRAME = 1 / 60 -- seconds: what a frame may take, with all the rest that a game does in it
local SCALE = 0.020 -- seconds: the length of the bar for frames
local LABEL = 10 -- columns for the name of a bar
local VALUE = 35 -- columns for what is said behind a bar
local SHORTEST, LONGEST = 8, 100 -- columns of a bar; where there is no room for the shortest, there is none

local GREEN, YELLOW, RED, DIM, BOLD = 32, 33, 31, 2, 1

local View = {}

-- --- drawing ---

--- A bar of `width` characters, as two strings: the full part and the rest. A mark at `mark` is visible in either.
-- @tparam number share 0 to 1; what is beyond is cut
function View.bar(share, width, mark)
  local full = math.floor(math.max(0, math.min(1, share)) * width)
  local cells = ("="):rep(full) .. ("-"):rep(width - full)
  if mark then
    local before = math.floor(mark * width)
    cells = cells:sub(1, before) .. "|" .. cells:sub(before + 2)
  end
  return cells:sub(1, full), cells:sub(full + 1)
end

--- Joins pieces of text, each with its colour or without, and cuts what is beyond `columns`.
-- @tparam table pieces list of { text, colour }
function View.fit(pieces, columns)
  local parts, left = {}, columns
  for _, piece in ipairs(pieces) do
    local text, colour = piece[1]:sub(1, left), piece[2]
    left = left - #text
    parts[#parts + 1] = colour and text ~= "" and ("\27[%dm%s\27[0m"):format(colour, text) or text
  end
  return table.concat(parts)
end

-- One column stays free: a cursor behind the last one stands in a different place in different terminals.
local function bar_line(columns, name, share, mark, colour, value)
  local label = { ("%-" .. LABEL .. "s"):format(name) }
  local width = math.min(LONGEST, columns - 1 - LABEL - #"[]" - VALUE)
  if width < SHORTEST then return View.fit({ label, { value } }, columns - 1) end
  local full, rest = View.bar(share, width, mark)
  return View.fit({ label, { "[" }, { full, colour }, { rest, DIM }, { "]" }, { "  " .. value } }, columns - 1)
end

local function state_line(columns, sample, rate)
  local colour = sample.state == "connected" and GREEN or YELLOW
  local text = ("%6.1f s   %9s messages/s"):format(sample.seconds, grouped(math.floor(rate)))
  return View.fit({ { ("%-12s"):format(sample.state), colour }, { text, BOLD } }, columns - 1)
end

--- The lines of the live view: none is longer than the columns there are.
function View.lines(sample, rate, columns)
  local queue_share, frame = sample.queue_bytes / sample.queue_limit, sample.frame
  return {
    state_line(columns, sample, rate),
    bar_line(columns, "answered", sample.answered / sample.count, nil, GREEN,
      ("%s of %s"):format(grouped(sample.answered), grouped(sample.count))),
    bar_line(columns, "queue", queue_share, nil, queue_share < 0.9 and GREEN or YELLOW,
      ("%.2f of %.2f MB, %s messages"):format(sample.queue_bytes / 1e6, sample.queue_limit / 1e6,
        grouped(sample.queue_messages))),
    bar_line(columns, "frame", frame / SCALE, FRAME / SCALE, frame <= FRAME and GREEN or RED,
      ("%5.2f ms of 16.7, longest %.2f"):format(frame * 1e3, sample.worst * 1e3)),
  }
end

-- Messages a second, over the samples of the last second.
local function rate_with(samples, sample)
  samples[#samples + 1] = { seconds = sample.seconds, accepted = sample.accepted }
  while #samples > 2 and sample.seconds - samples[2].seconds >= 1 do table.remove(samples, 1) end
  local first = samples[1]
  if sample.seconds <= first.seconds then return 0 end
  return (sample.accepted - first.accepted) / (sample.seconds - first.seconds)
end

local function new_samples()
  return { { seconds = 0, accepted = 0 } }
end

-- --- live ---

local Live = { interval = 0.1 } -- seconds
Live.__index = Live
Live.__name = "demo.live_view"

--- A view for a terminal.
-- @tparam file out what has write and flush
function View.live(out, columns)
  return setmetatable({ out = out, columns = columns, lines = {}, samples = new_samples() }, Live)
end

-- Back to where the drawn lines begin. The cursor rests on the last of them.
local function home(self)
  return #self.lines > 1 and ("\r\27[%dA"):format(#self.lines - 1) or "\r"
end

-- Everything is one piece of output, and lines are written over, not erased: nothing flickers.
local function draw(self, above, lines)
  local drawn = #lines > 0 and table.concat(lines, "\27[K\n") .. "\27[K" or ""
  self.out:write("\27[?25l", home(self), above, drawn)
  self.out:flush()
  self.lines = lines
end

function Live:say(seconds, text)
  draw(self, ("\27[J%5.1f s  -- %s\n"):format(seconds, text), self.lines)
end

function Live:show(sample)
  draw(self, "", View.lines(sample, rate_with(self.samples, sample), self.columns))
end

--- Erases the lines and brings the cursor back; the events stay.
function Live:close()
  if self.is_closed then return end
  self.is_closed = true
  self.out:write(home(self), "\27[J\27[?25h")
  self.out:flush()
  self.lines = {}
end

-- --- plain ---

local Plain = { interval = 1 }
Plain.__index = Plain
Plain.__name = "demo.plain_view"

--- A view for anything else.
function View.plain(out)
  return setmetatable({ out = out, samples = new_samples() }, Plain)
end

function Plain:say(seconds, text)
  self.out:write(("%5.1f s  -- %s\n"):format(seconds, text))
  self.out:flush()
end

function Plain:show(sample)
  self.out:write(("%5.1f s  %-10s  queue %6.2f MB, %6d messages  %8s messages/s  worst frame %5.2f ms\n"):format(
    sample.seconds, sample.state, sample.queue_bytes / 1e6, sample.queue_messages,
    grouped(math.floor(rate_with(self.samples, sample))), sample.worst * 1e3))
  self.out:flush()
end

function Plain.close() end

-- --- which ---

local function is_set(name)
  return (os.getenv(name) or "") ~= ""
end

local function count_columns()
  local output = assert(io.popen("stty size 2>/dev/null </dev/tty || tput cols 2>/dev/null", "r"))
  local columns = tonumber(output:read("*a"):match "(%d+)%s*$")
  output:close()
  return columns and columns > 0 and columns or 80
end

local function is_terminal()
  local result = os.execute "test -t 1"
  return result == true or result == 0 -- as Lua 5.1 and LuaJIT have it
end

--- The view that suits the standard output.
function View.open()
  if is_set "NO_COLOR" or os.getenv "TERM" == "dumb" or not is_terminal() then return View.plain(io.stdout) end
  io.stdout:setvbuf "full"
  return View.live(io.stdout, count_columns())
end

return View
