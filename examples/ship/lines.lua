--- The lines of a file, read in pieces: at most a piece and an incomplete line are in memory.

local PIECE = 64 * 1024
local LONGEST = 16 * 2 ^ 20 -- bytes of a line that are collected; more is a fault
local MARK = 64 -- bytes by which a file is known again

local Lines = {}
Lines.__index = Lines
Lines.__name = "ship.lines"

--- Opens a file; or nil, message.
-- @return with `taken`, lines; `bytes`, of these in the file; `size`, bytes of the file now, or nil if it has none
function Lines.open(path)
  local file, why = io.open(path, "rb")
  if not file then return nil, why end
  local _, fault = file:read(0) -- a directory can be opened, too
  if fault then return nil, path .. ": " .. fault end
  local size = file:seek "end"
  if size then file:seek "set" end
  return setmetatable({
    file = file, size = size, offset = 0, piece = "", at = 1, passed = "", taken = 0, bytes = 0,
  }, Lines)
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
  self.piece, self.offset, self.bytes = text, offset, offset - #text
  self.passed = before:sub(1, -1 - #text)
end

--- The last bytes that were taken, from which Lines:resume knows the file.
function Lines:before()
  return (self.passed .. self.piece:sub(math.max(1, self.at - MARK), self.at - 1)):sub(-MARK)
end

--- The next line, without its end; nil when there is no complete one in what was read.
function Lines:peek()
  if self.line then return self.line end
  local newline = self.piece:find("\n", self.at, true)
  if newline then
    self.line, self.next_at = self.piece:sub(self.at, newline - 1), newline + 1
  elseif self.is_last and self.at <= #self.piece then
    self.line, self.next_at = self.piece:sub(self.at), #self.piece + 1
  end
  return self.line
end

--- The line that peek gave was taken.
function Lines:advance()
  self.taken = self.taken + 1
  self.bytes = self.bytes + self.next_at - self.at
  self.at, self.line = self.next_at, nil
end

-- At the end of what there is. Without a line end the rest is a line if nothing is to follow.
local function reach_end(self, follow)
  local size = self.file:seek "end"
  if size and size < self.offset then return nil, "the file became shorter" end
  if size then self.file:seek("set", self.offset) end
  if follow or self.is_last or self.at > #self.piece then return false end
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
  self.offset = self.offset + #more
  self.passed = self:before()
  self.piece, self.at = self.piece:sub(self.at) .. more, 1
  if #self.piece > LONGEST + PIECE then return nil, "it is longer than 16 MiB" end
  return true
end

--- Is there something that was read and not taken, be it an incomplete line?
function Lines:has_rest()
  return self.at <= #self.piece
end

return Lines
