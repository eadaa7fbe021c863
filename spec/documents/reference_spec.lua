-- The comments of functions, of which the reference consists: is there one for everything that scripts can call?

local reference = require "spec.support.reference"

describe("the comments of functions", function()
  local found = reference.comments()

  it("are there for every function, and for none that is not there", function()
    local there = {}
    for _, name in ipairs(reference.functions()) do
      assert(found[name], name .. " has no comment")
      there[name] = true
    end
    for name in pairs(found) do assert(there[name], name .. " is documented, and not there") end
  end)

  it("say of each that can fail what it returns then", function()
    local never_fails = { is_ip = true, is_port = true, on_error = true, check_options = true,
      ["notifier:events"] = true, ["notifier:timeout"] = true, ["resp.encode"] = true, ["resp.encode_value"] = true,
      ["resp.as"] = true, ["resp.kind"] = true }
    for name, comment in pairs(found) do
      local failure = comment:find "@treturn%[2%] nil" and comment:find "@treturn%[2%] string code"
      assert(failure or never_fails[name], name)
    end
  end)

  it("give every parameter a type", function()
    for name, comment in pairs(found) do
      if name ~= "is_ip" and name ~= "is_port" then assert.falsy(comment:find "@param", name) end
    end
  end)
end)
