--- The arguments of a program. Its usage text is the comment at its top, which -h and --help print; what it cannot take
-- ends it with a sentence, that text and the exit status 2.
--
--     local usage = require "spec.support.usage"
--     local seconds = usage.number(1, "SECONDS", 60)
--     local seed = usage.integer(2, "SEED", os.time())
--     usage.no_more(2)

local usage = {}

local function print_to(descriptor)
  local terminal = assert(io.popen(("{ fmt -w 78 2>/dev/null || cat; } >&%d"):format(descriptor), "w"))
  for line in io.lines(arg[0]) do
    local words = line:match "^%-%- ?(.*)"
    if not words then break end
    terminal:write(words, "\n")
  end
  terminal:close()
end

if arg[1] == "-h" or arg[1] == "--help" then
  print_to(1)
  os.exit(0)
end

--- Ends the program because of an argument.
function usage.wrong(sentence, ...)
  io.stderr:write(arg[0], ": ", sentence:format(...), "\n")
  print_to(2)
  os.exit(2)
end

--- Argument i, a number of 0 or more, or the default; without a default it must be there.
function usage.number(i, name, default)
  local value = tonumber(arg[i] or default)
  if not value or value < 0 then usage.wrong("%s is not a number: %s", name, arg[i] or "missing") end
  return value
end

--- The same for an integer.
function usage.integer(i, name, default)
  local value = usage.number(i, name, default)
  if value % 1 ~= 0 or value >= 2 ^ 53 then usage.wrong("%s is not an integer: %s", name, arg[i]) end
  return math.floor(value)
end

--- There are at most so many arguments.
function usage.no_more(count)
  if #arg > count then usage.wrong("too many arguments: %s", arg[count + 1]) end
end

return usage
