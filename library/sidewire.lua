---@meta sidewire
-- Types of `require "sidewire"` for editors with lua-language-server (LuaCATS annotations). No program loads this file.
-- sidewire/core.lua has the functions and the client, sidewire/types.lua what they take and give.
-- spec/documents/types_spec.lua compares all of it with the module.

---All functions of `sidewire.core`, and settings files.
---@class sidewire: sidewire.core
---@field settings sidewire.settings reads and writes settings files without a client
local sidewire = {}

---The options of `sidewire.new`. Unknown names and values out of range raise an error that says what is valid.
---@class sidewire.Options: sidewire.core.Options
---@field settings? string the path of a file that keeps the server and reconnect; it need not exist

---Makes a client. Touches no network and starts no thread.
---
---With `settings` the client starts with the server and reconnect policy of that file. Options given here win over
---the file, and are saved in it; so are later changes by `set_server`, `set_reconnect` and `connect`.
---Codes: `ESETTINGS`, an errno name, `EPOLICY`, `ECLOSED`, `ENOMEM`.
---@param options? sidewire.Options
---@return sidewire.Client client nil, a message and a code if no client was made
---@return string? message
---@return sidewire.Code? code
function sidewire.new(options) end

---Checks options as `new` does, and makes nothing. The file that `settings` names is not read. Raises an error if they
---are not valid.
---@param options? sidewire.Options
---@return sidewire.Checked checked the host, port and reconnect policy of a client with these options
function sidewire.check_options(options) end

return sidewire
