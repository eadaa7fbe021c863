-- Every program of tools and spec/stress says how it is used, and what it cannot take ends it with status 2.

-- All that can be run: what has the right to in tools, and what names its command line in spec/stress.
local function programs()
  local list = {}
  local output <close> = assert(io.popen("unset LD_PRELOAD; find tools -type f -perm -100; "
    .. "grep -l '^--     .*tools/run [a-z]* lua' spec/stress/*.lua tools/*.lua"))
  for path in output:lines() do list[#list + 1] = path end
  return list
end

local function run(path, argument)
  local lua = os.getenv "SIDEWIRE_LUA" or "tools/run release lua"
  local program = path:find "%.lua$" and ("%s %s"):format(lua, path) or path
  local command = ("unset LD_PRELOAD; timeout 20 %s %s 2>&1; echo $?"):format(program, argument)
  local output <close> = assert(io.popen(command))
  local said, status = output:read("a"):match "^(.*)%f[%d](%d+)\n$"
  return said, tonumber(status)
end

describe("the usage of", function()
  local list = programs()

  it("a lot of programs is looked at", function() assert(#list > 20, #list) end)

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
