-- Ends of connections on links of 0, 50, 150 and 300 ms round trip, by disconnect and by the peer: what became of each
-- message?
--
--     tools/run release lua spec/stress/round_trip.lua [ENDS] [WAY ...]
--
-- ENDS, of each way, round trip and retain ("unsent", "unacked"), is 200, by 25 clients at once (or ENDS, if fewer).
-- The ways, which spec/support/round_trip.lua describes, are all of
--
--   ours theirs            orderly ends: nothing is lost, nothing is received twice
--   theirs-bulk            the same for four clients with a lot to send, each of which sees some ends
--   ours-cut theirs-cut    the wire is cut in the middle of the ends, and mended when all are over. Not on the link of
--                          0 ms; each client ends once
--
-- One line each; "longest" is from disconnect(2) to the end. Exit status 1 when a fate is not true, or an end takes
-- longer than 2.5 s.

local engine = require "spec.support.engine"
local usage = require "spec.support.usage"

local ALL = { "ours", "theirs", "theirs-bulk", "ours-cut", "theirs-cut" }

local arguments = { engine.unpack(arg) }
local ends = tonumber(arguments[1]) and tonumber(table.remove(arguments, 1)) or 200
if ends < 1 then usage.wrong("ENDS is 1 or more: %d", ends) end
local ways = #arguments > 0 and arguments or ALL
for _, way in ipairs(ways) do
  if not (" %s "):format(table.concat(ALL, " ")):find((" %s "):format(way), 1, true) then
    usage.wrong("no such WAY: %s", way)
  end
end

local netns = require "spec.support.netns"
local round_trip = require "spec.support.round_trip"
local util = require "spec.support.util"

local CLIENTS = math.min(ends, 25)
local failed = false

local function try(way, delay)
  local is_cut, is_bulk = way:find "-cut$", way:find "-bulk$"
  local ok, said = pcall(round_trip.run, {
    way = way, delay = delay, clients = is_bulk and 2 or is_cut and ends or CLIENTS,
    ends = (is_cut or is_bulk) and 1 or math.ceil(ends / CLIENTS),
    linger = 2, margin = util.choose(0.5, 10), limit = 600,
  })
  print((said:gsub("\n$", "")))
  io.stdout:flush()
  failed = failed or not ok
end

local missing = netns.missing { delay = 0 }
if missing then
  print(missing)
  os.exit(1)
end
print(round_trip.HEADING)
for _, way in ipairs(ways) do
  for _, milliseconds in ipairs { 0, 50, 150, 300 } do
    if milliseconds > 0 or not way:find "-cut$" then try(way, milliseconds / 2000) end
  end
end
os.exit(failed and 1 or 0, true)
