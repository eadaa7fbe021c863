-- README.md: its size, its program, its links, what it says of framings; and the names of functions in all documents.

local sidewire = require "sidewire"
local Peer = require "spec.support.peer"
local Program = require "spec.support.program"
local files = require "spec.support.files"
local shell = require "spec.support.shell"
local util = require "spec.support.util"

local README = files.read "README.md"
local LINES = 150 -- at most: what is longer belongs into docs/

describe("README.md", function()
  local program, expected, refused = README:match "\n```lua\n(.-)\n```\n.-\n```\n(.-)```\n.-\n```\n(.-)```\n"
  local dir

  before_each(function()
    util.begin()
    dir = Peer.tempdir()
  end)
  after_each(function()
    Program.stop_all()
    util.finish()
    Peer.remove(dir)
  end)

  -- Writes the program, for a server on another port; returns its path.
  local function prepare(port)
    local text, count = program:gsub("4000", tostring(port))
    assert.equal(1, count)
    files.write(dir .. "/program.lua", text)
    return dir .. "/program.lua"
  end

  it("has at most 150 lines", function()
    local _, count = README:gsub("\n", "")
    assert(count <= LINES, count .. " lines")
  end)

  it("has a program that prints what stands below it", function()
    local peer = Peer.start { mode = "echo" }
    assert.equal((expected:gsub("4000", tostring(peer.port))), Program.check(prepare(peer.port)))
  end)

  it("has a program that says why it is not connected, and goes on when there is a server", function()
    local peer = Peer.start { mode = "echo" }
    peer:kill()
    local running = Program.start(prepare(peer.port))
    running:wait_for((refused:gsub("4000", tostring(peer.port)):gsub("0%.1 s\n$", "0.")))
    peer:start_again()
    local output, status = running:finish()
    assert.equal(0, status, output)
    local printed = expected:gsub("4000", tostring(peer.port))
    assert(output:sub(-#printed) == printed, output)
  end)

  it("checks in its program what connect and send return", function()
    for call in program:gmatch "client:(%a+)%(" do
      if call == "connect" or call == "send" then
        assert(program:find("assert(client:" .. call, 1, true), call)
      end
    end
    assert(program:find("assert(client:send", 1, true))
  end)

  it("has no dead link", function()
    -- As on the repository's page: what is there when the file is in its folder. Those of docs/ are looked at as well.
    shell.execute(("cp -R README.md CHANGELOG.md LICENSE docs %s"):format(dir))
    assert.equal("", shell.output(("tools/links %s"):format(dir)))
  end)

  it("leads to each page of the guide", function()
    for _, row in ipairs(require "tools.site.pages"[1]) do
      assert(README:find(("](docs/%s"):format(row[1]), 1, true), row[1])
    end
  end)

  it("shows the demo", function()
    assert(README:find("](docs/demo.svg)", 1, true))
    local picture = files.read "docs/demo.svg"
    for _, text in ipairs { "the server is killed", "the server is started again", "messages accepted", ">waiting<" } do
      assert(picture:find(text, 1, true), text)
    end
  end)

  it("says what each framing refuses", function()
    local LENGTH = "\0\0\0\5"
    for _, case in ipairs {
      { "line", "hello", { "hello\n", "hel\nlo", "hello\r" } },
      { { delimiter = "\n" }, "hello\r", { "hello\n" } },
      { { delimiter = "\r\n" }, "hello\n", { "hello\r\n" } },
      { { fixed = 64 }, ("x"):rep(64), { "x", ("x"):rep(65) } },
      { "raw", "hello\n", { "" } },
      { "u8", ("x"):rep(255), { ETOOBIG = ("x"):rep(256) } },
      { { length = "u32be", adjustment = -4 }, "hello", {} },
      { { length = "u32be", offset = 1 }, "t" .. LENGTH .. "hello", { "hello", "t" .. LENGTH .. "hell" } },
      { { length = "u32be", keep = true }, LENGTH .. "hello", { "hello" } },
      { "netstring", "hello", {} },
      { "content-length", "hello", {} },
      { "resp", "+OK\r\n", { "hello", "+OK\r\n+OK\r\n" } },
    } do
      local client = sidewire.new { framing = case[1] }
      assert.equal(1, client:send(case[2]))
      for code, message in pairs(case[3]) do
        assert.equal(code == "ETOOBIG" and code or "EFRAME", select(3, client:send(message)), message)
      end
    end
  end)

  it("says what each framing adds", function()
    for _, case in ipairs {
      { "line", "hello\n" }, { { delimiter = "\r\n" }, "hello\r\n" }, { { fixed = 5 }, "hello" }, { "raw", "hello" },
      { "u8", "\5hello" }, { "u16be", "\0\5hello" }, { "varint", "\5hello" },
      { { length = "u32be", adjustment = -4 }, "\0\0\0\9hello" }, { "netstring", "5:hello," },
      { "content-length", "Content-Length: 5\r\n\r\nhello" },
    } do
      local peer, record = Peer.start_recorded()
      local client = util.connected(peer, { framing = case[1] })
      assert(client:send "hello")
      client:close()
      assert(peer:wait_connections(0, util.DEADLINE))
      assert.equal(case[2], Peer.streams(record)[1].data)
    end
  end)
end)

describe("the documents", function()
  local paths = files.lines_of(shell.output "ls README.md CHANGELOG.md docs/*.md docs/reference/*.md")
  local objects = { sidewire = sidewire, client = sidewire.new() }

  it("name functions that exist", function()
    local found = 0
    for _, path in ipairs(paths) do
      for object, name in files.read(path):gmatch "%f[%a](%a+)[.:]([%a_]+)%(" do
        local owner = objects[object]
        if owner and not path:find "errors%.md$" then -- which has calls of functions that are not there
          assert.equal("function", type(owner[name]), ("%s: %s.%s"):format(path, object, name))
          found = found + 1
        end
      end
    end
    assert(found > 60, "only " .. found .. " functions")
  end)
end)
