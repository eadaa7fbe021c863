-- sidewire in Tarantool (LuaJIT), which exports a libev of its own.

local Peer = require "spec.support.peer"
local files = require "spec.support.files"
local hosts = require "spec.support.hosts"
local shell = require "spec.support.shell"

-- Runs the example, puts tuples in, and waits until all have come back.
local TEST = [[
local feed = dofile "feed.lua"
local fiber = require "fiber"
for number = 1, 1000 do feed.orders:replace { number, "order " .. number } end
local deadline = fiber.time() + 60
while feed.answers:len() < 1000 do
  assert(fiber.time() < deadline, feed.answers:len() .. " answers")
  fiber.sleep(0.01)
end
assert(feed.answers:get(1000)[2] == "order 1000")
feed.client:close()
assert(require "sidewire.core".stop(10))
print "1000 answers"
os.exit(0)
]]

describe("Tarantool", function()
  local missing = hosts.missing("luajit", "tarantool")
  if missing then return pending(missing) end

  local dir

  -- Runs a program where the example is, with the module of a folder.
  local function run(program, folder, ...)
    files.write(dir .. "/program.lua", program)
    local command = ("sh -c 'cd %s && LUA_CPATH=\"%s/?.so;;\" exec tarantool program.lua %s'"):format(dir, folder,
      table.concat({ ... }, " "))
    return hosts.start(command):finish()
  end

  before_each(function() dir = hosts.copy_example("tarantool", "luajit") end)

  after_each(hosts.finish)

  it("refuses the plain module, and says what to build", function()
    local output, status = run([[
      local ok, why = pcall(require, "sidewire.core")
      print(why)
      os.exit(ok and 1 or 0)
    ]], dir)
    assert.equal(0, status, output)
    assert.matches("^sidewire: this process has libev 4%.%d+, and sidewire was built for libev 4%.%d+: ", output)
    assert.matches("use the file that `make bundle LUA=luajit` builds, build/bundle%-luajit/sidewire/core%.so", output)
  end)

  it("ships what is put into a space, and what comes back, with the bundle", function()
    local said = shell.run "tools/libev >/dev/null"
    if said ~= "" then return pending("the bundle needs libev's source: " .. said:match "[^\n]*") end
    hosts.bundle("luajit", dir .. "/bundle")
    shell.execute(("rm -r %s/sidewire"):format(dir)) -- Tarantool looks into its working directory first
    local peer = Peer.start { mode = "echo" }
    local output, status = run(TEST, dir .. "/bundle", peer.host, peer.port)
    assert.equal(0, status, output)
    assert.matches("1000 answers\n$", output)
  end)
end)
