--- A terminal's screen, as far as the demo's live view (examples/demo/view.lua) uses one: text, line ends, the cursor
-- some lines up, erasing to the end of a line and of the screen, colours. Other sequences are an error.
--
--     local screen = Screen.new()
--     screen:write "\27[32mconnected\27[0m\r\n"
--     screen.lines      -- { { { "c", 32 }, ... } }: of each line its cells, each a character and its colour, 0: none

local Screen = {}
Screen.__index = Screen

function Screen.new()
  return setmetatable({ lines = { {} }, row = 1, column = 1, colour = 0 }, Screen)
end

local function erase_line(self)
  local line = self.lines[self.row]
  for column = #line, self.column, -1 do line[column] = nil end
end

-- By the last letter of a sequence `ESC [ NUMBER LETTER`.
local SEQUENCES = {
  m = function(self, number) self.colour = number end,
  A = function(self, number) self.row = math.max(1, self.row - math.max(1, number)) end,
  K = erase_line,
  J = function(self)
    erase_line(self)
    for row = #self.lines, self.row + 1, -1 do self.lines[row] = nil end
  end,
}

local function put(self, character)
  local line = self.lines[self.row]
  for column = #line + 1, self.column - 1 do line[column] = { " ", 0 } end
  line[self.column] = { character, self.colour }
  self.column = self.column + 1
end

local function put_control(self, byte)
  if byte == "\r" then
    self.column = 1
  elseif byte == "\n" then
    self.row = self.row + 1
    self.lines[self.row] = self.lines[self.row] or {}
  else
    error(("the screen knows no control character %d"):format(byte:byte()))
  end
end

-- Returns where the text goes on.
local function obey(self, text, at)
  local number, letter, after = text:match("^\27%[(%d*)(%a)()", at)
  if letter and SEQUENCES[letter] then
    SEQUENCES[letter](self, tonumber(number) or 0)
    return after
  end
  after = text:match("^\27%[%?25[hl]()", at) -- shows or hides the cursor, which is not drawn
  return after or error(("the screen knows no sequence %q"):format(text:sub(at, at + 7)))
end

--- Shows text: ASCII, with whole sequences.
function Screen:write(text)
  local at = 1
  while at <= #text do
    local character = text:sub(at, at)
    if character == "\27" then
      at = obey(self, text, at)
    else
      if character:find "%c" then put_control(self, character) else put(self, character) end
      at = at + 1
    end
  end
end

--- Its lines as they are now; later writing does not change them.
function Screen:copy()
  local lines = {}
  for row, line in ipairs(self.lines) do
    lines[row] = {}
    for column, cell in ipairs(line) do lines[row][column] = cell end
  end
  return lines
end

return Screen
