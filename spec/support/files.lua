--- Files as a whole.

local files = {}

--- The text of a file that must be there.
function files.read(path)
  local file <close> = assert(io.open(path, "rb"))
  return file:read "a"
end

--- The text of a file, or nil when it cannot be opened.
function files.try_read(path)
  local file <close> = io.open(path, "rb")
  return file and file:read "a"
end

--- Writes a file anew, or appends to it (mode "ab").
function files.write(path, text, mode)
  local file <close> = assert(io.open(path, mode or "wb"))
  assert(file:write(text))
end

--- The lines of a text that have something in them.
function files.lines_of(text)
  local lines = {}
  for line in text:gmatch "[^\n]+" do lines[#lines + 1] = line end
  return lines
end

return files
