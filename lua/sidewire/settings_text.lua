-- Parses and changes the text of a settings file. It works on strings only; sidewire.settings reads and writes the
-- files, and describes their format. The core checks hosts, ports and reconnect policies.
local core = require "sidewire.core"

local settings_text = {}

local KEYS = { "host", "port", "server", "reconnect" } -- in the order in which they are added
local SECTION = "sidewire"
local BYTE_ORDER_MARK = "\239\187\191" -- of UTF-8 (RFC 3629, 6)

-- Turns ASCII letters into lower case. string.lower depends on the locale: in a Turkish one it does not turn "I" into
-- "i".
local function lower(text)
  return (text:gsub("[A-Z]", function(letter) return string.char(letter:byte() + 32) end))
end

-- --- values ---

-- Checks options with the core. Returns them as { host =, port =, reconnect = a policy }; or nil and a message.
local function check_with_core(options)
  local is_valid, answer = pcall(core.check_options, options)
  if not is_valid then return nil, (answer:gsub("^.-sidewire%.check_options: ", "")) end
  return answer
end

-- Returns the value of a policy in a settings file: false, true, or the seconds of a fixed delay.
local function policy_to_value(policy)
  if not policy then return false end
  local is_fixed = policy.delay == policy.max and not policy.jitter and not policy.attempts
  return is_fixed and policy.delay or true
end

local function is_decimal(text)
  return text:find "^%d+%.?%d*$" or text:find "^%.%d+$"
end

local SWITCH = { on = true, off = false }

-- For each key, a function from the text in the file to the value; or nil and a message. A port that is no exact number
-- in every Lua stays a text, which the core refuses.
local from_text = {
  host = function(text) return text end,
  port = function(text) return text:find "^%d+$" and tonumber(text) < 2 ^ 53 and tonumber(text) or text end,
  server = function(text)
    local urls = {}
    for url in text:gmatch "[^ \t\r]+" do urls[#urls + 1] = url end
    return urls[2] and urls or urls[1]
  end,
  reconnect = function(text)
    local switch = SWITCH[lower(text)]
    if switch ~= nil then return switch end
    if is_decimal(text) then return tonumber(text) end
    return nil, ("reconnect must be off, on or a number of seconds, got '%s'"):format(text)
  end,
}

local function text_to_value(key, text)
  local value, problem = from_text[key](text)
  if value == nil then return nil, problem end
  local answer
  answer, problem = check_with_core { [key] = value }
  -- In a file everything is a text, which tonumber does not help.
  if not answer then return nil, (problem:gsub(", a string: tonumber makes a number of it$", "")) end
  return value
end

-- Returns the number with 14 digits, or with 17 if it needs them to be read back unchanged. The decimal point is "."
-- in every locale.
local function seconds_to_text(seconds)
  for _, format in ipairs { "%.14g", "%.17g" } do
    local text = format:format(seconds):gsub("%D+", ".")
    if tonumber(text) == seconds then return text end
  end
end

-- For each key, a function from the value to the text in the file.
local to_text = {
  host = function(host) return host end,
  port = function(port) return ("%d"):format(port) end,
  server = function(server) return type(server) == "table" and table.concat(server, " ") or server end,
  reconnect = function(reconnect)
    if type(reconnect) == "boolean" then return reconnect and "on" or "off" end
    return seconds_to_text(reconnect)
  end,
}

-- In the file, blanks stand between URLs. The path of a unix socket may have some, or a line end.
local function find_unfit(urls)
  for _, url in ipairs(urls or {}) do
    if url:find "[\1-\32\127]" then
      return ("server '%s' cannot be saved: it holds a blank or a control character"):format(url)
    end
  end
end

-- Checks the values that a script wants to save. Returns them as they would be loaded again, or nil and a message.
function settings_text.check(values)
  if type(values) ~= "table" then
    return nil, "values must be a table { host =, port =, server =, reconnect = }"
  end
  for key in next, values do
    if not from_text[key] then
      return nil, ("unknown key '%s' (valid: %s)"):format(tostring(key), table.concat(KEYS, ", "))
    end
  end
  local answer, problem = check_with_core(values)
  if not answer then return nil, problem end
  problem = find_unfit(answer.server)
  if problem then return nil, problem end
  local checked = { host = rawget(values, "host"), server = answer.server }
  if rawget(values, "port") ~= nil then checked.port = answer.port end
  if rawget(values, "reconnect") ~= nil then checked.reconnect = policy_to_value(answer.reconnect) end
  return checked
end

-- --- reading: every pattern here takes linear time with any file ---

-- `parse` returns a document, a table with these fields:
--   text          the text of the file
--   values        key -> value
--   spans         key -> { first =, last = }: position of the value's text, without quotes
--   start         number of bytes before the first line: 3 with a byte order mark, else 0
--   has_sections  the file has a section header
--   is_own        the present line is before the first section or in [sidewire], so its keys are read
--   last_setting  position of the last byte (with line end) of the last line with one of KEYS; nil: there is none
--   last_own      position of the last byte (with line end) of the last line in [sidewire] that has a key or is the
--                 header; nil: there is none

-- Blanks are spaces, tabs, and the carriage return of a CRLF line end.
local function trim(text)
  local first = text:find "[^ \t\r]"
  return first and text:match("^.*[^ \t\r]", first) or ""
end

-- Tells whether there is only a comment, or nothing, from `at` on.
local function is_comment_or_end(line, at)
  local first = line:find("[^ \t\r]", at)
  return not first or line:find("^[#;]", first) ~= nil
end

local function read_quoted(line, first, quote)
  local close = line:find(quote, first + 1, true)
  if not close then return nil, "the closing " .. quote .. " is missing" end
  if not is_comment_or_end(line, close + 1) then return nil, "only a comment may follow the closing " .. quote end
  return line:sub(first + 1, close - 1), first + 1
end

-- Reads the value after the "=". Returns its text and the position where it begins; or nil and a message.
local function read_value(line, at)
  local first = line:find("[^ \t\r]", at)
  local quote = first and line:match("^[\"']", first)
  if quote then return read_quoted(line, first, quote) end
  local text = trim(line:sub(at, (line:find("[#;]", at) or 0) - 1))
  if text == "" then return nil, "the value is missing" end
  return text, first
end

local function read_setting(document, key, line, at, offset)
  local text, first = read_value(line, at)
  if not text then return ("%s: %s"):format(key, first) end
  local value, problem = text_to_value(key, text)
  if value == nil then return problem end
  document.values[key] = value
  document.spans[key] = { first = offset + first, last = offset + first + #text - 1 }
end

local function read_key(document, line, first, offset, last)
  if not document.is_own then return end
  local equals = line:find("=", first, true)
  if not equals then return ("'%s' is no 'key = value', no [section] and no comment"):format(trim(line)) end
  local name = trim(line:sub(first, equals - 1))
  if name == "" then return "there is no key before the '='" end
  if document.last_own then document.last_own = last end
  local key = lower(name)
  if not from_text[key] then return end
  document.last_setting = last
  return read_setting(document, key, line, equals + 1, offset)
end

local function read_section(document, line, first, last)
  local close = line:find("]", first, true)
  if not close then return ("the ']' of the section '%s' is missing"):format(trim(line)) end
  document.is_own = lower(trim(line:sub(first + 1, close - 1))) == SECTION
  document.has_sections = true
  if not document.is_own then return end
  document.last_own = last
  if not is_comment_or_end(line, close + 1) then return "only a comment may follow the ']'" end
end

-- Reads the line from byte offset + 1 to byte last, with its line end. Returns a message if it has an error, else
-- nil.
local function read_line(document, offset, last)
  local line = document.text:sub(offset + 1, last):gsub("\n$", "")
  if line:find("\0", 1, true) then return "there is a zero byte: a settings file is text, in ASCII or UTF-8" end
  local first = line:find "[^ \t\r]"
  if not first or line:find("^[#;]", first) then return end
  if line:sub(first, first) == "[" then return read_section(document, line, first, last) end
  return read_key(document, line, first, offset, last)
end

-- Parses a text. Returns a document, or nil and a message that names the line.
function settings_text.parse(text)
  local start = text:sub(1, #BYTE_ORDER_MARK) == BYTE_ORDER_MARK and #BYTE_ORDER_MARK or 0
  local document = { text = text, values = {}, spans = {}, start = start, is_own = true, has_sections = false }
  local offset, number = start, 0
  while offset < #text do
    local last = text:find("\n", offset + 1, true) or #text
    number = number + 1
    local problem = read_line(document, offset, last)
    if problem then return nil, ("line %d: %s"):format(number, problem) end
    offset = last
  end
  return document
end

-- --- changing ---

-- Returns the line end at byte `last`; if there is none, the first line end of the text.
local function line_end(text, last)
  if text:sub(last, last) == "\n" then return text:sub(last - 1, last) == "\r\n" and "\r\n" or "\n" end
  return text:match "\r?\n" or "\n"
end

-- Returns the position of the byte after which lines are added, and the lines of a section header if one is needed.
local function find_insertion(document)
  local last = document.last_setting or document.last_own
  if last then return last, {} end
  if document.has_sections then return #document.text, { "", "[" .. SECTION .. "]" } end
  return #document.text, {}
end

local function missing_lines(document, wanted)
  local lines = {}
  for _, key in ipairs(KEYS) do
    if wanted[key] ~= nil and document.values[key] == nil then
      lines[#lines + 1] = ("%s = %s"):format(key, to_text[key](wanted[key]))
    end
  end
  return lines
end

-- Joins the lines for insertion after byte `place`. If the file's last line has no line end, the new last line has
-- none either.
local function join_lines(document, place, lines)
  local ending = line_end(document.text, place)
  local text = table.concat(lines, ending)
  local is_after_line = place == document.start or document.text:sub(place, place) == "\n"
  return is_after_line and text .. ending or ending .. text
end

local function add_missing(edits, document, wanted)
  local missing = missing_lines(document, wanted)
  if #missing == 0 then return end
  local place, lines = find_insertion(document)
  for _, line in ipairs(missing) do lines[#lines + 1] = line end
  edits[#edits + 1] = { first = place + 1, last = place, text = join_lines(document, place, lines) }
end

local function find_edits(document, wanted)
  local edits = {}
  for key, span in pairs(document.spans) do
    local value = wanted[key]
    if value ~= nil and to_text[key](value) ~= to_text[key](document.values[key]) then
      edits[#edits + 1] = { first = span.first, last = span.last, text = to_text[key](value) }
    end
  end
  add_missing(edits, document, wanted)
  table.sort(edits, function(a, b) return a.first < b.first end)
  return edits
end

-- Returns the values to write: the server by its host and port, or as `server`, if the file has that already or the
-- script gave it. Or nil and a message.
local function choose_keys(document, wanted)
  local has_single = wanted.host ~= nil or wanted.port ~= nil
  if document.values.server == nil and has_single then
    return { host = wanted.host, port = wanted.port, reconnect = wanted.reconnect }
  end
  if has_single and not wanted.server then
    return nil, "it has the key server: a host or a port alone cannot be saved, give both, or server"
  end
  return { server = wanted.server, reconnect = wanted.reconnect }
end

-- Returns the text of the document with the wanted values, the same text if no value changes; or nil and a message.
function settings_text.change(document, wanted)
  local problem
  wanted, problem = choose_keys(document, wanted)
  if not wanted then return nil, problem end
  local pieces, offset = {}, 0
  for _, edit in ipairs(find_edits(document, wanted)) do
    pieces[#pieces + 1] = document.text:sub(offset + 1, edit.first - 1)
    pieces[#pieces + 1] = edit.text
    offset = edit.last
  end
  pieces[#pieces + 1] = document.text:sub(offset + 1)
  return table.concat(pieces)
end

return settings_text
