-- Crashes Lua by bytecode that is none: a function's own, in which bytes are replaced.

local load_bytecode = loadstring or load -- luacheck: ignore 113

-- Lua 5.1 checks bytecode, so the bytes must be chosen well: `inner` takes the place where it stands while it is called
-- (register 3) for the variable `up` (register 1), and puts a number there.
local function crash_5_1()
  local code = string.dump(function(call)
    local up
    local function inner()
      up = 12345.5
      call()
    end
    inner(up)
  end)
  local closure = "\164\0\0\0" -- CLOSURE 2 0
  local first, last = code:find(closure .. "\0\0\128\0", 1, true) -- MOVE 0 1: which is `up`
  assert(first, "other bytecode than that of Lua 5.1")
  local bad = code:sub(1, first - 1) .. closure .. "\0\0\128\1" .. code:sub(last + 1)
  assert(load_bytecode(bad))(function() end)
end

-- The others crash by nearly any change.
local function crash_any()
  local code = string.dump(function(list, text)
    local sum = { 1.5, "x", list }
    for i = 1, 10 do
      sum[i] = (list[i] or i) .. text
      text = text:upper()
    end
    return function() return sum[1], text, #sum end
  end)
  math.randomseed(1)
  for _ = 1, 1000000 do
    local bad = code
    for _ = 1, math.random(3) do
      local at = math.random(20, #bad)
      bad = bad:sub(1, at - 1) .. string.char(math.random(0, 255)) .. bad:sub(at + 1)
    end
    local f = load_bytecode(bad)
    if f then
      local thread = coroutine.create(f)
      debug.sethook(thread, function() error "too long" end, "", 1000)
      coroutine.resume(thread, { 1, 2, 3 }, "text")
    end
  end
end

if _VERSION == "Lua 5.1" and not rawget(_G, "jit") then crash_5_1() else crash_any() end
