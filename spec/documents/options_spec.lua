-- docs/reference/options.md, as the site and its readers have it, against the table of options in src/base/options.h,
-- from which the module reads, checks and names them. types_spec.lua compares the other defaults.

local files = require "spec.support.files"
local macros = require "spec.support.macros"
local site_reference = require "tools.site.reference"

local PAGE = site_reference.expand(files.read "docs/reference/options.md", function() end) .. "\n### "

local function number_of(default)
  local value, shift = default:match "^%(size_t%)(%d+) << (%d+)$"
  if value then return value * 2 ^ shift end
  return tonumber(default)
end

-- How the page writes a default, by the kind of the option.
local WRITTEN = {
  seconds = function(number) return ("%g s"):format(number) end,
  size = function(number) return ("%d MiB"):format(number / 2 ^ 20) end,
  microseconds = function(number) return ("%g"):format(number) end,
  flag = function(_, default) return default end,
}

local function section_of(name)
  local heading = ('### `%s` <a id="option.%s"></a>\n'):format(name, name)
  local _, last = PAGE:find(heading, 1, true)
  assert(last, "the option is not on the page")
  return PAGE:sub(last + 1):match "^(.-)\n### "
end

describe("docs/reference/options.md", function()
  local count = 0

  for _, row in ipairs(macros.rows_of("src/base/options.h", "SW_OPTIONS", "X")) do
    local name, kind, default = row[1], row[2], row[3]
    count = count + 1
    it("says what holds without the option " .. name, function()
      local written = WRITTEN[kind](number_of(default), default)
      local section = section_of(name)
      assert(section:find((" Default: %s."):format(written), 1, true), ("it should be %s: %s"):format(written, section))
    end)
  end

  for _, row in ipairs(macros.rows_of("src/base/options.h", "SW_OPTIONS", "OTHER")) do
    count = count + 1
    it("describes the option " .. row[1], function() assert(#section_of(row[1]) > 20) end)
  end

  it("has the fields of keepalive, each with its default", function()
    for _, row in ipairs(macros.rows_of("src/base/options.h", "SW_KEEPALIVE_OPTIONS", "X")) do
      local line = assert(PAGE:match(('\n(| <a id="keepalive%%.%s"></a>[^\n]*)'):format(row[1])), row[1])
      assert(line:find("Default: " .. row[3], 1, true), line)
    end
  end)

  it("is compared with a table that can be read", function() assert(count > 20, count .. " options") end)
end)
