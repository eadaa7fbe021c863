-- Gets a document by HTTP/1.1 and prints its body, as curl does: a protocol of lines, counted bytes and chunks.
--
--     lua examples/http.lua http://HOST[:PORT][/PATH]
--
-- The exit status is 0 if the server answered 200..299 and the body came whole, else 1, with the reason on stderr.

local sidewire = require "sidewire"

local USAGE = "usage: lua examples/http.lua http://HOST[:PORT][/PATH]\n"
local TIMEOUT = 30 -- seconds, for each read
local PIECE, LINE = 65536, { delimiter = "\r\n" } -- bytes of a body that are read at once: it may exceed max_read

local function fail(why, status)
  io.stderr:write(why, "\n")
  os.exit(status or 1)
end

if arg[1] == "--help" then io.write(USAGE) os.exit(0) end
local place, port, path = (arg[1] or ""):match "^http://(%b[]):?(%d*)(/?.*)$" -- IPv6
if not place then place, port, path = (arg[1] or ""):match "^http://([^/:]+):?(%d*)(/?.*)$" end
if not place or arg[2] then fail(USAGE, 2) end

local made, client = pcall(sidewire.new, {
  host = place:gsub("[%[%]]", ""), port = tonumber(port) or 80, framing = "raw", reconnect = false,
})
if not made then fail(client .. "\n" .. USAGE, 2) end -- no host's name, or no port

-- The bytes; where the connection has ended, read returns a second value.
local function read(what)
  local bytes, why = client:read(what, TIMEOUT)
  if why then fail(why) end
  return bytes
end

local function copy(size)
  for left = size, 1, -PIECE do io.write(read(math.min(left, PIECE))) end
end

local function copy_chunks()
  local size = tonumber(read(LINE):match "^%x+" or fail "the server sent no chunk", 16)
  copy(size)
  if size == 0 then return end
  read(LINE) -- the end of the chunk
  return copy_chunks()
end

-- The body has no length: it goes to the end of the connection, which must be a FIN (EPEER).
local function copy_rest()
  local bytes, why, code = client:read(PIECE, TIMEOUT)
  io.write(bytes or "")
  if why and code ~= "EPEER" then fail(why) end
  if not why then return copy_rest() end
end

client:connect()
client:send("GET ", path == "" and "/" or path, " HTTP/1.1\r\nHost: ", place, "\r\nConnection: close\r\n\r\n")
local status, headers = read(LINE):match "^HTTP/1%.[01] (%d%d%d)", {}
for line in function() return read(LINE) end, nil do
  if line == "" then break end
  headers[line:match("^[^:]*"):lower()] = line:match ":%s*(.-)%s*$"
end
local size = tonumber(headers["content-length"])
if headers["transfer-encoding"] == "chunked" then copy_chunks() elseif size then copy(size) else copy_rest() end
if not (status or ""):find "^2" then fail("the server answered " .. (status or "no HTTP")) end
