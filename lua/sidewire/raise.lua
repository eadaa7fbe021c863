-- Raises the errors of the Lua layer at the line that has made the mistake, as the core does: a function that pcall
-- calls, or that stands in a tail call, has no direct caller with a line, so the position is that of the nearest one
-- with a line.

local FARTHEST = 100 -- levels of the stack that are looked at

local raise = {}

--- Raises the message. `level` is that of `error`: 1 is the function that calls this, 2 the one that has called that.
function raise.misuse(message, level)
  if type(message) ~= "string" then error(message, 0) end
  for at = level + 2, FARTHEST do -- 1 is pcall, 2 this function
    local _, position = pcall(error, "", at)
    if position ~= "" then error(position .. message, 0) end
  end
  error(message, 0)
end

--- Raises if the function `running` of a module, `where` as "sidewire.new", was called with a colon: then its first
-- argument is the table that has it.
function raise.refuse_colon(where, first, running)
  if type(first) ~= "table" or rawget(first, where:match "[%w_]+$") ~= running then return end
  raise.misuse(("%s: call it with a dot, %s(...), not with a colon"):format(where, where), 3)
end

return raise
