-- Draws the swarm, what was said, and how the network is. It only reads what net.lua says.

local graphics = love.graphics

local FRAMES = 600 -- in the graph, a pixel each
local MILLISECOND = 2.4 -- in pixels
local GRAPH = { x = 342, y = 522, height = 72 } -- its lower left corner

local GREEN, AMBER, RED = { 0.36, 0.86, 0.55 }, { 1, 0.74, 0.3 }, { 0.95, 0.36, 0.38 }
local WHITE, GREY, DIM = { 0.93, 0.94, 0.97 }, { 0.55, 0.6, 0.7 }, { 0.28, 0.33, 0.44 }
local BLUE, LIGHT = { 0.5, 0.68, 1 }, { 1, 0.82, 0.45 }

local view = {}
local frames = {} -- { seconds of the frame, seconds in sidewire, colour }, a ring
local newest = 0
local glow, font, small

-- A white disc that fades outwards.
local function make_glow(size)
  local data = love.image.newImageData(size, size)
  data:mapPixel(function(x, y)
    local distance = math.sqrt((x + 0.5 - size / 2) ^ 2 + (y + 0.5 - size / 2) ^ 2) / (size / 2)
    return 1, 1, 1, math.max(0, 1 - distance) ^ 2.2
  end)
  return graphics.newImage(data)
end

function view.load()
  graphics.setBackgroundColor(0.04, 0.05, 0.09)
  graphics.setLineStyle "rough"
  graphics.setPointSize(3)
  glow = make_glow(32)
  font, small = graphics.newFont(15), graphics.newFont(12)
end

-- A connected server that says nothing stalls.
local function colour_of(net)
  if net.state ~= "connected" then return RED end
  return net.silent > 0.25 and AMBER or GREEN
end

function view.add_frame(seconds, inside, net)
  newest = newest % FRAMES + 1
  frames[newest] = { seconds, inside, colour_of(net) }
end

-- The i-th of the frames that are kept, from the oldest to the newest.
local function frame_at(i)
  return frames[(newest + i - 1) % #frames + 1]
end

local function draw_swarm(fireflies, places)
  graphics.setBlendMode "add"
  graphics.setColor(0.2, 0.3, 0.6, 0.35)
  for number, place in pairs(places) do
    graphics.line(place[1], place[2], fireflies[number].x, fireflies[number].y)
  end
  graphics.setColor(LIGHT)
  for _, place in pairs(places) do graphics.draw(glow, place[1], place[2], 0, 0.8, 0.8, 16, 16) end
  graphics.setBlendMode "alpha"
  local points = {}
  for number, fly in ipairs(fireflies) do points[2 * number - 1], points[2 * number] = fly.x, fly.y end
  graphics.setColor(BLUE)
  graphics.points(points)
end

local function write(text, x, y, colour, face)
  graphics.setFont(face or font)
  graphics.setColor(colour)
  graphics.print(text, x, y)
end

local function draw_state(net)
  local colour = colour_of(net)
  graphics.setColor(colour)
  graphics.circle("fill", 25, 448, 6)
  local text = net.state
  if net.retry_in then text = ("%s, next attempt in %.1f s"):format(text, net.retry_in) end
  if colour == AMBER then text = ("%s, silent for %.1f s"):format(text, net.silent) end
  write(text, 40, 439, WHITE)
  if net.cause then write(net.cause, 40, 460, GREY, small) end
end

local function draw_queue(net)
  local filled = math.min(1, net.queue / net.MAX_QUEUE)
  local text = ("queue  %.1f KiB%s"):format(net.queue / 1024, filled == 1 and ", new positions are not sent" or "")
  write(text, 18, 490, GREY, small)
  graphics.setColor(DIM)
  graphics.rectangle("fill", 18, 510, 290, 8, 4)
  graphics.setColor(LIGHT)
  graphics.rectangle("fill", 18, 510, 290 * filled, 8, math.min(4, 145 * filled))
end

-- A line through one number of each frame, in seconds.
local function draw_curve(index, colour)
  local points = {}
  for i = 1, #frames do
    points[2 * i - 1] = GRAPH.x + FRAMES - #frames + i
    points[2 * i] = GRAPH.y - math.min(GRAPH.height, frame_at(i)[index] * 1000 * MILLISECOND)
  end
  graphics.setColor(colour)
  if #frames > 1 then graphics.line(points) end
end

-- A strip with the colours of the frames' states, drawn as one piece for each change.
local function draw_states()
  local first = 1
  for i = 1, #frames do
    if i == #frames or frame_at(i + 1)[3] ~= frame_at(i)[3] then
      graphics.setColor(frame_at(i)[3])
      graphics.rectangle("fill", GRAPH.x + FRAMES - #frames + first - 1, GRAPH.y + 4, i - first + 1, 3)
      first = i + 1
    end
  end
end

local function draw_graph()
  graphics.setColor(DIM)
  graphics.rectangle("fill", GRAPH.x, GRAPH.y - 1000 / 60 * MILLISECOND, FRAMES, 1)
  graphics.rectangle("fill", GRAPH.x, GRAPH.y, FRAMES, 1)
  draw_curve(1, BLUE)
  draw_curve(2, LIGHT)
  draw_states()
  local worst = 0
  for _, frame in ipairs(frames) do worst = math.max(worst, frame[2]) end
  local frame = frames[newest]
  local text = "frame  %.1f ms      in sidewire  %.2f ms, worst %.2f ms"
  write(text:format(frame[1] * 1000, frame[2] * 1000, worst * 1000), GRAPH.x, GRAPH.y - GRAPH.height - 22, GREY, small)
end

local function draw_lines(lines, typed)
  local y = 16
  for number = math.max(1, #lines - 5), #lines do
    write(lines[number].text, 18, y, lines[number].arrived and WHITE or DIM)
    y = y + 21
  end
  write("> " .. typed, 18, y, LIGHT)
end

function view.draw(fireflies, net, typed)
  draw_swarm(fireflies, net.places)
  graphics.setColor(0.02, 0.025, 0.05, 0.75)
  graphics.rectangle("fill", 0, 422, 960, 118)
  draw_state(net)
  draw_queue(net)
  draw_graph()
  draw_lines(net.lines, typed)
end

return view
