-- lua installed.lua DIR PORT [BRIEF]: run by tools/rock and bundle_spec.lua with a module that stands somewhere below
-- DIR, and no other in reach; an echo server is at PORT, and at BRIEF one that soon ends each connection. Connects,
-- sends, receives, reconnects, stops, and keeps settings. Raises what is wrong. It needs nothing but sidewire, and runs
-- in every Lua.
local dir, port, brief = arg[1], tonumber(arg[2]), tonumber(arg[3])
local sidewire = require "sidewire"
local settings = require "sidewire.settings"

-- The file that a path has for a module: package.searchpath, which Lua 5.1 has not.
local function search(name, path)
  for template in path:gmatch "[^;]+" do
    local place = template:gsub("%?", (name:gsub("%.", "/")))
    local file = io.open(place)
    if file then
      file:close()
      return place
    end
  end
end

for _, name in ipairs { "sidewire", "sidewire.settings", "sidewire.core" } do
  local path = search(name, package.path) or assert(search(name, package.cpath))
  assert(path:sub(1, #dir) == dir, name .. " comes from " .. path)
end

local function reconnect()
  local client = sidewire.new { host = "127.0.0.1", port = brief, reconnect = 0.05 }
  local connections, deadline = 0, os.time() + 60
  client:on { connect = function() connections = connections + 1 end }
  client:connect()
  while connections < 3 do
    assert(os.time() < deadline, connections .. " connections")
    client:send "hello"
    sidewire.wait(0.05)
    sidewire.poll()
  end
  client:close()
end

local function exchange()
  local client = sidewire.new { host = "127.0.0.1", port = port, reconnect = false }
  client:connect()
  assert(client:wait("connected", 10))
  for number = 1, 100 do assert(client:send("message " .. number) == number) end
  for number = 1, 100 do
    local message = client:receive(10)
    assert(message == "message " .. number, message)
  end
  client:close()
end

exchange()
if brief then reconnect() end
assert(sidewire.stop(10))

local file = os.tmpname()
assert(settings.save(file, { host = "example.org", port = port }))
local loaded = assert(settings.load(file))
os.remove(file)
assert(loaded.host == "example.org" and loaded.port == port)
