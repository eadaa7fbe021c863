--- What becomes of the runs: medians, tables, results.json, plots.

local socket = require "socket"
local sidewire = require "sidewire.core"
local workloads = require "bench.workloads"
local files = require "spec.support.files"
local shell = require "spec.support.shell"

local report = {}

local BEGIN, END = "<!-- make bench writes what follows -->\n", "<!-- until here -->\n"

-- --- the place ---

local function output_of(command)
  return shell.output(("(%s) 2>/dev/null || true"):format(command)):match "[^\n]+" or "unknown"
end

--- A paragraph: what ran where, and how often.
function report.place(peer_cpu, settings)
  local machine = ("%s %s, LuaSocket %s, %s, %s, %s CPUs (%s)."):format(sidewire._NAME, sidewire._VERSION,
    socket._VERSION:match "[%d.]+", _VERSION, output_of "uname -sr", output_of "nproc",
    output_of "sed -n 's/^model name.*: //p' /proc/cpuinfo")
  local method = ("The peer is pinned to %s; the candidates run wherever the system puts them. Medians of %d runs, in\n"
    .. "which they take turns; amounts times %g. Rates (million/s, MB/s): more is better; all else: less."):format(
    peer_cpu, settings.rounds, settings.scale)
  return machine .. "\n" .. method
end

-- --- figures ---

-- The median of a figure, or nil where the candidate does not tell it.
local function median(runs, name)
  local values = {}
  for _, run in ipairs(runs) do values[#values + 1] = run[name] end
  table.sort(values)
  return values[math.floor((#values + 1) / 2)]
end

-- The best of the rivals that ran.
local function best(result, figure, rivals)
  local winner, least
  for _, candidate in ipairs(rivals) do
    local value = result.runs[candidate] and median(result.runs[candidate], figure[1])
    if value and (not least or (figure.more and value > least) or (not figure.more and value < least)) then
      winner, least = candidate, value
    end
  end
  return winner, least
end

-- sidewire's figure as a multiple of the best rival's.
local function ratio(result, figure, rivals)
  local winner, theirs = best(result, figure, rivals)
  if figure.given or not winner or theirs == 0 then return "" end
  local ours = median(result.runs.sidewire, figure[1])
  return #rivals > 1 and ("%.2f (%s)"):format(ours / theirs, winner) or ("%.2f"):format(ours / theirs)
end

-- --- tables ---

local function rows_of(result)
  local figures = result.workload.figures
  local function row(title, cell)
    local cells = { title }
    for i, figure in ipairs(figures) do cells[i + 1] = cell(figure) end
    return cells
  end
  local rows = { row("", function(figure) return figure[2] end) }
  for _, candidate in ipairs(result.candidates) do
    rows[#rows + 1] = row(workloads.titles[candidate], function(figure)
      local value = median(result.runs[candidate], figure[1])
      return value and figure[3]:format(value) or ""
    end)
  end
  local function add_ratios(title, rivals)
    if not result.runs.sidewire or not best(result, figures[1], rivals) then return end
    rows[#rows + 1] = row(title, function(figure) return ratio(result, figure, rivals) end)
  end
  add_ratios("sidewire / best other Lua", workloads.lua_rivals)
  add_ratios("sidewire / C", { workloads.limit })
  return rows
end

local function widths_of(rows)
  local widths = {}
  for _, row in ipairs(rows) do
    for i, cell in ipairs(row) do widths[i] = math.max(widths[i] or 3, #cell) end
  end
  return widths
end

local function line_of(row, widths)
  local cells = {}
  for i, cell in ipairs(row) do cells[i] = ("%" .. (i == 1 and "-" or "") .. widths[i] .. "s"):format(cell) end
  return "| " .. table.concat(cells, " | ") .. " |\n"
end

-- The CPUs that sidewire's two threads, host and loop, ran on last: "0/1 0/1 1/0".
local function where_it_ran(result)
  local list = {}
  for _, run in ipairs(result.runs.sidewire or {}) do list[#list + 1] = run.ran end
  if #list == 0 then return "" end
  return ("\nCPUs of sidewire's threads at the end, host/loop: %s.\n"):format(table.concat(list, " "))
end

--- A workload's medians as a Markdown table that is readable as text, too.
function report.table(result)
  local rows = rows_of(result)
  local widths, rule = widths_of(rows), {}
  for i, width in ipairs(widths) do rule[i] = ("-"):rep(width - 1) .. (i == 1 and "-" or ":") end
  local lines = { ("**%s**: %s\n\n"):format(result.workload.name, result.workload.title), line_of(rows[1], widths) }
  lines[3] = line_of(rule, widths)
  for i = 2, #rows do lines[#lines + 1] = line_of(rows[i], widths) end
  return table.concat(lines) .. where_it_ran(result)
end

-- --- JSON ---

local to_json

local function keys_of(object)
  local keys = {}
  for key in pairs(object) do keys[#keys + 1] = key end
  table.sort(keys)
  return keys
end

local function array_to_json(array, indent)
  local items = {}
  for i, item in ipairs(array) do items[i] = to_json(item, indent) end
  return "[" .. table.concat(items, ", ") .. "]"
end

local function object_to_json(object, indent)
  local items, deeper = {}, indent .. "  "
  for i, key in ipairs(keys_of(object)) do
    items[i] = ("%s%q: %s"):format(deeper, key, to_json(object[key], deeper))
  end
  return "{\n" .. table.concat(items, ",\n") .. "\n" .. indent .. "}"
end

-- Strings here are names and plain sentences.
function to_json(value, indent)
  if type(value) == "number" then return ("%.10g"):format(value) end
  if type(value) == "string" then return '"' .. value:gsub("\n", " ") .. '"' end
  return (#value > 0 and array_to_json or object_to_json)(value, indent)
end

local function results_of(result)
  local candidates = {}
  for _, candidate in ipairs(result.candidates) do
    local figures = {}
    for _, figure in ipairs(result.workload.figures) do
      local runs = {}
      for _, run in ipairs(result.runs[candidate]) do runs[#runs + 1] = run[figure[1]] end
      if #runs > 0 then figures[figure[1]] = { median = median(result.runs[candidate], figure[1]), runs = runs } end
    end
    candidates[candidate] = figures
  end
  return { title = result.workload.title, amount = result.amount, candidates = candidates }
end

-- --- files ---

local function write_json(results, place, path)
  local all = {}
  for _, result in ipairs(results) do all[result.workload.name] = results_of(result) end
  files.write(path, to_json({ place = place, workloads = all }, "") .. "\n")
end

-- Puts the tables between the two marks of docs/performance.md.
local function write_tables(results, place, path)
  local text = files.read(path)
  local before, after = text:match("^(.-" .. BEGIN:gsub("%p", "%%%0") .. ").-(" .. END:gsub("%p", "%%%0") .. ".*)$")
  assert(before, path .. ": the marks for the tables are gone")
  local tables = { place .. "\n" }
  for _, result in ipairs(results) do tables[#tables + 1] = report.table(result) end
  files.write(path, before .. "\n" .. table.concat(tables, "\n") .. "\n" .. after)
end

-- The bars: a line for each candidate that has both figures.
local function write_throughput(by_name, path)
  local flood, bulk, lines = by_name.flood, by_name.bulk, {}
  for _, candidate in ipairs(flood.candidates) do
    if bulk.runs[candidate] then
      lines[#lines + 1] = ("%q %.4f %.4f\n"):format(workloads.titles[candidate], median(flood.runs[candidate], "rate"),
        median(bulk.runs[candidate], "rate") / 1000)
    end
  end
  files.write(path, table.concat(lines))
end

local function plot(name, scratch, folder)
  local output = ("%s/%s.svg"):format(folder, name)
  local command = ("gnuplot -e \"data='%s'; output='%s'\" bench/%s.gnuplot"):format(scratch, output, name)
  print(shell.try(command) and output or "NOT TESTED: plots: gnuplot is not installed, or failed")
end

local function has_run(result, candidates)
  for _, candidate in ipairs(candidates) do
    if not (result and result.runs[candidate]) then return false end
  end
  return true
end

--- Writes results.json, and the plots for which everything ran; after a full run in the places that git knows.
function report.write(results, place, is_full, scratch)
  local by_name, plots = {}, is_full and "docs" or scratch
  for _, result in ipairs(results) do by_name[result.workload.name] = result end
  write_json(results, place, (is_full and "bench" or scratch) .. "/results.json")
  if is_full then write_tables(results, place, "docs/performance.md") end
  if has_run(by_name.frames, { "luasocket", "luasocket_queue", "sidewire" }) then plot("frames", scratch, plots) end
  if by_name.flood and by_name.bulk then
    write_throughput(by_name, scratch .. "/throughput.dat")
    plot("throughput", scratch, plots)
  end
end

return report
