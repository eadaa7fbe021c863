--- What the comments of functions say (LDoc's tags), from which `make docs` makes the reference, and what scripts can
-- really call.

local sidewire = require "sidewire"
local files = require "spec.support.files"
local shell = require "spec.support.shell"

local reference = {}

--- Name -> the comment that documents it, of all functions in src/host and of the settings: "new", "client:send",
-- "resp.decode", "settings.load".
function reference.comments()
  local found = {}
  for _, path in ipairs(files.lines_of(shell.output "ls src/host/*.c")) do
    for comment in files.read(path):gmatch "/%*%*%*.-%*/" do
      local name = comment:match "@function ([%w_:.]+)"
      if name then found[name] = comment end
    end
  end
  local text = files.read "lua/sidewire/settings.lua"
  for comment, name in text:gmatch "\n(%-%-%-[^\n]*\n.-)\nfunction settings%.([%w_]+)" do
    found["settings." .. name] = comment
  end
  return found
end

--- The comment of sidewire.new, which also knows settings files; `comments` has that of the core's.
function reference.comment_of_new()
  return (files.read "lua/sidewire/init.lua":match "\n(%-%-%- Makes a client%..-)\nfunction sidewire%.new")
end

--- The names of all functions that scripts can call, as `comments` has them.
function reference.functions()
  local names = {}
  local function add(prefix, owner)
    for name, value in pairs(owner) do
      if type(value) == "function" then names[#names + 1] = prefix .. name end
    end
  end
  add("", sidewire)
  add("client:", debug.getmetatable(sidewire.new()).__index)
  add("notifier:", debug.getmetatable(sidewire.notifier()).__index)
  add("resp.", sidewire.resp)
  add("settings.", sidewire.settings)
  return names
end

-- --- one comment ---

-- "number|nil" and what follows it.
local function entry(text)
  local kind, rest = text:match "^(%S+)%s*(.-)%s*$"
  return { type = kind, text = rest }
end

-- The tags of a comment in order: { tag, text }, each text on one line.
local function tags_of(comment)
  local plain = comment:gsub("%*/%s*$", ""):gsub("\n%s*%-?[%*%-] ?", "\n")
  local list = {}
  for tag, text in (plain:gsub("\n%s*@", "\1") .. "\1"):gmatch "([%w]+%[?[%w=]*%]?) ([^\1]*)%f[\1]" do
    list[#list + 1] = { tag, (text:gsub("%s+", " ")) }
  end
  return list
end

--- What a comment says of its function.
-- @return { params = { { name =, type =, optional =, text = }, ... }, returns = { { type =, text = }, ... },
--   others = the same of the third way to return, code = text or nil, raises = text or nil }
function reference.parse(comment)
  local parsed = { params = {}, returns = {}, others = {} }
  for _, pair in ipairs(tags_of(comment:match "\n[^@\n]*(@.*)$")) do
    local tag, text = pair[1], pair[2]
    if tag == "param" then
      local name, about = text:match "^(%S+) ?(.*)$"
      parsed.params[#parsed.params + 1] = { name = name, type = "any", text = about }
    elseif tag:find "^tparam" then
      local kind, name, about = text:match "^(%S+) (%S+) ?(.-) ?$"
      parsed.params[#parsed.params + 1] = { name = name, type = kind, optional = tag:find "%[opt" ~= nil, text = about }
    elseif tag == "treturn" or tag == "treturn[1]" then
      parsed.returns[#parsed.returns + 1] = entry(text)
    elseif tag == "treturn[2]" and text:find "^string code" then
      parsed.code = text
    elseif tag == "treturn[3]" then
      parsed.others[#parsed.others + 1] = entry(text)
    elseif tag == "raise" then
      parsed.raises = text
    end
  end
  return parsed
end

--- What a comment says in front of its tags: Markdown.
function reference.about(comment)
  local lines = {}
  for line in (comment:gsub("%*/%s*$", "") .. "\n"):gmatch "(.-)\n" do
    local text = line:gsub("^/%*%*%*%s?", ""):gsub("^ %* ?", ""):gsub("^%-%-%-? ?", "")
    if text:find "^@" then break end
    lines[#lines + 1] = text
  end
  return (table.concat(lines, "\n"):gsub("^%s+", ""):gsub("%s+$", ""))
end

return reference
