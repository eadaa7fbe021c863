--- What send and poll cost under each Lua, in one run: `make bench-engines`.
--
--     engines.lua ROUNDS ENGINE...      5.1, 5.2, 5.3, 5.4, luajit; what `make LUA=ENGINE` builds must be there
--
-- In each round every engine has its turn. Prints the medians, and their ratios to Lua 5.4.

local Peer = require "spec.support.peer"
local shell = require "spec.support.shell"

local rounds = tonumber(arg[1])
local engines = { (table.unpack or unpack)(arg, 2) } -- luacheck: std max
local COLUMNS = { "send", "poll" }

local function measure(engine, sink, flood)
  local said = shell.output(("unset SIDEWIRE_BUILD; tools/run release-%s lua bench/engine_cost.lua %d %d"):format(
    engine, sink.port, flood.port))
  local send, poll = said:match "send=(%d+) poll=(%d+)"
  return { send = tonumber(send), poll = tonumber(poll) }
end

local function median(values)
  table.sort(values)
  return values[math.ceil(#values / 2)]
end

local function run()
  local sink, flood = Peer.start { mode = "sink" }, Peer.start { mode = "flood 12" }
  local found = {}
  for _, engine in ipairs(engines) do found[engine] = { send = {}, poll = {} } end
  for _ = 1, rounds do
    for _, engine in ipairs(engines) do
      local costs = measure(engine, sink, flood)
      for _, column in ipairs(COLUMNS) do table.insert(found[engine][column], costs[column]) end
    end
  end
  Peer.stop_all()
  for _, costs in pairs(found) do
    for _, column in ipairs(COLUMNS) do costs[column] = median(costs[column]) end
  end
  return found
end

local found = run()
local base = found["5.4"]
print(("ns a call, medians of %d runs in turn (ratio to Lua 5.4)"):format(rounds))
for _, engine in ipairs(engines) do
  local words = { ("%-7s"):format(engine) }
  for _, column in ipairs(COLUMNS) do
    local cost = found[engine][column]
    words[#words + 1] = ("%s %4d%s"):format(column, cost, base and (" (%.2f)"):format(cost / base[column]) or "")
  end
  print(table.concat(words, "  "))
end
