-- The types for editors in library/ against the module: its functions, its tables of options, events and codes, the
-- comments of its functions, and what it really gives.

local core = require "sidewire.core"
local sidewire = require "sidewire"
local Peer = require "spec.support.peer"
local build = require "spec.support.build"
local files = require "spec.support.files"
local luacats = require "spec.support.luacats"
local macros = require "spec.support.macros"
local ports = require "spec.support.ports"
local reference = require "spec.support.reference"
local shell = require "spec.support.shell"
local util = require "spec.support.util"

local PATHS = files.lines_of(shell.output "find library -name '*.lua' | LC_ALL=C sort")
local types = luacats.read(PATHS)
local rows_of, words_of = macros.rows_of, macros.words_of

local function keys(from, wanted)
  local set = {}
  for name, value in pairs(from) do
    if not wanted or type(value) == wanted then set[name] = true end
  end
  return set
end

-- "a, b, c" as a set.
local function words(text)
  local set = {}
  for word in text:gmatch "[%w_]+" do set[word] = true end
  return set
end

-- The names that a refusal of an unknown one lists as valid.
local function valid_names(call, ...)
  local ok, why = pcall(call, ...)
  assert.is_false(ok)
  return words(assert(why:match "%(valid: (.*)%)", why))
end

-- --- kinds of options (src/base/option_kinds.h) ---

local TYPES = {
  seconds = "number", factor = "number", microseconds = "integer", size = "integer", integer = "integer",
  flag = "boolean",
}

local WRITTEN = {
  seconds = function(default) return default == "1e8" and "no limit" or ("%g s"):format(tonumber(default)) end,
  size = function(default)
    if default == "SW_SIZE_MAX" then return "no limit" end
    local value, shift = default:match "^%(size_t%)(%d+) << (%d+)$"
    return ("%d MiB"):format(tonumber(value) * 2 ^ (tonumber(shift) - 20))
  end,
}

local function written(name, kind, default)
  if name == "attempts" and default == "0" then return "no limit" end
  return WRITTEN[kind] and WRITTEN[kind](default) or default
end

-- Checks each X of a table of options: declared, with the type of its kind and its default.
local function check_rows(path, macro, class)
  local fields = luacats.fields(types, class)
  local rows = rows_of(path, macro, "X")
  for _, row in ipairs(rows) do
    local name, kind, default = row[1], row[2], row[3]
    local field = assert(fields[name], name .. " has no type")
    assert.equal(TYPES[kind], field.type, name)
    assert.is_true(field.optional, name)
    assert.equal(written(name, kind, default), field.text:match "Default: (.*)$", name)
  end
  return rows
end

local function names_of(rows)
  local set = {}
  for _, row in ipairs(rows) do set[row[1]] = true end
  return set
end

-- --- comments and types ---

local FAMILIES = { integer = "number", ["true"] = "boolean", ["false"] = "boolean", client = "userdata",
  notifier = "userdata" }

local add_families

local function add_family(set, kind)
  if kind:find '^"' then set.string = true
  elseif kind:find "^%(.*%)$" then add_families(set, kind:sub(2, -2))
  elseif kind:find "^fun%(" then set["function"] = true
  elseif kind:find "%[%]$" then set.table = true
  elseif types.aliases[kind] then add_families(set, types.aliases[kind])
  elseif kind == "sidewire.Client" or kind == "sidewire.Notifier" then set.userdata = true
  elseif types.classes[kind] then set.table = true
  elseif kind ~= "nil" then set[FAMILIES[kind] or kind] = true
  end
end

-- The Lua types of a union, as a set without nil.
function add_families(set, kind)
  for _, member in ipairs(luacats.split(kind, "|")) do add_family(set, member) end
  return set
end

local function families(kinds)
  local set = {}
  for _, kind in ipairs(kinds) do add_families(set, kind) end
  return set
end

local function may_be_nil(entry)
  return entry.optional or ("|" .. entry.type .. "|"):find("|nil|", 1, true) ~= nil
end

-- The codes that a text names; what stands in parentheses names none.
local function codes_in(text)
  local set = {}
  for code in (text or ""):gsub("%b()", ""):gmatch "%f[%w_]E[%u_]+%f[^%w_]" do set[code] = true end
  return set
end

-- Does it fail only in a forked child, or while the Lua state closes? Then its type says that it never fails.
local function hardly_fails(parsed)
  local text = (parsed.code or ""):gsub("ECLOSED %(the Lua state is closing%)", ""):gsub("EFORKED", "")
  text = text:gsub("ENOMEM %(in the child of a fork%)", "")
  return parsed.code ~= nil and next(codes_in(text)) == nil
end

-- The comment's name of a function -> its declaration.
local function declaration(name)
  local class, method = name:match "^(%a+):(.*)$"
  if method then return types.functions[class:gsub("^%l", string.upper) .. ":" .. method] end
  return types.functions[name:find "%." and name or "core." .. name]
end

-- The types of a parameter, in all signatures.
local function types_of_param(declared, number)
  local list = { declared.params[number].type }
  for _, overload in ipairs(declared.overloads) do
    local params = luacats.parameters(overload)
    list[#list + 1] = params[number + 1].type -- the first is self
  end
  return list
end

local function check_params(name, parsed, declared)
  assert.equal(#parsed.params, #declared.params, name)
  for i, param in ipairs(parsed.params) do
    local where = name .. ", " .. param.name
    assert.equal(param.name, declared.params[i].name, where)
    assert.equal(may_be_nil(param), may_be_nil(declared.params[i]), where)
    assert.same(families { param.type }, families(types_of_param(declared, i)), where)
  end
end

-- What follows nil on failure: a message and a code.
local FAILURE = { "nil", "string", "string" }

local function check_returns(name, parsed, declared)
  local expected = {}
  for i, result in ipairs(parsed.returns) do expected[i] = { result.type, nilable = may_be_nil(result) } end
  if parsed.code and not hardly_fails(parsed) then
    for i, kind in ipairs(FAILURE) do
      expected[i] = { kind, expected[i] and expected[i][1] or "nil", nilable = name ~= "new" or i > 1 }
    end
  end
  assert.equal(#expected, #declared.returns, name)
  for i, result in ipairs(expected) do
    local where = ("%s, result %d"):format(name, i)
    assert.same(families(result), families { declared.returns[i].type }, where)
    assert.equal(result.nilable, may_be_nil(declared.returns[i]), where)
  end
end

-- --- what really happens ---

-- Sets a handler for every event, which notes what it gets.
local function record(client, seen)
  for name in pairs(types.classes["sidewire.Handlers"].fields) do
    client:on(name, function(...) seen[#seen + 1] = { name = name, n = select("#", ...), ... } end)
  end
end

local function has(seen, name)
  for _, event in ipairs(seen) do
    if event.name == name then return true end
  end
  return false
end

local function wait_for(seen, name)
  assert(util.poll_until(function() return has(seen, name) end), name)
end

-- Has every event come, with all that can make it?
local function provoke_events(seen)
  local peer = Peer.start { mode = "lines" }
  local client = sidewire.new { host = peer.host, port = peer.port, queue_limit = 100, reconnect = util.LONG }
  record(client, seen)
  assert(client:send(("x"):rep(80)))
  assert.is_nil(client:send(("x"):rep(80)))
  assert(client:connect())
  for _, name in ipairs { "connect", "message", "drain", "acked", "log" } do wait_for(seen, name) end
  peer:stop()
  wait_for(seen, "disconnect")
  assert(client:send "never sent")
  assert(client:set_reconnect(0.01))
  wait_for(seen, "retry")
  assert(client:close(0))
  wait_for(seen, "close")
  local refused = sidewire.new { host = "127.0.0.1", port = ports.closed(), reconnect = false }
  record(refused, seen)
  assert(refused:connect())
  wait_for(seen, "error")
  assert(util.poll_until(function() -- the last report, of the same end
    local last = seen[#seen]
    return last.name == "log" and last[2] == "error"
  end))
end

local function handler_of(event)
  local alias = assert(types.classes["sidewire.Handlers"].fields[event], event).type
  local name = luacats.split(alias, "|")[1]
  return luacats.parameters(assert(types.aliases[name], name)), alias
end

describe("the types for editors", function()
  local notifier = assert(sidewire.notifier()) -- it has a descriptor as long as this process runs
  before_each(util.begin)
  after_each(util.finish)

  it("declare every function of the module, of its core and of its settings, and no other", function()
    local declared = {}
    for name in pairs(types.functions) do declared[name] = true end
    local real = {}
    local function add(prefix, owner)
      for name in pairs(keys(owner, "function")) do real[prefix .. name] = true end
    end
    add("core.", core)
    add("Client:", debug.getmetatable(sidewire.new()).__index)
    add("Notifier:", debug.getmetatable(notifier).__index)
    add("resp.", sidewire.resp)
    add("settings.", sidewire.settings)
    for name in pairs(keys(sidewire, "function")) do
      if sidewire[name] ~= core[name] then real["sidewire." .. name] = true end
    end
    assert.same(real, declared)
  end)

  it("declare every other field of the module", function()
    local function others(module)
      local set = {}
      for name, value in pairs(module) do
        if type(value) ~= "function" then set[name] = true end
      end
      return set
    end
    assert.same(others(core), keys(luacats.fields(types, "sidewire.core")))
    assert.same(others(sidewire), keys(luacats.fields(types, "sidewire")))
    assert.equal(types.classes["sidewire.core"].fields._NAME.type, ('"%s"'):format(core._NAME))
    assert.equal("string", types.classes["sidewire.core"].fields._VERSION.type)
    assert.equal("sidewire.settings", types.classes["sidewire"].fields.settings.type)
  end)

  it("are found by the names that scripts require", function()
    for _, path in ipairs(PATHS) do
      local name = path:match("^library/(.*)%.lua$"):gsub("/", ".")
      local meta = files.read(path):match "^%-%-%-@meta ([%w_.]+)\n"
      assert.equal(name == "sidewire.types" and "_" or name, meta, path)
      if meta ~= "_" then
        assert.equal("table", type(require(meta)), meta)
        assert(types.classes[meta], meta .. " is no class")
      end
    end
    for _, path in ipairs(files.lines_of(shell.output "ls lua/sidewire/*.lua")) do
      if files.read(path):find "\n%-%- @module" then
        local name = path:match "^lua/(.*)%.lua$":gsub("/init$", "")
        assert(files.try_read("library/" .. name .. ".lua"), path .. " is public, and has no types")
      end
    end
  end)

  it("say the parameters, the results and the codes that the reference says", function()
    for name, comment in pairs(reference.comments()) do
      local parsed, declared = reference.parse(comment), assert(declaration(name), name)
      check_params(name, parsed, declared)
      check_returns(name, parsed, declared)
      assert.same(codes_in(parsed.code), codes_in(declared.text), name)
    end
  end)

  it("say of sidewire.new what they say of the core's, with the codes of settings files", function()
    local outer, inner = types.functions["sidewire.new"], types.functions["core.new"]
    assert.same({ { name = "options", type = "sidewire.Options", optional = true, text = "" } }, outer.params)
    assert.same(inner.returns, outer.returns)
    local codes = codes_in(inner.text)
    codes.ESETTINGS = true
    assert.same(codes, codes_in(outer.text))
  end)

  it("have the options of sidewire.new, with their types and defaults", function()
    local rows = check_rows("src/base/options.h", "SW_OPTIONS", "sidewire.core.Options")
    local names = names_of(rows)
    for name in pairs(names_of(rows_of("src/base/options.h", "SW_OPTIONS", "OTHER"))) do names[name] = true end
    assert.same(names, keys(types.classes["sidewire.core.Options"].fields))
    assert.same(valid_names(core.new, { nonsense = 1 }), names)
    assert.same(valid_names(sidewire.new, { nonsense = 1 }), keys(luacats.fields(types, "sidewire.Options")))
  end)

  it("have the defaults of the other options that the module has", function()
    local fields = types.classes["sidewire.core.Options"].fields
    local function default(name) return fields[name].text:match "Default: (.*)$" end
    local source = files.read "src/host/read_options.c"
    for name, macro in pairs { framing = "SW_FRAMINGS", retain = "SW_RETAINS" } do
      local kind = assert(source:match(("SW_%s_(%%u+)[,}]"):format(name:upper())), name)
      for _, row in ipairs(rows_of(("src/base/%s.h"):format(name), macro, "X")) do
        if row[1] == kind then kind = row[2] end
      end
      assert.equal(kind, default(name))
    end
    local sizes = files.read "src/host/read_framing.c"
    local marked = sizes:match "MESSAGE_MAX_MARKED = (%d+) %* 1024,"
    local counted = sizes:match "MESSAGE_MAX_COUNTED = (%d+) %* 1024 %* 1024,"
    assert.equal(("%s KiB; %s MiB with a length in front"):format(marked, counted), default "max_message")
    local check = sidewire.check_options
    assert.same(check({ reconnect = true }).reconnect, check({}).reconnect)
    assert.equal("true", default "reconnect")
  end)

  it("have the fields of keepalive, reconnect, framing and the policy", function()
    local unknown = { nonsense = 1 }
    for _, case in ipairs {
      { "src/base/options.h", "SW_KEEPALIVE_OPTIONS", "sidewire.Keepalive", core.new, { keepalive = unknown } },
      { "src/base/backoff.h", "SW_RECONNECT_OPTIONS", "sidewire.Reconnect", core.new, { reconnect = unknown } },
      { "src/host/policy.h", "SW_POLICY_RULES", "sidewire.Policy", core.set_policy, unknown,
        names_of(rows_of("src/host/policy.h", "SW_POLICY_RULES", "OTHER")) },
    } do
      local names = names_of(check_rows(case[1], case[2], case[3]))
      for name in pairs(case[6] or {}) do names[name] = true end
      assert.same(names, keys(types.classes[case[3]].fields))
      assert.same(valid_names(case[4], case[5]), names)
    end
    assert.same(valid_names(core.new, { framing = unknown }),
      keys(types.classes["sidewire.FramingTable"].fields))
  end)

  it("have the fields of a settings file", function()
    local names = keys(types.classes["sidewire.SettingsValues"].fields)
    assert.same(valid_names(sidewire.settings.save, "net.ini", { nonsense = 1 }), names)
  end)

  it("have the words of framings, retain, states, stages and events", function()
    for _, case in ipairs {
      { "src/base/framing.h", "SW_FRAMINGS", "sidewire.FramingWord" },
      { "src/base/framing.h", "SW_LENGTHS", "sidewire.LengthWord" },
      { "src/base/retain.h", "SW_RETAINS", "sidewire.Retain" },
      { "src/base/state.h", "SW_STATES", "sidewire.State" },
      { "src/base/error.h", "SW_STAGES", "sidewire.Stage" },
      { "src/channel/report.h", "SW_EVENT_TABLE", "sidewire.Event" },
    } do
      assert.same(words_of(case[1], case[2]), luacats.literals(types, case[3]), case[3])
    end
  end)

  it("have the codes of the module, and the names of errno that it knows", function()
    local own, system = macros.codes()
    assert.same(own, luacats.literals(types, "sidewire.OwnCode"))
    assert.same(system, luacats.literals(types, "sidewire.SystemCode"))
    for name in files.read "lua/sidewire/settings.lua":gmatch '%] = "(E%u+)"' do assert(system[name], name) end
  end)

  it("name no code elsewhere that is not one of these", function()
    local all = luacats.literals(types, "sidewire.Code")
    for name, declared in pairs(types.functions) do
      for code in pairs(codes_in(declared.text)) do assert(all[code], name .. ": " .. code) end
    end
  end)

  it("have a handler for each event, in `on` and in client:on", function()
    local handlers = types.classes["sidewire.Handlers"].fields
    assert.same(luacats.literals(types, "sidewire.Event"), keys(handlers))
    local overloads = {}
    for _, overload in ipairs(types.functions["Client:on"].overloads) do
      local params = luacats.parameters(overload)
      local event = params[2].type:match '^"(.*)"$'
      assert.is_nil(overloads[event])
      overloads[event] = params[3].type
      assert.equal("sidewire.Client", overload:match ": ([%w.]+)$")
    end
    for event, field in pairs(handlers) do assert.equal(field.type, overloads[event], event) end
    assert.same(keys(handlers), keys(overloads))
  end)

  it("give each handler what it really gets", function()
    build.needs("acks", pending)
    local seen = {}
    provoke_events(seen)
    local levels, missing = {}, luacats.literals(types, "sidewire.Event")
    for _, event in ipairs(seen) do
      local params = handler_of(event.name)
      assert.equal(#params, event.n, event.name)
      for i, param in ipairs(params) do
        assert(luacats.fits(types, param.type, event[i], event.name .. ", " .. param.name))
      end
      if event.name == "log" then levels[event[2]] = true end
      missing[event.name] = nil
    end
    assert.is_nil(next(missing), next(missing))
    assert.same(luacats.literals(types, "sidewire.LogLevel"), levels)
  end)

  it("name the fates of lost messages", function()
    local unknown, unsent = files.read "src/host/undelivered.c":match 'unknown %? "(%w+)" : "(%w+)"'
    assert.same({ [unknown] = true, [unsent] = true }, luacats.literals(types, "sidewire.Fate"))
  end)

  it("give the results of the getters as they are", function()
    local client = util.connected(Peer.start(), { keepalive = false })
    assert(luacats.fits(types, "sidewire.Stats", client:stats(), "stats"))
    assert(luacats.fits(types, "sidewire.Checked", sidewire.check_options { port = 1 }, "checked"))
    local policy = client:get_reconnect()
    assert(luacats.fits(types, "sidewire.Reconnect", policy, "policy"))
    for name, field in pairs(types.classes["sidewire.Reconnect"].fields) do
      local default = field.text:match "Default: (.*)$"
      assert.equal(default, policy[name] == nil and "no limit" or
        ("%s"):format(tostring(policy[name]):gsub("%.0$", "")) .. (default:match " s$" or ""), name)
    end
  end)

  it("use no type that is not there", function()
    local known = words "string number integer boolean any true false nil lightuserdata"
    for _, path in ipairs(PATHS) do
      for line in files.read(path):gmatch "%-%-%-[@|] ?[^\n]*" do
        for name in line:gmatch "sidewire%.[%w.]*%u%w*" do
          assert(types.classes[name] or types.aliases[name], ("%s: %s"):format(path, name))
        end
      end
    end
    for name, class in pairs(types.classes) do
      for field, declared in pairs(class.fields) do
        for _, member in ipairs(luacats.split(declared.type, "|")) do
          local base = member:gsub("%[%]$", "")
          assert(known[base] or types.classes[base] or types.aliases[base] or base:find '^"', name .. "." .. field)
        end
      end
    end
  end)

  it("load as Lua, of each version that is installed", function()
    local tried = 0
    for _, name in ipairs { "lua5.1", "lua5.2", "lua5.3", "lua5.4", "lua5.5", "luajit" } do
      if shell.output(("command -v %s || true"):format(name)) ~= "" then
        tried = tried + 1
        for _, path in ipairs(PATHS) do
          local said, status = shell.run(("%s -e %s"):format(name, shell.quote(("assert(loadfile %q)"):format(path))))
          assert.equal(0, status, said)
        end
      end
    end
    assert(tried > 0)
    for _, path in ipairs(PATHS) do assert(loadfile(path)) end
  end)
end)
