-- A loop of 60 frames a second with sidewire in it: lua frame_loop.lua HOST PORT SECONDS
--
-- Sends where the player is, in every frame, takes what the server has to say, and prints a line a second. A server
-- that is slow, away or killed costs no frame: the loop never waits for the network.

local sidewire = require "sidewire"
local socket = require "socket" -- a clock and a sleep, which a game has of its own

local FRAME = 1 / 60
local POLL_TIME = 0.004 -- seconds of a frame that handlers may take; the rest is for the next frame

local host, port, seconds = arg[1], tonumber(arg[2]), tonumber(arg[3])
local clock = socket.gettime
local received, worst = 0, 0

local client = sidewire.new {
  host = host, port = port,
  retain = "none", -- where the player was a moment ago is of no use to a new connection
  on = { message = function() received = received + 1 end },
}
client:connect()

local function frame(number)
  local began = clock()
  sidewire.poll(nil, POLL_TIME)
  local angle = number / 60
  client:send(("player %d %.3f %.3f"):format(number, math.cos(angle), math.sin(angle)))
  worst = math.max(worst, clock() - began) -- drawing would follow
end

local function report(second)
  print(("%d s  %-10s  received %d  worst frame %.2f ms"):format(second, client:state(), received, worst * 1e3))
  worst = 0
end

local began = clock()
for number = 1, seconds * 60 do
  frame(number)
  if number % 60 == 0 then report(number / 60) end
  socket.sleep(math.max(0, began + number * FRAME - clock()))
end
client:close()
