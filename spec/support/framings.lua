--- Messages of every kind, and what stands on the wire for them in Lua's own idea of each framing.

local prefix = require "spec.support.prefix"

local framings = {}

local ALL_BYTES = {}
for byte = 0, 255 do ALL_BYTES[#ALL_BYTES + 1] = string.char(byte) end
ALL_BYTES = table.concat(ALL_BYTES)

--- Reproducible bytes in which every shift shows.
function framings.noise(size, seed)
  local block, state = {}, seed or 1
  for i = 1, 1021 do -- prime
    state = (state * 1103515245 + 12345) % 2 ^ 31
    block[i] = string.char(math.floor(state / 65536) % 256)
  end
  block = table.concat(block)
  return block:rep(math.floor(size / #block) + 1):sub(1, size)
end

local noise = framings.noise

local function without(text, ...)
  for _, byte in ipairs { ... } do text = text:gsub(byte, "") end
  return text
end

local function prefixed(framing)
  return function(message) return prefix.wire(framing, message) end
end

--- Name, framing, wire(message), and messages that it can carry.
framings.list = {
  { name = "line", framing = "line", wire = function(message) return message .. "\n" end,
    messages = { "", "x", "\0", "\255", "\rx", without(ALL_BYTES, "\n"), without(noise(65536), "\n") } },
  { name = "u8", framing = "u8", wire = prefixed "u8",
    messages = { "", "x", "\n", ALL_BYTES:sub(1, 255), ALL_BYTES:sub(2, 256), ("\255"):rep(255) } },
  { name = "u16be", framing = "u16be", wire = prefixed "u16be",
    messages = { "", "x", ALL_BYTES, noise(65535), ("\0"):rep(256), ("\255"):rep(65535) } },
  { name = "u16le", framing = "u16le", wire = prefixed "u16le",
    messages = { "", "x", ALL_BYTES, noise(65535), ("\0"):rep(256), ("\255"):rep(65535) } },
  { name = "u32be", framing = "u32be", wire = prefixed "u32be",
    messages = { "", "x", ALL_BYTES, noise(65535), noise(65536), noise(65537), noise(131072), noise(300000) } },
  { name = "u32le", framing = "u32le", wire = prefixed "u32le",
    messages = { "", "x", ALL_BYTES, noise(65531), noise(65532), noise(65533), noise(300000), ("\0"):rep(70000) } },
  { name = "a zero as delimiter", framing = { delimiter = "\0" }, wire = function(message) return message .. "\0" end,
    messages = { "", "x", "\n", without(ALL_BYTES, "%z"), without(noise(65536), "%z") } },
  { name = "a long delimiter", framing = { delimiter = "\r\n--\255--\r\n" },
    wire = function(message) return message .. "\r\n--\255--\r\n" end,
    messages = { "", "x", "\r", "\r\n", "\r\n--\255--\r", ALL_BYTES, noise(65536) } },
  { name = "a delimiter that overlaps itself", framing = { delimiter = "aab" },
    wire = function(message) return message .. "aab" end,
    messages = { "", "x", "b", "ab", "aa", "aaaaaaa", "xaa", ALL_BYTES } },
  { name = "fixed 1", framing = { fixed = 1 }, wire = function(message) return message end,
    messages = { "x", "\0", "\255", "\n" } },
  { name = "fixed 256", framing = { fixed = 256 }, wire = function(message) return message end,
    messages = { ALL_BYTES, ALL_BYTES:reverse(), ("\0"):rep(256) } },
  { name = "fixed 100000", framing = { fixed = 100000 }, wire = function(message) return message end,
    messages = { noise(100000), ("\0"):rep(100000), noise(100000, 7) } },
}

local function short(text)
  return #text > 60 and ("%d bytes: %q..."):format(#text, text:sub(1, 40)) or ("%q"):format(text)
end

--- Compares two lists of messages. Long strings are compared without being printed.
function framings.assert_messages(expected, got)
  for i = 1, math.max(#expected, #got) do
    if expected[i] ~= got[i] then
      error(("message %d: expected %s, got %s"):format(i, expected[i] and short(expected[i]) or "none",
        got[i] and short(got[i]) or "none"), 2)
    end
  end
end

return framings
