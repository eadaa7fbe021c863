-- docs/internals.md against the sources: every file and every function that it names is there.

local files = require "spec.support.files"
local shell = require "spec.support.shell"

-- Does the text of a C file define the function, or a header declare it? A line that begins with a type, not a call.
local function has_function(text, name)
  return ("\n" .. text):find("\n[%a][^\n=;%(]*[%s%*]" .. name .. "%(") ~= nil
end

local function all_sources()
  local texts = {}
  for _, path in ipairs(files.lines_of(shell.output "ls src/*.c src/*/*.[ch]")) do
    texts[#texts + 1] = files.read(path)
  end
  return table.concat(texts, "\n")
end

-- The complaints about a page.
local function judge(page)
  local wrong, rows, paths = {}, 0, 0
  local function want(held, ...)
    if not held then wrong[#wrong + 1] = string.format(...) end
  end
  for path in page:gmatch "`([%w_]+/[%w_/]+%.[chlua]+)`" do
    paths = paths + 1
    want(files.try_read(path), "%s is not there", path)
  end
  for path, name in page:gmatch "\n| `(src/[%w_/%.]+)` | `([%w_]+)` |" do
    rows = rows + 1
    want(has_function(files.try_read(path) or "", name), "%s has no function %s", path, name)
  end
  for name, path in page:gmatch "`([%w_]+)`%s+in%s+`(src/[%w_/%.]+)`" do
    want(has_function(files.try_read(path) or "", name), "%s has no function %s", path, name)
  end
  local sources = all_sources()
  for name in page:gmatch "`(sw_[%w_]+)`" do want(has_function(sources, name), "there is no function %s", name) end
  for name in page:gmatch "`struct ([%w_]+)`" do
    want(sources:find("struct " .. name .. " {", 1, true), "there is no struct %s", name)
  end
  -- The stack, as it is drawn: names of files in the loop's folder.
  for name in (page:match "\n## The loop room.-\n```\n(.-)```" or ""):gmatch "([%w_]+%.[ch])" do
    want(files.try_read("src/loop/" .. name), "the stack has no %s", name)
  end
  return wrong, rows, paths
end

-- Every part of the loop room has its place in the drawing.
local function missing_parts(page)
  local stack = page:match "\n## The loop room.-\n```\n(.-)```"
  local missing = {}
  for _, path in ipairs(files.lines_of(shell.output "ls src/loop/*.c")) do
    local name = path:match "([%w_]+%.c)$"
    if not stack:find(name, 1, true) then missing[#missing + 1] = name end
  end
  return missing
end

describe("docs/internals.md", function()
  local page = files.read "docs/internals.md"

  it("names only files, functions and structs that exist", function()
    local wrong, rows, paths = judge(page)
    assert.same({}, wrong)
    assert(rows > 30 and paths > 60, rows .. " rows, " .. paths .. " files")
  end)

  it("shows every part of the loop room", function() assert.same({}, missing_parts(page)) end)

  it("is found out when it does not", function()
    local wrong = judge [[

| `src/loop/tx.c` | `sw_tx_sing` | x |
| `src/loop/tz.c` | `sw_tx_send` | x |
`sw_no_such_thing` of `struct no_such_thing`, `dawdle` in
`src/loop/tx.c`
## The loop room is a stack

```
src/loop/loopy.c
```
]]
    assert.same({
      "src/loop/tz.c is not there",
      "src/loop/tx.c has no function sw_tx_sing",
      "src/loop/tz.c has no function sw_tx_send",
      "src/loop/tx.c has no function dawdle",
      "there is no function sw_tx_sing",
      "there is no function sw_no_such_thing",
      "there is no struct no_such_thing",
      "the stack has no loopy.c",
    }, wrong)
  end)
end)
