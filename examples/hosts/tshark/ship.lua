-- A script for tshark: it ships a line for each packet to a server, from a capture file or live.
--
--     LUA_CPATH='DIR/?.so;;' tshark -q -r FILE.pcap -X lua_script:ship.lua -X lua_script1:127.0.0.1 -X lua_script1:4000
--
-- DIR is the folder with sidewire/core.so, which `make LUA=5.2` builds: build/release-5.2.

local sidewire = require "sidewire.core"

local host, port = ...
if not tonumber(port) then
  error("host and port are missing: -X lua_script1:127.0.0.1 -X lua_script1:4000", 0)
end
local client = assert(sidewire.new { host = host, port = tonumber(port) })
client:connect()

local tap = Listener.new()

function tap.packet(packet, bytes)
  local line = ("%d %s %s %d"):format(packet.number, tostring(packet.src), tostring(packet.dst), bytes:len())
  if not client:send(line) then -- the queue is full: tshark waits for the server
    client:flush()
    client:send(line)
  end
  sidewire.poll()
end

function tap.draw() -- all packets were read
  local ok, why = client:flush(10)
  if not ok then print("not all was sent: " .. why) end
  client:close()
end
