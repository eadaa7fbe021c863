-- `make release VERSION=...` in a repository of its own: what it makes when all agrees, and what it says when not.

local Peer = require "spec.support.peer"
local files = require "spec.support.files"
local shell = require "spec.support.shell"

local VERSION = "7.8.9"
local ROCKSPEC = "rockspec/sidewire-7.8.9-1.rockspec"
local A_DATE = "with or without a date in parentheses"
local ROCK = "build/sidewire-7.8.9-1.src.rock"

describe("make release", function()
  if select(2, shell.run "luarocks --version && git --version && unzip -v") ~= 0 then
    pending "luarocks, git or unzip is not installed"
    return
  end

  local dir

  local function run(command) return shell.run(("cd %s && %s"):format(dir, command)) end
  local function execute(command)
    local said, status = run(command)
    if status ~= 0 then error(said, 2) end
    return said
  end
  local function release(version)
    return run("env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL make -s --no-print-directory SETUP=no release VERSION="
      .. (version or VERSION))
  end
  local function commit()
    execute "git add -A && git -c user.name=spec -c user.email=spec@localhost commit -qm release"
  end

  local function change(path, pattern, replacement)
    local text, count = files.read(dir .. "/" .. path):gsub(pattern, replacement, 1)
    assert(count == 1, path)
    files.write(dir .. "/" .. path, text)
  end

  -- A copy of what is needed, in which all agrees.
  before_each(function()
    dir = Peer.tempdir()
    shell.execute(("cp -R Makefile CHANGELOG.md LICENSE README.md tools lua rockspec %s && mkdir %s/src && "
      .. "cp src/sidewire.c %s/src"):format(dir, dir, dir))
    execute "rm -f rockspec/sidewire-[0-9]* && git init -q && echo build/ >.gitignore"
    change("CHANGELOG.md", "\n## [^\n]*", "\n## " .. VERSION)
    change("src/sidewire.c", 'SW_VERSION "[%d.]*"', 'SW_VERSION "' .. VERSION .. '"')
    commit()
  end)
  after_each(function() Peer.remove(dir) end)

  it("writes the rockspec and packs the source rock when all agrees", function()
    local said, status = release()
    assert.same({ ROCKSPEC .. "\n" .. ROCK .. "\n", 0 }, { said, status })
    local plain, made = files.read(dir .. "/rockspec/sidewire-scm-1.rockspec"), files.read(dir .. "/" .. ROCKSPEC)
    assert.equal(made, (plain:gsub('version = "scm%-1"', 'version = "7.8.9-1"')
      :gsub('( *)(url = [^\n]*\n)', '%1%2%1tag = "v7.8.9",\n')))
    assert.equal(made, execute("unzip -p " .. ROCK .. " sidewire-7.8.9-1.rockspec"))
    assert.equal(files.read(dir .. "/src/sidewire.c"), execute("unzip -p " .. ROCK .. " sidewire/src/sidewire.c"))
    assert.equal(0, select(2, run("luarocks lint " .. ROCKSPEC)))
    assert.equal("", execute "git tag")
    assert.equal(0, select(2, release()), "a second time")
    commit()
    assert.equal(0, select(2, release()), "with the rockspec committed")
  end)

  it("takes a date in the changes", function()
    change("CHANGELOG.md", "\n## [^\n]*", "\n## " .. VERSION .. " (2031-05-06)")
    commit()
    assert.equal(0, select(2, release()))
  end)

  -- One sentence for each disagreement, and nothing is made.
  local function assert_refused(sentences, version)
    local said, status = release(version)
    local lines = files.lines_of(said)
    assert(status ~= 0)
    for i, sentence in ipairs(sentences) do assert.equal("tools/release: " .. sentence, lines[i]) end
    assert.matches("^make: ", lines[#sentences + 1])
    assert.is_nil(files.try_read(dir .. "/" .. ROCK))
  end

  it("says what disagrees: the changes", function()
    change("CHANGELOG.md", "\n## [^\n]*", "\n## 7.8.8 (unreleased)\n\n## " .. VERSION)
    commit()
    assert_refused {
      'CHANGELOG.md: its first heading is "## 7.8.8 (unreleased)", not "## 7.8.9", ' .. A_DATE,
    }
    change("CHANGELOG.md", "\n## [^\n]*", "\n## " .. VERSION .. " (unreleased)")
    commit()
    assert_refused {
      'CHANGELOG.md: its first heading is "## 7.8.9 (unreleased)", not "## 7.8.9", ' .. A_DATE,
    }
  end)

  it("says what disagrees: _VERSION", function()
    change("src/sidewire.c", 'SW_VERSION "[%d.]*"', 'SW_VERSION "0.0.1"')
    commit()
    assert_refused { 'src/sidewire.c: _VERSION is "0.0.1", not "7.8.9"' }
  end)

  it("says what disagrees: the rockspec", function()
    change("rockspec/sidewire-scm-1.rockspec", 'package = "sidewire"', 'package = "sideline"')
    change("rockspec/sidewire-scm-1.rockspec", 'version = "scm%-1"', 'version = "7.8.8-1"')
    change("rockspec/sidewire-scm-1.rockspec", "git%+https://", "file://")
    commit()
    local said = release()
    assert_refused {
      'rockspec/sidewire-scm-1.rockspec: package is "sideline", not "sidewire"',
      'rockspec/sidewire-scm-1.rockspec: version is "7.8.8-1", not "scm-1"',
      said:match '(rockspec/sidewire%-scm%-1%.rockspec: source%.url is "file://[^\n]*)',
    }
  end)

  it("says what disagrees: a rockspec that is there already", function()
    assert.equal(0, select(2, release()))
    execute("rm " .. ROCK)
    change(ROCKSPEC, 'license = "MIT"', 'license = "none"')
    local said, status = release()
    assert(status ~= 0)
    assert(said:find(ROCKSPEC .. ": it is there, and is not what rockspec/sidewire-scm-1.rockspec gives: "
      .. '<   license = "none"', 1, true), said)
    assert.is_nil(files.try_read(dir .. "/" .. ROCK))
  end)

  it("says all of it, for another version", function()
    assert_refused({
      'CHANGELOG.md: its first heading is "## 7.8.9", not "## 1.0.0", ' .. A_DATE,
      'src/sidewire.c: _VERSION is "7.8.9", not "1.0.0"',
    }, "1.0.0")
  end)

  it("says what is not committed", function()
    files.write(dir .. "/lua/more.lua", "")
    assert_refused { "not all is committed: lua/more.lua" }
  end)

  it("says that the version's tag is of another commit", function()
    execute "git tag v7.8.9"
    local tagged = execute("git rev-parse HEAD"):match "%x+"
    change("README.md", "$", "\n")
    commit()
    assert_refused { "the tag v7.8.9 names another commit: " .. tagged }
  end)

  it("wants three numbers", function()
    for _, version in ipairs { "", "1", "1.2", "1.2.3.4", "1.2.x", "v1.2.3", "1..2", "1.2." } do
      local said, status = release("'" .. version .. "'")
      assert(status ~= 0)
      assert.matches("^release: VERSION is ", said)
    end
  end)
end)
