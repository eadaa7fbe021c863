--- Length prefixes, on their own: sidewire's codec has no part in it. Framings are named as sidewire.new names them.
--
--     prefix.wire("u16be", "abc")              -- "\0\3abc"
--     prefix.claim("u16be", 3)                 -- "\0\3"
--     prefix.read("u16be", "\0\3abc", 1)       -- 3

local prefix = {}

--- Framing -> bytes of its prefix; nil for a framing without one.
prefix.SIZES = {
  u8 = 1, u16be = 2, u16le = 2, u24be = 3, u24le = 3, u32be = 4, u32le = 4, u64be = 8, u64le = 8,
}

--- A prefix that says that so many bytes follow.
function prefix.claim(framing, length)
  local bytes = {}
  for i = 1, prefix.SIZES[framing] do
    bytes[i] = string.char(length % 256)
    length = math.floor(length / 256)
  end
  local text = table.concat(bytes)
  return framing:find "be$" and text:reverse() or text
end

--- A message behind its prefix.
function prefix.wire(framing, message)
  return prefix.claim(framing, #message) .. message
end

--- How many bytes follow, as the prefix at a place of a stream says, which is there as a whole.
function prefix.read(framing, data, from)
  local text = data:sub(from, from + prefix.SIZES[framing] - 1)
  if framing:find "be$" then text = text:reverse() end
  local length = 0
  for i = #text, 1, -1 do length = length * 256 + text:byte(i) end
  return length
end

return prefix
