-- docs/embedding.md: every sentence names a test.

local files = require "spec.support.files"
local shell = require "spec.support.shell"

-- The document without code blocks and headings: its paragraphs and points, each on one line.
local function paragraphs()
  local text = ("\n" .. files.read "docs/embedding.md"):gsub("\n```.-\n```", "\n"):gsub("\n#[^\n]*", "\n\n")
  local list = {}
  for paragraph in (text:gsub("\n%s*%- ", "\n\n") .. "\n\n"):gmatch "%s*(.-)\n%s*\n" do
    if paragraph ~= "" then list[#list + 1] = paragraph:gsub("%s+", " ") end
  end
  return list
end

-- Its sentences. What stands in `code` ends none.
local function sentences()
  local list = {}
  for _, paragraph in ipairs(paragraphs()) do
    local plain = paragraph:gsub("`[^`]*`", function(code) return (code:gsub("[.?!]", "_")) end) .. " "
    if not plain:find "[.?!] $" then plain = plain .. ". " end
    for sentence in plain:gmatch "(.-[.?!]) " do list[#list + 1] = sentence end
  end
  return list
end

-- Set of the tags in a text, such as "E7".
local function tags_in(text)
  local found = {}
  for tag in text:gmatch "%[([EF]%d+)%]" do found[tag] = true end
  return found
end

-- Set of the tags in tests' titles: E in specs, F in unit tests and tools as well.
local function tags_of_tests()
  local found = {}
  local paths = shell.output "ls spec/*/*_spec.lua spec/unit/test_*.c tools/planted"
  for _, path in ipairs(files.lines_of(paths)) do
    local is_spec = path:find "_spec%.lua$"
    for line in files.read(path):gmatch "[^\n]+" do
      if not is_spec or line:find "^%s*it%(" or line:find "^%s*describe%(" then
        for tag in line:gmatch(is_spec and "%[([EF]%d+)%]" or "%[(F%d+)%]") do found[tag] = true end
      end
    end
  end
  return found
end

describe("docs/embedding.md", function()
  -- A pointer begins with "See" and has code or a link.
  it("names a test for each sentence that is more than a pointer [E1]", function()
    local all = sentences()
    assert(#all > 80, "only " .. #all .. " sentences: are they read rightly?")
    for _, sentence in ipairs(all) do
      local is_pointer = sentence:find "^See [^\n]*[`%]]"
      assert(is_pointer or next(tags_in(sentence)), "no test shows: " .. sentence)
    end
  end)

  it("names tests that are there [E1]", function()
    local there = tags_of_tests()
    for tag in pairs(tags_in(files.read "docs/embedding.md")) do
      assert(there[tag], "no test has the tag " .. tag)
    end
  end)

  it("leaves out no test that is there for it, and no number [E1]", function()
    local named, highest = tags_in(files.read "docs/embedding.md"), 0
    for tag in pairs(tags_of_tests()) do
      local number = tonumber(tag:match "^E(%d+)$")
      if number then
        assert(named[tag], "the document does not name " .. tag)
        highest = math.max(highest, number)
      end
    end
    for number = 1, highest do assert(named["E" .. number], "there is no E" .. number) end
  end)
end)
