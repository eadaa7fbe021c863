--- sidewire: non-blocking TCP clients.
--
-- This module has all functions of `sidewire.core`, and adds the option `settings = "file.ini"` to `new`. With it,
-- host, port and reconnect policy are stored in a file that people may edit (see `sidewire.settings`), and the
-- program uses them again when it next runs.
--
-- `new` passes a function that saves the settings to `sidewire.core`, which calls it for that client. No method is
-- replaced.
-- @module sidewire
local core = require "sidewire.core"
local raise = require "sidewire.raise"
local settings = require "sidewire.settings"

local sidewire = setmetatable({}, getmetatable(core)) -- which tells what to write for names of other libraries
for name, value in pairs(core) do sidewire[name] = value end

--- Reads and writes settings files: `load(path)`, `save(path, values)`.
-- @see sidewire.settings
sidewire.settings = settings

-- --- new ---

-- Adds the options, except `settings`, to the values loaded from the file. Options win.
local function merge(loaded, options)
  local server = rawget(options, "server")
  if server ~= nil or rawget(options, "host") ~= nil or rawget(options, "port") ~= nil then loaded.server = nil end
  if server ~= nil or loaded.server ~= nil then loaded.host, loaded.port = nil, nil end
  for name, value in next, options do
    if name ~= "settings" then loaded[name] = value end
  end
  return loaded
end

local function explicit_values(options)
  return {
    host = rawget(options, "host"), port = rawget(options, "port"), server = rawget(options, "server"),
    reconnect = rawget(options, "reconnect"),
  }
end

-- Returns what the core's function (core.NAME) returns. Raises errors without a position. If an option is unknown, adds
-- `settings` to the list of valid options in the core's message.
local function call_core(name, ...)
  local went_well, first, message, code = pcall(core[name], ...)
  if went_well then return first, message, code end
  if type(first) ~= "string" then error(first, 0) end
  local problem = first:match("sidewire%." .. name .. ": .*") or first -- without its position, which is in this file
  error((problem:gsub("^(sidewire%.[%w_]+: unknown option .*valid: .*)%)$", "%1, settings)")), 0)
end

-- Raises unless `path` may be the value of the option settings.
local function check_path(where, path)
  if type(path) == "string" and path ~= "" and not path:find("\0", 1, true) then return end
  error(("%s: settings must be the name of a file, got '%s'"):format(where, tostring(path)), 0)
end

-- Returns the function that saves the settings of one client. `unsaved` has the values that the file does not have:
-- first those of the script's options, later those for which saving has failed.
local function new_saver(path, unsaved)
  return function(_, values)
    local changed = values or {}
    if changed.server then unsaved.host, unsaved.port = nil, nil end
    if changed.host then unsaved.server = nil end
    for key, value in next, changed do unsaved[key] = value end
    local saved, message, code = settings.save(path, unsaved)
    if not saved then return nil, (values and "done, but not saved: " or "") .. message, code end
    unsaved = {}
    return true
  end
end

-- Returns a client with the settings of the file; or nil, message, code.
local function new_with_settings(path, options)
  local loaded, message, code = settings.load(path)
  if not loaded then return nil, message, code end
  return call_core("new", merge(loaded, options), new_saver(path, explicit_values(options)))
end

local function new(options)
  local path
  if type(options) == "table" then path = rawget(options, "settings") end
  if path == nil then return call_core("new", options) end
  check_path("sidewire.new", path)
  return new_with_settings(path, options)
end

--- Makes a client. Touches no network and starts no thread.
--
-- With `settings = "file.ini"`, which need not exist, the client starts with the server and reconnect policy of that
-- file. Options given here win over the file, and are saved in it. The client's `set_server` and `set_reconnect`, and
-- `connect` with a host or a port, also save their values. If one of these returns nil and a message that begins "done,
-- but not saved", it has changed the client but not the file; the next call that saves also saves these values.
-- @function new
-- @tparam[opt] table options see [Options of new](options.md)
-- @treturn[1] client
-- @treturn[2] nil no client was made
-- @treturn[2] string message
-- @treturn[2] string code: ESETTINGS (the file is broken: the message has the line, and the file is left alone), an
--   errno name when it could not be read, or when the given options could not be saved, EPOLICY, ECLOSED (the Lua state
--   is closing), ENOMEM (in the child of a fork)
-- @raise misuse, not enough memory
function sidewire.new(options)
  raise.refuse_colon("sidewire.new", options, sidewire.new)
  local went_well, client, message, code = pcall(new, options)
  if not went_well then raise.misuse(client, 2) end
  if client then return client end
  return nil, message, code
end

-- --- check_options ---

local function check_options(options)
  if type(options) ~= "table" or rawget(options, "settings") == nil then return call_core("check_options", options) end
  check_path("sidewire.check_options", rawget(options, "settings"))
  return call_core("check_options", merge({}, options))
end

--- Checks options as new does, but makes no client. The file that `settings` names is not read.
-- @function check_options
-- @tparam[opt] table options
-- @treturn table host, port, server (a list of URLs) and reconnect that a client with these options would have;
--   reconnect is as client:get_reconnect returns it
-- @raise misuse, as new does
function sidewire.check_options(options)
  raise.refuse_colon("sidewire.check_options", options, sidewire.check_options)
  local went_well, checked = pcall(check_options, options)
  if not went_well then raise.misuse(checked, 2) end
  return checked
end

return sidewire
