--- What is tested: the build that tools/run names, and what it asks of specs. Uses no other module, so that what specs
-- run in other processes can have it too.

local build = { PATH = os.getenv "SIDEWIRE_BUILD" or "build/release" }

--- release, asan, release-faults, ...
build.KIND = build.PATH:match "[^/]+$"

--- The command for a Lua interpreter that finds this build.
build.LUA = os.getenv "SIDEWIRE_LUA" or "tools/run release lua"

--- The interpreter alone, without a sanitizer, and the version of Lua that it is: 5.1 to 5.5 or luajit.
build.PROGRAM = os.getenv "SIDEWIRE_PROGRAM" or "lua5.4"
build.ENGINE = os.getenv "SIDEWIRE_ENGINE" or "5.4"

--- Built with a sanitizer? Then everything is some ten times slower: choose smaller amounts.
build.is_sanitized = build.PATH:find "[at]san" ~= nil

--- Built with FALLBACKS=1, as for a system that has nothing which only some systems have (src/base/platform.h)?
build.has_fallbacks = build.KIND:find("-fallbacks", 1, true) ~= nil

--- The modes of retain that this build takes.
build.RETAINS = { "none", "unsent", "unacked", "unconfirmed" }
if build.has_fallbacks then table.remove(build.RETAINS, 3) end

-- What a build with FALLBACKS=1 cannot do, and a spec may need.
local MISSING = {
  acks = "this build does not count acknowledgements, and takes neither \"unacked\" nor acked handlers (FALLBACKS=1)",
  epoll = "this build waits by poll(2), not by epoll (FALLBACKS=1)",
  eventfd = "this build wakes threads through pipes, not by eventfd(2) (FALLBACKS=1)",
}

--- Skips the rest of a test, loudly, when this build lacks what it needs, a name of MISSING. All exceptions of builds
-- with FALLBACKS=1 are calls of this function.
-- @param pending the test's own, which busted gives only to files of tests
function build.needs(what, pending)
  local why = assert(MISSING[what], what)
  if build.has_fallbacks then pending(why) end
end

--- Seconds that a wait takes at most when nothing else is said.
build.DEADLINE = build.is_sanitized and 60 or 20

--- The first when built plainly, the second under a sanitizer.
function build.choose(plain, sanitized)
  if build.is_sanitized then return sanitized end
  return plain
end

return build
