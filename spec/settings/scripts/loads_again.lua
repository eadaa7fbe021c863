-- Loads the modules again and again, and looks at the methods of clients.

local name = os.tmpname()
local core = require "sidewire.core"
local methods, before = debug.getmetatable(core.new()).__index, {}
for key, method in pairs(methods) do before[key] = method end
for _ = 1, 10000 do
  for _, module in ipairs { "sidewire", "sidewire.core", "sidewire.settings", "sidewire.settings_text" } do
    package.loaded[module] = nil
  end
  local client = assert(require "sidewire".new { settings = name })
  assert(client:set_server("127.0.0.1", 4000))
  client:close()
end
for key, method in pairs(methods) do assert(before[key] == method, key) end
for key, method in pairs(before) do assert(methods[key] == method, key) end
os.remove(name)
print "same"
