rockspec_format = "3.0"
package = "sidewire"
version = "scm-1"
source = {
  url = "git+https://github.com/OWNER/sidewire.git",
}
description = {
  summary = "TCP that never waits, for games and tools that embed Lua",
  detailed = [[
A background libev thread owns the sockets and the send queues. The script calls `send`, which never blocks, and, once a
frame, `poll`, which never blocks either and runs the script's handlers on the script's own thread. It reconnects by itself
and accounts for every message that it accepted.]],
  homepage = "https://github.com/OWNER/sidewire",
  license = "MIT",
}
dependencies = { "lua >= 5.1, < 5.6" }
external_dependencies = {
  LIBEV = { header = "ev.h", library = "ev" },
}
-- The Makefile builds and installs, with its own flags: link-time optimization inlines across the files.
build = {
  type = "make",
  copy_directories = { "library" }, -- types for editors; no program loads them
  build_target = "-B all", -- all anew: a build with other variables may be there
  variables = {
    -- No look for what is missing, and so never a call of sudo and apt-get: LuaRocks has looked, and does not install the
    -- packages of a system.
    SETUP = "no",
    KIND = "release",
    B = "build/luarocks", -- apart from what is built by hand
    WERROR = "", -- what another compiler warns of stops no installation
    CFLAGS = "$(CFLAGS)", -- after the Makefile's own
    MODULE_FLAGS = "$(LIBFLAG)",
    LUA_INCDIR = "$(LUA_INCDIR)",
    LIBEV_INCDIR = "$(LIBEV_INCDIR)",
    LIBEV_LIBDIR = "$(LIBEV_LIBDIR)",
    CORE_LDFLAGS = "-Wl,-rpath,$(LIBEV_LIBDIR)", -- it is found at run time where it was found now
    DESTDIR = "",
    LUADIR = "$(LUADIR)",
    LIBDIR = "$(LIBDIR)",
    DOCDIR = "$(PREFIX)/doc", -- of the rock: `luarocks doc sidewire`
  },
}
