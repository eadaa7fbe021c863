--- Files as a whole.

local files = {}

--- The text of a file; or nil, message when it cannot be opened.
function files.try_read(path)
  local file, message = io.open(path, "rb")
  if not file then return nil, message end
  local text = file:read "*a"
  file:close()
  return text
end

--- The text of a file that must be there.
function files.read(path)
  return assert(files.try_read(path))
end

--- Writes a file anew, or appends to it (mode "ab").
function files.write(path, text, mode)
  local file = assert(io.open(path, mode or "wb"))
  local written, message = file:write(text)
  file:close()
  assert(written, message)
end

--- The lines of a text that have something in them.
function files.lines_of(text)
  local lines = {}
  for line in text:gmatch "[^\n]+" do lines[#lines + 1] = line end
  return lines
end

return files
