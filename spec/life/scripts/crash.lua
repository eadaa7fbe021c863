-- Crashes Lua by bytecode that is none. The constant that the function returns has a number far behind its constants.

local code = string.dump(function() return 12345.5 end)
local number = string.pack("<I4", 3 | 0 << 7 | 0 << 15) -- LOADK 0 0
assert(select(2, code:gsub(number:gsub("%p", "%%%0"), "")) == 1)
local bad = code:gsub(number:gsub("%p", "%%%0"), (string.pack("<I4", 3 | 0x1ffff << 15):gsub("%%", "%%%%")))
assert(load(bad, "text only", "t") == nil)
for _ = 1, 100 do print(load(bad)()) end
