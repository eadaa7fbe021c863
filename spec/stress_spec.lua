-- The programs of spec/stress, for a short time. By hand: make stress SECONDS=600; tools/run release lua FILE.
-- Their output, which ends up in the message when one fails, begins with the seed.

local Program = require "spec.support.program"
local Ranges = require "spec.support.ranges"
local numbered = require "spec.support.numbered"
local util = require "spec.support.util"

-- Runs the program; returns what it printed.
local function run(...)
  finally(Program.stop_all)
  local output, status = Program.run(...)
  assert.equal(0, status, output)
  assert.truthy(output:find("seed %d+"), output)
  return output
end

-- What these programs rely on: that a fault in a stream is seen.
describe("reading a recorded stream", function()
  local FRAMINGS = { "line", "raw", { delimiter = "\0\r" }, { fixed = 40 }, "u8", "u16be", "u16le", "u32be", "u32le" }
  local message = numbered.maker(function(n) return 39 - #tostring(n) end)

  -- The counts of faults after streams of these messages, each a list of numbers; `cut` bytes are missing at the end.
  local function read(framing, options, streams, cut)
    options.framing = framing
    local reader = numbered.reader(message, options)
    for _, numbers in ipairs(streams) do
      local parts = {}
      for i, n in ipairs(numbers) do parts[i] = numbered.wire(framing, message(n)) end
      reader:read { name = "a stream", data = table.concat(parts):sub(1, -1 - (cut or 0)) }
    end
    local counts = reader.counts
    return { counts.messages, counts.twice, counts.disorder, counts.partial, counts.cut }, #reader.faults
  end

  for _, framing in ipairs(FRAMINGS) do
    local name = type(framing) == "table" and next(framing) or framing
    local function expect(counts, faults, ...) assert.same({ counts, faults }, { read(framing, ...) }) end

    it("finds nothing wrong with whole messages in a row, cut at the end: " .. name, function()
      expect({ 5, 0, 0, 0, 0 }, 0, {}, { { 8, 9, 10 }, { 11, 12 } })
      for cut = 1, 39 do
        expect({ 2, 0, 0, 0, 1 }, 0, {}, { { 98, 99, 100 } }, cut)
        expect({ 0, 0, 0, 0, 1 }, 0, {}, { { 100 } }, cut)
      end
      expect({ 3, 2, 0, 0, 0 }, 0, { may_repeat = true }, { { 1, 2, 3 }, { 2, 3 } })
    end)

    it("sees what is repeated, left out, in another order or altered: " .. name, function()
      expect({ 3, 1, 0, 0, 0 }, 1, {}, { { 1, 2, 3 }, { 2, 3 } })
      expect({ 2, 0, 1, 0, 0 }, 1, {}, { { 1, 3 } })
      expect({ 2, 1, 1, 0, 0 }, 1 + 1, {}, { { 1, 2, 2 } })
      expect({ 2, 0, 2, 0, 0 }, 2, {}, { { 2, 1 } })
      expect({ 2, 0, 1, 0, 0 }, 1, {}, { { 2 }, { 1 } })
      local reader = numbered.reader(message, { framing = framing })
      local whole = numbered.wire(framing, message(1)) .. numbered.wire(framing, message(2))
      reader:read { name = "a stream", data = whole:gsub("2 c", "2 d") }
      assert.equal(1, reader.counts.partial)
      reader:read { name = "a stream", data = whole:sub(20) } -- begins within a message
      assert.is_true(reader.counts.partial > 1)
    end)
  end
end)

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

describe("random faults and random scripts", function()
  it("[F49] leave every message accounted for, every stream whole, and no descriptor or thread behind", function()
    local output = run("spec/stress/stress.lua", 5)
    assert.truthy(output:find("\nseed %d+: 0 violations\n"), output)
  end)
end)

describe("a peer that is killed under load", function()
  for _, retain in ipairs { "none", "unsent", "unacked", "unconfirmed" } do
    it("[F19] leaves every message finished, sent again whole or reported, retain = " .. retain, function()
      run("spec/stress/fates.lua", "killed", util.choose(8, 4), retain)
    end)
  end
end)

describe("a peer that is behind when it is killed", function()
  it("leaves every message finished, sent again whole or reported", function()
    run("spec/stress/fates.lua", "behind", util.choose(4, 2))
  end)
end)

describe("a peer that half-closes and drains before it restarts", function()
  for _, retain in ipairs { "unsent", "unacked" } do
    it("[F22] costs no message and repeats none, retain = " .. retain, function()
      run("spec/stress/fates.lua", "drained", util.choose(8, 4), retain)
    end)
  end
end)
