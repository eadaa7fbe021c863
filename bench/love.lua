-- What sidewire costs a game: plays examples/love without a screen for a minute in which the server stalls twice and
-- dies once, and prints the frame times: tools/run release lua bench/love.lua [SECONDS [PICTURE]]
--
-- PICTURE gets a screenshot of the second stall: docs/love.png is one, of 20 seconds, reduced by pngquant.
-- The time of a frame inside sidewire is that of all calls to it, with the handlers that run in poll. A thread that the
-- system suspends there for another program's sake takes longer, but no longer on the processor.

local socket = require "socket"

local Love = require "spec.support.love"
local Peer = require "spec.support.peer"
local shell = require "spec.support.shell"

local seconds, picture = tonumber(arg[1]) or 60, arg[2]

local missing = Love.missing()
if missing then
  io.stderr:write("bench/love.lua ", missing, "\n")
  os.exit(1)
end

local peer = Peer.start { mode = "echo" }

local game = Love.play(peer.host, peer.port)

-- At which share of the time, what is said then, and what happens.
local EVENTS = {
  { 0.15, "the server stalls", function() peer:signal "STOP" end },
  { 0.25, "and goes on", function() peer:signal "CONT" end },
  { 0.35, "it is killed", function() peer:kill() end },
  { 0.50, "and starts again", function() peer:start_again() end },
  { 0.65, "it stalls again", function() peer:signal "STOP" end },
  { 0.77, "does anybody hear this?", function() game:order "shot picture" end },
  { 0.80, "it goes on", function() peer:signal "CONT" end },
  { 1.00, "bye" },
}

local function quantile(frames, field, share)
  local values = {}
  for i, frame in ipairs(frames) do values[i] = frame[field] * 1e3 end
  table.sort(values)
  return values[math.max(1, math.ceil(#values * share))]
end

local function report(frames)
  print(("%d frames, milliseconds    %8s %8s %8s"):format(#frames, "p50", "p99", "worst"))
  for _, row in ipairs { { "frame", "seconds" }, { "inside sidewire", "wall" }, { "  on the processor", "cpu" } } do
    print(("%-28s %8.3f %8.3f %8.3f"):format(row[1], quantile(frames, row[2], 0.5), quantile(frames, row[2], 0.99),
      quantile(frames, row[2], 1)))
  end
end

game:order "say hello"
game:wait_for "arrived hello"
local began, lines = socket.gettime(), 1
for _, event in ipairs(EVENTS) do
  socket.sleep(math.max(0, began + event[1] * seconds - socket.gettime()))
  print(("%5.1f s  %s"):format(socket.gettime() - began, event[2]))
  game:order("say " .. event[2])
  lines = lines + 1
  if event[3] then event[3]() end
end
game:wait_for("arrived " .. EVENTS[#EVENTS][2])
game:order "quit"
local output, status = game:finish()
local frames = game:frames()
local _, arrived = game:log():gsub("arrived [^\n]*\n", "")
if picture then shell.execute(("cp %s/picture.png %s"):format(game.dir, shell.quote(picture))) end
Peer.remove(game.dir)
Love.stop_screen()
peer:stop()
report(frames)
print(("%d of %d lines arrived; exit status %s %s"):format(arrived, lines, status, output))
