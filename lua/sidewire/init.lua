--- sidewire: TCP that never waits.
--
-- Everything of `sidewire.core`, which is complete by itself, and the option `settings = "file.ini"` of `new`: host,
-- port and reconnect policy then outlive the program, in a file that people may edit (see `sidewire.settings`).
--
-- From the first client with settings on, `connect`, `set_server` and `set_reconnect` of all clients pass through this
-- module; no other method does, and before that none.
-- @module sidewire
local core = require "sidewire.core"
local settings = require "sidewire.settings"

local sidewire = {}
for name, value in pairs(core) do sidewire[name] = value end

--- Reads and writes settings files: `load(path)`, `save(path, values)`.
-- @see sidewire.settings
sidewire.settings = settings

-- Clients with settings: client -> { path =, unsaved = values that the file should have and has not }.
local files = setmetatable({}, { __mode = "k" })

-- Calls a method of the core. What it raises is said of the line that called our caller (which makes no tail call).
local function call_method(name, f, ...)
  local results = table.pack(pcall(f, ...))
  if results[1] then return table.unpack(results, 2, results.n) end
  local message = results[2]:gsub("^bad argument #(%d+) to '%?'", "bad argument #%1 to '" .. name .. "'")
  error(message, 3)
end

-- --- saving ---

local function save(file, values)
  if next(values) == nil then return true end
  for key, value in pairs(values) do file.unsaved[key] = value end
  local saved, message, code = settings.save(file.path, file.unsaved)
  if not saved then return nil, "done, but not saved: " .. message, code end
  file.unsaved = {}
  return true
end

local function given_server(_, host, port)
  return { host = host, port = port }
end

-- Not the argument: `true` brings back the last policy.
local function policy_in_force(client)
  return { reconnect = client:get_reconnect() }
end

-- Method -> the values to save once it has done its work, given its arguments.
local SAVED_BY = { connect = given_server, set_server = given_server, set_reconnect = policy_in_force }

local function saving(name, method, values_of)
  return function(client, ...)
    local done, message, code = call_method(name, method, client, ...)
    if not done then return nil, message, code end
    local file = files[client]
    if not file then return true end
    return save(file, values_of(client, ...))
  end
end

local methods -- of all clients, once they save

local function make_methods_save(client)
  if methods then return end
  methods = getmetatable(client).__index
  for name, values_of in pairs(SAVED_BY) do methods[name] = saving(name, methods[name], values_of) end
end

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
local function new_core_client(options)
  local made, client, message, code = pcall(core.new, options)
  if made then return client, message, code end
  error((client:gsub("^(sidewire%.new: unknown option .*)%)$", "%1, settings)")), 0)
end

-- A client that begins with what the file says; or nil, message, code.
local function new_with_settings(path, options)
  local loaded, message, code = settings.load(path)
  if not loaded then return nil, message, code end
  local client
  client, message, code = new_core_client(merge(loaded, options))
  if not client then return nil, message, code end
  local saved
  saved, message, code = settings.save(path, explicit_values(options))
  if not saved then
    getmetatable(client).__gc(client) -- nobody shall hear of it, not even of its closing
    return nil, message, code
  end
  make_methods_save(client)
  files[client] = { path = path, unsaved = {} }
  return client
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
-- @treturn[2] string code: ESETTINGS (the file is broken: the message has the line, and the file is left alone), or an
--   errno name when it could not be read, or when the given options could not be saved
-- @raise misuse, not enough memory
function sidewire.new(options)
  local went_well, client, message, code = pcall(new, options)
  if not went_well then error(client, 2) end
  if client then return client end
  return nil, message, code
end

return sidewire
