--- busted output handler: says nothing of what passes, every failure in full as soon as it happens, of what is pending
-- NOT TESTED and why, and ends with the plain line `N passed, N failed` (and `, N skipped` when something is pending).
--
-- With `-Xoutput FILE` that line goes to FILE instead, where it follows the title of every test, written before the
-- test begins, and its outcome: after a crash FILE tells what passed, and what ran last.
local base = require "busted.outputHandlers.base"
local pretty = require "pl.pretty"

local function indent(text)
  return "    " .. text:gsub("\n+$", ""):gsub("\n", "\n    ")
end

local function place(element, trace)
  local at = element.trace or trace
  return at and at.short_src and ("%s:%d: "):format(at.short_src, at.currentline) or ""
end

return function(options)
  local busted = require "busted"
  local title = base().getFullName
  local passed, failed, skipped = 0, 0, 0
  local path = options.arguments[1]
  local log = path and assert(io.open(path, "w"))
  if log then log:setvbuf "line" end

  local function note(...)
    if log then log:write(...) end
  end

  local function test_start(element)
    note("begin ", title(element), "\n")
    return nil, true
  end

  local function not_tested(element, _, why)
    io.write("NOT TESTED ", title(element), why and ": " .. tostring(why) or "", "\n")
    io.flush()
    return nil, true
  end

  local function test_end(element, parent, status)
    if status == "success" then
      passed = passed + 1
      note "passed\n"
    elseif status == "pending" then
      skipped = skipped + 1
      note "skipped\n"
      if element.descriptor == "pending" then not_tested(element, parent) end -- its title is the reason
    end
    return nil, true
  end

  -- Also of what is not a test: a file that does not load, a setup that raises.
  local function failure(element, _, message, trace)
    failed = failed + 1
    note "failed\n"
    message = message == nil and "(error without a message)" or message
    io.write("FAILED ", place(element, trace), title(element), "\n",
      indent(type(message) == "string" and message or pretty.write(message)), "\n")
    if trace and trace.traceback and (options.verbose or element.descriptor ~= "it") then
      io.write(indent(trace.traceback), "\n")
    end
    io.flush()
    return nil, true
  end

  local function suite_end()
    local line = ("%d passed, %d failed"):format(passed, failed)
    if skipped > 0 then line = ("%s, %d skipped"):format(line, skipped) end
    if log then note(line, "\n") else print(line) end
    return nil, true
  end

  local handler = {}
  function handler.subscribe()
    busted.subscribe({ "test", "start" }, test_start)
    busted.subscribe({ "test", "end" }, test_end)
    busted.subscribe({ "pending" }, not_tested)
    busted.subscribe({ "failure" }, failure)
    busted.subscribe({ "error" }, failure)
    busted.subscribe({ "suite", "end" }, suite_end)
  end

  return handler
end
