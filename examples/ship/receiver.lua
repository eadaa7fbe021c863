--- Receives what `ship.lua --state` ships, and stores each line once, whatever is killed and started again:
--
--     lua receiver.lua DIR PORT [ADDRESS]      (127.0.0.1)
--
-- What is said, line by line:
--
--     sender      receiver
--     ship NAME                the first on each connection: the lines go to the file DIR/NAME
--                 17           it has that many of them; said after the first and whenever lines came
--     18 text                  line 18 is "text"
--     19 more
--                 19
--
-- The file itself is the receiver's memory: it has as many lines as there are ends of lines. A number that is not above
-- these is a repetition, and dropped; one that leaves out others is refused with a line `error ...`, which ends the
-- connection. A last line without an end was cut when the receiver was killed: the same line comes again, over it.
--
-- An answer is given when the system has the lines: they outlive the receiver then, but not a power cut (plain Lua has
-- no fsync). The sender notices when the count has become smaller, and stops. It needs LuaSocket, and not sidewire.

local USAGE = "usage: lua receiver.lua DIR PORT [ADDRESS] (DIR must exist; needs LuaSocket)\n"
if arg[1] == "--help" then io.write(USAGE) os.exit(0) end
if not (arg[1] and tonumber(arg[2])) or arg[4] then io.stderr:write(USAGE) os.exit(2) end
if not io.open(arg[1] .. "/.") then
  io.stderr:write(("receiver.lua: there is no folder %s, or it cannot be read\n%s"):format(arg[1], USAGE))
  os.exit(2)
end
local socket = require "socket"

local PIECE = 64 * 1024
local LONGEST = 16 * 2 ^ 20 + 100 -- bytes of a line that are collected
local ENOENT = 2

-- --- storing ---

local stores = {} -- name -> { file =, count = lines in it }; the connections of a name share one

-- Counts the lines, and goes to the end of the last whole one. Returns the count.
local function count_lines(file)
  local count, whole, read = 0, 0, 0
  for piece in function() return file:read(PIECE) end do
    for at in piece:gmatch "\n()" do count, whole = count + 1, read + at - 1 end
    read = read + #piece
  end
  assert(file:seek("set", whole))
  return count
end

local function open_store(dir, name)
  local path = dir .. "/" .. name
  local file, why, code = io.open(path, "r+b")
  if code == ENOENT then file, why = io.open(path, "w+b") end
  assert(file, why)
  return { file = file, count = count_lines(file) }
end

-- Returns what is wrong with the line, or nothing.
local function store_line(store, line)
  local number, text = line:match "^(%d+) (.*)$"
  number = tonumber(number)
  if not number then return "no number in front of a line" end
  if number <= store.count then return end
  if number > store.count + 1 then return ("line %d cannot follow line %d"):format(number, store.count) end
  assert(store.file:write(text, "\n")) -- a full disk ends the receiver; the next one counts what got there
  store.count = number
end

-- --- connections ---

local connections = {} -- socket -> { rest = an incomplete line, store = once its name is known }

local function close(client)
  client:close()
  connections[client] = nil
end

-- Returns what is wrong, or nothing.
local function greet(connection, dir, line)
  local name = line:match "^ship ([%w_-][%w._-]*)$"
  if not name or #name > 200 then return "the first line is not `ship NAME`" end
  stores[name] = stores[name] or open_store(dir, name)
  connection.store = stores[name]
end

-- Returns what is wrong, or nothing.
local function take(connection, dir, bytes)
  local text, at = connection.rest .. bytes, 1
  local newline = text:find("\n", 1, true)
  while newline do
    local store, line = connection.store, text:sub(at, newline - 1)
    local problem
    if store then problem = store_line(store, line) else problem = greet(connection, dir, line) end
    if problem then return problem end
    at = newline + 1
    newline = text:find("\n", at, true)
  end
  connection.rest = text:sub(at)
  if #connection.rest > LONGEST then return "a line is too long" end
end

-- A sender that does not take the answers is given up. It comes again.
local function answer(client, connection, problem)
  local text = ""
  if connection.store then
    assert(connection.store.file:flush())
    text = connection.store.count .. "\n"
  end
  if problem then
    print(problem)
    text = text .. "error " .. problem .. "\n"
  end
  if not client:send(text) or problem then close(client) end
end

local function serve(client, dir)
  local connection = connections[client]
  local bytes, why, part = client:receive(PIECE)
  bytes = bytes or part
  if bytes ~= "" then answer(client, connection, take(connection, dir, bytes)) end
  if why and why ~= "timeout" and connections[client] then close(client) end
end

local function accept(server)
  local client = server:accept()
  if not client then return end
  client:settimeout(0)
  connections[client] = { rest = "" }
end

local function run(dir, port, address)
  local server, why = socket.bind(address, port)
  if not server then
    io.stderr:write(("receiver.lua: cannot listen on %s port %d: %s\n"):format(address, port, why))
    os.exit(1)
  end
  server:settimeout(0)
  io.stdout:setvbuf "line"
  print(("receiving on %s port %d"):format(server:getsockname()))
  while true do
    local sockets = { server }
    for client in pairs(connections) do sockets[#sockets + 1] = client end
    for _, ready in ipairs((socket.select(sockets))) do
      if ready == server then accept(server) else serve(ready, dir) end
    end
  end
end

run(arg[1], tonumber(arg[2]), arg[3] or "127.0.0.1")
