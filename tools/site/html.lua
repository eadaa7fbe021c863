-- Markdown into HTML, by the program cmark-gfm: Markdown as GitHub shows it, with tables. So a page is the same in both
-- places, whichever Lua runs this. What follows adds what a site needs to its output: an id for each heading, links
-- between pages and to the reference, tables that fit a narrow window.

local files = require "spec.support.files"

local html = {}

function html.escape(text)
  return (text:gsub("[&<>\"]", { ["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;", ['"'] = "&quot;" }))
end

--- nil where cmark-gfm is not installed.
function html.version()
  local pipe = io.popen "cmark-gfm --version 2>/dev/null"
  local line = pipe:read "*l"
  pipe:close()
  return line
end

--- `scratch` is the path of a file that may be written.
function html.render(markdown, scratch)
  files.write(scratch, markdown)
  local pipe = assert(io.popen(("cmark-gfm --unsafe --extension table '%s'"):format(scratch)))
  local text = pipe:read "*a"
  pipe:close()
  os.remove(scratch)
  assert(text ~= "", "cmark-gfm wrote nothing")
  return text
end

-- --- headings ---

-- The id of a heading as GitHub makes it: small letters, hyphens for blanks, no other characters.
local function slug(heading)
  local plain = heading:gsub("<[^>]*>", ""):gsub("&%w+;", "")
  return (plain:gsub("^%s+", ""):gsub("%s+$", ""):lower():gsub("[^%w%-_ \128-\255]", ""):gsub(" ", "-"))
end

--- Gives each heading an id: that of an <a id> in it, or one made of its words.
function html.add_ids(text)
  local seen = {}
  return (text:gsub("<h(%d)>(.-)</h%d>", function(level, heading)
    local id = heading:match '<a id="([^"]*)">'
    if id then
      heading = heading:gsub('%s*<a id="[^"]*"></a>', "")
    else
      id = slug(heading)
      seen[id] = (seen[id] or -1) + 1
      if seen[id] > 0 then id = id .. "-" .. seen[id] end
    end
    return ('<h%s id="%s">%s</h%s>'):format(level, id, heading, level)
  end))
end

-- --- links ---

--- Turns links to files of docs/ into links to pages. page_of(path) gives the name of the page, or nil.
function html.link_pages(text, page_of)
  return (text:gsub('href="([^"#:]+)(#?[^"]*)"', function(path, anchor)
    local page = page_of(path)
    return page and ('href="%s%s"'):format(page, anchor)
  end))
end

-- Returns the text with change(text) made in what matches none of the patterns. Calls are not nested.
local function change_outside(text, patterns, change)
  local kept = {}
  for _, pattern in ipairs(patterns) do
    text = text:gsub(pattern, function(part)
      kept[#kept + 1] = part
      return "\1" .. #kept .. "\1"
    end)
  end
  text = change(text)
  for i = #kept, 1, -1 do
    text = text:gsub("\1" .. i .. "\1", function() return kept[i] end)
  end
  return text
end

--- Links the mentions of a page as a file (docs/delivery.md), also as code, outside of headings, links and blocks.
function html.link_mentions(text, page_of)
  local function link(path, shown)
    local page = page_of(path)
    return page and ('<a href="%s">%s</a>'):format(page, shown or path)
  end
  local PARTS = { "<pre>.-</pre>", "<h%d.-</h%d>", "<a .-</a>" }
  text = change_outside(text, PARTS, function(rest)
    return (rest:gsub("(<code>(docs/[%w/_]+%.md)</code>)", function(shown, path) return link(path, shown) end))
  end)
  PARTS[#PARTS + 1] = "<code>.-</code>"
  return change_outside(text, PARTS, function(rest)
    return (rest:gsub("docs/[%w/_]+%.md", function(path) return link(path) end))
  end)
end

--- Links what stands as code and is a name (`client:send`, `sidewire.wait(1)`), outside of headings, links and blocks.
-- link_of(name) gives the address, or nil.
function html.link_names(text, link_of)
  local function link(code, call)
    local address = link_of(code)
    return address and ('<a href="%s"><code>%s%s</code></a>'):format(html.escape(address), code, call)
  end
  local PARTS = { "<pre>.-</pre>", "<h%d.-</h%d>", '<a id="[^"]*"></a><code>.-</code>', "<a .-</a>" }
  return change_outside(text, PARTS, function(rest)
    return (rest:gsub("<code>([%w_.:]+)(%(?[^<]*)</code>", function(name, call)
      return (call == "" or call:find "^%(") and link(name, call) or nil
    end))
  end)
end

-- --- tables ---

-- The cells of a table with long ones are put below each other where the window is narrow (style.css), each with the
-- name of its column. What has at most SHORT characters is never broken.
local LONG, SHORT = 60, 20

local function plain_size(cell) return #cell:gsub("<[^>]*>", ""):gsub("&%w+;", "x") end

local function mark_cells(rows, names)
  return (rows:gsub("<tr>.-</tr>", function(row)
    local column = 0
    return (row:gsub("<td(.-)>(.-)</td>", function(attributes, cell)
      column = column + 1
      local name = names and names[column] or ""
      local label = name ~= "" and (' data-label="%s"'):format(name) or ""
      local class = plain_size(cell) <= SHORT and ' class="short"' or ""
      return ("<td%s%s%s>%s</td>"):format(attributes, label, class, cell)
    end))
  end))
end

function html.fit_tables(text)
  return (text:gsub("<table>.-</table>", function(one)
    if not one:find "<th%f[^%w][^>]*>[^<]" then one = one:gsub("<thead>.-</thead>\n?", "") end
    local longest = 0
    for cell in one:gmatch "<td[^>]*>(.-)</td>" do longest = math.max(longest, plain_size(cell)) end
    if longest < LONG then return '<div class="wide">' .. mark_cells(one) .. "</div>" end
    local names = {}
    for name in one:gmatch "<th%f[^%w][^>]*>(.-)</th>" do names[#names + 1] = (name:gsub("<[^>]*>", "")) end
    return (mark_cells(one, names):gsub("^<table>", '<table class="stacked">'))
  end))
end

return html
