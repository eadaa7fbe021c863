local sidewire = require "sidewire"
local Peer = require "spec.support.peer"

local function read(path)
  local file <close> = assert(io.open(path))
  return file:read "a"
end

local function write(path, text)
  local file <close> = assert(io.open(path, "w"))
  file:write(text)
end

-- Runs a Lua program as a user would, in a process of its own.
local function run(program)
  local dir = Peer.tempdir()
  write(dir .. "/program.lua", program)
  local lua = os.getenv "SIDEWIRE_LUA" or "tools/run release lua"
  local output <close> = assert(io.popen(("unset LD_PRELOAD; timeout 60 %s %s/program.lua 2>&1"):format(lua, dir)))
  local text = output:read "a"
  Peer.remove(dir)
  return text
end

describe("README.md", function()
  local readme = read "README.md"
  local program, expected = readme:match "\n```lua\n(.-)\n```\n.-\n```\n(.-)```\n"

  after_each(Peer.stop_all)

  it("has a program that prints what stands below it", function()
    local peer = Peer.start { mode = "echo" }
    local count
    program, count = program:gsub("4000", tostring(peer.port))
    assert.equal(1, count)
    assert.equal(expected, run(program))
  end)

  it("names functions that exist", function()
    local client = sidewire.new()
    local found = 0
    for object, name in readme:gmatch "`?(%a+)[.:]([%a_]+)%(" do
      local owner = ({ sidewire = sidewire, client = client })[object]
      if owner then
        assert.equal("function", type(owner[name]), object .. "." .. name)
        found = found + 1
      end
    end
    assert(found > 20, "only " .. found .. " functions")
  end)

  it("names every function there is", function()
    local methods = debug.getmetatable(sidewire.new()).__index
    local function named(prefix, functions)
      for name, value in pairs(functions) do
        if type(value) == "function" then
          assert(readme:find(prefix .. name .. "[ (`]"), prefix .. name .. " is missing")
        end
      end
    end
    named("sidewire%.", sidewire)
    named("client:", methods)
  end)

  it("gives the options' names and defaults as they are", function()
    for name in readme:match("| option |.-\n\n"):gmatch "\n| `([%a_]+)`" do
      local ok, why = pcall(sidewire.new, { [name] = io.stdout })
      assert.falsy(ok)
      assert.falsy(why:find "unknown option", why)
    end
  end)
end)
