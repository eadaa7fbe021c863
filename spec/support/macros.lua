--- Tables of macros in the sources (X-macros): what the module knows by name.

local files = require "spec.support.files"

local macros = {}

--- The rows of a table, a list of words for each `MARK(word, ...)`. Comments do not count.
function macros.rows_of(path, macro, mark)
  local text = files.read(path):gsub("/%*.-%*/", ""):gsub("\\\n", " ")
  local body = assert(text:match("#define " .. macro .. "%b()([^\n]*)"), macro)
  local list = {}
  for arguments in body:gmatch("%f[%w]" .. mark .. "(%b())") do
    local row = {}
    for word in arguments:sub(2, -2):gmatch "%s*([^,]+)" do row[#row + 1] = word end
    list[#list + 1] = row
  end
  assert(#list > 1, macro)
  return list
end

--- The strings in the second column of the rows X, as a set; NULL is none.
function macros.words_of(path, macro)
  local set = {}
  for _, row in ipairs(macros.rows_of(path, macro, "X")) do
    local word = row[2]:match '^"(.*)"$'
    if word then set[word] = true end
  end
  return set
end

--- The codes of the module, and the names of errno that it knows, as sets.
function macros.codes()
  local own = macros.words_of("src/base/error.h", "SW_ERRORS")
  own.OK, own.ESETTINGS = nil, true
  local system = {}
  for name in files.read "src/base/error.c":gmatch "%f[%w]ROW%((E[%w]+)%)" do
    system[name], own[name] = true, nil -- own words for an error of the system have its code
  end
  assert(system.ECONNREFUSED)
  return own, system
end

return macros
