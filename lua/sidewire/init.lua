--- sidewire: TCP that never waits.
--
-- Everything of `sidewire.core`, which is complete by itself, and the option `settings = "file.ini"` of `new`: host,
-- port and reconnect policy then outlive the program, in a file that people may edit (see `sidewire.settings`).
--
-- What is saved passes through a function that `sidewire.core` calls for this one client; no method is replaced.
-- @module sidewire
local core = require "sidewire.core"
local settings = require "sidewire.settings"

local sidewire = {}
for name, value in pairs(core) do sidewire[name] = value end

--- Reads and writes settings files: `load(path)`, `save(path, values)`.
-- @see sidewire.settings
sidewire.settings = settings

-- --- new ---

-- The options without `settings`, over what the file says.
local function merge(loaded, options)
  for name, value in next, options do
    if name ~= "settings" then loaded[name] = value end
  end
  return loaded
end

local function explicit_values(options)
  return { host = rawget(options, "host"), port = rawget(options, "port"), reconnect = rawget(options, "reconnect") }
end

-- A client of the core, or nil, message, code. The core's word for an unknown option lists only those that it knows.
-- Raises without a position.
local function new_core_client(options, saver)
  local made, client, message, code = pcall(core.new, options, saver)
  if made then return client, message, code end
  error((client:gsub("^(sidewire%.new: unknown option .*)%)$", "%1, settings)")), 0)
end

-- The function that saves what changes of one client: it begins with the values that the script gave, and keeps those
-- that could not be saved for the next time.
local function new_saver(path, unsaved)
  return function(_, values)
    for key, value in next, values or {} do unsaved[key] = value end
    local saved, message, code = settings.save(path, unsaved)
    if not saved then return nil, (values and "done, but not saved: " or "") .. message, code end
    unsaved = {}
    return true
  end
end

-- A client that begins with what the file says; or nil, message, code.
local function new_with_settings(path, options)
  local loaded, message, code = settings.load(path)
  if not loaded then return nil, message, code end
  return new_core_client(merge(loaded, options), new_saver(path, explicit_values(options)))
end

local function new(options)
  local path
  if type(options) == "table" then path = rawget(options, "settings") end
  if path == nil then return new_core_client(options) end
  if type(path) == "string" and path:find "^[^\0]+$" then return new_with_settings(path, options) end
  error(("sidewire.new: settings must be the name of a file, got '%s'"):format(tostring(path)), 0)
end

--- Makes a client. Touches no network and starts no thread.
--
-- With `settings = "file.ini"` the client begins with what that file says of host, port and reconnect; options that are
-- given here win over it and are saved in it. From then on the client's `set_server`, `set_reconnect`, and `connect`
-- with a host or a port, save too. When one of these returns nil and a message that begins "done, but not saved", it
-- has done its work and only the file does not know: what the file lacks is saved with the next setting that can be.
-- @function new
-- @tparam[opt] table options those of the core, and `settings`, the name of a file, which need not exist
-- @treturn[1] client
-- @treturn[2] nil no client was made
-- @treturn[2] string message
-- @treturn[2] string code: ESETTINGS (the file is broken: the message has the line, and the file is left alone), an
--   errno name when it could not be read, or when the given options could not be saved, EPOLICY, or the core's
-- @raise misuse, not enough memory
function sidewire.new(options)
  local went_well, client, message, code = pcall(new, options)
  if not went_well then error(client, 2) end
  if client then return client end
  return nil, message, code
end

return sidewire
