-- Every program of tools and spec/stress says how it is used, and what it cannot take ends it with status 2.

local build = require "spec.support.build"
local files = require "spec.support.files"
local shell = require "spec.support.shell"

-- All that can be run: what has the right to in tools, and what names its command line in spec/stress.
local function programs()
  local output = shell.output("find tools -type f -perm -100; "
    .. "grep -l '^--     .*tools/run [a-z]* lua' spec/stress/*.lua tools/*.lua")
  return files.lines_of(output)
end

local function run(path, argument)
  local program = path:find "%.lua$" and ("%s %s"):format(build.LUA, path) or path
  return shell.run(("timeout 20 %s %s"):format(program, argument))
end

describe("the usage of", function()
  local list = programs()

  it("more than 20 programs is looked at", function() assert(#list > 20, #list) end)

  for _, path in ipairs(list) do
    it(path .. " fits a screen", function()
      for _, option in ipairs { "-h", "--help" } do
        local said, status = run(path, option)
        assert.equal(0, status, said)
        assert(said:find(path, 1, true), said)
        assert(select(2, said:gsub("\n", "")) <= 40, said)
        for line in said:gmatch "[^\n]+" do assert(#line < 80, line) end
      end
    end)

    it(path .. " follows a wrong argument", function()
      local usage = run(path, "--help")
      local said, status = run(path, "--no-such-thing")
      assert.equal(2, status, said)
      assert(said:find(usage, 1, true), said)
    end)
  end
end)
