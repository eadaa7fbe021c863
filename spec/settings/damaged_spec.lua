local sidewire = require "sidewire"
local ini = require "spec.support.ini"
local util = require "spec.support.util"

local SEED = tonumber(os.getenv "SEED") or os.time()
print(("spec/settings/damaged_spec.lua: SEED=%d (in the environment, it repeats these cases)"):format(SEED))

local settings = sidewire.settings
local read, write = ini.read, ini.write

local path, folder

local function begin()
  path, folder = ini.begin()
  math.randomseed(SEED)
end

-- Files as people have them.
local FILES = {
  "host = example.org\nport = 4000\nreconnect = on\n",
  "; where the game server is\r\nHost = 'game.example.org'\t; the usual\r\nPort=4000\r\n\r\nreconnect = 2.5\r\n",
  "[video]\nport = hdmi\nmode = 1920x1080\n\n[sidewire]\n# the LAN one\nhost = fe80::1%eth0\nport = \"65535\" # high\n"
    .. "reconnect = off\nuser = me\n\n[audio]\nhost = alsa\nvolume = 11\n",
  "\239\187\191host = 10.0.0.1\nport = 80\n; reconnect = 5\nname = Zo\195\171\n[other]\n= 3\nfree text",
}

-- --- damage ---

local function lines_of(text)
  local lines = {}
  for line in text:gmatch "[^\n]*\n?" do
    if line ~= "" then lines[#lines + 1] = line end
  end
  return lines
end

local function insert(text, piece)
  local at = math.random(0, #text)
  return text:sub(1, at) .. piece .. text:sub(at + 1)
end

local function with_lines(change)
  return function(text)
    local lines = lines_of(text)
    if #lines > 0 then change(lines) end
    return table.concat(lines)
  end
end

local DAMAGES = {
  { "a bit flipped", function(text)
    if text == "" then return text end
    local at = math.random(#text)
    local byte, bit = text:byte(at), 2 ^ math.random(0, 7)
    local flipped = byte % (2 * bit) < bit and byte + bit or byte - bit
    return text:sub(1, at - 1) .. string.char(flipped) .. text:sub(at + 1)
  end },
  { "cut short", function(text) return text:sub(1, math.random(0, #text)) end },
  { "lines swapped", with_lines(function(lines)
    local a, b = math.random(#lines), math.random(#lines)
    lines[a], lines[b] = lines[b], lines[a]
  end) },
  { "a line twice", with_lines(function(lines) table.insert(lines, math.random(#lines), util.pick(lines)) end) },
  { "a line lost", with_lines(function(lines) table.remove(lines, math.random(#lines)) end) },
  { "two lines joined", with_lines(function(lines)
    local i = math.random(#lines)
    lines[i] = lines[i]:gsub("\r?\n", "")
  end) },
  { "LF made CRLF", function(text) return (text:gsub("\r?\n", "\r\n")) end },
  { "LF made CR", function(text) return (text:gsub("\r?\n", "\r")) end },
  { "a zero byte", function(text) return insert(text, "\0") end },
  { "a byte order mark", function(text) return math.random(2) == 1 and "\239\187\191" .. text or
    insert(text, "\239\187\191") end },
  { "a key again", function(text)
    return insert(text, util.pick { "\nhost = again\n", "\nPORT=1\n", "\nreconnect = 9\n", "\nport = many\n" })
  end },
  { "a very long line", function(text)
    local long = util.pick { "x", " ", "=", "'", "#", "[", "host = ", "1" }:rep(math.random(5000))
    return insert(text, util.pick { "", "\n" } .. long .. util.pick { "", "\n" })
  end },
  { "UTF-16", function(text) return "\255\254" .. text:gsub(".", "%0\0") end },
}

local function damaged_file()
  local text, done = util.pick(FILES), {}
  for i = 1, math.random(3) do
    local damage = util.pick(DAMAGES)
    text, done[i] = damage[2](text), damage[1]
  end
  return text, table.concat(done, ", ")
end

-- --- what is promised of it ---

local OTHERS = { host = "new.example.org", port = 7, reconnect = 1.5 }

local function check_broken(told, message, code)
  assert(code == "ESETTINGS" and message:find(path .. ", line %d+: "), told)
  assert(not message:find "%c" and #message < #path + 400, told) -- fit for a line of a log
  ini.assert_save_fails("ESETTINGS", message, path, OTHERS)
end

local function check_loaded(told, text, loaded)
  assert(not text:find("\0", 1, true), told)
  assert(settings.save(path, loaded), told)
  assert.equal(text, read(), told) -- nothing changed: nothing is written
  local new = folder .. "/new.ini"
  assert(settings.save(new, loaded), told)
  assert.same(loaded, settings.load(new), told)
  os.remove(new) -- there is none when there was nothing to save
  assert(settings.save(path, OTHERS), told)
  assert.same(OTHERS, settings.load(path), told)
end

describe("a damaged settings file is left alone, with an error of its line, or loaded, and then load(save(t)) is t:",
  function()
  before_each(begin)
  after_each(ini.finish)

  -- True when it could be loaded.
  local function try(text, damage)
    write(text)
    local told = ("SEED=%d, %s:\n%q"):format(SEED, damage, text)
    local returned, loaded, message, code = pcall(settings.load, path)
    assert(returned, told .. "\n" .. tostring(loaded))
    if loaded then check_loaded(told, text, loaded) else check_broken(told, message, code) end
    return loaded ~= nil
  end

  it("up to three random damages", function()
    local cases, loaded = util.choose(3000, 400), 0
    for _ = 1, cases do
      if try(damaged_file()) then loaded = loaded + 1 end
    end
    assert(loaded > cases / 10 and loaded < cases * 9 / 10, loaded .. " loaded") -- both were tried
  end)

  it("cut behind any byte", function()
    for _, text in ipairs(FILES) do
      try(text, "whole")
      for size = 0, #text - 1 do try(text:sub(1, size), "cut short") end
    end
  end)

  it("any byte in any place", function()
    local text = "host = a\nport = 80"
    for at = 1, #text do
      for byte = 0, 255, util.choose(1, 5) do
        try(text:sub(1, at - 1) .. string.char(byte) .. text:sub(at + 1), ("byte %d at %d"):format(byte, at))
      end
    end
  end)
end)
