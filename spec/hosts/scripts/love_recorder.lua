-- main.lua of a folder in which examples/love/main.lua is game.lua: love FOLDER HOST PORT. Plays the game unchanged,
-- but takes its input from the file `orders` of that folder and writes what happens to the file `log`.
--
-- Orders: say TEXT (types it, and return), shot NAME (a screenshot, NAME.png), quit.
-- Log: frame STATE SILENT QUEUE SECONDS WALL CPU (seconds of the frame, inside the game's calls to net.lua, and of the
-- processor there), arrived TEXT, shot NAME COLOURS, quit.

local ffi = require "ffi"
local net = require "net"

local folder = love.filesystem.getSource()
local log = assert(io.open(folder .. "/log", "w"))
local orders = assert(io.open(folder .. "/orders"))
local wall, cpu = 0, 0

ffi.cdef [[
  struct thread_time { long seconds, nanoseconds; };
  int clock_gettime(int clock, struct thread_time *time);
]]
local CLOCK_THREAD_CPUTIME_ID = 3
local time = ffi.new "struct thread_time"

local function thread_time()
  assert(ffi.C.clock_gettime(CLOCK_THREAD_CPUTIME_ID, time) == 0)
  return tonumber(time.seconds) + tonumber(time.nanoseconds) / 1e9
end

local function write(...)
  log:write(table.concat({ ... }, " "), "\n")
  log:flush()
end

for _, name in ipairs { "update", "say" } do
  local plain = net[name]
  net[name] = function(...)
    local began, began_cpu = love.timer.getTime(), thread_time()
    plain(...)
    wall, cpu = wall + love.timer.getTime() - began, cpu + thread_time() - began_cpu
  end
end

require "game"

local function shot(name)
  love.graphics.captureScreenshot(function(picture)
    local colours, count = {}, 0
    picture:mapPixel(function(_, _, red, green, blue, alpha)
      local colour = red * 65536 + green * 256 + blue
      if not colours[colour] then colours[colour], count = true, count + 1 end
      return red, green, blue, alpha
    end)
    local file = assert(io.open(folder .. "/" .. name .. ".png", "wb"))
    file:write(picture:encode("png"):getString())
    file:close()
    write("shot", name, count)
  end)
end

local function obey(order)
  local verb, text = order:match "^(%a+) ?(.*)$"
  if verb == "say" then
    love.textinput(text)
    love.keypressed "return"
  elseif verb == "shot" then
    shot(text)
  else
    love.keypressed "escape"
  end
end

local update, quit = love.update, love.quit
local arrived = {}

function love.update(dt)
  orders:seek "cur" -- or the end that was once met stays the end
  for order in orders:lines() do obey(order) end
  update(dt)
  for _, line in ipairs(net.lines) do
    if line.arrived and not arrived[line] then
      arrived[line] = true
      write("arrived", line.text)
    end
  end
  write(("frame %s %.3f %d %.6f %.6f %.6f"):format(net.state, net.silent, net.queue, dt, wall, cpu))
  wall, cpu = 0, 0
end

function love.quit()
  quit()
  write "quit"
end
