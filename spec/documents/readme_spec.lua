local sidewire = require "sidewire"
local files = require "spec.support.files"
local Peer = require "spec.support.peer"
local Program = require "spec.support.program"

describe("README.md", function()
  local readme = files.read "README.md"
  local program, expected = readme:match "\n```lua\n(.-)\n```\n.-\n```\n(.-)```\n"

  after_each(Peer.stop_all)

  it("has a program that prints what stands below it", function()
    local peer = Peer.start { mode = "echo" }
    local count
    program, count = program:gsub("4000", tostring(peer.port))
    assert.equal(1, count)
    local dir = Peer.tempdir()
    finally(function() Peer.remove(dir) end)
    files.write(dir .. "/program.lua", program)
    assert.equal(expected, Program.check(dir .. "/program.lua"))
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
