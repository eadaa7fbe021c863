-- Makes the documentation site: the pages of tools/site/pages.lua, an index of every public name, a first page.

local files = require "spec.support.files"
local html = require "tools.site.html"
local groups = require "tools.site.pages"
local reference = require "tools.site.reference"

local build = {}

-- "reference/client.md" -> "client.html"
local function file_of(path) return (path:gsub("^.*/", ""):gsub("%.md$", ".html")) end

local function each_page(visit)
  for _, group in ipairs(groups) do
    for _, row in ipairs(group) do visit(row, group) end
  end
end

--- The files of the pages, below docs/.
function build.sources()
  local list = {}
  each_page(function(row) list[#list + 1] = row[1] end)
  return list
end

-- What a page says to those who read it as Markdown, without its entries.
local function without_note(text)
  return (text:gsub("^(# [^\n]*\n\n)> The entries of this page are in the site.-\n\n", "%1"))
end

--- The pages as Markdown, with all that the reference fills in, and the public names.
-- @return pages: a list of { file =, title =, text = }
-- @return names: a list of { name =, anchor =, what =, page =, subject = }
function build.read()
  local pages, names = {}, {}
  each_page(function(row)
    local page = { file = file_of(row[1]), title = row[2] }
    page.text = reference.expand(without_note(files.read("docs/" .. row[1])), function(entry)
      entry.page = page.file
      names[#names + 1] = entry
    end)
    pages[#pages + 1] = page
  end)
  return pages, names
end

-- --- the frame of a page ---

local FRAME = [[
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>%s</title>
<link rel="stylesheet" href="style.css">
</head>
<body>
<header>
<a class="name" href="index.html">sidewire</a>
<a href="#contents">Contents</a>
<a href="names.html">Index</a>
</header>
<main%s>
%s</main>
<nav id="contents">
%s</nav>
</body>
</html>
]]

local function navigation(current)
  local parts = {}
  for _, group in ipairs(groups) do
    parts[#parts + 1] = ("<h2>%s</h2>\n<ul>"):format(group.group)
    for _, row in ipairs(group) do
      local file = file_of(row[1])
      local mark = file == current and ' aria-current="page"' or ""
      local title = row[2]:gsub("`(.-)`", "<code>%1</code>")
      parts[#parts + 1] = ('<li><a href="%s"%s>%s</a></li>'):format(file, mark, title)
    end
    parts[#parts + 1] = "</ul>"
  end
  parts[#parts + 1] = '<p><a href="names.html">Index of all names</a></p>\n'
  return table.concat(parts, "\n")
end

-- --- pages that are made here ---

local HEAD = [[
# sidewire

TCP for Lua programs that must never wait: a thread in the background owns the sockets and the queues, the script sends
and polls.

]]

local function write_front()
  local parts = { HEAD }
  for _, group in ipairs(groups) do
    parts[#parts + 1] = ("## %s\n"):format(group.group)
    for _, row in ipairs(group) do
      parts[#parts + 1] = ("- [%s](%s): %s"):format(row[2], file_of(row[1]), row[3])
    end
    parts[#parts + 1] = ""
  end
  parts[#parts + 1] = "The [index](names.html) has every public name.\n"
  return table.concat(parts, "\n")
end

-- Without punctuation and case, so that `client:send` stands beside `sidewire.send`-like names of its letter.
local function letters(name) return name:gsub("^sidewire%.", ""):gsub("^client:", ""):gsub("^%W+", ""):lower() end

local function write_index(names)
  local list = {}
  for i, entry in ipairs(names) do list[i] = entry end
  table.sort(list, function(a, b)
    local first, second = letters(a.name), letters(b.name)
    if first ~= second then return first < second end
    if a.what ~= b.what then return a.what < b.what end
    return a.page .. a.anchor < b.page .. b.anchor
  end)
  local parts, letter = { "# Index\n\nEvery public name, by its first letter." }, nil
  for _, entry in ipairs(list) do
    local first = letters(entry.name):sub(1, 1):upper()
    if first ~= letter then
      letter = first
      parts[#parts + 1] = ("\n## %s\n"):format(letter)
    end
    parts[#parts + 1] = ("- [`%s`](%s#%s), %s"):format(entry.name, entry.page, entry.anchor, entry.what)
  end
  return table.concat(parts, "\n") .. "\n"
end

-- --- all of it ---

-- Addresses by the names that pages may write as code: functions, codes, and options whose name is no common word.
local function addresses(names)
  local by_name = {}
  for _, entry in ipairs(names) do
    local is_code = entry.subject == "code" or entry.subject == "errno"
    local is_option = entry.subject == "option" and entry.name:find "_"
    if entry.what == "function" or is_code or is_option then by_name[entry.name] = entry.page .. "#" .. entry.anchor end
  end
  return by_name
end

local function copy(name, out)
  files.write(("%s/%s"):format(out, name), files.read("docs/" .. name))
end

--- Writes the site into a folder that is there.
function build.write(out)
  local pages, names = build.read()
  local is_page, by_name = {}, addresses(names)
  each_page(function(row) is_page[row[1]:gsub("^.*/", "")] = file_of(row[1]) end)
  pages[#pages + 1] = { file = "index.html", title = "Documentation", text = write_front() }
  pages[#pages + 1] = { file = "names.html", title = "Index", text = write_index(names) }
  for _, page in ipairs(pages) do
    local text = html.add_ids(html.render(page.text, out .. "/page.md"))
    local function page_of(path) return is_page[path:gsub("^.*/", "")] end
    text = html.link_mentions(html.link_pages(text, page_of), page_of)
    if page.file ~= "names.html" then text = html.link_names(text, function(name) return by_name[name] end) end
    for image in text:gmatch '<img src="([^"/:]+)"' do copy(image, out) end
    local kind = page.file == "names.html" and ' class="index"' or ""
    local title = page.title:gsub("`", "") .. " - sidewire"
    files.write(out .. "/" .. page.file, FRAME:format(title, kind, html.fit_tables(text), navigation(page.file)))
  end
  files.write(out .. "/style.css", files.read "tools/site/style.css")
end

return build
