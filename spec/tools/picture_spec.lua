-- tools/picture.lua draws docs/demo.svg from what the demo writes to a terminal: what its screen and its picture hold.

local Screen = require "tools.picture.screen"
local View = require "examples.demo.view"
local files = require "spec.support.files"
local svg = require "tools.picture.svg"

local function text_of(lines)
  local list = {}
  for row, line in ipairs(lines) do
    list[row] = ""
    for _, cell in ipairs(line) do list[row] = list[row] .. cell[1] end
  end
  return list
end

local function show(text)
  local screen = Screen.new()
  screen:write(text)
  return screen
end

describe("the screen of tools/picture.lua", function()
  it("has lines, and writes over what stands there", function()
    assert.same({ "one", "XYo" }, text_of(show("one\r\ntwo\rXY").lines))
  end)

  it("goes up, and erases to the end of a line and of the screen", function()
    assert.same({ "one", "t" }, text_of(show("one\r\ntwo\r\nthree\r\27[1At\27[J").lines))
    assert.same({ "o", "two" }, text_of(show("one\r\ntwo\r\27[1Ao\27[K").lines))
  end)

  it("keeps the colour of each character", function()
    assert.same({ { { "a", 0 }, { "b", 32 }, { "c", 0 } } }, show("a\27[32mb\27[0mc").lines)
  end)

  it("has what the live view of the demo draws, and at its end the events", function()
    local screen = Screen.new()
    local out = { flush = function() end }
    function out.write(_, ...) screen:write((table.concat({ ... }):gsub("\n", "\r\n"))) end
    local view = View.live(out, 80)
    local sample = {
      seconds = 5, state = "waiting", queue_bytes = 2e6, queue_messages = 41233, queue_limit = 4e6, accepted = 500000,
      answered = 500000, count = 1000000, frame = 0.01, worst = 0.0125,
    }
    view:show(sample)
    view:say(5.1, "something")
    local lines = text_of(screen.lines)
    assert.equal(5, #lines)
    assert.equal("  5.1 s  -- something", lines[1])
    assert.equal("waiting        5.0 s     100,000 messages/s", lines[2])
    local copy = screen:copy()
    view:close()
    assert.same({ "  5.1 s  -- something", "" }, text_of(screen.lines))
    assert.same(lines, text_of(copy))
  end)

  it("refuses what it does not know", function()
    for _, text in ipairs { "\27[2J\27[5B", "\t", "\27]0;title" } do
      assert.error_matches(function() show(text) end, "the screen knows no ")
    end
  end)
end)

describe("the picture", function()
  it("is made of text, each run in its place and colour", function()
    local picture = svg.write("a & b", { show("ab  <c>\27[32m=\27[0m").lines, show("end").lines })
    assert(picture:find("<title>a &amp; b</title>", 1, true), picture)
    assert(picture:find('<text x="18.0" y="32" textLength="16.8">ab</text>', 1, true), picture)
    assert(picture:find('<text x="51.6" y="32" textLength="25.2">&lt;c&gt;</text>', 1, true), picture)
    assert(picture:find('<text x="76.8" y="32" textLength="8.4" fill="#6cc173">=</text>', 1, true), picture)
    assert(picture:find(">end</text>", 1, true), picture)
  end)

  it("of README.md has the whole account, and no mistake in it", function()
    local picture = files.read "docs/demo.svg"
    for _, row in ipairs { "reported unsent, yet received", "duplicated", "out of order", "altered", "unaccounted for" }
    do
      assert(picture:find((">%s</text>\n<text [^>]*>0</text>"):format(row)), row)
    end
    assert(picture:find "^<svg " and picture:find "</svg>\n$")
    assert.is_nil(picture:find "<script")
  end)
end)
