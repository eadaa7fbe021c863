local Ranges = require "spec.support.ranges"

describe("a set of ranges", function()
  it("holds what was added", function()
    local seed = os.time()
    math.randomseed(seed)
    for _ = 1, 200 do
      local ranges, set = Ranges.new(), {}
      for _ = 1, math.random(30) do
        local first = math.random(60)
        local last = first + math.random(0, 8)
        local common = 0
        for n = first, last do
          common = common + (set[n] or 0)
          set[n] = 1
        end
        assert.equal(common, ranges:add(first, last), "seed " .. seed)
      end
      local count, within = 0, 0
      for n = 1, 80 do
        assert.equal(set[n] ~= nil, ranges:has(n), "seed " .. seed)
        count = count + (set[n] or 0)
        if n >= 20 and n <= 40 then within = within + (set[n] or 0) end
      end
      assert.same({ count, within, count }, { ranges:count(), ranges:count_within(20, 40), ranges:common(ranges) })
    end
  end)
end)
