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

--- Seconds that a wait takes at most when nothing else is said.
build.DEADLINE = build.is_sanitized and 60 or 20

--- The first when built plainly, the second under a sanitizer.
function build.choose(plain, sanitized)
  if build.is_sanitized then return sanitized end
  return plain
end

return build
