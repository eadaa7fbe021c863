--- Real text, as numbered lines: this project's sources and the licence texts that most systems hold, over and over.

local FILES = "README.md CHANGELOG.md LICENSE Makefile src/*.c src/*/*.[ch] lua/*/*.lua examples/*.lua examples/*/*.lua"
local SYSTEM_FILES = "/usr/share/common-licenses/*"

local Text = {}
Text.__index = Text

-- A line must not end in "\r": the "line" framing refuses to send it, because its receiver would strip it.
local function read_lines()
  local lines = {}
  local files = assert(io.popen(("cat %s %s 2>/dev/null"):format(FILES, SYSTEM_FILES)))
  for line in files:lines() do lines[#lines + 1] = line:gsub("\r+$", "") end
  files:close()
  return lines
end

-- How many lines, from the first on and around again, have at least so many bytes, line ends included?
local function count_lines(lines, size)
  local once = 0
  for _, line in ipairs(lines) do once = once + #line + 1 end
  local rounds = math.floor(size / once)
  local count, bytes = rounds * #lines, rounds * once
  while bytes < size do
    bytes = bytes + #lines[count % #lines + 1] + 1
    count = count + 1
  end
  return count, bytes
end

--- A text of at least so many bytes.
-- @return with `count`, of lines, and `size`, in bytes
function Text.new(size)
  local lines = read_lines()
  local count, bytes = count_lines(lines, size)
  return setmetatable({ lines = lines, count = count, size = bytes }, Text)
end

--- The line that message `id` carries.
function Text:line(id)
  return self.lines[(id - 1) % #self.lines + 1]
end

-- Every number up to seven digits in two strings that exist already.
local HIGH, LOW = {}, {}
for i = 0, 9999 do HIGH[i] = tostring(i) end
for i = 0, 999 do LOW[i] = ("%03d"):format(i) end

--- The digits of `id`, as two strings, for a message. A number has to become a new string first, which takes longer
-- than all that `send` does with it.
function Text.digits(id)
  local thousands = math.floor(id / 1000)
  if thousands == 0 then return "", HIGH[id] end
  return HIGH[thousands] or tostring(thousands), LOW[id % 1000]
end

return Text
