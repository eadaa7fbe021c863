-- examples/ship.lua --state is killed again and again, and its receiver now and then: is the received file the source?
--
--     tools/run release lua spec/stress/ship_state.lua [MB] [KILLS] [SEED]      (50, 20, the time)
--
-- Exit status 1 unless the two are the same, byte for byte; the first line in which they differ is printed. Each kill
-- is a SIGKILL: when the receiver has as much as chance says, or so many milliseconds after the start as chance says,
-- or while the state is being saved. Before some of them another process is interrupted (SIGINT) in the same way. The
-- seed repeats the file and the plan, not what the processes make of them.

local usage = require "spec.support.usage"
local megabytes = usage.number(1, "MB", 50)
local kills = usage.integer(2, "KILLS", 20)
local seed = usage.integer(3, "SEED", os.time())
usage.no_more(3)

local lfs = require "lfs"
local socket = require "socket"
local Shipment = require "spec.support.shipment"

math.randomseed(seed)

-- Any bytes but a line end; a few lines are empty, and some longer than what is read at once.
local function random_line()
  local kind = math.random(1000)
  if kind <= 20 then return "" end
  if kind == 21 then return ("long"):rep(math.random(50000)) end
  if kind <= 40 then return "1 \r\0" .. string.char(math.random(11, 255)) .. "\r" end
  return ("the quick brown fox "):rep(math.random(0, 8)) .. math.random(2 ^ 31 - 1)
end

local function make_source(shipment, size)
  local file = assert(io.open(shipment.source, "wb"))
  local lines, bytes = 0, 0
  while bytes < size do
    local line = random_line()
    file:write(line, "\n")
    lines, bytes = lines + 1, bytes + #line + 1
  end
  file:close()
  return lines, bytes
end

-- How the state is that is being written, or was when its writer was killed; nil between two savings.
local function look_at_new(shipment)
  local new = lfs.attributes(shipment.state .. ".new")
  return new and new.size .. " " .. new.modification
end

-- Bytes of the source that the state on the disk accounts for.
local function saved_offset(shipment)
  local file = io.open(shipment.state, "rb")
  if not file then return 0 end
  local text = file:read "*a"
  file:close()
  return tonumber(text:match "\noffset (%d+)\n")
end

-- When to kill, if not when the receiver has as much as `place` says: each returns a function that says when.
local plans = {
  place = function() return function() return false end end,
  moment = function()
    local moment = socket.gettime() + math.random() * 0.1
    return function() return socket.gettime() > moment end
  end,
  saving = function(shipment)
    local left = look_at_new(shipment) -- by an earlier one
    return function()
      local new = look_at_new(shipment)
      return new and new ~= left
    end
  end,
}
local PLANS = { "place", "place", "moment", "saving" }

-- Ends a ship.lua that would not end by itself.
local function run_and_end(shipment, signal, place)
  local name, left = PLANS[math.random(#PLANS)], look_at_new(shipment)
  shipment:start "--follow"
  -- While a program starts, its first pcall may take the interpreter's "interrupted!" for an error of its own.
  if signal == "INT" then shipment.ship:wait_for "connected to" end
  local is_due = plans[name](shipment)
  shipment:wait_for(function() return is_due() or shipment:received_bytes() >= place end)
  shipment:kill(signal)
  local new = look_at_new(shipment)
  print(("%-4s by %-6s  saved up to byte %9d  received %9d%s"):format(signal, name, saved_offset(shipment),
    shipment:received_bytes(), new and new ~= left and "  while it saved" or ""))
end

local function restart_receiver(shipment)
  shipment:kill_receiver()
  shipment:start_receiver()
  print "the receiver was killed, too"
end

-- In rising order, most of them before the end.
local function choose_places(bytes)
  local places = {}
  for i = 1, kills do places[i] = math.random(bytes) end
  table.sort(places)
  return places
end

local shipment = Shipment.new()
local lines, bytes = make_source(shipment, megabytes * 1e6)
print(("seed %d: %d lines, %.1f MB, %d kills"):format(seed, lines, bytes / 1e6, kills))
local began = socket.gettime()
shipment:start_receiver()
for _, place in ipairs(choose_places(bytes)) do
  if math.random(4) == 1 then run_and_end(shipment, "INT", place) end
  run_and_end(shipment, "KILL", place)
  if math.random(4) == 1 then restart_receiver(shipment) end
end
shipment:start()
local output, status = shipment:finish()
local difference = shipment:difference()
print(output)
print(("%.1f s, exit status %s; %s"):format(socket.gettime() - began, status,
  difference or ("received is the source, %d lines"):format(lines)))
shipment:stop()
os.exit(status == 0 and not difference and 0 or 1, true)
