--- The lines of a file, read in pieces: at most a piece and an incomplete line are in memory.

local PIECE = 64 * 1024
local LONGEST = 16 * 2 ^ 20 -- bytes of a line that are collected; more is a fault
local MARK = 64 -- bytes by which a file is known again

local Lines = {}
Lines.__index = Lines
Lines.__name = "ship.lines"

--- Opens a file; or nil, message. `size`, bytes of the file now, is nil if it has none.
--
-- `place` says how far the lines were taken, and changes in one assignment, so that an error of Ctrl-C, which may come
-- anywhere, leaves it whole: `taken`, lines; `piece`, bytes that were read; `at`, the next of them; `offset`, bytes of
-- the file up to the end of the piece; `passed`, some bytes that stood before it.
function Lines.open(path)
  local file, why = io.open(path, "rb")
  if not file then return nil, why end
  local _, fault = file:read(0) -- a directory can be opened, too
  if fault then return nil, path .. ": " .. fault end
  local size = file:seek "end"
  if size then file:seek "set" end
  local place = { taken = 0, piece = "", at = 1, offset = 0, passed = "" }
  return setmetatable({ file = file, size = size, place = place }, Lines)
end

--- Goes on where another process stopped: first come the lines of `text`, then those that follow `offset`, unless the
-- file has other bytes than `before` in front of it. For a file that has a size.
function Lines:resume(offset, before, text)
  local start = math.max(0, offset - #before)
  self.file:seek("set", start)
  if #before > 0 and self.file:read(#before) ~= before then
    self.fault = ("it is another file now, or a rotated one: other bytes stand before byte %d"):format(offset)
  end
  self.file:seek("set", offset)
  self.place = { taken = 0, piece = text, at = 1, offset = offset, passed = before:sub(1, -1 - #text) }
end

--- The number of lines that were taken.
function Lines:taken()
  return self.place.taken
end

--- The number of bytes in the file up to the end of the last line that was taken.
function Lines:bytes()
  local place = self.place
  return place.offset - #place.piece + place.at - 1
end

--- The last bytes that were taken, from which Lines:resume knows the file.
function Lines:before()
  local place = self.place
  return (place.passed .. place.piece:sub(math.max(1, place.at - MARK), place.at - 1)):sub(-MARK)
end

--- The next line, without its end, and where the one after it begins, for Lines:advance; nil when there is no complete
--- one in what was read.
function Lines:peek()
  local place = self.place
  local newline = place.piece:find("\n", place.at, true)
  if newline then return place.piece:sub(place.at, newline - 1), newline + 1 end
  if self.is_last and place.at <= #place.piece then return place.piece:sub(place.at), #place.piece + 1 end
end

--- The line that peek gave was taken.
function Lines:advance(at)
  local place = self.place
  self.place = {
    taken = place.taken + 1, piece = place.piece, at = at, offset = place.offset, passed = place.passed,
  }
end

-- At the end of what there is. Without a line end the rest is a line if nothing is to follow.
local function reach_end(self, follow)
  local place = self.place
  local size = self.file:seek "end"
  if size and size < place.offset then return nil, "the file became shorter" end
  if size then self.file:seek("set", place.offset) end
  if follow or self.is_last or place.at > #place.piece then return false end
  self.is_last = true
  return true
end

--- Reads on, when peek has no more. With `follow` an incomplete line waits for its end.
-- @return true, or false at the end of the file, or nil and what is wrong
function Lines:read(follow)
  if self.fault then return nil, self.fault end
  local more, why = self.file:read(PIECE)
  if why then return nil, why end
  if not more then return reach_end(self, follow) end
  local place = self.place
  self.place = {
    taken = place.taken, piece = place.piece:sub(place.at) .. more, at = 1, offset = place.offset + #more,
    passed = self:before(),
  }
  if #self.place.piece > LONGEST + PIECE then return nil, "it is longer than 16 MiB" end
  return true
end

--- Is there something that was read and not taken, be it an incomplete line?
function Lines:has_rest()
  return self.place.at <= #self.place.piece
end

return Lines
