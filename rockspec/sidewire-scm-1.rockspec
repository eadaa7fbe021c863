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
dependencies = { "lua >= 5.4, < 5.5" }
external_dependencies = {
  LIBEV = { header = "ev.h", library = "ev" },
}
build = {
  type = "builtin",
  modules = {
    ["sidewire"] = "lua/sidewire/init.lua",
    ["sidewire.settings"] = "lua/sidewire/settings.lua",
    ["sidewire.settings_text"] = "lua/sidewire/settings_text.lua",
    ["sidewire.core"] = {
      sources = {
        "src/base/address.c",
        "src/base/backoff.c",
        "src/base/error.c",
        "src/base/options.c",
        "src/base/server.c",
        "src/buffer/cursor.c",
        "src/buffer/page.c",
        "src/buffer/pool.c",
        "src/channel/channel.c",
        "src/channel/command.c",
        "src/channel/engine.c",
        "src/channel/greeting.c",
        "src/channel/host_end.c",
        "src/channel/inbox.c",
        "src/channel/lock.c",
        "src/channel/loop_end.c",
        "src/channel/outbox.c",
        "src/channel/thread.c",
        "src/channel/waker.c",
        "src/codec/codec.c",
        "src/host/check.c",
        "src/host/client.c",
        "src/host/closing.c",
        "src/host/command.c",
        "src/host/event.c",
        "src/host/events.c",
        "src/host/greeting.c",
        "src/host/handle.c",
        "src/host/host.c",
        "src/host/inflow.c",
        "src/host/inspect.c",
        "src/host/pin.c",
        "src/host/module.c",
        "src/host/options.c",
        "src/host/policy.c",
        "src/host/poll.c",
        "src/host/record.c",
        "src/host/saver.c",
        "src/host/send.c",
        "src/host/unfinished.c",
        "src/host/unfit.c",
        "src/host/usable.c",
        "src/host/wait.c",
        "src/host/waiting.c",
        "src/loop/assembly.c",
        "src/loop/closing.c",
        "src/loop/conn.c",
        "src/loop/dialer.c",
        "src/loop/greeting.c",
        "src/loop/loop.c",
        "src/loop/next.c",
        "src/loop/plain.c",
        "src/loop/progress.c",
        "src/loop/reactor.c",
        "src/loop/resolver.c",
        "src/loop/rx.c",
        "src/loop/sendq.c",
        "src/loop/socket.c",
        "src/loop/stream.c",
        "src/loop/tx.c",
        "src/loop/written.c",
        "src/sidewire.c",
      },
      defines = { "NDEBUG" },
      incdirs = { "src", "$(LIBEV_INCDIR)" },
      libdirs = { "$(LIBEV_LIBDIR)" },
      libraries = { "ev", "m", "pthread" },
    },
  },
  platforms = {
    linux = {
      modules = {
        ["sidewire.core"] = { defines = { "NDEBUG", "_DEFAULT_SOURCE", "_POSIX_C_SOURCE=200809L" } },
      },
    },
  },
}
