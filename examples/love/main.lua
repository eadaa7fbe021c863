-- Fireflies: a swarm whose every position goes to a server and comes back, 12,000 a second. The dots are where the
-- game has them, the lights where the server last saw them. Stop the server (kill -STOP), go on (-CONT), kill it and
-- start it again: lights stand still and catch up, the dots fly on, and no frame takes longer. Type to say something.
--
--     build/release/peer --port 4000 --mode echo                         a server
--     tools/run release-luajit love examples/love 127.0.0.1 4000         after `make LUA=luajit`

local net = require "net"
local view = require "view"

local COUNT = 200
local FRAME = 1 / 60

local fireflies = {}
local typed = ""
local time, next_frame = 0, 0

local function fly(dt)
  time = time + dt
  local x = 480 + 270 * math.sin(time * 0.5)
  local y = 215 + 90 * math.sin(time * 0.8)
  for number = 1, COUNT do
    local angle = number * 2.399963 + time * (0.4 + number * 0.618 % 1 * 0.7) -- the golden angle: no two in one place
    local radius = 9 * math.sqrt(number) * (1 + 0.25 * math.sin(time * 1.3 + number))
    fireflies[number].x = x + radius * 1.5 * math.cos(angle)
    fireflies[number].y = y + radius * math.sin(angle)
  end
end

function love.load(args)
  for number = 1, COUNT do fireflies[number] = {} end
  view.load()
  net.start(args[1] or "127.0.0.1", tonumber(args[2]) or 4000)
end

function love.update(dt)
  fly(dt)
  local began = love.timer.getTime()
  net.update(dt, fireflies)
  view.add_frame(dt, love.timer.getTime() - began, net)
end

function love.draw()
  view.draw(fireflies, net, typed)
  -- Without a display that sets the pace there are 60 frames a second, too.
  next_frame = math.max(next_frame + FRAME, love.timer.getTime() - FRAME)
  love.timer.sleep(math.max(0, next_frame - love.timer.getTime()))
end

function love.textinput(text)
  typed = typed .. text
end

function love.keypressed(key)
  if key == "backspace" then typed = typed:gsub("[%z\1-\127\194-\244][\128-\191]*$", "") end
  if key == "escape" then love.event.quit() end
  if key == "return" and typed ~= "" then
    net.say(typed)
    typed = ""
  end
end

function love.quit()
  net.stop()
end
