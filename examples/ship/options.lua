--- The command line of ship.lua.

local sidewire = require "sidewire"

local USAGE = "usage: lua ship.lua FILE HOST PORT [--follow] [--framing F | --state STATE]"
local FRAMINGS = {
  line = { delimiter = "\n" }, -- not "line", which would refuse a line that ends in "\r"
  nul = { delimiter = "\0" },
  u8 = "u8", u16be = "u16be", u16le = "u16le", u32be = "u32be", u32le = "u32le",
}

local Options = {}

--- Says what is wrong, and how it is used, and ends the program.
function Options.refuse(format, ...)
  io.stderr:write("ship.lua: ", format:format(...), "\n", USAGE, "\n")
  os.exit(2)
end

local function read_words(words)
  local options, places = {}, {}
  local i = 1
  while words[i] do
    if words[i] == "--follow" then
      options.follow = true
    elseif words[i] == "--framing" or words[i] == "--state" then
      options[words[i]:sub(3)] = words[i + 1] or Options.refuse("%s needs a name", words[i])
      i = i + 1
    elseif words[i]:find "^%-" then
      Options.refuse("unknown option %s", words[i])
    else
      places[#places + 1] = words[i]
    end
    i = i + 1
  end
  return options, places
end

--- The options that these words are, or the end of the program.
-- @return path, host, port, framing, follow, state (the path of its file)
function Options.read(words)
  if words[1] == "--help" then io.write(USAGE, "\n") os.exit(0) end
  local options, places = read_words(words)
  if #places ~= 3 then Options.refuse("3 arguments are wanted, not %d", #places) end
  options.path, options.host, options.port = places[1], places[2], tonumber(places[3])
  if options.state and options.framing then Options.refuse "with --state the framing is always line" end
  local framing = options.framing or "line"
  options.framing = FRAMINGS[framing] or Options.refuse("unknown framing %s", framing)
  if not options.port or not sidewire.is_port(options.port) then Options.refuse("no port number: %s", places[3]) end
  return options
end

return Options
