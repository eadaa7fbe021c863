-- The rockspec leaves building and installing to the Makefile. Here, make is called as LuaRocks calls it, with a
-- compiler and package managers that only take notes: what is compiled, and how, and what is installed where?
-- `make rock` does it in earnest.
local Peer = require "spec.support.peer"
local files = require "spec.support.files"
local shell = require "spec.support.shell"


local PATH = "rockspec/sidewire-scm-1.rockspec"
-- These stand first in the PATH, by their own names: the Makefile knows gcc by that.
local COMPILER = [[#!/bin/sh
[ "$1" != -E ] || exit 1 # are there headers of a library that tests may use?
echo "$*" >>"$NOTES/compiled"
while [ "$1" != -o ]; do shift; done
echo >"$2"
]]
local REFUSING = [[#!/bin/sh
echo "${0##*/} $*" >>"$NOTES/asked"
exit 1
]]
local KNOWN_NOTHING = "#!/bin/sh\n"
local PROGRAMS = { gcc = COMPILER, sudo = REFUSING, ["apt-get"] = REFUSING, ["dpkg-query"] = KNOWN_NOTHING }

-- The lines of a file, which may be missing.
local function lines_in(path)
  return files.lines_of(files.try_read(path) or "")
end

local function found(command, pattern)
  local names = {}
  for _, line in ipairs(files.lines_of(shell.output(command .. " | LC_ALL=C sort"))) do
    names[#names + 1] = assert(line:match(pattern), line)
  end
  return names
end

local function build_section()
  local rockspec = {}
  assert(loadfile(PATH, "t", rockspec))()
  return rockspec.build
end

describe("the rockspec", function()
  local dir, build

  local function write(name, text)
    files.write(dir .. "/" .. name, text)
  end

  -- LuaRocks' own variables, with flags that can be told from the Makefile's.
  local function luarocks_variables()
    return {
      CC = "gcc",
      CFLAGS = "-O2 -fPIC -DFROM_LUAROCKS",
      LIBFLAG = "-shared -from-luarocks",
      LUA_INCDIR = dir .. "/include/lua",
      LIBEV_INCDIR = dir .. "/include/ev",
      LIBEV_LIBDIR = dir .. "/lib/ev",
      LUADIR = dir .. "/a tree/lua",
      LIBDIR = dir .. "/a tree/lib",
      PREFIX = dir .. "/the rock",
    }
  end

  -- The variables that LuaRocks passes to make, and those that are passed here in place of them.
  local function assignments(instead)
    local known = luarocks_variables()
    local values = { CC = known.CC }
    for name, value in pairs(build.variables) do
      values[name] = value:gsub("%$%(([%w_]+)%)", function(variable)
        return assert(known[variable], "not a variable of LuaRocks: " .. variable)
      end)
    end
    for name, value in pairs(instead) do values[name] = value end
    local words = {}
    for name, value in pairs(values) do words[#words + 1] = ("'%s=%s'"):format(name, value) end
    return table.concat(words, " ")
  end

  -- For a user who has no Lua interpreter, which tools/setup would miss, and other plans for what is built by hand.
  local function make(arguments)
    local command = ("unset LD_PRELOAD MAKEFLAGS MFLAGS MAKELEVEL FAULTS CFLAGS LDFLAGS CC; D=%s; "
      .. "export NOTES=$D PATH=$D/bin:$PATH LUA_BIN=$D/none LUA=$D/none KIND=debug PREFIX=$D/other DESTDIR=$D/other; "
      .. "exec make %s >$D/output 2>&1"):format(dir, arguments)
    return shell.try(command)
  end

  -- As LuaRocks does it, though not in the checkout.
  local function install()
    local variables = assignments { B = dir .. "/luarocks" }
    for _, target in ipairs { build.build_target, "install" } do
      if not make(target .. " " .. variables) then error(table.concat(lines_in(dir .. "/output"), "\n")) end
    end
  end

  -- The compiler's command lines since the last call, with their words as a set, by what they make in FOLDER.
  local function compiled(folder)
    local commands = {}
    for _, line in ipairs(lines_in(dir .. "/compiled")) do
      line = line:gsub(folder:gsub("%p", "%%%0"), "B")
      local target = line:match "%-o (%S+)"
      assert(not commands[target], target .. " is made twice")
      commands[target] = { line = line, words = {} }
      for word in line:gmatch "%S+" do commands[target].words[word] = true end
    end
    os.remove(dir .. "/compiled")
    return commands
  end

  before_each(function()
    build, dir = build_section(), Peer.tempdir()
    shell.execute(("mkdir %s/bin"):format(dir))
    for name, text in pairs(PROGRAMS) do write("bin/" .. name, text) end
    shell.execute(("chmod +x %s/bin/*"):format(dir))
  end)
  after_each(function() Peer.remove(dir) end)

  it("lets the Makefile build", function()
    assert.same("make", build.type)
  end)

  it("installs the module and the Lua files of the tree, each under its name, and nothing else", function()
    install()
    local expected = { "lib/sidewire/core.so" }
    for _, name in ipairs(found("find lua -type f", "^lua/(.*%.lua)$")) do expected[#expected + 1] = "lua/" .. name end
    assert.same(expected, found(("cd '%s/a tree' && find . -type f"):format(dir), "^%./(.*)"))
    for _, name in ipairs(found("find lua -type f", "^lua/(.*)$")) do
      assert.equal(files.read("lua/" .. name), files.read(dir .. "/a tree/lua/" .. name))
    end
  end)

  it("installs the README, the changes, the licence and the documents, with no dead link", function()
    install()
    for _, name in ipairs { "README.md", "CHANGELOG.md", "LICENSE", "docs/errors.md" } do
      assert.equal(files.read(name), files.read(dir .. "/the rock/doc/" .. name))
    end
    assert.equal("", shell.output(("tools/links '%s/the rock/doc'"):format(dir)))
    os.remove(dir .. "/the rock/doc/docs/errors.md")
    local said, status = shell.run(("tools/links '%s/the rock/doc'"):format(dir))
    assert.equal(1, status)
    assert(said:find("README.md: docs/errors.md", 1, true), said)
  end)

  it("has each source compiled once, and all anew though it was compiled before", function()
    local expected = found("find src -name '*.c'", "^src/(.*)%.c$")
    assert(#expected > 30, "only " .. #expected .. " sources")
    for _ = 1, 2 do
      install()
      local sources = {}
      for target, command in pairs(compiled(dir .. "/luarocks")) do
        local name = target:match "^B/obj/(.*)%.o$"
        if name then
          assert(command.words["src/" .. name .. ".c"], command.line)
          sources[#sources + 1] = name
        end
      end
      table.sort(sources)
      assert.same(expected, sources)
    end
  end)

  it("has them compiled and linked as `make` does, with LuaRocks' flags after that and nothing else", function()
    assert(make(("SETUP=no KIND=release LUA_INCDIR=%s/include/lua B=%s/release"):format(dir, dir)))
    local by_make = compiled(dir .. "/release")
    install()
    local by_luarocks = compiled(dir .. "/luarocks")
    assert(by_make["B/sidewire/core.so"] and by_make["B/sidewire/core.so"].words["-DNDEBUG"])
    local more = { ["-isystem"] = true } -- and the next test's
    for _, word in ipairs { "-O2", "-fPIC", "-DFROM_LUAROCKS", "-from-luarocks" } do more[word] = true end
    for target, command in pairs(by_make) do
      local other = assert(by_luarocks[target], target)
      local after = other.line:match "%-DNDEBUG.*" or ""
      assert(after:find("-O2 -fPIC -DFROM_LUAROCKS", 1, true), other.line)
      command.words["-Werror"] = nil
      for word in pairs(command.words) do assert(other.words[word], word .. " is not in: " .. other.line) end
      for word in pairs(other.words) do
        assert(command.words[word] or more[word] or word:find(dir, 1, true), word .. " is in: " .. other.line)
      end
    end
  end)

  it("has them compiled and linked with LuaRocks' Lua and libev", function()
    install()
    local commands = compiled(dir .. "/luarocks")
    local function has(target, text)
      assert(commands[target].line:find(text, 1, true), text .. " is not in: " .. commands[target].line)
    end
    has("B/obj/sidewire.o", "-isystem " .. dir .. "/include/lua")
    has("B/obj/loop/loop.o", "-isystem " .. dir .. "/include/ev")
    has("B/sidewire/core.so", "-shared -from-luarocks")
    has("B/sidewire/core.so", ("-Wl,-rpath,%s/lib/ev -L%s/lib/ev -lev"):format(dir, dir))
  end)

  it("asks for no packages of the system", function()
    install()
    assert.same({}, lines_in(dir .. "/asked"))
  end)

  -- Here nothing is good for LuaRocks: something is missing, and is looked for.
  local function fails(target)
    assert.is_false(make(target .. " " .. assignments { B = dir .. "/luarocks", SETUP = "" }))
    return table.concat(lines_in(dir .. "/output"), "\n"), table.concat(lines_in(dir .. "/asked"), "\n")
  end

  it("is not alone in that: `make` says what is missing and how to install it", function()
    local output, asked = fails "all"
    assert.equal("", asked)
    assert(output:find "is missing: .*none" and output:find "make setup", output)
  end)

  it("is not the way of `make setup`, `make demo` and `make test`: they say what they install, and do", function()
    for _, target in ipairs { "setup", "demo", "test" } do
      os.remove(dir .. "/asked")
      local output, asked = fails(target)
      assert(asked:find "install", asked)
      assert(output:find "installs, by .*apt%-get install: .*lua5.4", output)
    end
  end)
end)
