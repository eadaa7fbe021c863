-- The reference as Markdown: of functions what their comments say (src/host/*.c, lua/sidewire), of all other names what
-- the types for editors say (library/). Pages below docs/reference say where which part stands:
--
--     <!-- functions: new client:send -->   an entry for each function
--     <!-- names: option -->                the names of a subject (tools/site/subjects.lua)
--     <!-- text: sidewire.Reconnect -->     what a class or an alias says of itself
--     <!-- comment: src/host/module.c -->   what the comment of a module says

local files = require "spec.support.files"
local luacats = require "spec.support.luacats"
local reference = require "spec.support.reference"
local subjects = require "tools.site.subjects"

local site_reference = {}

local TYPES = luacats.read { "library/sidewire.lua", "library/sidewire/core.lua", "library/sidewire/settings.lua",
  "library/sidewire/types.lua" }

local function one_line(text) return (text:gsub("%s+", " "):gsub("^ ", ""):gsub(" $", "")) end

local function cell(text) return (one_line(text):gsub("|", "\\|")) end

-- --- types in words ---

local PLAIN = {
  ["true"] = "`true`", ["false"] = "`false`", any = "any value", lightuserdata = "light userdata",
  ["sidewire.Client"] = "client", ["sidewire.Code"] = "string",
}

local add_words

local function add_word(list, kind)
  local element, inside = kind:match "^(.*)%[%]$", kind:match "^%((.*)%)$"
  local word
  if element then word = "list of " .. ({ string = "strings", ["sidewire.Cause"] = "tables" })[element]
  elseif inside then return add_words(list, inside)
  elseif PLAIN[kind] then word = PLAIN[kind]
  elseif kind:find '^"' then word = "`" .. kind .. "`"
  elseif kind:find "^fun%(" then word = "function"
  elseif TYPES.aliases[kind] then
    if #TYPES.members[kind] <= 4 then return add_words(list, TYPES.aliases[kind]) end
    word = "string"
  elseif TYPES.classes[kind] then word = "table"
  else word = kind
  end
  if not list[word] then
    list[word] = true
    list[#list + 1] = word
  end
end

function add_words(list, kind)
  for _, member in ipairs(luacats.split(kind, "|")) do add_word(list, member) end
  return list
end

-- "string|sidewire.Bind" -> "string or table".
local function type_in_words(kind)
  local list = add_words({}, kind)
  if #list < 2 then return list[1] end
  return table.concat(list, ", ", 1, #list - 1) .. " or " .. list[#list]
end

-- --- code in comments ---

-- What is code wherever it stands: an error code, a function with its owner, a word with an underscore.
local OWNERS = { client = true, notifier = true, sidewire = true, detail = true, info = true }

local function mark_word(word)
  local name, rest = word:match "^(.-)([.:]*)$"
  local is_code = name:find "^E%u[%u_]+$" or name:find "%l_%l" or OWNERS[name:match "^(%l+)[.:]%l"]
  if is_code then return ("`%s`%s"):format(name, rest) end
end

-- Marks such words as code, where a comment has them as plain text. With a "`" at both ends, what was outside of code
-- is inside. Paragraphs that are indented are code; the addresses of links stay.
local function mark(text)
  local parts = {}
  for paragraph in (text .. "\n\n"):gmatch "(.-)\n\n" do
    if not paragraph:find "^    " then
      local marked = ("`" .. paragraph .. "`"):gsub("`([^`]*)`", function(plain)
        local addresses = {}
        plain = plain:gsub("%]%b()", function(address)
          addresses[#addresses + 1] = address
          return "\1"
        end):gsub("[%w_.:]+", mark_word)
        return "`" .. plain:gsub("\1", function() return table.remove(addresses, 1) end) .. "`"
      end)
      paragraph = marked:sub(2, -2)
    end
    parts[#parts + 1] = paragraph
  end
  return table.concat(parts, "\n\n")
end

-- --- names of a subject ---

--- The names of a subject in order: { { name =, type =, text = }, ... }.
function site_reference.names_of(subject)
  local source, list = subjects[subject][1], {}
  local is_option = subjects[subject].style == "headings"
  local class = TYPES.classes[source]
  if class then
    local parent = TYPES.classes[class.parent] or { order = {} }
    for _, from in ipairs { parent, class } do
      for _, name in ipairs(from.order) do
        local field = from.fields[name]
        local kind = type_in_words(field.type)
        if field.optional and not is_option then kind = kind .. ", or nil" end
        list[#list + 1] = { name = name, type = kind, text = field.text, more = field.more }
      end
    end
    return list
  end
  for _, member in ipairs(assert(TYPES.members[source], source)) do
    list[#list + 1] = { name = member.type:match '^"(.*)"$', text = member.text, more = "" }
  end
  return list
end

-- The handler of an event: its parameters, and what its comment says.
local function write_event(entry)
  local alias = luacats.split(TYPES.classes["sidewire.Handlers"].fields[entry.name].type, "|")[1]
  local names = {}
  for _, param in ipairs(luacats.parameters(TYPES.aliases[alias])) do names[#names + 1] = param.name end
  return ("`function(%s)`\n\n%s.\n\n%s"):format(table.concat(names, ", "),
    mark((entry.text:gsub("^%l", string.upper))), mark(TYPES.texts[alias]))
end

local function write_option(entry)
  local text, default = entry.text:match "^(.-)%.?%s*Default: (.*)$"
  text = text or entry.text
  local kind = entry.type:gsub("^%l", string.upper)
  local first = ("*%s.%s*"):format(kind, default and (" Default: %s."):format(default) or "")
  return ("%s\n\n%s. %s"):format(first, mark((text:gsub("^%l", string.upper))), mark(entry.more))
end

local STYLES = {}

function STYLES.headings(subject, list)
  local parts = {}
  for _, entry in ipairs(list) do
    local text = subject == "event" and write_event(entry) or write_option(entry)
    parts[#parts + 1] = ('### `%s` <a id="%s.%s"></a>\n\n%s\n'):format(entry.name, subject, entry.name, text)
  end
  return table.concat(parts, "\n")
end

function STYLES.list(subject, list)
  local parts = {}
  for _, entry in ipairs(list) do
    parts[#parts + 1] = ('<a id="%s.%s"></a>`%s`'):format(subject, entry.name, entry.name)
  end
  return table.concat(parts, ", ") .. "\n"
end

function STYLES.rows(subject, list)
  local is_typed = list[1].type ~= nil
  local parts = { is_typed and "| | | |\n|---|---|---|" or "| | |\n|---|---|" }
  for _, entry in ipairs(list) do
    local text = cell(mark(entry.text .. (entry.more ~= "" and ". " .. entry.more or "")))
    parts[#parts + 1] = ('| <a id="%s.%s"></a>`%s` |%s %s |'):format(subject, entry.name, entry.name,
      is_typed and (" %s |"):format(cell(entry.type)) or "", text)
  end
  return table.concat(parts, "\n") .. "\n"
end

-- --- functions ---

local COMMENTS = reference.comments()
COMMENTS["core.new"] = COMMENTS.new
COMMENTS.new = reference.comment_of_new()

--- As scripts write it: "sidewire.new", "client:send", "sidewire.resp.decode".
function site_reference.full_name(name)
  return name:find ":" and name or "sidewire." .. name
end

-- "(host [, port])" of the parameters.
local function signature(params)
  local text, closing = "", ""
  for i, param in ipairs(params) do
    local comma = i > 1 and ", " or ""
    if param.optional and param.name ~= "..." then
      text, closing = text .. (i > 1 and " [" or "[") .. comma .. param.name, closing .. "]"
    else
      text = text .. comma .. param.name
    end
  end
  return "(" .. text .. closing .. ")"
end

local function words_of_type(kind) return (kind:gsub("|", " or ")) end

local function colon(text) return text ~= "" and ": " .. text or "" end

local function results(list)
  local parts = {}
  for i, one in ipairs(list) do parts[i] = ("*%s* %s"):format(words_of_type(one.type), one.text) end
  return table.concat(parts, "; ")
end

local function write_function(name)
  local comment = assert(COMMENTS[name], name .. " has no comment")
  local parsed = reference.parse(comment)
  local full = site_reference.full_name(name)
  local parts = {
    ('### `%s%s` <a id="%s"></a>\n'):format(full, signature(parsed.params), full), mark(reference.about(comment)), "",
  }
  local function add(what, text)
    if text and text ~= "" then parts[#parts + 1] = ("- **%s** %s"):format(what, mark(text)) end
  end
  for _, param in ipairs(parsed.params) do
    local kind = (param.optional and "optional " or "") .. words_of_type(param.type)
    parts[#parts + 1] = ("- `%s`, *%s*%s"):format(param.name, kind, colon(mark(param.text)))
  end
  add("Returns", results(parsed.returns))
  add("or", results(parsed.others))
  if parsed.code then add("On failure", "`nil, message, code`; " .. parsed.code:gsub("^string ", "")) end
  add("Raises", parsed.raises)
  return table.concat(parts, "\n") .. "\n"
end

-- --- pages ---

local DIRECTIVES = {}

function DIRECTIVES.functions(words, note)
  local parts = {}
  for name in words:gmatch "%S+" do
    note { name = site_reference.full_name(name), anchor = site_reference.full_name(name), what = "function" }
    parts[#parts + 1] = write_function(name)
  end
  return table.concat(parts, "\n")
end

function DIRECTIVES.names(subject, note)
  local what, list = assert(subjects[subject], subject), site_reference.names_of(subject)
  for _, entry in ipairs(list) do
    note { name = entry.name, anchor = subject .. "." .. entry.name, what = what[2], subject = subject }
  end
  return STYLES[what.style or "rows"](subject, list)
end

function DIRECTIVES.text(type) return mark(TYPES.texts[type]) end

function DIRECTIVES.comment(path)
  local text = files.read(path)
  return mark(reference.about(text:match "/%*%*%*[^\n]*%S[^\n]*\n.-@module" or text:match "^.-\n%-%- @module"))
end

--- A page with its directives carried out. note({ name =, anchor =, what =, subject = }) gets each public name.
function site_reference.expand(text, note)
  return (text:gsub("<!%-%- (%l+): (.-) %-%->", function(directive, argument)
    return DIRECTIVES[directive] and DIRECTIVES[directive](argument, note)
  end))
end

return site_reference
