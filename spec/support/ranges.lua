--- A set of whole numbers, kept as ranges: small, however many there are, when they stand in rows.
--
--     local Ranges = require "spec.support.ranges"
--     local seen = Ranges.new()
--     seen:add(1, 100)                      -- 0: none of them was in it
--     seen:has(7), seen:count(), seen:common(other), for first, last in seen:each() do ... end

local Ranges = {}
Ranges.__index = Ranges

function Ranges.new()
  return setmetatable({ firsts = {}, lasts = {} }, Ranges) -- disjoint, not even touching, in order
end

-- The first range that ends at n or later; one more than there are when none does.
local function find(self, n)
  local low, high = 1, #self.lasts + 1
  while low < high do
    local middle = math.floor((low + high) / 2)
    if self.lasts[middle] >= n then high = middle else low = middle + 1 end
  end
  return low
end

-- Puts one range in the place of those from..to (none when to < from).
local function replace(list, from, to, value)
  local count = #list
  if to < from then return table.insert(list, from, value) end
  list[from] = value
  local shift = to - from
  if shift == 0 then return end
  for i = from + 1, count do list[i] = list[i + shift] end
end

--- Adds all of first..last.
-- @treturn integer how many of them were in it before
function Ranges:add(first, last)
  local from = find(self, first - 1)
  local to, common, low, high = from - 1, 0, first, last
  while to < #self.firsts and self.firsts[to + 1] <= last + 1 do
    to = to + 1
    common = common + math.max(0, math.min(last, self.lasts[to]) - math.max(first, self.firsts[to]) + 1)
    low, high = math.min(low, self.firsts[to]), math.max(high, self.lasts[to])
  end
  replace(self.firsts, from, to, low)
  replace(self.lasts, from, to, high)
  return common
end

--- Is n in it?
function Ranges:has(n)
  local first = self.firsts[find(self, n)]
  return first ~= nil and first <= n
end

--- How many numbers?
function Ranges:count()
  local count = 0
  for i, first in ipairs(self.firsts) do count = count + self.lasts[i] - first + 1 end
  return count
end

--- How many of first..last are in it?
function Ranges:count_within(first, last)
  local count = 0
  for i = find(self, first), #self.firsts do
    if self.firsts[i] > last then break end
    count = count + math.min(last, self.lasts[i]) - math.max(first, self.firsts[i]) + 1
  end
  return count
end

--- How many numbers are in both?
function Ranges:common(other)
  local count = 0
  for first, last in self:each() do count = count + other:count_within(first, last) end
  return count
end

--- Iterates over the ranges in order.
-- @return an iterator of first, last
function Ranges:each()
  local i = 0
  return function()
    i = i + 1
    return self.firsts[i], self.lasts[i]
  end
end

return Ranges
