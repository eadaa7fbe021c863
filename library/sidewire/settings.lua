---@meta sidewire.settings
-- Types of `require "sidewire.settings"` for editors; see ../sidewire.lua.

---@class sidewire.settings
local settings = {}

---What a settings file keeps.
---@class sidewire.SettingsValues
---@field host? string a name or a numeric address
---@field port? integer 1 to 65535
---@field server? sidewire.Server counts more than host and port
---@field reconnect? sidewire.ReconnectSpec a loaded one is false, true or seconds

---Reads a settings file. Codes: `ESETTINGS` (the message names the line), an errno name, `EPOLICY`.
---@param path string
---@return sidewire.SettingsValues? values those that the file has; empty if there is no file
---@return string? message
---@return sidewire.Code? code
function settings.load(path) end

---Writes values into a settings file, or makes the file; all other bytes of the file stay. A policy is saved as its
---delay if it has a fixed one, else as on. Codes: `ESETTINGS`, an errno name, `EPOLICY`; the file is then unchanged.
---@param path string
---@param values sidewire.SettingsValues
---@return true? saved
---@return string? message
---@return sidewire.Code? code
function settings.save(path, values) end

return settings
