-- The TLS library: missing, wrong, shared with others in the process, and at the ends of states and processes.

local Peer = require "spec.support.peer"
local Server = require "spec.support.server" -- to find programs
local build = require "spec.support.build"
local certificates = require "spec.support.certificates"
local files = require "spec.support.files"
local host = require "spec.support.host"
local hostile = require "spec.support.hostile_client"
local shell = require "spec.support.shell"
local util = require "spec.support.util"

local CYCLES = tonumber(os.getenv "TEARDOWN_CYCLES" or util.choose(300, 30))
local RUNS = tonumber(os.getenv "TEARDOWN_RUNS" or util.choose(10, 2))
local NONE = "there is no TLS library here that can be used (OpenSSL 1.1.1 or 3): "

-- Starts a peer with TLS; returns it, and the path of what to trust.
local function start(mode)
  local peer = hostile.start_peer(pending, Peer.start, { mode = mode or "echo", tls = {} })
  return peer, certificates.get("leaf").ca
end

local function call(name, ...)
  local text = ("require('spec.tls.scripts.library')[%q](...)"):format(name)
  local arguments = shell.words(...):gsub("' '", "', '")
  return ("%s -e %s"):format(build.LUA, shell.quote(("local function f(...) %s end f(%s)"):format(text, arguments)))
end

-- Runs a function of spec/tls/scripts/library.lua in a process of its own; returns what it printed. `environment`: more
-- of it, as the shell has it.
local function run(environment, name, ...)
  local said, status = shell.run(("env %s timeout -k 5 60 %s"):format(environment, call(name, ...)))
  if status ~= 0 then error(("%s: status %d\n%s"):format(name, status, said), 2) end
  return said
end

-- The same in a mount namespace: on a machine as the commands of the shell leave it.
local function run_in(commands, name, ...)
  local unshare = shell.output "id -u" == "0\n" and "unshare --mount" or "unshare --map-root-user --mount"
  local script = commands .. " && exec timeout -k 5 60 " .. call(name, ...)
  local said, status = shell.run(("%s sh -c %s"):format(unshare, shell.quote(script)))
  if status ~= 0 then error(("%s: status %d\n%s"):format(name, status, said), 2) end
  return said
end

-- The path of the system's libssl, or nil.
local function libssl()
  local path = shell.output "readlink -f $(${CC:-gcc} -print-file-name=libssl.so.3)":match "^(/%S+)"
  return path and files.try_read(path) and path
end

-- Commands that take libssl away: its folder is laid over by one without it.
local function away(path)
  local folder = path:match "^(.*)/"
  local options = "lowerdir=" .. folder .. ",upperdir=/mnt/upper,workdir=/mnt/work"
  local commands = "mount -t tmpfs none /mnt && mkdir /mnt/upper /mnt/work"
    .. " && mount -t overlay overlay -o %s %s && rm %s"
  return commands:format(options, folder, path)
end

-- Skips the rest of a test where libssl cannot be taken away.
local function needs_namespace()
  if not libssl() then pending "libssl.so.3 is not where the linker looks for it (make setup)" end
  if not Server.find "unshare" then pending "unshare is not installed (make setup)" end
  local ok, said = pcall(run_in, away(libssl()), "attempts_nothing")
  if not ok and not said:find "attempts_nothing.-nil value" and not said:find "attempt to call" then
    pending("this system gives us no such mount namespace: " .. said:sub(-200))
  end
end

local function assert_has(text, part)
  assert.truthy(text:find(part, 1, true), ("no %q in:\n%s"):format(part, text))
end

-- It ended with ENOTLS, both ways to ask; returns the text.
local function refused(said)
  local code, event, event_code, text = said:match "^(%u+)\n(%l+)\t(%u+)\t([^\n]*)\n"
  assert.same({ "ENOTLS", "error", "ENOTLS" }, { code, event, event_code }, said)
  assert_has(text, NONE)
  return text
end

local function assert_works(said)
  assert.truthy(said:find "^connected\nconnect\t", said)
end

describe("the TLS library", function()
  local dir
  before_each(function()
    util.begin()
    dir = Peer.tempdir()
  end)
  after_each(function()
    Peer.remove(dir)
    hostile.finish()
  end)

  -- Builds a library of C text; returns its path.
  local function make(name, text, more)
    if not Server.find(os.getenv "CC" or "gcc") then pending "there is no C compiler" end
    local path = dir .. "/" .. name
    files.write(path .. ".c", text)
    shell.execute(("cd %s && ${CC:-gcc} -shared -fPIC -w -Wl,-soname,%s -o %s %s.c %s"):format(dir, name, name, name,
      more or ""))
    return path
  end

  -- A libssl that has one function of its version, and a libcrypto beside it that says a version number.
  local function make_stub(ssl_function, number)
    make("libcrypto-stub.so", ("unsigned long OpenSSL_version_num(void) { return %s; }"):format(number))
    return make("libssl-stub.so", ("void %s(void) {}"):format(ssl_function),
      "-Wl,--no-as-needed -L. -l:libcrypto-stub.so -Wl,-rpath," .. dir)
  end

  it("[F64] is not there: everything but TLS works, and TLS gives ENOTLS with what was tried", function()
    needs_namespace()
    local peer, ca = start()
    local plain = Peer.start { mode = "echo" }
    local said = run_in(away(libssl()), "works_without", peer.port, ca, plain.port)
    local text = refused(said)
    for _, name in ipairs { "libssl.so.3", "libssl.so.1.1" } do
      assert_has(text, name .. ": cannot open shared object file: No such file or directory")
    end
    assert_has(said, "\nloaded:\n")
  end)

  it("[F64] is version 3 under the name of 1.1: ENOTLS with both", function()
    needs_namespace()
    local peer, ca = start()
    shell.execute(("cp %s %s/libssl.so.1.1"):format(libssl(), dir))
    local text = refused(run_in(("%s && export LD_LIBRARY_PATH=%s"):format(away(libssl()), dir), "attempts", peer.port,
      ca))
    assert_has(text, "libssl.so.1.1: its name is one of version 1.1, and it is version 3.0")
  end)

  it("[F64] is named by its path, and the system has none: the libcrypto beside it is taken", function()
    needs_namespace()
    local peer, ca = start()
    local crypto = libssl():gsub("libssl", "libcrypto")
    shell.execute(("cp %s %s/libssl.so.3 && cp %s %s/libcrypto.so.3"):format(libssl(), dir, crypto, dir))
    local commands = ("%s && rm %s && export SIDEWIRE_TLS_LIBRARY=%s/libssl.so.3"):format(away(libssl()), crypto, dir)
    assert_works(run_in(commands, "attempts", peer.port, ca))
  end)

  it("[F64] is named by its path, with a libcrypto beside it, and is none: ENOTLS says why", function()
    local peer, ca = start()
    if not libssl() then pending "libssl.so.3 is not where the linker looks for it (make setup)" end
    shell.execute(("cp %s %s/libcrypto.so.3"):format((libssl():gsub("libssl", "libcrypto")), dir))
    files.write(dir .. "/libssl.so.3", ("no library at all\n"):rep(100))
    local text = refused(run("SIDEWIRE_TLS_LIBRARY=" .. dir .. "/libssl.so.3", "attempts", peer.port, ca))
    assert_has(text, dir .. "/libssl.so.3: invalid ELF header")
  end)

  it("[F64] is one whose libcrypto is of another version: ENOTLS with both", function()
    local peer, ca = start()
    make("libcrypto.so.3", "unsigned long OpenSSL_version_num(void) { return 0x1010117fL; }")
    -- The loader itself may see it.
    local text = refused(run("LD_LIBRARY_PATH=" .. dir, "attempts", peer.port, ca))
    assert.truthy(text:find "OPENSSL_3%.0%.0" or text:find "libssl is of version 3.*version 1%.1", text)
    local stub = make_stub("SSL_get1_peer_certificate", "0x1010117fL")
    text = refused(run("SIDEWIRE_TLS_LIBRARY=" .. stub, "attempts", peer.port, ca))
    assert_has(text, stub .. ": its libssl is of version 3, and its libcrypto of version 1.1")
    stub = make_stub("SSL_get_peer_certificate", "0x30000020L")
    text = refused(run("SIDEWIRE_TLS_LIBRARY=" .. stub, "attempts", peer.port, ca))
    assert_has(text, stub .. ": its libssl is of version 1.1, and its libcrypto of version 3.0")
  end)

  for how, runs in pairs {
    ["SIDEWIRE_TLS_LIBRARY"] = function(file, ...) return run("SIDEWIRE_TLS_LIBRARY=" .. file, "attempts", ...) end,
    ["the policy"] = function(file, port, ca) return run("", "attempts_by_policy", port, ca, file) end,
  } do
    it("[F64] is named by " .. how .. ": whatever the file is, it works or ENOTLS says what it is", function()
      local peer, ca = start()
      if not libssl() then pending "libssl.so.3 is not where the linker looks for it (make setup)" end
      local function try(file) return runs(file, peer.port, ca) end
      assert_works(try(libssl()))
      shell.execute(("cp %s %s/any-name"):format(libssl(), dir))
      assert_works(try(dir .. "/any-name"))
      assert_has(refused(try(dir .. "/missing.so")), dir .. "/missing.so: cannot open shared object file")
      files.write(dir .. "/text.so", ("no library at all\n"):rep(100))
      assert_has(refused(try(dir .. "/text.so")), dir .. "/text.so: invalid ELF header")
      files.write(dir .. "/empty.so", "")
      assert_has(refused(try(dir .. "/empty.so")), dir .. "/empty.so: file too short")
      assert_has(refused(try(dir)), dir .. ": cannot read file data: Is a directory")
      local other = make("other.so", "int nothing;")
      assert_has(refused(try(other)), other .. ": it is no OpenSSL")
      local old = make_stub("SSL_get_peer_certificate", "0x1000214fL")
      assert_has(refused(try(old)), old .. ": version 1.0 is too old, 1.1.1 is the oldest that is used")
      old = make_stub("SSL_get_peer_certificate", "0x1010009fL")
      assert_has(refused(try(old)), "is too old, 1.1.1 is the oldest that is used")
      local part = make_stub("SSL_get1_peer_certificate", "0x30000020L")
      assert_has(refused(try(part)), part .. ": it has no OPENSSL_init_ssl")
    end)
  end

  for _, order in ipairs { "before", "after" } do
    it(("[F64] is there once, though luaossl is loaded %s it, and both work"):format(order), function()
      local peer, ca = start()
      if not shell.try(("%s -e 'require \"openssl.ssl.context\"' 2>/dev/null"):format(build.LUA)) then
        pending "luaossl is not installed for this Lua (lua-luaossl)"
      end
      local said = run("", "beside_luaossl", peer.port, ca, order)
      assert.equal(("1 libssl, %s\n"):format(order == "before" and "the same" or "-"), said)
    end)
  end

  -- What was registered before OpenSSL came runs after its clean-up at exit, if there is one.
  local WATCHER = [[
    #define _GNU_SOURCE
    #include <dlfcn.h>
    #include <stdint.h>
    #include <stdlib.h>
    #include <unistd.h>
    static void look(void) {
      void *library = dlopen("libcrypto.so.3", RTLD_NOW | RTLD_NOLOAD);
      int (*init)(uint64_t, void *) = library ? (int (*)(uint64_t, void *))dlsym(library, "OPENSSL_init_crypto") : 0;
      const char *found = !init ? "no library\n" : init(0, NULL) == 1 ? "it lives\n" : "it was cleaned up\n";
      for (const char *at = found; *at; at++) write(1, at, 1);
    }
    int watch(void *state) {
      void *self = dlopen("%s", RTLD_NOW | RTLD_NODELETE);
      if (self) atexit(look);
      return 0;
    }
  ]]

  for status, closes in pairs { [0] = false, [7] = false, [5] = true } do
    local how = ("os.exit(%d, %s)"):format(status, tostring(closes))
    it("[F65] " .. how .. " with connections open: the status is right, and no exit handler is ours", function()
      local peer, ca = start()
      local watcher = make("watcher.so", WATCHER:format(dir .. "/watcher.so"))
      for _ = 1, RUNS do
        local said, found = shell.run("timeout -k 5 60 " .. call("exits", peer.port, ca, watcher, status, closes))
        assert.same({ "it lives\n", status }, { said, found })
      end
      assert(peer:wait_connections(0))
    end)
  end

  local TEXT = "return require('spec.tls.scripts.library')[%q](...)"
  local SCRIPT = "require('spec.support.session').port, require('spec.support.session').silent = %d, %d " .. TEXT

  local function embed(command, name, ...)
    local peer, ca = start()
    local silent = Peer.start { mode = "silent" }
    return host.run_text(command, SCRIPT:format(peer.port, silent.port, name), ca, ...)
  end

  it(("[F65] %d Lua states with connections open come and go: nothing grows"):format(CYCLES), function()
    embed("embed cycles " .. CYCLES, "is_busy")
  end)

  it("[F65] the module is unloaded with connections open: it stays mapped, and works", function()
    embed("embed unload " .. util.choose(30, 5), "is_busy")
  end)

  it("[F65] several Lua states in several threads use it at once", function()
    embed(util.choose("embed threads 8 5", "embed threads 3 3"), "is_busy")
  end)

  it("[F65] children of a fork have connections of their own, and the parent keeps its own", function()
    embed("embed run", "forks_with_connections")
  end)

  it("[F65] a fork while it is loaded: parent and child each have it", function()
    if build.is_sanitized then
      pending "a sanitizer's allocator may be locked for ever in the child of a fork (gcc 12)"
    end
    for delay = 0, util.choose(30000, 8000), util.choose(1500, 4000) do
      embed("embed run", "forks_while_building", delay)
    end
  end)
end)
