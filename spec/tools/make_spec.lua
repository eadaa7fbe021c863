-- What make says: `make help`, and `make install` of the paths to set.

local Peer = require "spec.support.peer"
local build = require "spec.support.build"
local files = require "spec.support.files"
local shell = require "spec.support.shell"

local MAKE = "env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL -u LUA make --no-print-directory "

describe("make help", function()
  -- What the recipes of others need.
  local INTERNAL = {
    programs = true, ["demo-programs"] = true, ["bench-programs"] = true, fuzzers = true, FORCE = true,
  }

  -- The targets that the Makefile calls phony, without those that look for what is missing.
  local function targets()
    local found = {}
    for list in files.read("Makefile"):gmatch "%.PHONY: ([^\n]*)" do
      for name in list:gmatch "[%a][%w-]*" do
        if list:sub(1, 1) ~= "$" and not INTERNAL[name] then found[name] = true end
      end
    end
    return found
  end

  local said = shell.output(MAKE .. "help")
  local listed = {}
  for line in said:gmatch "([^\n]*)\n" do
    if line == "" then break end
    local name, text = line:match "^make ([%w-]*) +(%S.*)$"
    assert(name and not listed[name], line)
    listed[name == "" and "all" or name] = text
  end

  it("lists each target in one line, and nothing else", function()
    local known = targets()
    assert(known.all and known["test-all"] and known.release)
    for name in pairs(known) do assert(listed[name], name .. " has no ## at its rule") end
    for name in pairs(listed) do assert(known[name], name .. " is no target") end
  end)

  it("fits a terminal", function()
    for line in said:gmatch "[^\n]+" do assert(#line < 80, line) end
  end)

  it("names the variables that it takes", function()
    for _, name in ipairs { "LUA", "SPEC", "ENGINES", "SECONDS", "SEED", "PREFIX", "DESTDIR", "LUADIR", "LIBDIR",
      "DOCDIR", "VERSION", "KIND", "V", "SETUP" } do
      assert(said:find("%f[%w]" .. name .. "%f[%W]"), name)
    end
  end)
end)

describe("make install", function()
  local dir

  before_each(function() dir = Peer.tempdir() end)
  after_each(function() Peer.remove(dir) end)

  -- `all` is up to date, or takes some seconds.
  local function install(variables)
    return shell.output(MAKE .. ("install LUA='' B=%s %s"):format(build.PATH, variables))
  end

  it("says which paths to set for a directory in which Lua does not look", function()
    local prefix = dir .. "/a place"
    local said = install(("PREFIX='%s'"):format(prefix))
    local engine = build.ENGINE == "luajit" and "5.1" or build.ENGINE
    local path = ("%s/share/lua/%s/?.lua;%s/share/lua/%s/?/init.lua;;"):format(prefix, engine, prefix, engine)
    local cpath = ("%s/lib/lua/%s/?.so;;"):format(prefix, engine)
    assert(said:find("    export LUA_PATH='" .. path .. "'\n    export LUA_CPATH='" .. cpath .. "'\n", 1, true), said)
    local exports = said:match "(export .*\n)Installed"
    local version, status = shell.run(("%s\ncd / && %s -e 'print(require \"sidewire\"._VERSION)'"):format(exports,
      build.PROGRAM))
    assert.equal(0, status, version)
    assert.matches("^%d+%.%d+%.%d+\n$", version)
  end)

  it("says nothing of it with -s, for package managers, and where the files are put elsewhere", function()
    assert.falsy(install("SETUP=no PREFIX=" .. dir):find("export", 1, true))
    assert.falsy(install("DESTDIR=" .. dir):find("export", 1, true))
    assert.equal("", install("-s PREFIX=" .. dir))
  end)

  local name = build.ENGINE == "luajit" and "LuaJIT" or "Lua " .. build.ENGINE
  local END = ("Installed for %s: run %s FILE\n"):format(name, build.PROGRAM:match "[^/]*$")

  it("ends with the Lua that it is for", function()
    local said = install("PREFIX=" .. dir)
    assert.equal(END, said:sub(-#END))
  end)

  it("says whole paths where PREFIX is a part of one", function()
    local root = shell.output "pwd":match "[^\n]*"
    local to_root = ("../"):rep(select(2, root:gsub("/", "")))
    local said = install("PREFIX=" .. to_root .. dir:sub(2))
    assert(said:find(("export LUA_PATH='%s/%s"):format(root, to_root), 1, true), said)
    assert(said:find(("INSTALL %s/%s"):format(root, to_root), 1, true), said)
  end)

  it("refuses an empty PREFIX, which would be the system's root", function()
    for _, target in ipairs { "install", "uninstall" } do
      local said, status = shell.run(MAKE .. ("%s LUA='' B=%s PREFIX="):format(target, build.PATH))
      assert.equal(2, status)
      assert(said:find("PREFIX is empty: give the folder that gets share/lua and lib/lua", 1, true), said)
    end
    local elsewhere = ("PREFIX= LUADIR=%s/lua LIBDIR=%s/c"):format(dir, dir)
    assert(install(elsewhere):find(END, 1, true))
  end)

  it("is undone by make uninstall, which leaves all else", function()
    local function files_below() return files.lines_of(shell.output(("find '%s' ! -type d"):format(dir))) end
    for _, variables in ipairs { "PREFIX='%s/a place' DOCDIR='%s/a place/doc'", "DESTDIR=%s DOCDIR=/doc" } do
      variables = variables:gsub("%%s", dir)
      install(variables)
      assert(#files_below() > 20)
      local mine = shell.output(("find '%s' -name raise.lua"):format(dir)):gsub("raise%.lua\n$", "mine.lua")
      files.write(mine, "")
      shell.output(MAKE .. ("uninstall LUA='' B=%s %s"):format(build.PATH, variables))
      assert.same({ mine }, files_below())
      os.remove(mine)
      shell.output(MAKE .. ("-s uninstall LUA='' B=%s %s"):format(build.PATH, variables)) -- once more harms nothing
      assert.equal("", shell.output(("find '%s' -name sidewire -o -name docs"):format(dir)))
    end
  end)

  local function paths(lua, c)
    return shell.output(("tools/paths %s '%s' '%s'"):format(build.ENGINE, lua, c))
  end

  it("says nothing of it where Lua looks by itself", function()
    local program = "env -i PATH=\"$PATH\" " .. build.PROGRAM
    local lua = shell.output(program .. " -e 'print(package.path)'"):match "(/[^;]*)/%?%.lua;"
    local c = shell.output(program .. " -e 'print(package.cpath)'"):match "(/[^;]*)/%?%.so"
    assert.equal(END, paths(lua, c))
    assert.matches("^[^\n]*\n    export LUA_CPATH='/nowhere/%?%.so;;'\nInstalled[^\n]*\n$", paths(lua, "/nowhere"))
    assert.matches("^[^\n]*\n    export LUA_PATH='/nowhere/%?%.lua;/nowhere/%?/init%.lua;;'\nInstalled[^\n]*\n$",
      paths("/nowhere", c))
  end)

  it("says it where there is no such Lua", function()
    local said = shell.output "LUA_BIN=/no/such/lua tools/paths 5.4 /usr/local/share/lua/5.4 /usr/local/lib/lua/5.4"
    assert.matches("^No Lua 5%.4 is here to be asked[^\n]*\n    export LUA_PATH='/usr/local/", said)
    assert.matches("\nInstalled for Lua 5%.4\n$", said)
  end)
end)

describe("tools/run", function()
  it("says how it is used when it is called alone", function()
    for _, arguments in ipairs { "", " release" } do
      local said, status = shell.run("tools/run" .. arguments)
      assert.equal(2, status)
      assert.matches("^run: [^\n]* missing\ntools/run KIND COMMAND", said)
      assert(said:find("tools/run release lua examples/echo.lua 127.0.0.1 4000", 1, true), said)
    end
  end)

  -- The root of the project, from elsewhere.
  local root = shell.output "pwd":match "[^\n]*"
  local TELL = [[lua -e 'print(require("sidewire")._NAME, io.open("Makefile"))']]

  it("runs the command in the folder from which it is called", function()
    local called = ("cd / && %s/tools/run %s %s"):format(shell.quote(root), build.KIND, TELL)
    assert.equal("sidewire\tnil\tMakefile: No such file or directory\t2\n", (shell.run(called)))
    assert.matches("^sidewire\tfile", (shell.run(("tools/run %s %s"):format(build.KIND, TELL))))
  end)

  it("says how to build what is not built", function()
    local dir = Peer.tempdir()
    shell.output("cp -R tools " .. dir)
    for kind, make in pairs {
      ["release"] = "make", ["release-5.1"] = "make LUA=5.1", ["release-fallbacks"] = "make FALLBACKS=1",
      ["asan-faults-luajit"] = "make KIND=asan FAULTS=1 LUA=luajit",
    } do
      local said, status = shell.run(("cd %s && tools/run %s lua -e 1"):format(dir, kind))
      assert.same({ ("tools/run: build/%s is not built: %s\n"):format(kind, make), 1 }, { said, status })
    end
    Peer.remove(dir)
  end)
end)

describe("a program of tools that needs the project's files", function()
  it("refuses to start elsewhere", function()
    local root = shell.output "pwd":match "[^\n]*"
    for _, name in ipairs { "test", "check", "wild" } do
      local said, status = shell.run(("cd / && %s/tools/%s release 1"):format(shell.quote(root), name))
      assert.same({ ("%s: start it in the project's root, as tools/%s\n"):format(name, name), 2 }, { said, status })
    end
  end)
end)

describe("the peer", function()
  it("says how it is used", function()
    for _, option in ipairs { "--help", "-h" } do
      local said, status = shell.run(("timeout 20 %s %s"):format(Peer.program, option))
      assert.equal(0, status)
      for _, word in ipairs { "--port", "--mode", "--framing", "sink", "echo", "lines", "flood", "silent" } do
        assert(said:find(word, 1, true), word)
      end
      for line in said:gmatch "[^\n]+" do assert(#line < 80, line) end
    end
  end)
end)
