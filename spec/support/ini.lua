-- What the specs of settings share: a folder with one settings file, and what is promised of every failure.
--
--     local path, folder
--     before_each(function() path, folder = ini.begin() end)  -- util.begin; a new folder, and a name in it
--     after_each(ini.finish)                                  -- removes it; util.finish

local assert = require "luassert"
local lfs = require "lfs"
local settings = require "sidewire.settings"
local files = require "spec.support.files"
local util = require "spec.support.util"

local ini = {}

-- --- the folder ---

local folder, path

function ini.begin()
  util.begin()
  folder = os.tmpname()
  assert(os.remove(folder))
  assert(lfs.mkdir(folder))
  path = folder .. "/net.ini"
  return path, folder
end

function ini.finish()
  for _, name in ipairs(ini.names_in(folder)) do assert(os.remove(folder .. "/" .. name)) end
  assert(lfs.rmdir(folder))
  util.finish()
end

--- The names of what is in a folder, sorted.
function ini.names_in(place)
  local names = {}
  for name in lfs.dir(place) do
    if name ~= "." and name ~= ".." then names[#names + 1] = name end
  end
  table.sort(names)
  return names
end

--- Writes a text into the settings file, or into another.
function ini.write(text, name)
  files.write(name or path, text)
end

--- The text of the settings file, or of another.
function ini.read(name)
  return files.read(name or path)
end

-- --- promises ---

--- The values are nil, a message with that part, and that code.
function ini.assert_failure(code, part, ...)
  local result, message, got = ...
  assert.is_nil(result)
  assert.is_string(message)
  assert(message:find(part, 1, true), ("no %q in %q"):format(part, message))
  assert.equal(code, got)
end

--- Saving fails so; the file stays as it was, and no other is left behind.
function ini.assert_save_fails(code, part, file, values)
  local place = file:match "^(.*)/"
  local before, text = ini.names_in(place), ini.read(file)
  ini.assert_failure(code, part, settings.save(file, values))
  assert.equal(text, ini.read(file))
  assert.same(before, ini.names_in(place))
end

--- The call raises, with these parts in its message.
function ini.assert_raises(parts, f, ...)
  local ok, message = pcall(f, ...)
  assert.is_false(ok)
  for _, part in ipairs(parts) do assert(message:find(part, 1, true), ("no %q in %q"):format(part, message)) end
end

return ini
