-- Writes docs/demo.svg, the picture at the head of README.md, from a real run of the demo.
--
--     tools/run release lua tools/picture.lua docs/demo.svg
--
-- It is run by hand, when the demo shows something else than before, after `make demo`. script(1), which most systems
-- have (Debian: bsdutils), gives the demo a terminal and records what it writes. The picture shows two screens: the
-- live view while the server is gone, just before it is started again, and what stands there at the end.

local Screen = require "tools.picture.screen"
local files = require "spec.support.files"
local svg = require "tools.picture.svg"
local usage = require "spec.support.usage"

usage.no_more(1)
if not (arg[1] or ""):find "%.svg$" then usage.wrong("this is no file to write (NAME.svg): %s", arg[1] or "missing") end

local COLUMNS = 96
local DEMO = "env TERM=xterm tools/run release lua examples/demo.lua"
local RESTART = "the server is started again"
local TITLE = "make demo: the live view while the server is gone, and the account of every message at the end"

-- All that the demo wrote, with its escape sequences.
local function record()
  local command = "env -u NO_COLOR script -qec 'stty cols %d rows 40 && exec %s' /dev/null </dev/null; echo $?"
  local pipe = assert(io.popen(command:format(COLUMNS, DEMO)))
  local text, status = pipe:read("*a"):match "^(.-)(%d+)\n$"
  pipe:close()
  if status ~= "0" then error("the demo failed:\n" .. text) end
  return text
end

local BEGIN = "\27[?25l" -- of each drawing of the live view: it hides the cursor

-- Iterates over what was written from one drawing to the next.
local function drawings(text)
  local at = 1
  return function()
    if at > #text then return nil end
    local begin = at
    at = text:find(BEGIN, begin + 1, true) or #text + 1
    return text:sub(begin, at - 1)
  end
end

local text = record()
local screen, missing = Screen.new(), nil
for drawing in drawings(text) do
  if not missing and drawing:find(RESTART, 1, true) then missing = screen:copy() end
  screen:write(drawing)
end
files.write(arg[1], svg.write(TITLE, { assert(missing, RESTART .. " is not in the recording"), screen.lines }))
