-- The reference that `make docs` makes from the LDoc comments: is everything in it that scripts can call?

local files = require "spec.support.files"
local reference = require "spec.support.reference"
local shell = require "spec.support.shell"

describe("the reference", function()
  local found = reference.comments()

  it("has every function, and none that is not there", function()
    local there = {}
    for _, name in ipairs(reference.functions()) do
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
      ["notifier:events"] = true, ["notifier:timeout"] = true, ["resp.encode"] = true, ["resp.encode_value"] = true,
      ["resp.as"] = true, ["resp.kind"] = true }
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
