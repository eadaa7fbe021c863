--- Commands of the shell.

local engine = require "spec.support.engine"
local shell = {}

-- A sanitizer that is preloaded into the tests' own interpreter is not meant for the programs it starts.
local PLAIN = "unset LD_PRELOAD; "

--- A word for the shell, whatever it holds.
function shell.quote(word)
  return "'" .. tostring(word):gsub("'", "'\\''") .. "'"
end

--- Several words, quoted.
function shell.words(...)
  local words = engine.pack(...)
  for i = 1, words.n do words[i] = shell.quote(words[i]) end
  return table.concat(words, " ")
end

--- Starts a command; returns the pipe with what it prints, on stderr too.
function shell.start(command)
  return assert(io.popen(PLAIN .. "exec 2>&1; " .. command))
end

--- Starts a command of which the exit status will be asked for; returns the pipe with what it prints on stdout, for
-- shell.finish. Lua 5.1 and LuaJIT do not return the status from the pipe's close, so the shell prints it at the end.
function shell.start_command(command)
  local quiet = 'exec 3>&2 2>/dev/null; (exec 2>&3 3>&-; %s\n); echo "status $?"' -- else the shell says "Killed"
  return assert(io.popen(PLAIN .. quiet:format(command)))
end

--- Reads what such a command still prints, up to its end.
-- @treturn string what it printed
-- @treturn integer its exit status, or 128 and the signal that ended it
function shell.finish(pipe)
  local said, status = pipe:read("*a"):match "^(.*)status (%d+)\n$"
  pipe:close()
  return said, (assert(tonumber(status), "the shell did not print the exit status"))
end

--- Runs a command; returns what it printed, on stderr too, and its exit status, or 128 and the signal that ended it.
function shell.run(command)
  return shell.finish(shell.start_command("exec 2>&1; " .. command))
end

--- Runs a command that must succeed; returns what it printed on stdout.
function shell.output(command)
  local said, status = shell.finish(shell.start_command(command))
  if status ~= 0 then error(("%s: status %d\n%s"):format(command, status, said), 2) end
  return said
end

--- Runs a command; does it succeed? os.execute returns true or, in Lua 5.1 and LuaJIT, the status 0 then.
function shell.try(command)
  local result = os.execute(PLAIN .. command)
  return result == true or result == 0
end

--- Runs a command that must succeed, without a word of it.
function shell.execute(command)
  assert(shell.try(command), command)
end

--- Sends a process a signal: "KILL", "STOP", ... It may be gone.
function shell.signal(pid, name)
  os.execute((PLAIN .. "kill -%s %d"):format(name, pid))
end

return shell
