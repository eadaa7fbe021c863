--- FNV-1a, 64 bits, as the peer makes it of what it reads. In halves, since some Luas have no integers of 64 bits.
--
--     local hash = fnv.new()
--     fnv.add(hash, text:byte(1, 100))
--     assert(fnv.digest(hash) == peer:stats().digest)

local fnv = {}

local HALF = 2 ^ 32

local XOR = {} -- a * 256 + b -> a xor b, for two bytes
for a = 0, 255 do
  for b = 0, 255 do
    local result, bit, rest_a, rest_b = 0, 1, a, b
    while bit < 256 do
      if rest_a % 2 ~= rest_b % 2 then result = result + bit end
      bit, rest_a, rest_b = bit * 2, math.floor(rest_a / 2), math.floor(rest_b / 2)
    end
    XOR[a * 256 + b] = result
  end
end

--- The hash of nothing.
function fnv.new()
  return { high = 0xcbf29ce4, low = 0x84222325 }
end

--- Adds bytes, numbers. The prime is 2^40 + 0x1b3.
function fnv.add(hash, ...)
  local high, low = hash.high, hash.low
  local bytes = { ... }
  for i = 1, #bytes do
    local last = low % 256
    low = low - last + XOR[last * 256 + bytes[i]]
    local product = low * 0x1b3
    local carry = (product - product % HALF) / HALF
    high = (high * 0x1b3 + carry + low * 256) % HALF
    low = product % HALF
  end
  hash.high, hash.low = high, low
end

--- Its 16 hexadecimal digits.
function fnv.digest(hash)
  return ("%08x%08x"):format(hash.high, hash.low)
end

return fnv
