-- lua installed.lua TREE PORT: run by tools/rock with a module that was installed into TREE, and no other in reach; an
-- echo server is at PORT. Connects, sends, receives, stops, and keeps settings. Raises what is wrong.
local tree, port = arg[1], tonumber(arg[2])
local sidewire = require "sidewire"
local settings = require "sidewire.settings"

for _, name in ipairs { "sidewire", "sidewire.settings", "sidewire.core" } do
  local file = name:gsub("%.", "/")
  local places = package.path .. ";" .. package.cpath
  local path -- the first that there is: Lua 5.1 has no package.searchpath
  for template in places:gmatch "[^;]+" do
    local candidate = template:gsub("%?", file)
    local found = not path and io.open(candidate)
    if found then path = found:close() and candidate end
  end
  assert(path and path:sub(1, #tree) == tree, name .. " comes from " .. tostring(path))
end

local client = sidewire.new { host = "127.0.0.1", port = port, reconnect = false }
client:connect()
assert(client:wait("connected", 10))
for number = 1, 100 do assert(client:send("message " .. number) == number) end
for number = 1, 100 do
  local message = client:receive(10)
  assert(message == "message " .. number, message)
end
client:close()
assert(sidewire.stop(10))

local file = os.tmpname()
assert(settings.save(file, { host = "example.org", port = port }))
local loaded = assert(settings.load(file))
os.remove(file)
assert(loaded.host == "example.org" and loaded.port == port)
