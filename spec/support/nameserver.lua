--- A name server for tests: answers over UDP on port 53 of an address, until it is killed.
--
--     lua spec/support/nameserver.lua HOST NAME=ADDRESS,ADDRESS ...
--
-- It prints `ready`, and then every name that it is asked for. A name that begins with "silent" gets no answer,
-- "broken" gets SERVFAIL, "empty" exists and has no address. A NAME of the command line has these IPv4 addresses, in
-- this order; any other name does not exist (NXDOMAIN). RFC 1035, section 4, has the format.

local socket = require "socket"

local NOERROR, SERVFAIL, NXDOMAIN = 0, 2, 3
local TYPE_A = 1

local function two_bytes(number)
  return string.char(math.floor(number / 256), number % 256)
end

-- The name of a query, the type that it asks for, and the question as it stands there.
local function parse(query)
  local labels, at = {}, 13
  while query:byte(at) > 0 do
    local size = query:byte(at)
    labels[#labels + 1] = query:sub(at + 1, at + size)
    at = at + 1 + size
  end
  return table.concat(labels, "."), query:byte(at + 1) * 256 + query:byte(at + 2), query:sub(13, at + 4)
end

local function record(address)
  local bytes = address:gsub("(%d+)%.?", function(byte) return string.char(tonumber(byte)) end)
  local pointer_to_question, time_to_live = "\192\12", "\0\0\0\60"
  return pointer_to_question .. two_bytes(TYPE_A) .. two_bytes(1) .. time_to_live .. two_bytes(4) .. bytes
end

-- Returns nil when there is to be no answer.
local function answer(query, known)
  local name, kind, question = parse(query)
  print(name)
  if name:find "^silent" then return nil end
  local addresses, code = known[name:lower()], NOERROR
  if name:find "^broken" then
    code = SERVFAIL
  elseif not addresses and not name:find "^empty" then
    code = NXDOMAIN
  end
  local records = {}
  for _, address in ipairs(kind == TYPE_A and addresses or {}) do records[#records + 1] = record(address) end
  local flags = string.char(0x81, 0x80 + code) -- a response; recursion was desired, and is there
  return query:sub(1, 2) .. flags .. two_bytes(1) .. two_bytes(#records) .. two_bytes(0) .. two_bytes(0) .. question
    .. table.concat(records)
end

local known = {}
for i = 2, #arg do
  local name, list = arg[i]:match "^(.-)=(.*)$"
  known[name] = {}
  for address in list:gmatch "[^,]+" do table.insert(known[name], address) end
end
local server = assert(socket.udp())
assert(server:setsockname(arg[1], 53))
io.stdout:setvbuf "line"
print "ready"
while true do
  local query, host, port = server:receivefrom()
  local said = query and answer(query, known)
  if said then server:sendto(said, host, port) end
end
