-- lua plain.lua PORT: what a Lua for which there is no busted can show by itself; an echo server is at PORT. It runs
-- programs of the documents, provokes the misuse that docs/errors.md lists, and gives functions the values of
-- spec/support/misuse.lua, which they must refuse. Raises what is wrong; prints how much was tried. It needs sidewire
-- and files of the project, and nothing else. docs/errors.md has numbers as Lua writes them since 5.3.

local port = ... -- as a word
local engine = require "spec.support.engine"
local files = require "spec.support.files"
local sidewire = require "sidewire"

-- spec/support/misuse.lua is made for busted, of which its lists and `refused` need no more than this.
package.loaded["spec.support.util"] = {}
package.loaded.luassert = setmetatable({ is_string = function(value) return assert(type(value) == "string") end }, {
  __call = function(_, ...) return assert(...) end,
})
local misuse = require "spec.support.misuse"

-- --- README.md, docs/reference/settings.md ---

-- Runs a program; returns what it printed.
local function run(program)
  local lines = {}
  local function note(...)
    local words = { ... }
    for i = 1, select("#", ...) do words[i] = tostring(words[i]) end
    lines[#lines + 1] = table.concat(words, "\t") .. "\n"
  end
  local environment = setmetatable({ print = note, sidewire = sidewire }, { __index = _G })
  assert(engine.load(program, "=program", environment))()
  return table.concat(lines)
end

local function first_program(readme)
  local program, expected = readme:match "\n## A first program\n\n```lua\n(.-)```\n.-\n```\n(.-)```\n"
  local printed = run((program:gsub("4000", port)))
  assert(printed == expected:gsub("4000", port), printed)
end

local function settings_program(page)
  local program = page:match "\n```lua\n(.-)```\n"
  local path = os.tmpname()
  run((program:gsub("net%.ini", path)))
  local host, saved = sidewire.new({ settings = path }):get_server()
  os.remove(path)
  assert(host == "example.org" and saved == 4000)
end

-- --- docs/errors.md ---

-- The rows of misuse that needs no circumstances: | `call` | `message` | raises | what to do |
local function provoke_misuse(text)
  local count = 0
  for call, written in text:gmatch "\n| `([^`\n]*)` | `([^`\n]*)` | raises | " do
    local source, message = call:gsub("\\|", "|"), written:gsub("\\|", "|")
    local client = sidewire.new { host = "127.0.0.1", port = 4000 }
    local environment = { sidewire = sidewire, client = client, print = print }
    local f = engine.load("return " .. source, "=call", environment) -- an assignment is no expression
    f = f or assert(engine.load(source, "=call", environment))
    local ok, why = pcall(f)
    assert(not ok, source .. " is accepted")
    why = why:gsub("^[%w_/.]+:%d+: ", "") -- a tail call leaves no line of its own: it is that of pcall here
    assert(why == message, ("%s: %s"):format(source, why))
    count = count + 1
  end
  return count
end

-- --- spec/support/misuse.lua ---

local function refuse_values()
  local client = sidewire.new { host = "127.0.0.1", port = 4000 }
  client:send "queued"
  local count = 0
  local function refuses(method, part, ...)
    misuse.refused({ "client:" .. method, part }, client[method], client, ...)
    count = count + 1
  end
  for _, value in ipairs(misuse.NO_STRINGS) do
    local part = type(value) == "table" and "server must be a URL" or "host must be a string"
    refuses("set_server", part, value, 80)
  end
  for _, value in ipairs(misuse.NO_HOSTS) do refuses("set_server", "invalid host name", value, 80) end
  for _, case in ipairs(misuse.NO_HOSTS_BUT_MEANT) do refuses("set_server", case[2], case[1], 80) end
  for _, value in ipairs(misuse.NO_PORTS) do refuses("set_server", "1..65535", "example.org", value) end
  for _, value in ipairs(misuse.NO_SECONDS) do
    for _, method in ipairs { "disconnect", "close", "flush", "receive" } do refuses(method, "seconds", value) end
  end
  for _, value in ipairs(misuse.NO_NUMBERS) do refuses("poll", "max_events must be a whole number", value) end
  for _, value in ipairs { {}, true, misuse.nothing } do refuses("send", "a string or a number", "good", value) end
  local host = client:get_server()
  assert(host == "127.0.0.1" and select(2, client:pending()) == 1 and client:state() == "idle", "it has changed")
  return count
end

first_program(files.read "README.md")
settings_program(files.read "docs/reference/settings.md")
local rows, values = provoke_misuse(files.read "docs/errors.md"), refuse_values()
assert(sidewire.stop(10))
print(("%s: 2 programs, %d rows of misuse, %d values refused"):format(engine.NAME, rows, values))
