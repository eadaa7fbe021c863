-- What specs rely on when they read what a peer has recorded: that a fault in a stream is seen.

local numbered = require "spec.support.numbered"

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
