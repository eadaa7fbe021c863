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

-- Where the length is not the message's size, but `more` bytes more.
local function adjusted(framing, more)
  return function(message) return prefix.claim(framing, #message + more) .. message end
end

local function varint(length)
  local bytes = ""
  while length >= 128 do
    bytes, length = bytes .. string.char(128 + length % 128), math.floor(length / 128)
  end
  return bytes .. string.char(length)
end

local function same(message) return message end

-- Whole frames, with a type in front, as those of PostgreSQL; and as those of MQTT.
local function typed(message) return "Q" .. prefix.claim("u32be", #message + 4) .. message end
local function packet(message) return "0" .. varint(#message) .. message end

local function bulk(message) return ("$%d\r\n%s\r\n"):format(#message, message) end

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
  { name = "u24be", framing = "u24be", wire = prefixed "u24be",
    messages = { "", "x", ALL_BYTES, noise(65535), noise(65536), noise(300000) } },
  { name = "u24le", framing = "u24le", wire = prefixed "u24le", messages = { "", "x", ALL_BYTES, noise(70000) } },
  { name = "u64be", framing = "u64be", wire = prefixed "u64be", messages = { "", "x", ALL_BYTES, noise(70000) } },
  { name = "u64le", framing = "u64le", wire = prefixed "u64le", messages = { "", "x", ALL_BYTES, noise(70000) } },
  { name = "varint", framing = "varint", wire = function(message) return varint(#message) .. message end,
    messages = { "", "x", noise(127), noise(128), ALL_BYTES, noise(16383), noise(16384), noise(2097152) } },
  { name = "a length that counts itself", framing = { length = "u32le", adjustment = -4 }, wire = adjusted("u32le", 4),
    messages = { "", "x", ALL_BYTES, noise(70000) } },
  { name = "a length that counts less", framing = { length = "u24le", adjustment = 1 }, wire = adjusted("u24le", -1),
    messages = { "x", "xy", ALL_BYTES, noise(70000) } },
  { name = "a length behind an offset", framing = { length = "u32be", offset = 1, adjustment = -4 }, wire = same,
    messages = { typed "", typed "x", typed(ALL_BYTES), typed(noise(70000)) } },
  { name = "a varint behind an offset", framing = { length = "varint", offset = 1 }, wire = same,
    messages = { packet "", packet "x", packet(noise(127)), packet(noise(128)), packet(noise(70000)) } },
  { name = "a frame that is kept", framing = { length = "u16be", keep = true }, wire = same,
    messages = { "\0\0", "\0\1x", prefix.wire("u16be", ALL_BYTES), prefix.wire("u16be", noise(65535)) } },
  { name = "netstring", framing = "netstring", wire = function(message) return #message .. ":" .. message .. "," end,
    messages = { "", "x", ",", noise(9), noise(10), ALL_BYTES, noise(99999), noise(100000) } },
  { name = "content-length", framing = "content-length",
    wire = function(message) return ("Content-Length: %d\r\n\r\n%s"):format(#message, message) end,
    messages = { "", "{}", "\r\n\r\n", noise(9), noise(10), ALL_BYTES, noise(100000) } },
  { name = "resp", framing = "resp", wire = same,
    messages = { "+OK\r\n", ":1\r\n", "$-1\r\n", bulk "", bulk "\r\n", bulk(ALL_BYTES), bulk(noise(300000)),
      "*3\r\n" .. bulk(noise(70000)) .. "*0\r\n|1\r\n+ttl\r\n:1\r\n_\r\n" } },
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
