-- `make bundle`: what is in the folder, and does it work where nothing else is, without libev and next to another one?
-- Where libev's source cannot be had (no LIBEV_SRC, no apt-get, no network) this is not tested.

local Peer = require "spec.support.peer"
local build = require "spec.support.build"
local files = require "spec.support.files"
local hosts = require "spec.support.hosts"
local shell = require "spec.support.shell"
local util = require "spec.support.util"

local ROOT = shell.output("pwd"):match "[^\n]+"
local NO_SOURCE = shell.run "tools/libev >/dev/null":match "^[^\n]*"

-- LuaJIT is what games embed; `neighbour` has the Lua of this build.
local ENGINES = { "luajit", build.ENGINE ~= "luajit" and build.ENGINE or nil }

-- A libev of another version, none of whose functions may be called.
local OTHER_LIBEV = [[
#include <stdlib.h>
int ev_version_major(void) { return 4; }
int ev_version_minor(void) { return 24; }
#define NEVER(name) void name(void) { abort(); }
NEVER(ev_loop_new) NEVER(ev_loop_destroy) NEVER(ev_run) NEVER(ev_break) NEVER(ev_io_start) NEVER(ev_io_stop)
NEVER(ev_timer_start) NEVER(ev_timer_stop) NEVER(ev_prepare_start) NEVER(ev_async_start) NEVER(ev_async_send)
NEVER(ev_set_allocator) NEVER(ev_set_syserr_cb) NEVER(ev_invoke_pending) NEVER(ev_now_update) NEVER(ev_time)
]]

-- A home without anything, in which each engine has its copy of the bundle.
local scratch

local function program_of(engine)
  return (shell.run("env -u LUA_BIN tools/engine program " .. engine):match "%S+")
end

-- Makes the bundle of an engine and copies it; or returns why there can be none.
local function copy_bundle(engine)
  if NO_SOURCE ~= "" then return NO_SOURCE end
  if not program_of(engine) then return "no interpreter of " .. engine end
  hosts.bundle(engine, scratch .. "/" .. engine)
end

-- Runs spec/support/installed.lua with a module and two peers, in a directory where nothing is. `prefix` goes before
-- the interpreter. Returns what it said, and its exit status.
local function use(engine, dir, prefix)
  local peer, brief = Peer.start { mode = "echo" }, Peer.start { mode = "echo" }
  brief:command "close-after 5"
  return shell.run(("cd %s/empty && env -i PATH=$PATH LUA_PATH='%s/?.lua;%s/?/init.lua' LUA_CPATH='%s/?.so' "
    .. "timeout 100 %s %s %s/spec/support/installed.lua %s %d %d"):format(
    scratch, dir, dir, dir, prefix or "", program_of(engine), ROOT, dir, peer.port, brief.port))
end

-- The same with the module that this build has, which needs libev.
local function use_plain(prefix)
  local dir = scratch .. "/plain"
  local command = "mkdir -p %s/sidewire && cp %s/sidewire/core.so lua/sidewire/*.lua %s/sidewire"
  shell.execute(command:format(dir, build.PATH, dir))
  return use(build.ENGINE, dir, prefix)
end

describe("make bundle", function()
  local refused = {} -- engine -> why there is no bundle

  setup(function()
    scratch = Peer.tempdir()
    shell.execute("mkdir " .. scratch .. "/empty")
    for _, engine in ipairs(ENGINES) do refused[engine] = copy_bundle(engine) end
  end)
  teardown(function() Peer.remove(scratch) end)
  before_each(util.begin)
  after_each(util.finish)

  -- A test for each engine.
  local function each(title, test)
    for _, engine in ipairs(ENGINES) do
      it(title .. ": " .. engine, function()
        if refused[engine] then return pending(refused[engine]) end
        test(engine, scratch .. "/" .. engine)
      end)
    end
  end

  each("writes the module, the Lua files, the licences and a README, and nothing else", function(_, dir)
    local expected = { "README.txt", "licenses/libev.txt", "licenses/sidewire.txt", "sidewire/core.so" }
    local lua_files = files.lines_of(shell.output "cd lua && find * -type f")
    for _, name in ipairs(lua_files) do expected[#expected + 1] = name end
    table.sort(expected)
    assert.same(expected, files.lines_of(shell.output(("cd %s && find * -type f | LC_ALL=C sort"):format(dir))))
    assert.equal(files.read "LICENSE", files.read(dir .. "/licenses/sidewire.txt"))
    assert(files.read(dir .. "/licenses/libev.txt"):find("Marc Alexander Lehmann", 1, true))
  end)

  each("exports luaopen_* alone, and needs neither libev nor Lua", function(_, dir)
    local exported = shell.output(("nm -D --defined-only %s/sidewire/core.so"):format(dir))
    assert.same({ "luaopen_sidewire_core" }, { exported:match "^%x+ T (%S+)\n$" })
    local needed = shell.output(("objdump -p %s/sidewire/core.so | grep NEEDED"):format(dir))
    assert(needed:find "libc%." and not needed:find "libev" and not needed:find "liblua", needed)
  end)

  each("says which C library it needs, and no function is newer", function(_, dir)
    local major, minor = files.read(dir .. "/README.txt"):match "GLIBC (%d+)%.(%d+)"
    local symbols, count = shell.output(("objdump -T %s/sidewire/core.so"):format(dir)), 0
    for a, b in symbols:gmatch "GLIBC_(%d+)%.(%d+)" do
      count = count + 1
      assert(tonumber(a) < tonumber(major) or tonumber(b) <= tonumber(minor), a .. "." .. b)
    end
    assert(count > 10)
  end)

  each("works from a scratch folder", function(engine, dir)
    assert.same({ "", 0 }, { use(engine, dir) })
  end)

  describe("with libev moved away [E3]", function()
    local hidden, problem

    -- A mount namespace in which there is no such file. It goes with the process.
    setup(function()
      local libev = shell.output(("ldd %s/sidewire/core.so"):format(build.PATH)):match "libev%S* => (%S+)"
      local root = shell.output "id -u" == "0\n"
      hidden = ([[unshare --mount %s sh -c 'mount --bind /dev/null "$0" && exec "$@"' %s]]):format(
        root and "" or "--map-root-user", libev)
      local said, status = shell.run(hidden .. " true")
      problem = status ~= 0 and "this system gives us no mount namespace: " .. said or nil
    end)

    it("the plain module does not load", function()
      if problem then return pending(problem) end
      local said, status = use_plain(hidden)
      assert(status == 1 and said:find "libev[^\n]*file too short", said)
    end)

    each("works", function(engine, dir)
      if problem then return pending(problem) end
      assert.same({ "", 0 }, { use(engine, dir, hidden) })
    end)
  end)

  describe("next to a libev of another version [E3]", function()
    local preload

    setup(function()
      files.write(scratch .. "/other.c", OTHER_LIBEV)
      shell.execute(("${CC:-cc} -shared -fPIC -o %s/other.so %s/other.c"):format(scratch, scratch))
      preload = ("env LD_PRELOAD=%s/other.so"):format(scratch)
    end)

    it("the plain module refuses, and names both versions and what to do [E46]", function()
      local said, status = use_plain(preload)
      assert(status == 1 and said:find("this process has libev 4.24, and sidewire was built for libev 4.", 1, true)
        and said:find("make bundle LUA=" .. build.ENGINE, 1, true), said)
    end)

    each("works", function(engine, dir)
      assert.same({ "", 0 }, { use(engine, dir, preload) })
    end)
  end)

  it("leaves a host that uses libev its allocator and its error hook, and keeps its own [E26]", function()
    if refused[build.ENGINE] then return pending(refused[build.ENGINE]) end
    local peer = Peer.start { mode = "echo" }
    local call = "require('spec.support.session').run('spec.tools.scripts.bundle', 'leaves_the_hooks_alone', ...)"
    local command = "env -i LUA_PATH='./?.lua' LUA_CPATH='%s/%s/?.so' timeout 100 %s/neighbour %s"
    assert.same({ "", 0 }, {
      shell.run(command:format(scratch, build.ENGINE, build.PATH, shell.words(call, peer.port, 0))),
    })
  end)
end)

describe("libev's source", function()
  local dir

  before_each(function() dir = Peer.tempdir() end)
  after_each(function() Peer.remove(dir) end)

  -- Runs tools/libev in the directory, with an apt-get and an apt-config that stand first in the PATH.
  local function run(apt_get, environment)
    shell.execute(("mkdir -p %s/bin %s/etc/parts"):format(dir, dir))
    local places = ("list='%s/etc/list' lists='%s/etc/parts/'"):format(dir, dir)
    files.write(dir .. "/bin/apt-config", ('#!/bin/sh\necho "%s"\n'):format(places))
    files.write(dir .. "/bin/apt-get", "#!/bin/sh\n" .. apt_get)
    files.write(dir .. "/bin/dpkg-source", "#!/bin/sh\n")
    shell.execute(("chmod +x %s/bin/*"):format(dir))
    return shell.run(("cd %s && env -u LIBEV_SRC DIR=%s PATH=%s/bin:$PATH %s %s/tools/libev"):format(dir, dir, dir,
      environment or "", ROOT))
  end

  local LIST = "# deb of old\ndeb [arch=amd64] http://server.invalid/debian stable main\n"
    .. "  deb http://server.invalid/x y z\n"
  local SOURCES = "Types: deb\nURIs: http://server.invalid/debian\n\nTypes: deb deb-src\nEnabled: no\n"
  local APT_GET = [[
for word; do
  case $word in
  Dir::Etc::sourceparts=*) cp -r "${word#*=}" "$DIR/seen" 2>/dev/null ;;
  esac
  echo "$word" >>"$DIR/words"
done
case " $* " in
*" source libev "*) mkdir libev-4.33 && touch libev-4.33/ev.c ;;
esac
]]

  it("is fetched with the system's own entries, as entries for sources, which stay as they are", function()
    shell.execute(("mkdir -p %s/etc/parts"):format(dir))
    files.write(dir .. "/etc/list", LIST)
    files.write(dir .. "/etc/parts/some.list", LIST)
    files.write(dir .. "/etc/parts/some.sources", SOURCES)
    assert.same({ "build/libev\n", 0 }, { run(APT_GET) })
    assert(files.try_read(dir .. "/build/libev/ev.c"))
    assert.equal(LIST, files.read(dir .. "/etc/list"))
    assert.equal(SOURCES, files.read(dir .. "/etc/parts/some.sources"))
    local list = LIST:gsub("\n%s*deb ", "\ndeb-src ")
    assert.equal(list, files.read(dir .. "/seen/list"))
    assert.equal(list, files.read(dir .. "/seen/some.list"))
    assert.equal((SOURCES:gsub("Types: [^\n]*", "Types: deb-src")), files.read(dir .. "/seen/some.sources"))
    local words = files.read(dir .. "/words")
    for _, option in ipairs { "Etc::sourceparts", "State::lists", "Cache" } do
      local place = words:match("Dir::" .. option .. "=([^\n]*)")
      assert.equal(dir .. "/build/", place:sub(1, #dir + 7))
    end
    assert(words:find("Dir::Etc::sourcelist=/dev/null", 1, true))
    assert.equal("libev\n", shell.output(("ls %s/build"):format(dir)))
  end)

  it("is not fetched again, nor when LIBEV_SRC names it", function()
    assert.same({ "build/libev\n", 0 }, { run(APT_GET) })
    assert.same({ "build/libev\n", 0 }, { run "exit 1" })
    shell.execute(("mkdir %s/mine && touch %s/mine/ev.c %s/mine/ev.h %s/mine/LICENSE"):format(dir, dir, dir, dir))
    assert.same({ "mine\n", 0 }, { run("exit 1", "LIBEV_SRC=mine") })
  end)

  it("that cannot be had is an error that says why, and what else to do", function()
    local said, status = run "echo no network; exit 100"
    assert(status == 1 and said:find "no network" and said:find "LIBEV_SRC=DIR", said)
    said, status = run("exit 1", "LIBEV_SRC=nowhere")
    assert(status == 1 and said:find "nowhere has no ev.c", said)
  end)
end)
