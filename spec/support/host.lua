-- Runs a script in one of the C hosts of spec/support, with what was built.
--
--     local output = host.run({ "embed", "run" }, [[ local port = ... ]], peer.port)
--
-- Raises when its exit status is not 0; what it printed says why. The field `forks` of the command says that the script
-- forks, and that its child starts threads; "exits" also that the child ends by exit(3), where a sanitizer would look
-- for leaks.

local host = {}

local LIMIT = 200 -- seconds, for what hangs

-- ThreadSanitizer ends the child of a process that had threads when it starts one. LeakSanitizer looks for the parent's
-- threads, and finds what these had.
local function options(forks)
  local more = forks == "exits" and "die_after_fork=0:detect_leaks=0" or "die_after_fork=0"
  return forks and ('export SANITIZER_OPTIONS="$SANITIZER_OPTIONS:%s"; '):format(more) or ""
end

local function quote(text)
  return "'" .. tostring(text):gsub("'", "'\\''") .. "'"
end

--- Starts it, and returns the pipe with what it prints, at last `status N`, its exit status.
-- @param command the host and its own arguments; the script and the script's arguments follow
function host.start(command, script, ...)
  local build = assert(os.getenv "SIDEWIRE_BUILD", "run this with tools/run")
  local words = { "tools/run", build:match "[^/]+$", ("%s/%s"):format(build, command[1]) }
  table.move(command, 2, #command, #words + 1, words)
  for _, word in ipairs { script, ... } do words[#words + 1] = quote(word) end
  return assert(io.popen(("unset LD_PRELOAD; %stimeout -k 5 %d %s 2>&1; echo status $?"):format(
    options(command.forks), LIMIT, table.concat(words, " "))))
end

--- Runs it to its end and returns what it printed.
function host.run(command, script, ...)
  local pipe <close> = host.start(command, script, ...)
  local output, status = pipe:read("a"):match "^(.*)status (%d+)\n$"
  if status ~= "0" then
    error(("%s: exit status %s\n%s"):format(table.concat(command, " "), status, output), 2)
  end
  return output
end

return host
