-- sidewire in tshark (Lua 5.2), which reads packets from a file.

local Peer = require "spec.support.peer"
local files = require "spec.support.files"
local hosts = require "spec.support.hosts"
local util = require "spec.support.util"

local PACKETS = 20000

-- A number of so many bytes, the highest first, or the lowest first.
local function big(number, size)
  local bytes = {}
  for i = size, 1, -1 do bytes[i], number = string.char(number % 256), math.floor(number / 256) end
  return table.concat(bytes)
end

local function little(number, size)
  return big(number, size):reverse()
end

-- A capture file (pcap 2.4) of UDP packets, from 10.0.0.1 to 10.0.1.n; each carries its number and some bytes more.
local function capture()
  local parts = { little(0xa1b2c3d4, 4), little(2, 2), little(4, 2), ("\0"):rep(8), little(65535, 4), little(101, 4) }
  for i = 1, PACKETS do
    local payload = tostring(i) .. ("x"):rep(i % 7)
    local udp = big(4000, 2) .. big(5000, 2) .. big(8 + #payload, 2) .. "\0\0" .. payload
    local ip = "\69\0" .. big(20 + #udp, 2) .. "\0\0\0\0\64\17\0\0" .. "\10\0\0\1" .. "\10\0\1" .. string.char(i % 256)
    parts[#parts + 1] = little(i, 4) .. little(0, 4) .. little(#ip + #udp, 4):rep(2) .. ip .. udp
  end
  return table.concat(parts)
end

local function expected()
  local lines = {}
  for i = 1, PACKETS do lines[i] = ("%d 10.0.0.1 10.0.1.%d %d\n"):format(i, i % 256, 28 + #tostring(i) + i % 7) end
  return table.concat(lines)
end

describe("tshark", function()
  local missing = hosts.missing("5.2", "tshark")
  if missing then return pending(missing) end

  after_each(hosts.finish)

  it("ships a line for each packet of a capture file", function()
    local peer, record = Peer.start_recorded()
    local dir = hosts.copy_example("tshark", "5.2")
    files.write(dir .. "/some.pcap", capture())
    local script = ("-X lua_script:%s/ship.lua -X lua_script1:%s -X lua_script1:%d"):format(dir, peer.host, peer.port)
    -- HOME keeps the user's own settings out.
    local command = "env HOME=%s LUA_CPATH='%s/?.so;;' tshark -q -r %s/some.pcap %s"
    local output, status = hosts.start(command:format(dir, dir, dir, script)):finish()
    assert.equal(0, status, output)
    assert(not output:find "ship.lua", output)
    local lines = expected()
    assert(peer:wait_bytes(#lines, util.DEADLINE))
    assert(lines == Peer.streams(record)[1].data)
  end)
end)
