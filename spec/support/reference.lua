--- What the LDoc comments say, from which `make docs` makes the reference, and what scripts can really call.

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
-- @return { params = { { name =, type =, optional = }, ... }, returns = { { type = }, ... }, code = text or nil }
function reference.parse(comment)
  local parsed = { params = {}, returns = {} }
  for _, pair in ipairs(tags_of(comment:match "\n[^@\n]*(@.*)$")) do
    local tag, text = pair[1], pair[2]
    if tag == "param" then
      parsed.params[#parsed.params + 1] = { name = text:match "^%S+", type = "any" }
    elseif tag:find "^tparam" then
      local kind, name = text:match "^(%S+) (%S+)"
      parsed.params[#parsed.params + 1] = { name = name, type = kind, optional = tag:find "%[opt" ~= nil }
    elseif tag == "treturn" or tag == "treturn[1]" then
      parsed.returns[#parsed.returns + 1] = entry(text)
    elseif tag == "treturn[2]" and text:find "^string code" then
      parsed.code = text
    end
  end
  return parsed
end

return reference
