-- The comments of functions, of which the reference consists: is there one for everything that scripts can call?

local sidewire = require "sidewire"
local macros = require "spec.support.macros"
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

  -- What the comment of a function lists.
  it("list all names of a kind, where they list one", function()
    local function valid(...) return select(2, pcall(...)):match "%(valid: (.*)%)" end
    local function keys(set)
      local list = {}
      for name in pairs(set) do list[#list + 1] = name end
      return table.concat(list, " ")
    end
    local lists = {
      ["client:state"] = keys(macros.words_of("src/base/state.h", "SW_STATES")),
      ["client:on"] = keys(macros.words_of("src/channel/report.h", "SW_EVENT_TABLE")),
      ["client:stats"] = keys(sidewire.new():stats()),
      ["client:set_reconnect"] = valid(sidewire.new, { reconnect = { nonsense = 1 } }),
      ["client:get_reconnect"] = valid(sidewire.new, { reconnect = { nonsense = 1 } }),
      ["set_policy"] = valid(sidewire.set_policy, { nonsense = 1 }),
      ["settings.save"] = valid(sidewire.settings.save, "net.ini", { nonsense = 1 }),
      ["resp.kind"] = "string integer double boolean null array set map push error simple verbatim big",
    }
    for name, names in pairs(lists) do
      local count = 0
      for word in names:gmatch "[%w_]+" do
        count = count + 1
        assert(found[name]:find("%f[%w_]" .. word .. "%f[^%w_]"), ("%s does not list %s"):format(name, word))
      end
      assert(count > 3, name)
    end
  end)
end)
