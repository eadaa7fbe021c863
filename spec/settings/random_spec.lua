local sidewire = require "sidewire"
local ini = require "spec.support.ini"
local util = require "spec.support.util"

local SEED = tonumber(os.getenv "SEED") or os.time()
print(("spec/settings/random_spec.lua: SEED=%d (in the environment, it repeats these cases)"):format(SEED))

local settings = sidewire.settings
local assert_save_fails, write, read = ini.assert_save_fails, ini.write, ini.read

local path

local function begin()
  path = ini.begin()
end

-- A line of the model: text, and, when it sets a key that counts, what stands before and behind the value.
local function plain(text)
  return { text = text }
end

local function setting(key, value, before, after)
  return { key = key, value = value, before = before or key .. " = ", after = after or "" }
end

local function line_text(line)
  return line.text or line.before .. line.value .. line.after
end

local RANDOM_VALUES = {
  host = function()
    return util.pick { "a", "127.0.0.1", "::1", "fe80::2%lo", "game.example.org", ("n"):rep(60) .. ".net" }
  end,
  port = function() return tostring(math.random(65535)) end,
  reconnect = function() return util.pick { "on", "off", "2.5", "30", "0.001", "1000" } end,
}
local KEYS = { "host", "port", "reconnect" }

local function meaning(key, text)
  if key == "host" then return text end
  if text == "on" or text == "off" then return text == "on" end
  return tonumber(text)
end

-- The lines that set keys, of which a mutation may change one; and a place where a line may be put that belongs to us.
local function random_setting(model)
  local found = {}
  for _, line in ipairs(model) do
    if line.key then found[#found + 1] = line end
  end
  return #found > 0 and util.pick(found) or nil
end

local function insert(model, line)
  table.insert(model, math.random(model.first_section or #model + 1), line)
  if model.first_section then model.first_section = model.first_section + 1 end
end

local MUTATIONS = {
  spaces = function(model)
    local line = random_setting(model)
    if not line then return end
    local blanks = { "", " ", "  ", "\t", " \t " }
    line.before = line.before:gsub("^[ \t]*(%a+)[ \t]*=[ \t]*", function(key)
      return util.pick(blanks) .. key .. util.pick(blanks) .. "=" .. util.pick(blanks)
    end)
    if not line.has_comment then line.after = line.after .. util.pick(blanks) end
  end,
  quotes = function(model)
    local line = random_setting(model)
    if not line or line.is_quoted then return end
    local quote = util.pick { "'", '"' }
    line.before, line.after, line.is_quoted = line.before .. quote, quote .. line.after, true
  end,
  comment_behind = function(model)
    local line = random_setting(model)
    if not line then return end
    line.after = line.after .. util.pick { " # c", ";", "\t; 'd", " # port = 1 \\", "#\195\164" }
    line.has_comment = true
  end,
  comment_line = function(model)
    insert(model, plain(util.pick { "# a comment", ";", "   # port = 9", "", "  \t", "; [sidewire]", "#'" }))
  end,
  unknown_key = function(model)
    insert(model, plain(util.pick { "user = me", "hosts=3", "x =", "pass = 'a # b", "port2 = \"", "a b c = d",
      "host.old = x y" }))
  end,
  crlf = function(model) model.ending = "\r\n" end,
  reorder = function(model)
    local count = (model.first_section or #model + 1) - 1
    for i = count, 2, -1 do
      local j = math.random(i)
      model[i], model[j] = model[j], model[i]
    end
  end,
  no_final_newline = function(model) model.is_cut = true end,
  byte_order_mark = function(model) model.mark = "\239\187\191" end,
  duplicate = function(model)
    local key = util.pick(KEYS)
    insert(model, setting(key, RANDOM_VALUES[key](), util.pick { key, key:upper() } .. util.pick { "=", " = " }))
  end,
  value = function(model)
    local line = random_setting(model)
    if line then line.value = RANDOM_VALUES[line.key]() end
  end,
  remove = function(model)
    local at = math.random((model.first_section or #model + 1) - 1)
    if not model[at] or #model < 2 then return end
    table.remove(model, at)
    if model.first_section then model.first_section = model.first_section - 1 end
  end,
  section = function(model)
    model.first_section = model.first_section or #model + 1
    local first, last = util.pick { "", "; below" }, util.pick { "free text", "port=" }
    for _, text in ipairs { first, "[other]", "host = 1 2 3", last } do
      model[#model + 1] = plain(text)
    end
    if model[model.first_section].text ~= "[other]" then model.first_section = model.first_section + 1 end
  end,
}
local MUTATION_NAMES = {}
for name in pairs(MUTATIONS) do MUTATION_NAMES[#MUTATION_NAMES + 1] = name end
table.sort(MUTATION_NAMES) -- so that a seed means the same every time

local function random_model()
  local model = { ending = "\n", mark = "",
    plain "; written by hand", setting("host", "example.org"), setting("port", "4000", "port      = ", " ; the usual"),
    plain "", setting("reconnect", "on") }
  local done = {}
  for i = 1, math.random(8) do
    done[i] = util.pick(MUTATION_NAMES)
    MUTATIONS[done[i]](model)
  end
  return model, table.concat(done, ", ")
end

local function model_text(model)
  local lines = {}
  for i, line in ipairs(model) do lines[i] = line_text(line) end
  return model.mark .. table.concat(lines, model.ending) .. (model.is_cut and "" or model.ending)
end

-- The line of each key that counts: the last.
local function counting_lines(model)
  local lines = {}
  for _, line in ipairs(model) do
    if line.key then lines[line.key] = line end
  end
  return lines
end

-- Changes a random choice of keys in the model. Returns the values to save, and the lines that must be added.
local function random_change(model)
  local values, added = {}, {}
  local lines = counting_lines(model)
  for _, key in ipairs(KEYS) do
    if math.random(2) == 1 then
      local text = RANDOM_VALUES[key]()
      values[key] = meaning(key, text)
      if lines[key] then lines[key].value = text else added[#added + 1] = key .. " = " .. text end
    end
  end
  return values, added
end

-- The text without the lines that were added, which must be there, together and in this order.
local function without(text, lines, ending, told)
  if #lines == 0 then return text end
  local block = table.concat(lines, ending)
  local first, last = text:find(block .. ending, 1, true)
  if not first then first, last = text:find(ending .. block, 1, true) end
  assert(first, ("not added: %s\n%q\n%s"):format(block, text, told))
  return text:sub(1, first - 1) .. text:sub(last + 1)
end

describe("settings files edited by hand", function()
  before_each(begin)
  after_each(ini.finish)

  local function round_trip(case)
    local model, done = random_model()
    local before = model_text(model)
    if not before:find("\n", 1, true) then model.ending = "\n" end -- nothing there says how lines end
    write(before)
    local told = ("SEED=%d, case %d: %s\n%q"):format(SEED, case, done, before)
    local expected = {}
    for key, line in pairs(counting_lines(model)) do expected[key] = meaning(key, line.value) end
    local loaded, why = settings.load(path)
    assert.same(expected, loaded, told .. "\n" .. tostring(why))

    local values, added = random_change(model)
    assert.is_true(settings.save(path, values), told)
    local after = read()
    local rest = without(after, added, model.ending, told)
    local wanted = model_text(model)
    if #added > 0 then -- perhaps in a section of their own, and then an unended last line is ended
      rest = rest:gsub("\n%[sidewire%]%s*$", ""):gsub("%s*$", "")
      wanted = wanted:gsub("%s*$", "")
    end
    assert.equal(wanted, rest, told)
    for key, value in pairs(values) do expected[key] = value end
    assert.same(expected, settings.load(path), told .. "\n" .. after)
  end

  it("are saved and loaded as they are: 20 random ones, and 500 more", function()
    math.randomseed(SEED)
    for case = 1, 520 do round_trip(case) end
  end)
end)

describe("garbage in a settings file", function()
  before_each(begin)
  after_each(ini.finish)

  local PIECES = { "host", "port", "reconnect", "=", " ", "\t", "\n", "\r", "\r\n", "'", '"', "#", ";", "[", "]",
    "sidewire", "on", "off", "1", "4000", ".", "a.b", "\0", "\239\187\191", "\255", "%", "%s", "\\", "-", "::" }

  local function random_text()
    local pieces = {}
    for i = 1, math.random(0, 30) do
      pieces[i] = math.random(10) > 1 and util.pick(PIECES) or string.char(math.random(0, 255))
    end
    return table.concat(pieces)
  end

  local function mutated_text()
    local text = model_text((random_model()))
    for _ = 1, math.random(4) do
      local at = math.random(#text)
      text = text:sub(1, at - math.random(0, 1)) .. util.pick(PIECES) .. text:sub(at + math.random(0, 2))
    end
    return text
  end

  local function try(text)
    write(text)
    local told = ("SEED=%d: %q"):format(SEED, text)
    local loaded, message, code = settings.load(path)
    local values = { host = "new.org", port = 7, reconnect = 1.5 }
    if loaded then
      assert(settings.save(path, values), told)
      assert.same(values, settings.load(path), told)
    else
      assert(code == "ESETTINGS" and message:find ", line %d+: ", told)
      assert_save_fails("ESETTINGS", message, path, values)
    end
    return loaded and 1 or 0
  end

  it("is an error or is kept, and never raises: random texts", function()
    math.randomseed(SEED)
    for _ = 1, util.choose(2000, 300) do try(random_text()) end
  end)

  it("is an error or is kept, and never raises: files with a few wrong bytes", function()
    math.randomseed(SEED)
    local loaded = 0
    for _ = 1, util.choose(2000, 300) do loaded = loaded + try(mutated_text()) end
    assert(loaded > 50) -- both kinds were tried
  end)

  it("takes no long time: a mebibyte of anything", function()
    local pieces = { " ", "\t", "=", "[", "'", "#", "\n", "\r", " x", "host = ", "host = '", "port = 1\n" }
    for _, piece in ipairs(pieces) do
      local text = piece:rep(math.floor(2 ^ 20 / #piece))
      write(text)
      local start = os.clock()
      settings.load(path)
      local seconds = os.clock() - start
      assert(seconds < util.choose(3, 60), ("%q: %g s"):format(piece, seconds))
    end
  end)
end)
