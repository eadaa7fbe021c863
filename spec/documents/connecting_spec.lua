-- docs/connecting.md against the program: does each situation still give its event, code and text?

local connecting = require "spec.support.connecting"
local files = require "spec.support.files"
local netns = require "spec.support.netns"

describe("docs/connecting.md", function()
  local missing = netns.missing()
  if missing then
    pending("tells what a script sees when it connects: " .. missing)
    return
  end
  local text = files.read "docs/connecting.md"

  for _, row in ipairs(connecting.ROWS) do
    it("tells what a script sees when " .. row[3], function()
      local before, after = connecting.cells(row, connecting.run(row))
      local from, to = text:find(before, 1, true)
      assert(from, before .. " is not there: run `make pages`")
      local rest = text:match("^[^|\n]*(|[^\n]*)", to + 1)
      assert.equal(after:match "^ (.*)$", rest)
    end)
  end
end)
