-- The reference that `make docs` makes from the LDoc comments: is everything in it that scripts can call?

local sidewire = require "sidewire"
local files = require "spec.support.files"
local shell = require "spec.support.shell"

-- Name -> the comment that documents it, of all functions in src/host and of the settings.
local function comments()
  local found = {}
  for _, path in ipairs(files.lines_of(shell.output "ls src/host/*.c")) do
    for comment in files.read(path):gmatch "/%*%*%*.-%*/" do
      local name = comment:match "@function ([%w_:]+)"
      if name then found[name] = comment end
    end
  end
  local text = files.read "lua/sidewire/settings.lua"
  for comment, name in text:gmatch "\n(%-%-%-[^\n]*\n.-)\nfunction settings%.([%w_]+)" do
    found["settings." .. name] = comment
  end
  return found
end

local function functions()
  local names = {}
  local function add(prefix, owner)
    for name, value in pairs(owner) do
      if type(value) == "function" then names[#names + 1] = prefix .. name end
    end
  end
  add("", sidewire)
  add("client:", debug.getmetatable(sidewire.new()).__index)
  add("notifier:", debug.getmetatable(sidewire.notifier()).__index)
  add("settings.", sidewire.settings)
  return names
end

describe("the reference", function()
  local found = comments()

  it("has every function, and none that is not there", function()
    local there = {}
    for _, name in ipairs(functions()) do
      assert(found[name], name .. " has no LDoc comment")
      there[name] = true
    end
    for name in pairs(found) do assert(there[name], name .. " is documented, and not there") end
  end)

  it("is made from every file that documents functions, and names no other", function()
    local listed = {}
    for path in files.read "docs/config.ld":gmatch '"%.%./([^"]+)"' do listed[path] = true end
    for _, path in ipairs(files.lines_of(shell.output "ls src/host/*.c lua/sidewire/*.lua")) do
      local text = files.read(path)
      local documents = text:find "@function" or text:find "@module"
      assert.equal(not not documents, listed[path] == true, path)
      listed[path] = nil
    end
    assert.is_nil(next(listed))
  end)

  it("says of each that can fail what it returns then", function()
    local never_fails = { is_ip = true, is_port = true, on_error = true, check_options = true,
      ["notifier:events"] = true, ["notifier:timeout"] = true }
    for name, comment in pairs(found) do
      local failure = comment:find "@treturn%[2%] nil" and comment:find "@treturn%[2%] string code"
      assert(failure or never_fails[name], name)
    end
  end)

  it("gives every parameter a type", function()
    for name, comment in pairs(found) do
      if name ~= "is_ip" and name ~= "is_port" then assert.falsy(comment:find "@param", name) end
    end
  end)
end)
