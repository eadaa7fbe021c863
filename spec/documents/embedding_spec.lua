-- docs/embedding.md: every sentence names a test.

local Peer = require "spec.support.peer"
local Program = require "spec.support.program"
local build = require "spec.support.build"
local files = require "spec.support.files"
local ports = require "spec.support.ports"
local shell = require "spec.support.shell"

-- The document without code blocks and headings: its paragraphs and points, each on one line.
local function paragraphs()
  local text = ("\n" .. files.read "docs/embedding.md"):gsub("\n```.-\n```", "\n"):gsub("\n#[^\n]*", "\n\n")
  local list = {}
  for paragraph in (text:gsub("\n%s*%- ", "\n\n") .. "\n\n"):gmatch "%s*(.-)\n%s*\n" do
    if paragraph ~= "" then list[#list + 1] = paragraph:gsub("%s+", " ") end
  end
  return list
end

-- Its sentences. What stands in `code` ends none.
local function sentences()
  local list = {}
  for _, paragraph in ipairs(paragraphs()) do
    local plain = paragraph:gsub("`[^`]*`", function(code) return (code:gsub("[.?!]", "_")) end) .. " "
    if not plain:find "[.?!] $" then plain = plain .. ". " end
    for sentence in plain:gmatch "(.-[.?!]) " do list[#list + 1] = sentence end
  end
  return list
end

-- Set of the tags in a text, such as "E7".
local function tags_in(text)
  local found = {}
  for tag in text:gmatch "%[([EF]%d+)%]" do found[tag] = true end
  return found
end

-- Set of the tags in tests' titles: E in specs, F in unit tests and tools as well.
local function tags_of_tests()
  local found = {}
  local paths = shell.output "ls spec/*/*_spec.lua spec/unit/test_*.c tools/planted"
  for _, path in ipairs(files.lines_of(paths)) do
    local is_spec = path:find "_spec%.lua$"
    for line in files.read(path):gmatch "[^\n]+" do
      if not is_spec or line:find "^%s*it%(" or line:find "^%s*describe%(" then
        for tag in line:gmatch(is_spec and "%[([EF]%d+)%]" or "%[(F%d+)%]") do found[tag] = true end
      end
    end
  end
  return found
end

describe("docs/embedding.md", function()
  -- A pointer begins with "See" and has code or a link.
  it("names a test for each sentence that is more than a pointer [E1]", function()
    local all = sentences()
    assert(#all > 80, "only " .. #all .. " sentences: are they read rightly?")
    for _, sentence in ipairs(all) do
      local is_pointer = sentence:find "^See [^\n]*[`%]]"
      assert(is_pointer or next(tags_in(sentence)), "no test shows: " .. sentence)
    end
  end)

  it("names tests that are there [E1]", function()
    local there = tags_of_tests()
    for tag in pairs(tags_in(files.read "docs/embedding.md")) do
      assert(there[tag], "no test has the tag " .. tag)
    end
  end)

  it("leaves out no test that is there for it, and no number [E1]", function()
    local named, highest = tags_in(files.read "docs/embedding.md"), 0
    for tag in pairs(tags_of_tests()) do
      local number = tonumber(tag:match "^E(%d+)$")
      if number then
        assert(named[tag], "the document does not name " .. tag)
        highest = math.max(highest, number)
      end
    end
    for number = 1, highest do assert(named["E" .. number], "there is no E" .. number) end
  end)
end)

describe("the host of docs/embedding.md", function()
  local HOST = files.read("docs/embedding.md"):match "\n```c\n(.-)```\n"
  local SCRIPT = files.read("docs/embedding.md"):match "\n```lua\n(.-)```\n"
  local dir

  before_each(function() dir = Peer.tempdir() end)
  after_each(function()
    Peer.stop_all()
    Peer.remove(dir)
  end)

  -- The name of this Lua for pkg-config; nil and why, when there is nothing to build the host with.
  local function library()
    if build.is_sanitized then return nil, "the host has no sanitizer" end
    local name, status = shell.run("tools/engine headers " .. build.ENGINE)
    if status ~= 0 then return nil, "the C headers of this Lua are not known to pkg-config" end
    return (name:gsub("%s", ""))
  end

  -- Compiles the host, and runs the script in it, for a port, beside the folder sidewire: its output and status.
  local function run(flags, port)
    files.write(dir .. "/host.c", HOST)
    files.write(dir .. "/game.lua", (SCRIPT:gsub("4000", tostring(port))))
    shell.execute(("cp -R %s/sidewire %s"):format(build.PATH, dir))
    shell.execute(("cc -Wall -Wextra -Werror -o %s/host %s/host.c %s"):format(dir, dir, flags))
    return shell.run(("cd %s && unset LUA_PATH LUA_CPATH && timeout 60 ./host game.lua"):format(dir))
  end

  it("is compiled as the page says, and runs its script [E47]", function()
    local name, why = library()
    if not name then return pending(why) end
    local flags = ("$(pkg-config --cflags --libs %s)"):format(name)
    local peer = Peer.start { mode = "echo" }
    assert.same({ "received hello\nclosed\n", 0 }, { run(flags, peer.port) })
    local said, status = run(flags, ports.closed())
    assert.matches("^cannot connect to [^\n]*connection refused\n$", said)
    assert.equal(0, status)
  end)

  it("needs -rdynamic with Lua as an archive [E47]", function()
    local name, why = library()
    if not name then return pending(why) end
    local archive = shell.output(("ls $(pkg-config --variable=libdir %s)/lib%s.a 2>&1 || true"):format(name, name))
    archive = archive:match "^(/[^\n]*%.a)\n?$"
    if not archive or build.ENGINE == "luajit" then return pending "there is no archive of this Lua" end
    local flags = ("$(pkg-config --cflags %s) %s -lm -ldl"):format(name, archive)
    local peer = Peer.start { mode = "echo" }
    assert.same({ "received hello\nclosed\n", 0 }, { run("-rdynamic " .. flags, peer.port) })
    local said, status = run(flags, peer.port)
    assert.equal(1, status)
    assert.matches("undefined symbol: lua", said)
  end)
end)

describe("a Lua state that closes", function()
  local dir

  before_each(function() dir = Peer.tempdir() end)
  after_each(function() Peer.remove(dir) end)

  it("has a policy that can be set, and is locked then [F60]", function()
    local text = files.read("docs/embedding.md"):match "\n```lua\n(assert%(sidewire.set_policy.-)```\n"
    files.write(dir .. "/policy.lua", "local sidewire = require 'sidewire'\n" .. text
      .. "print(select(3, sidewire.set_policy {}))\nprint(select(3, sidewire.new { linger = 1 }))\n")
    assert.equal("EPOLICY\nEPOLICY\n", Program.check(dir .. "/policy.lua"))
  end)

  it("has methods that are called from C, and handlers that are C functions [E49]", function()
    local peer = Peer.start { mode = "echo" }
    files.write(dir .. "/c.lua", ([[
      local sidewire = require "sidewire"
      local client = sidewire.new { host = "127.0.0.1", port = %d }
      client:on("message", print) -- print and pcall are C functions
      assert(select(2, pcall(client.connect, client)))
      assert(select(2, pcall(client.send, client, "hello")))
      repeat sidewire.wait(1) until sidewire.poll() > 0 and client:stats().received == 1
    ]]):format(peer.port))
    assert.matches("\thello\n$", Program.check(dir .. "/c.lua"))
  end)

  it("reports what it could not send to a script that stops and polls before, and to no other [E48]", function()
    local function run(last)
      files.write(dir .. "/program.lua", ([[
        local sidewire = require "sidewire"
        local client = sidewire.new { host = "127.0.0.1", port = %d, linger = 0.1 }
        client:on("lost", function(_, first, last, fate) print("lost", first, last, fate) end)
        client:connect()
        client:send "a message"
      ]]):format(ports.closed()) .. last)
      return Program.check(dir .. "/program.lua")
    end
    assert.equal("", run "")
    assert.equal("lost\t1\t1\tunsent\n", run "sidewire.stop() sidewire.poll()")
    assert.equal("lost\t1\t1\tunsent\n", run "sidewire.stop() sidewire.poll() os.exit(0, true)")
  end)
end)
