-- tools/duplicates.lua [FILE...]: pairs of places that share ten lines, in the sources or in FILE...; exit status 1 if
-- there are any.
--
-- Lines are compared without their indentation. Empty ones do not count, nor do #include and require, nor the rows of
-- tables (`{...},`, `X(...) \`, `[NAME] = ...,`): tables look alike, and so do tests of them.
--
--     tools/run release lua tools/duplicates.lua
--
-- Does it find a planted pair, and only that?
--
--     tools/run release lua tools/duplicates.lua --self-test

local usage = require "spec.support.usage"

local SHARED = 10 -- lines

-- What does not count: empty lines, what a file includes or requires, and rows of tables.
local SKIPPED = {
  "^$", "^#include ", "^local [%w_, ]+ = require ",
  "^{.*},?$", "^X%(.*%)", "^%[.*%] = .*,$", "^%.?[%w_]+ = [^=]*,$",
}

local function counts(line)
  for _, pattern in ipairs(SKIPPED) do
    if line:find(pattern) then return false end
  end
  return true
end

--- The lines of a file that count: a list of { text, number }.
local function read(path)
  local list, number = {}, 0
  for line in io.lines(path) do
    number = number + 1
    local text = line:match "^%s*(.-)%s*\\?$"
    if counts(text) then list[#list + 1] = { text, number } end
  end
  return list
end

local function window(lines, first)
  local texts = {}
  for i = 0, SHARED - 1 do texts[#texts + 1] = lines[first + i][1] end
  return table.concat(texts, "\n")
end

--- Every pair of places, each told once, with as many lines as it shares.
-- @return a list of { path, first line, path, first line, lines }
local function find_pairs(paths)
  local seen, found = {}, {}
  for _, path in ipairs(paths) do
    local lines, last = read(path), nil
    for first = 1, #lines - SHARED + 1 do
      local text = window(lines, first)
      local other = seen[text]
      if not other then
        seen[text] = { path = path, lines = lines, first = first }
      elseif other.path ~= path or first - other.first >= SHARED then
        local follows = last and last.other == other.lines and last.at == other.first - 1 and last.first == first - 1
        if follows then
          last.pair[5] = last.pair[5] + 1
        else
          last = { pair = { other.path, other.lines[other.first][2], path, lines[first][2], SHARED } }
          found[#found + 1] = last.pair
        end
        last.other, last.at, last.first = other.lines, other.first, first
      end
    end
  end
  return found
end

local function sources()
  local list = {}
  local output = assert(io.popen "git ls-files '*.c' '*.h' '*.lua' tools .ci Makefile")
  for path in output:lines() do
    if not path:find "^spec/planted/" then list[#list + 1] = path end
  end
  output:close()
  return list
end

local unpack = table.unpack or unpack -- luacheck: std max

local function report(found)
  for _, pair in ipairs(found) do print(("%s:%d and %s:%d share %d lines"):format(unpack(pair))) end
end

local function self_test()
  local found = find_pairs { "spec/planted/first.c", "spec/planted/second.c" }
  report(found)
  assert(#found == 1 and found[1][5] == SHARED, "the planted pair, and nothing else, should have been found")
end

if arg[1] == "--self-test" then
  self_test()
else
  if (arg[1] or ""):sub(1, 1) == "-" then usage.wrong("no such option: %s", arg[1]) end
  local found = find_pairs(#arg > 0 and arg or sources())
  report(found)
  os.exit(#found == 0 and 0 or 1)
end
