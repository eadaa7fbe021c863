--- Runs Lua programs as a user would, in a process of their own, with what was built.
--
--     local Program = require "spec.support.program"
--     local program = Program.start("examples/ship.lua", file, peer.host, peer.port)
--     program:wait_for "connected"         -- until its output has that, as plain text
--     program:signal "INT"
--     local output, status = program:finish()
--
-- Its output, stdout and stderr, goes to a file.

local Peer = require "spec.support.peer"
local Server = require "spec.support.server"
local build = require "spec.support.build"
local files = require "spec.support.files"
local shell = require "spec.support.shell"
local util = require "spec.support.util"

local Program = {}
Program.__index = Program
Program.__name = "sidewire.program"

--- Seconds after which a program is ended, for what hangs.
Program.limit = 100

local running = {} -- program -> true

--- Starts a command of the shell, a single program.
function Program.start_command(program)
  local self = setmetatable({ dir = Peer.tempdir() }, Program)
  -- The program says its own number: below `timeout` a signal to that would not always reach it.
  local command = [[timeout --foreground -k 5 %d sh -c 'echo $$; exec "$@" >"$0" 2>&1' %s/output %s]]
  self.pipe = shell.start_command(command:format(Program.limit, self.dir, program))
  self.pid = assert(tonumber(self.pipe:read "*l"))
  running[self] = true
  return self
end

--- Starts a Lua file with arguments; `NAME=value` in front of it is set in its environment.
function Program.start(...)
  local words, environment = {}, {}
  for _, word in ipairs { ... } do
    local list = #words == 0 and tostring(word):find "^[%u_]+=" and environment or words
    list[#list + 1] = shell.quote(word)
  end
  return Program.start_command(("env %s %s %s"):format(table.concat(environment, " "), build.LUA,
    table.concat(words, " ")))
end

--- What it printed so far.
function Program:output()
  return files.try_read(self.dir .. "/output") or ""
end

--- Waits until that was printed, `count` times; raises if it never is.
function Program:wait_for(text, count)
  local ok, why = util.wait_until(function()
    local _, found = self:output():gsub(text:gsub("%p", "%%%0"), "")
    return found >= (count or 1)
  end)
  if not ok then error(("waiting for %q: %s; so far:\n%s"):format(text, why, self:output()), 2) end
end

-- Is it still one of the shells that start it? These lose a signal now and then, unless it is KILL.
local function is_starting(self)
  local name = files.try_read(("/proc/%d/comm"):format(self.pid))
  return name == "sh\n" or name == "run\n" or name == "timeout\n" or name == "env\n"
end

--- Sends it a signal.
function Program:signal(name)
  if name ~= "KILL" then util.wait_until(function() return not is_starting(self) end) end
  shell.signal(self.pid, name)
end

--- Waits for its end.
-- @return what it printed, and its exit status; or nil instead of the status and the signal when one ended it
function Program:finish()
  running[self] = nil
  local _, status = shell.finish(self.pipe)
  local output = self:output()
  Peer.remove(self.dir)
  if status <= 128 then return output, status end
  return output, nil, status - 128
end

--- start and finish.
function Program.run(...)
  return Program.start(...):finish()
end

--- Runs one that must succeed.
-- @return what it printed
function Program.check(...)
  local output, status, signal = Program.run(...)
  if status ~= 0 then error(("%s\nexit status %s, signal %s"):format(output, tostring(status), tostring(signal)), 2) end
  return output
end

--- Could such a program load this library?
function Program.has_library(name)
  local found = "require('spec.support.engine').searchpath('%s', package.path .. ';' .. package.cpath)"
  local text = ("os.exit(%s and 0 or 1)"):format(found:format(name))
  return select(2, shell.run(("%s -e %s"):format(build.LUA, shell.quote(text)))) == 0
end

--- Kills what was not finished.
function Program.stop_all()
  for program in pairs(running) do
    program:signal "KILL"
    program:finish()
  end
end

--- After a spec that starts programs and servers: kills what was not finished, then util.finish.
function Program.finish_all()
  Program.stop_all()
  Server.stop_all()
  util.finish()
end

return Program
