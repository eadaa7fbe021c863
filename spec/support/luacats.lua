--- Reads LuaCATS annotations, as library/ has them for editors.
--
--     local types = require("spec.support.luacats").read { "library/sidewire.lua", ... }
--     types.classes["sidewire.Stats"].fields.queued  -- { type = "integer", optional = false, text = "messages ..." }
--                                                    -- and `more`: what stands on lines of its own in front of it
--     types.classes["sidewire"].parent               -- "sidewire.core"
--     types.classes["sidewire.Stats"].order          -- the names of its fields, as they are declared
--     types.aliases["sidewire.State"]                -- the type: `"idle"|"resolving"|...`
--     types.members["sidewire.State"]                -- { { type = '"idle"', text = "nothing, until ..." }, ... }
--     types.texts["sidewire.State"]                  -- what stands in front of a class or an alias
--     types.functions["core.new"]                    -- { params = { { name =, type =, optional =, text = }, ... },
--                                                    --   returns = { { type =, optional =, text = }, ... },
--                                                    --   overloads = { "fun(...): ...", ... } }
--
-- Functions have the names under which the file declares them. A line that it does not understand raises.

local files = require "spec.support.files"

local luacats = {}

local BRACKETS = { ["("] = 1, ["{"] = 1, ["<"] = 1, [")"] = -1, ["}"] = -1, [">"] = -1 }

-- The position behind a type that begins at `from`: the first blank outside brackets and quotes, unless the character
-- before it says that the type goes on (`fun(): string`, `a, b` in brackets only).
local function end_of_type(text, from)
  local depth, quoted = 0, false
  for i = from, #text do
    local char = text:sub(i, i)
    if char == '"' then quoted = not quoted end
    if not quoted then
      depth = depth + (BRACKETS[char] or 0)
      if char == " " and depth == 0 and text:sub(i - 1, i - 1) ~= ":" then return i end
    end
  end
  return #text + 1
end

-- Splits "type the rest" into both, and takes the question mark from the end of the type.
local function split_type(text)
  local stop = end_of_type(text, 1)
  local name, rest = text:sub(1, stop - 1), text:sub(stop + 1)
  local plain = name:match "^(.*)%?$"
  return plain or name, plain ~= nil, rest
end

--- Splits a text at a character that stands outside brackets and quotes: "|" for the members of a union.
function luacats.split(text, separator)
  local parts, depth, quoted, from = {}, 0, false, 1
  for i = 1, #text do
    local char = text:sub(i, i)
    if char == '"' then quoted = not quoted end
    if not quoted then
      depth = depth + (BRACKETS[char] or 0)
      if char == separator and depth == 0 then
        parts[#parts + 1] = text:sub(from, i - 1):match "^%s*(.-)%s*$"
        from = i + 1
      end
    end
  end
  parts[#parts + 1] = text:sub(from):match "^%s*(.-)%s*$"
  return parts
end

--- The parameters of `fun(client: sidewire.Client, id?: integer)`: a list of { name =, type =, optional = }.
function luacats.parameters(signature)
  local inside = assert(signature:match "^fun(%b())", signature):sub(2, -2)
  local list = {}
  for _, part in ipairs(inside == "" and {} or luacats.split(inside, ",")) do
    local name, mark, kind = part:match "^([%w_]+)(%??):%s*(.+)$"
    if not name then name, mark, kind = part, "", "any" end
    list[#list + 1] = { name = name, type = kind, optional = mark == "?" }
  end
  return list
end

-- --- the lines of a file ---

local tags = {}

tags["meta"] = function() end

tags["class"] = function(state, text)
  local name, parent = text:match "^([%w_.]+): ([%w_.]+)$"
  name = name or text
  assert(not state.types.classes[name], name .. " is declared twice")
  state.class = { parent = parent, fields = {}, order = {} }
  state.types.classes[name], state.types.texts[name] = state.class, state.comment
  state.comment = ""
end

tags["field"] = function(state, text)
  local name, mark, rest = text:match "^([%w_]+)(%??) (.+)$"
  local kind, optional, about = split_type(rest)
  assert(not state.class.fields[name], name .. " is declared twice")
  local order = state.class.order
  order[#order + 1] = name
  state.class.fields[name] = { type = kind, optional = optional or mark == "?", text = about, more = state.comment }
  state.comment = ""
end

tags["alias"] = function(state, text)
  local name, kind = text:match "^([%w_.]+) ?(.*)$"
  assert(not state.types.aliases[name], name .. " is declared twice")
  state.alias = name
  state.types.aliases[name], state.types.members[name], state.types.texts[name] = kind, {}, state.comment
  state.comment = ""
end

tags["param"] = function(state, text)
  local name, mark, rest = text:match "^([%w_.]+)(%??) (.+)$"
  local kind, optional, about = split_type(rest)
  local param = { name = name, type = kind, optional = optional or mark == "?", text = about }
  state.params[#state.params + 1] = param
end

tags["return"] = function(state, text)
  local kind, optional, about = split_type(text)
  state.returns[#state.returns + 1] = { type = kind, optional = optional, text = about }
end

tags["overload"] = function(state, text) state.overloads[#state.overloads + 1] = text end

local function begin(state)
  state.comment, state.params, state.returns, state.overloads, state.class, state.alias = "", {}, {}, {}, nil, nil
end

local function read_function(state, line)
  local name, arguments = line:match "^function ([%w_.:]+)(%b()) end$"
  if not name then return false end
  assert(not state.types.functions[name], name .. " is declared twice")
  local names = {}
  for i, param in ipairs(state.params) do names[i] = param.name end
  assert(arguments == "(" .. table.concat(names, ", ") .. ")", name .. ": its parameters are not those of its comment")
  state.types.functions[name] = {
    params = state.params, returns = state.returns, overloads = state.overloads, text = state.comment,
  }
  return true
end

local function read_line(state, line)
  local tag, text = line:match "^%-%-%-@(%l+) ?(.*)$"
  if tag then return assert(tags[tag], "unknown tag: " .. line)(state, text) end
  local member = line:match "^%-%-%-| (.+)$"
  if member then
    local aliases, name = state.types.aliases, assert(state.alias, line)
    local kind, about = member:match "^(.-) # (.*)$"
    aliases[name] = (aliases[name] == "" and "" or aliases[name] .. "|") .. (kind or member)
    for _, one in ipairs(luacats.split(kind or member, "|")) do
      table.insert(state.types.members[name], { type = one, text = about or "" })
    end
  elseif line:find "^%-%-%-" then
    state.comment = state.comment .. line:sub(4) .. "\n"
  elseif line == "" or read_function(state, line) then
    begin(state)
  else
    local is_known = line:find "^%-%-" or line:find "^local [%w_]+ = {}$" or line:find "^return [%w_]+$"
    assert(is_known, "what is this? " .. line)
  end
end

--- Reads files, as one set of types.
function luacats.read(paths)
  local state = { types = { classes = {}, aliases = {}, functions = {}, members = {}, texts = {} } }
  for _, path in ipairs(paths) do
    begin(state)
    for line in (files.read(path) .. "\n"):gmatch "(.-)\n" do read_line(state, line) end
  end
  return state.types
end

--- Iterates over the fields of a class, those of its parents too.
function luacats.fields(types, name)
  local all = {}
  while name do
    local class = assert(types.classes[name], name)
    for field, declared in pairs(class.fields) do all[field] = all[field] or declared end
    name = class.parent
  end
  return all
end

--- The strings that an alias allows, as a set; other members of the union are left out.
function luacats.literals(types, name)
  local set = {}
  for _, member in ipairs(luacats.split(assert(types.aliases[name], name), "|")) do
    local literal = member:match '^"(.*)"$'
    if literal then set[literal] = true end
    if types.aliases[member] then
      for inner in pairs(luacats.literals(types, member)) do set[inner] = true end
    end
  end
  return set
end

-- --- values ---

local BASIC = {
  any = function() return true end,
  integer = function(value) return type(value) == "number" and value % 1 == 0 end,
  ["true"] = function(value) return value == true end,
  ["false"] = function(value) return value == false end,
}

local function fits_class(types, class, value, where)
  if type(value) ~= "table" then return nil, where .. " is no table" end
  local fields = luacats.fields(types, class)
  for name, field in pairs(fields) do
    if value[name] == nil then
      if not field.optional then return nil, ("%s.%s is declared, and not there"):format(where, name) end
    else
      local ok, why = luacats.fits(types, field.type, value[name], where .. "." .. name)
      if not ok then return nil, why end
    end
  end
  for name in pairs(value) do
    if not fields[name] then return nil, ("%s.%s is there, and not declared"):format(where, name) end
  end
  return true
end

local function fits_list(types, kind, value, where)
  if type(value) ~= "table" then return nil, where .. " is no table" end
  for i, one in ipairs(value) do
    local ok, why = luacats.fits(types, kind, one, ("%s[%d]"):format(where, i))
    if not ok then return nil, why end
  end
  return true
end

local function fits_one(types, kind, value, where)
  local element = kind:match "^(.*)%[%]$"
  if element then return fits_list(types, element, value, where) end
  local literal = kind:match '^"(.*)"$'
  if literal then return value == literal end
  if BASIC[kind] then return BASIC[kind](value) end
  if types.aliases[kind] then return luacats.fits(types, types.aliases[kind], value, where) end
  if kind == "sidewire.Client" then return type(value) == "userdata" end
  if types.classes[kind] then return fits_class(types, kind, value, where) end
  if kind:find "^fun%(" then return type(value) == "function" end
  return type(value) == kind
end

--- Does a value fit a type?
-- @return true; or nil, message
function luacats.fits(types, kind, value, where)
  local members = luacats.split(kind, "|")
  for _, member in ipairs(members) do
    local ok, why = fits_one(types, member, value, where)
    if ok then return true end
    if why and #members == 1 then return nil, why end
  end
  return nil, ("%s should be %s, and is %s"):format(where, kind, tostring(value))
end

return luacats
