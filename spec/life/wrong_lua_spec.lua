-- A module that was built for another Lua raises an error that a user can act on. Each pair of a build and an
-- interpreter is tried that this machine has: `make test-all` builds for each Lua.

local build = require "spec.support.build"
local shell = require "spec.support.shell"

local VERSIONS = { "5.1", "5.2", "5.3", "5.4", "5.5", "luajit" }

-- The file that `make LUA=version` builds, or nil.
local function module_of(version)
  local path = ("build/release-%s/sidewire/core.so"):format(version)
  local file = io.open(path)
  if file then file:close() end
  return file and path
end

local function program_of(version)
  local name = shell.run("env -u LUA_BIN tools/engine program " .. version)
  return name:match "%S+"
end

local function name_of(version) return version == "luajit" and "LuaJIT" or "Lua " .. version end

-- 5.1 and LuaJIT have the same C interface.
local function interface_of(version) return version == "luajit" and "5.1" or version end

local LOADING = "local load = package.loadlib('%s', 'luaopen_sidewire_core') print(pcall(load))"

-- What the interpreter says that loads the file: "true", or "false" and the error.
local function loaded(program, path)
  return (shell.run(('%s -e "%s" 2>&1'):format(program, LOADING:format(path))))
end

describe("a module for another Lua", function()
  for _, built in ipairs(VERSIONS) do
    for _, running in ipairs(VERSIONS) do
      it(("says what it is and what to use [F80]: built for %s, loaded by %s"):format(built, running), function()
        local path, program = module_of(built), program_of(running)
        if not path or not program then
          pending(path and "no interpreter of " .. name_of(running) or "no build of make LUA=" .. built)
          return
        end
        local said = loaded(program, path)
        if interface_of(built) == interface_of(running) then
          assert.equal("true", said:match "^%a+")
          return
        end
        assert.equal("false", said:match "^%a+")
        for _, part in ipairs {
          path .. " was built for Lua " .. interface_of(built) .. ", and this is " .. name_of(running) .. ":",
          "make LUA=" .. running, "build/release-" .. running .. "/sidewire/core.so",
        } do
          assert(said:find(part, 1, true), said)
        end
      end)
    end
  end

  it("is not loaded, but does not crash, where there is no Lua [F80]", function()
    local path = build.PATH .. "/sidewire/core.so"
    local said, status = shell.run(("LD_BIND_NOW=1 LD_PRELOAD=%s env true"):format(path))
    assert(status ~= 0 and said:find("undefined symbol: lua_", 1, true), said)
  end)
end)
