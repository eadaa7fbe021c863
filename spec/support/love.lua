--- LÖVE without a screen (Xvfb).
--
--     local game = Love.play(peer.host, peer.port)     -- examples/love, played by spec/hosts/scripts/love_recorder.lua
--     game:order "say hello"
--     game:wait_for "arrived hello"
--     local output, status = game:finish()
--     Love.stop_all()
--
-- What Love.missing says keeps all of this from running.

local Peer = require "spec.support.peer"
local files = require "spec.support.files"
local hosts = require "spec.support.hosts"
local shell = require "spec.support.shell"
local util = require "spec.support.util"

local Love = {}
Love.__index = Love
Love.__name = "sidewire.love"

local screen -- the pipe from Xvfb, its pid and the display's name; one for all

--- Why LÖVE cannot be tried here, or nil.
function Love.missing()
  return hosts.missing("luajit", "love", "Xvfb")
end

local function start_screen()
  local pipe = shell.start "echo $$; exec Xvfb -displayfd 1 -screen 0 1024x768x24 -nolisten tcp 2>/dev/null"
  local pid = tonumber(pipe:read "*l")
  local number = assert(pipe:read "*l", "Xvfb did not start")
  return { pipe = pipe, pid = pid, display = ":" .. number }
end

--- A folder for a game, with sidewire in it; Peer.remove removes it.
function Love.folder()
  local dir = Peer.tempdir()
  hosts.install("luajit", dir .. "/sidewire")
  return dir
end

--- Starts the game in a folder, with arguments.
function Love.start(dir, ...)
  screen = screen or start_screen()
  local command = "DISPLAY=%s ALSOFT_DRIVERS=null XDG_DATA_HOME=%s/save love %s %s"
  local program = hosts.start(command:format(screen.display, dir, dir, shell.words(...)))
  return setmetatable({ dir = dir, program = program }, Love)
end

--- Starts examples/love with the recorder.
function Love.play(host, port)
  local dir = Love.folder()
  shell.execute(("cp examples/love/*.lua %s && mv %s/main.lua %s/game.lua"):format(dir, dir, dir))
  files.write(dir .. "/main.lua", files.read "spec/hosts/scripts/love_recorder.lua")
  files.write(dir .. "/orders", "")
  return Love.start(dir, host, port)
end

function Love:order(line)
  files.write(self.dir .. "/orders", line .. "\n", "ab")
end

--- What the recorder has written so far.
function Love:log()
  return files.try_read(self.dir .. "/log") or ""
end

--- Waits until a line of the log matches a pattern; raises when none does.
-- @treturn string what the pattern captures
function Love:wait_for(pattern)
  local captured
  local ok, why = util.wait_until(function()
    captured = ("\n" .. self:log()):match("\n" .. pattern .. "[^\n]*\n")
    return captured
  end)
  if ok then return captured end
  error(("waiting for %q: %s\n%s\n%s"):format(pattern, why, self.program:output(), self:log():sub(-1000)), 2)
end

--- The frames so far.
-- @treturn table a list of { state =, silent =, queue =, seconds =, wall =, cpu = }
function Love:frames()
  local frames = {}
  for state, silent, queue, seconds, wall, cpu in
    self:log():gmatch "frame (%l+) (%S+) (%S+) (%S+) (%S+) (%S+)\n"
  do
    frames[#frames + 1] = { state = state, silent = tonumber(silent), queue = tonumber(queue),
      seconds = tonumber(seconds), wall = tonumber(wall), cpu = tonumber(cpu) }
  end
  return frames
end

--- Waits until so many more frames are drawn; raises if they are not.
function Love:wait_frames(count)
  local goal = #self:frames() + count
  assert(util.wait_until(function() return #self:frames() >= goal end))
end

--- Waits until the newest frame is as the predicate wants it; raises if none ever is.
function Love:wait_frame(predicate)
  assert(util.wait_until(function()
    local frames = self:frames()
    return frames[1] and predicate(frames[#frames])
  end))
end

--- Waits for the program's end.
-- @return what it printed, and its exit status
function Love:finish()
  return self.program:finish()
end

--- Ends the screen. Games that run on it end, too.
function Love.stop_screen()
  if not screen then return end
  shell.signal(screen.pid, "TERM")
  screen.pipe:close()
  screen = nil
end

return Love
