-- A loop of 60 frames a second with sidewire in it:
--
--     lua examples/frame_loop.lua HOST PORT SECONDS
--
-- Sends where the player is, in every frame, takes what the server has to say, and prints a line a second. A server
-- that is slow, away or killed costs no frame: the loop never waits for the network. The exit status is 1 if the server
-- was away all the time. It needs LuaSocket, for a clock and a sleep, which a game has of its own.

local sidewire = require "sidewire"

local USAGE = "usage: lua examples/frame_loop.lua HOST PORT SECONDS (needs LuaSocket)\n"
local host, port, seconds = arg[1], tonumber(arg[2]), tonumber(arg[3])
if host == "--help" then io.write(USAGE) os.exit(0) end
if not (sidewire.is_port(port) and seconds) or arg[4] then io.stderr:write(USAGE) os.exit(2) end
local socket = require "socket"

local FRAME = 1 / 60
local POLL_TIME = 0.004 -- seconds of a frame that handlers may take; the rest is for the next frame

local clock = socket.gettime
local received, worst = 0, 0

local made, client = pcall(sidewire.new, {
  host = host, port = port,
  retain = "none", -- where the player was a moment ago is of no use to a new connection
  on = { message = function() received = received + 1 end },
})
if not made then io.stderr:write(client, "\n", USAGE) os.exit(2) end -- it is no host's name
client:connect()

local function frame(number)
  local began = clock()
  sidewire.poll(nil, POLL_TIME)
  local angle = number / 60
  client:send(("player %d %.3f %.3f"):format(number, math.cos(angle), math.sin(angle)))
  worst = math.max(worst, clock() - began) -- drawing would follow
end

local function report(second)
  local state, cause = client:state()
  local why = state ~= "connected" and cause and "  " .. cause or ""
  print(("%d s  %-10s  received %d  worst frame %.2f ms%s"):format(second, state, received, worst * 1e3, why))
  worst = 0
end

local began = clock()
for number = 1, seconds * 60 do
  frame(number)
  if number % 60 == 0 then report(number / 60) end
  socket.sleep(math.max(0, began + number * FRAME - clock()))
end
local was_there = client:stats().connects > 0
sidewire.stop() -- sends what is queued
os.exit(was_there and 0 or 1)
