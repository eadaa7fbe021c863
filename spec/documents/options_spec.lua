-- README.md against the table of options in src/base/options.h, from which the module reads, checks and names them.

local files = require "spec.support.files"

local TABLE, README = files.read "src/base/options.h", files.read "README.md"

local function number_of(default)
  local value, shift = default:match "^%(size_t%)(%d+) << (%d+)$"
  if value then return value * 2 ^ shift end
  return tonumber(default)
end

-- How README.md writes a default, by the kind of the option.
local WRITTEN = {
  seconds = function(number) return ("%g s"):format(number) end,
  size = function(number) return ("%d MiB"):format(number / 2 ^ 20) end,
  microseconds = function(number) return ("%g"):format(number) end,
  flag = function(_, default) return ("`%s`"):format(default) end,
}

local function row_of(name)
  for line in README:gmatch "[^\n]+" do
    local options = line:match "^| (`.-) | "
    if options and options:find(("`%s`"):format(name), 1, true) then return line end
  end
end

describe("README.md", function()
  local rows = TABLE:match "#define SW_OPTIONS.-OTHER%(on%)"

  for name, kind, default in rows:gmatch "%f[%w]X%(([%w_]+), (%w+), (.-), " do
    it("says what holds without the option " .. name, function()
      local row = assert(row_of(name), "the option is in none of its tables")
      local written = WRITTEN[kind](number_of(default), default)
      assert(row:find(written, 1, true), ("it should be %s: %s"):format(written, row))
    end)
  end

  for name in rows:gmatch "OTHER%(([%w_]+)%)" do
    it("mentions the option " .. name, function()
      assert(README:find(("%%f[%%w_]%s%%f[^%%w_]"):format(name)))
    end)
  end
end)
