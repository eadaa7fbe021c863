--- Commands of the shell.

local shell = {}

-- A sanitizer that is preloaded into the tests' own interpreter is not meant for the programs it starts.
local PLAIN = "unset LD_PRELOAD; "

--- A word for the shell, whatever it holds.
function shell.quote(word)
  return "'" .. tostring(word):gsub("'", "'\\''") .. "'"
end

--- Several words, quoted.
function shell.words(...)
  local words = table.pack(...)
  for i = 1, words.n do words[i] = shell.quote(words[i]) end
  return table.concat(words, " ")
end

--- Starts a command; returns the pipe with what it prints, on stderr too.
function shell.start(command)
  return assert(io.popen(PLAIN .. "exec 2>&1; " .. command))
end

--- Runs a command; returns what it printed, and its exit status, or 128 and the signal that ended it.
function shell.run(command)
  local pipe = shell.start(command)
  local said = pipe:read "a"
  local _, how, code = pipe:close()
  return said, how == "exit" and code or 128 + code
end

--- Runs a command that must succeed; returns what it printed on stdout.
function shell.output(command)
  local pipe = assert(io.popen(PLAIN .. command))
  local said = pipe:read "a"
  local ok, how, code = pipe:close()
  if not ok then error(("%s: %s %d\n%s"):format(command, how, code, said), 2) end
  return said
end

--- Runs a command that must succeed, without a word of it.
function shell.execute(command)
  assert(os.execute(PLAIN .. command))
end

--- Sends a process a signal: "KILL", "STOP", ... It may be gone.
function shell.signal(pid, name)
  os.execute((PLAIN .. "kill -%s %d"):format(name, pid))
end

return shell
