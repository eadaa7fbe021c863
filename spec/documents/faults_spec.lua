-- docs/faults.md against the tests: does every row name tests that are there, and has every number in a title its row?

local files = require "spec.support.files"
local shell = require "spec.support.shell"

local ROWS = {}
for number = 1, 62 do ROWS[#ROWS + 1] = number end
for _, number in ipairs { 66, 72, 77, 78, 79, 80 } do ROWS[#ROWS + 1] = number end
local MISSING = "not shown yet"

-- Number -> the last cell of its row.
local function rows()
  local cells = {}
  for digits, cell in files.read "docs/faults.md":gmatch "\n| (%d+) |[^\n]*| ([^|\n]*) |" do
    local number = tonumber(digits)
    assert(not cells[number], number .. " has two rows")
    cells[number] = cell
  end
  return cells
end

-- Is there a line with both?
local function has_line(text, tag, title)
  for line in text:gmatch "[^\n]+" do
    if line:find(tag, 1, true) and line:find(title, 1, true) then return true end
  end
end

-- Number -> a file with a test of that number.
local function tested()
  local found = {}
  local lines = shell.output "grep -rIo '\\[F[0-9]*\\]' spec tools --include=*_spec.lua --include=test_*.c"
  for _, line in ipairs(files.lines_of(lines)) do
    local path, number = line:match "^(.-):%[F(%d+)%]$"
    found[tonumber(number)] = path
  end
  return found
end

describe("docs/faults.md", function()
  local cells = rows()

  it("has the rows that it is to have", function()
    local wanted = {}
    for _, number in ipairs(ROWS) do
      assert(cells[number], number .. " has no row")
      wanted[number] = true
    end
    for number in pairs(cells) do assert(wanted[number], number) end
  end)

  for _, number in ipairs(ROWS) do
    local cell, tag = cells[number] or "", ("[F%d]"):format(number)

    it("names tests that show " .. tag, function()
      local titles = 0
      for path, rest in cell:gmatch "`([^`]+)`([^`]*)" do
        local text = assert(files.try_read(path), "there is no " .. path)
        for title in rest:gmatch '"([^"]+)"' do
          titles = titles + 1
          assert(has_line(text, tag, title), ("%s has no test %s with %q in its title"):format(path, tag, title))
        end
      end
      if cell:find(MISSING, 1, true) then pending(cell) end
      assert.is_true(titles > 0)
    end)
  end

  it("knows of every number in a test's title", function()
    local late = {}
    for number, path in pairs(tested()) do
      assert(cells[number], ("%s: there is no row %d"):format(path, number))
      if cells[number] == MISSING then late[#late + 1] = ("[F%d] is in %s"):format(number, path) end
    end
    if #late > 0 then pending("the table is behind: " .. table.concat(late, ", ")) end
  end)
end)
