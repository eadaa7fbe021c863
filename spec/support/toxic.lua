-- A proxy that does to its connections what bad networks and what stands in them do.
--
--     lua toxic.lua PORT TO WHAT [NUMBER]     listens on PORT of 127.0.0.1, passes on to the port TO
--
--     latency SECONDS      passes on everything so much later
--     bandwidth BYTES      passes on so many bytes a second, each way
--     slicer               passes on each byte by itself
--     slow_close SECONDS   passes on the end of a connection so much later
--     limit_data BYTES     ends a connection, in order, when it has passed on so many bytes of the client's
--     timeout SECONDS      passes on nothing, and ends a connection, in order, after that time
--     reset SECONDS        resets a connection after that time
--
-- It runs until it is killed, which is the eighth: the proxy is down. What it has been sent and not passed on when a
-- connection ends is lost, as in any proxy; that is little.

local socket = require "socket"

local CHUNK = 1024 -- bytes read at a time
local CHUNKS_MAX = 16 -- read and not yet passed on, in one direction
local KERNEL_BUFFER = 8192 -- bytes
local SLICES = 500 -- writes before another look around
local STEP = 0.001 -- seconds between two looks

local port, to_port, what, number = arg[1], arg[2], arg[3], tonumber(arg[4])
local now = socket.gettime

-- How many bytes a direction may pass on now.
local ROOM = {
  bandwidth = function(way) return math.floor(number * (now() - way.began)) - way.passed end,
  slicer = function() return 1 end,
  limit_data = function(way) return way.is_up and number - way.passed or CHUNK end,
  timeout = function() return 0 end,
}

-- Is it time to end this connection?
local OVER = {
  limit_data = function(up) return up.passed >= number end,
  timeout = function(up) return now() - up.began >= number end,
  reset = function(up) return now() - up.began >= number end,
}

-- One direction of a connection. Each chunk is { text, when it may go }.
local function new_way(from, to, is_up)
  return { from = from, to = to, is_up = is_up, chunks = {}, passed = 0, began = now() }
end

local function read(way)
  if way.ended or #way.chunks == CHUNKS_MAX then return end
  local text, why, partial = way.from:receive(CHUNK)
  text = text or partial
  if text ~= "" then table.insert(way.chunks, { text, now() + (what == "latency" and number or 0) }) end
  if why == "closed" then way.ended = now() end
end

-- True when there may be more to write.
local function write(way)
  local chunk = way.chunks[1]
  local size = ROOM[what] and ROOM[what](way) or CHUNK
  if not chunk or size <= 0 or chunk[2] > now() then return false end
  local last, why, partial = way.to:send(chunk[1], 1, math.min(size, #chunk[1]))
  local sent = last or partial
  way.passed = way.passed + sent
  way.broken = why == "closed"
  chunk[1] = chunk[1]:sub(sent + 1)
  if chunk[1] == "" then table.remove(way.chunks, 1) end
  return last ~= nil
end

local function finish(way)
  if not way.ended or way.finished or #way.chunks > 0 then return end
  if what == "slow_close" and now() < way.ended + number then return end
  way.to:shutdown "send"
  way.finished = true
end

local function is_over(up, down)
  return up.broken or down.broken or (up.finished and down.finished) or (OVER[what] and OVER[what](up))
end

-- False when the connection was ended.
local function serve(up, down)
  for _, way in ipairs { up, down } do
    read(way)
    for _ = 1, SLICES do
      if not write(way) then break end
    end
    finish(way)
  end
  if not is_over(up, down) then return true end
  for _, way in ipairs { up, down } do
    if what == "reset" then way.from:setoption("linger", { on = true, timeout = 0 }) end
    way.from:close()
  end
  return false
end

local function take(listener)
  local client = listener:accept()
  if not client then return end
  local server = assert(socket.connect("127.0.0.1", to_port))
  for _, each in ipairs { client, server } do
    each:settimeout(0)
    each:setoption("tcp-nodelay", true)
  end
  return { up = new_way(client, server, true), down = new_way(server, client, false) }
end

local listener = assert(socket.bind("127.0.0.1", port))
listener:setoption("recv-buffer-size", KERNEL_BUFFER) -- of the connections that it accepts, too
listener:settimeout(0)
local connections = {}
while true do
  connections[#connections + 1] = take(listener)
  for i = #connections, 1, -1 do
    if not serve(connections[i].up, connections[i].down) then table.remove(connections, i) end
  end
  socket.sleep(STEP)
end
