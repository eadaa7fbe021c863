-- Every program in examples/: how it says what it needs, and what is wrong. The exit status is 0 for --help, 2 for
-- arguments that it cannot take, and 1 when it fails.

local Program = require "spec.support.program"
local build = require "spec.support.build"
local engine = require "spec.support.engine"
local files = require "spec.support.files"
local ports = require "spec.support.ports"
local shell = require "spec.support.shell"
local util = require "spec.support.util"

local REFUSED = "cannot connect to 127%.0%.0%.1 port %d+: connection refused"

-- The program's arguments, of which PORT is a port at which nobody listens, and:
--   library   without which only its usage can be tried
--   optional  it needs no argument
--   wrong     more arguments that it cannot take, beside a word that is none of its own
--   says      what it prints then; nil: it has no server
--   goes_on   it waits for a server that is away, until it is interrupted
local PROGRAMS = {
  ["connect.lua"] = { { "tcp://127.0.0.1:PORT" }, says = REFUSED, wrong = { { "127.0.0.1" }, { "--bind", "lan" } } },
  ["demo.lua"] = { {}, optional = true, library = "socket", wrong = { { "0", "1" } } },
  ["echo.lua"] = { { "127.0.0.1", "PORT" }, says = REFUSED },
  ["frame_loop.lua"] = { { "127.0.0.1", "PORT", "1" }, says = "1 s  %a+ .*connection refused", library = "socket" },
  ["http.lua"] = { { "http://127.0.0.1:PORT/" }, says = REFUSED, wrong = { { "http://127.0.0.1:99999/" } } },
  ["memcached.lua"] = { { "127.0.0.1", "PORT" }, says = REFUSED },
  ["mqtt.lua"] = { { "127.0.0.1", "PORT", "me", "news", "publish", "1" }, says = REFUSED,
    wrong = { { "127.0.0.1", "1883", "me", "news", "publish", "1", "0", "user" } } },
  ["postgresql.lua"] = { { "127.0.0.1", "PORT", "me", "secret" }, says = REFUSED, library = "openssl.kdf" },
  ["redis.lua"] = { { "127.0.0.1", "PORT", "secret" }, says = REFUSED },
  ["ship.lua"] = { { "LICENSE", "127.0.0.1", "PORT" }, says = REFUSED, goes_on = true,
    wrong = { { "LICENSE", "127.0.0.1", "4000", "--framing", "utf8" } } },
  ["ship/receiver.lua"] = { { ".", "PORT", "192.0.2.7" }, says = "cannot listen on 192%.0%.2%.7 port %d+: ",
    library = "socket", wrong = { { "no_such_folder", "PORT" }, { "LICENSE", "PORT" } } },
  ["loops/cqueues.lua"] = { { "127.0.0.1", "PORT", "1" }, says = REFUSED, library = "cqueues" },
  ["loops/glib.lua"] = { { "127.0.0.1", "PORT", "1" }, says = REFUSED, library = "lgi" },
  ["loops/luv.lua"] = { { "127.0.0.1", "PORT", "1" }, says = REFUSED, library = "luv" },
  ["hosts/tarantool/feed.lua"] = { { "127.0.0.1", "PORT" }, library = "fiber" }, -- in Tarantool only
  ["loops/select.lua"] = { { "127.0.0.1", "PORT", "1" }, says = REFUSED, library = "socket" },
}

local function with_port(arguments, port)
  local all = {}
  for i, argument in ipairs(arguments) do all[i] = argument:gsub("PORT", tostring(port)) end
  return engine.unpack(all)
end

-- The same arguments, with another host: one that is no host's name.
local function with_host(arguments)
  local all, count = {}, 0
  for i, argument in ipairs(arguments) do
    local replaced
    all[i], replaced = argument:gsub("127%.0%.0%.1", "no_%%_host")
    count = count + replaced
  end
  return count > 0 and all or nil
end

for name, row in pairs(PROGRAMS) do
  describe("examples/" .. name, function()
    local path = "examples/" .. name
    before_each(util.begin)
    after_each(Program.finish_all)

    local function is_missing()
      return row.library and not Program.has_library(row.library) and row.library .. " is not installed for this Lua"
    end

    it("says how it is used", function()
      local output, status = Program.run(path, "--help")
      assert.equal(0, status, output)
      assert.matches("^usage: %a+ [^\n]*" .. name:match "[^/]+$" .. "[^\n]+\n$", output)
    end)

    it("says it for arguments that it cannot take", function()
      local usage = Program.run(path, "--help")
      local wrong = { engine.unpack(row.wrong or {}) }
      wrong[#wrong + 1] = { "--no-such-thing" }
      if not row.optional then wrong[#wrong + 1] = {} end
      if row.says == REFUSED then wrong[#wrong + 1] = with_host(row[1]) end
      for _, arguments in ipairs(wrong) do
        if not (is_missing() and #arguments == #row[1]) then
          local output, status = Program.run(path, with_port(arguments, 4000))
          assert.equal(2, status, output)
          assert(output:find(usage, 1, true), output)
        end
      end
    end)

    if not row.says then return end

    it("says that its server is not there", function()
      local reason = is_missing()
      if reason then return pending(reason) end
      local program = Program.start(path, with_port(row[1], ports.closed()))
      if row.goes_on then
        program:wait_for "connection refused"
        program:signal "INT"
      end
      local output, status = program:finish()
      assert.equal(1, status, output)
      assert.matches(row.says, output)
      assert.falsy(output:find("traceback", 1, true), output)
    end)
  end)
end

describe("an example in a host that gives it no arguments", function()
  before_each(util.begin)
  after_each(Program.finish_all)

  for path, sentence in pairs {
    ["examples/hosts/tshark/ship.lua"] = "host and port are missing: -X lua_script1:127.0.0.1 -X lua_script1:4000",
    ["examples/hosts/haproxy/gate.lua"] = "GATE_HOST and GATE_PORT are not both set",
  } do
    it("says what is missing: " .. path, function()
      local output, status = Program.run(path)
      assert.equal(1, status, output)
      assert(output:find(sentence, 1, true), output)
    end)
  end
end)

describe("examples/embed.c", function()
  local function embed(arguments)
    return shell.run(("timeout 60 tools/run %s %s/examples/embed %s"):format(build.KIND, build.PATH, arguments))
  end

  it("says how it is used", function()
    assert.same({ "usage: embed SCRIPT HOST PORT [FRAMES]\n", 0 }, { embed "--help" })
    for _, arguments in ipairs { "", "x.lua 127.0.0.1", "x.lua 127.0.0.1 port", "x.lua 127.0.0.1 0",
      "x.lua 127.0.0.1 4000 many", "x.lua 127.0.0.1 4000 60 more" } do
      assert.same({ "usage: embed SCRIPT HOST PORT [FRAMES]\n", 2 }, { embed(arguments) })
    end
  end)

  it("says what is wrong with the script", function()
    local said, status = embed "no-such-script.lua 127.0.0.1 4000"
    assert.equal(1, status, said)
    assert.matches("^embed: [^\n]*no%-such%-script%.lua", said)
  end)
end)

describe("the table of these programs", function()
  it("has all that examples/ has", function()
    local found = shell.output "grep -l '\\<arg\\>\\[\\|(arg)' examples/*.lua examples/ship/*.lua examples/loops/*.lua"
    assert(#files.lines_of(found) >= 15, found)
    for _, path in ipairs(files.lines_of(found)) do
      assert(PROGRAMS[path:match "^examples/(.*)$"] or path == "examples/ship/options.lua", path)
    end
  end)
end)
