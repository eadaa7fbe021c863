local lfs = require "lfs"
local core = require "sidewire.core"
local sidewire = require "sidewire"
local build = require "spec.support.build"
local ini = require "spec.support.ini"
local shell = require "spec.support.shell"
local util = require "spec.support.util"

local settings = sidewire.settings
local assert_failure, assert_raises, names_in, write = ini.assert_failure, ini.assert_raises, ini.names_in, ini.write
local read = ini.read

local path, folder

local function begin()
  path, folder = ini.begin()
end

describe("a client with settings", function()
  before_each(begin)
  after_each(ini.finish)

  local function new(options)
    options = options or {}
    options.settings = path
    return assert(sidewire.new(options))
  end

  local function server(client)
    local host, port = client:get_server()
    return { host, port }
  end

  it("without a file begins as one without settings, and makes none", function()
    local client = new()
    assert.same({}, server(client))
    assert.same(core.new():get_reconnect(), client:get_reconnect())
    assert.same({}, names_in(folder))
  end)

  it("begins with what the file says", function()
    write "host = a.b\nport = 7\nreconnect = 2.5\n"
    local client = new()
    assert.same({ "a.b", 7 }, server(client))
    assert.same(core.new({ reconnect = 2.5 }):get_reconnect(), client:get_reconnect())
    write "reconnect = off"
    assert.is_false(new():get_reconnect())
  end)

  it("explicit options beat the file, and are saved; the others of the file stay", function()
    write "host = a ; home\nport = 7\nreconnect = 2.5\n"
    assert.same({ "b", 7 }, server(new { host = "b" }))
    assert.equal("host = b ; home\nport = 7\nreconnect = 2.5\n", read())
    local client = new { port = 8, reconnect = false }
    assert.same({ "b", 8 }, server(client))
    assert.is_false(client:get_reconnect())
    assert.equal("host = b ; home\nport = 8\nreconnect = off\n", read())
    assert.same({ "b", 8 }, server(new()))
  end)

  it("leaves the table of options alone, which serves again", function()
    write "host = a\n"
    local options = { settings = path, port = 7, framing = "raw" }
    for _ = 1, 2 do assert(sidewire.new(options)) end
    assert.same({ settings = path, port = 7, framing = "raw" }, options)
  end)

  it("set_server saves, and the next start finds it", function()
    assert.is_true(new():set_server("c.d", 9))
    assert.equal("host = c.d\nport = 9\n", read())
    assert.same({ "c.d", 9 }, server(new()))
  end)

  it("set_server saves several servers as one key, which then counts", function()
    local urls = { "tcp://c.d:9", "tcp://[::1]:10" }
    write "host = a\nport = 7\n"
    assert.is_true(new():set_server(urls))
    assert.equal("host = a\nport = 7\nserver = tcp://c.d:9 tcp://[::1]:10\n", read())
    assert.same(urls, sidewire.check_options { server = settings.load(path).server }.server)
    local client = new()
    assert.same({ "c.d", 9 }, server(client))
    assert.is_true(client:set_server("::2", 5))
    assert.equal("host = a\nport = 7\nserver = tcp://[::2]:5\n", read())
    assert.same({ "::2", 5 }, server(new()))
  end)

  it("an explicit server beats the file's, whichever way either is given", function()
    write "host = a\nport = 7\n"
    assert.same({ "c", 9 }, server(new { server = "tcp://c:9" }))
    assert.equal("host = a\nport = 7\nserver = tcp://c:9\n", read())
    assert.same({ "d", 10 }, server(new { host = "d", port = 10 }))
    assert.equal("host = a\nport = 7\nserver = tcp://d:10\n", read())
    assert_failure("ESETTINGS", "it has the key server: ", sidewire.new { settings = path, host = "e" })
  end)

  it("set_reconnect saves the policy in force", function()
    local client = new()
    local steps = { { false, "off" }, { 5, "5" }, { false, "off" }, { true, "5" }, { { delay = 1 }, "on" },
      { 0.25, "0.25" } }
    for _, step in ipairs(steps) do
      assert.is_true(client:set_reconnect(step[1]))
      assert.equal(("reconnect = %s\n"):format(step[2]), read())
    end
    assert.same(client:get_reconnect(), new():get_reconnect())
  end)

  it("connect saves the host and the port that it is given", function()
    local client = new { reconnect = false }
    assert.is_true(client:connect("127.0.0.1", 1))
    assert.equal("reconnect = off\nhost = 127.0.0.1\nport = 1\n", read())
    assert.is_true(client:connect(nil, 2))
    assert.equal("reconnect = off\nhost = 127.0.0.1\nport = 2\n", read())
    write "port = 99\n"
    assert.is_true(client:connect())
    assert.equal("port = 99\n", read())
  end)

  it("saves from a handler, and sends and receives as any other", function()
    local peer = require("spec.support.peer").start { mode = "echo" }
    local client = new { host = peer.host, port = peer.port }
    client:on("connect", function(self) self:set_reconnect(3) end)
    local events = util.collect(client, "message")
    client:connect()
    client:send "hello"
    assert(events:wait "message")
    assert.same({ "hello" }, events:all "message")
    assert.equal(3, settings.load(path).reconnect)
  end)

  it("keeps hand edits that were made while it ran", function()
    local client = new { host = "a", port = 1 }
    write "# mine\nuser = me\nHOST='b' # there\n"
    assert.is_true(client:set_reconnect(false))
    assert.equal("# mine\nuser = me\nHOST='b' # there\nreconnect = off\n", read())
    assert.is_true(client:set_server("c", 2))
    write "host = d"
    assert.is_true(client:set_reconnect(true))
    assert.equal("host = d\nreconnect = on", read())
  end)

  it("a refused call saves nothing", function()
    write "host = a\n"
    local client = new()
    assert.is_false((pcall(client.set_server, client, "x y", 1)))
    assert.is_false((pcall(client.set_server, client, "x")))
    assert.is_false((pcall(client.set_reconnect, client, "x")))
    assert.is_false((pcall(client.connect, client, "b", 0)))
    assert.is_true(client:close())
    assert_failure("ECLOSED", "closed", client:set_server("b", 1))
    assert_failure("ECLOSED", "closed", client:set_reconnect(1))
    assert_failure("ECLOSED", "closed", client:connect("b", 1))
    assert.equal("host = a\n", read())
  end)

  it("a save that fails is told, what was set stays set, and is saved with the next one", function()
    local client = new { reconnect = false }
    assert(os.remove(path))
    assert(lfs.mkdir(path))
    assert_failure("EISDIR", "done, but not saved: cannot read " .. path, client:set_server("127.0.0.1", 1))
    assert.same({ "127.0.0.1", 1 }, server(client))
    assert_failure("EISDIR", "done, but not saved: ", client:set_reconnect(7))
    assert.equal(7, client:get_reconnect().delay)
    assert_failure("EISDIR", "done, but not saved: ", client:connect("127.0.0.1", 2))
    assert.not_equal("idle", client:state())
    assert.is_true(client:connect()) -- nothing to save, nothing said
    assert(lfs.rmdir(path))
    assert.is_true(client:set_reconnect(8))
    assert.equal("host = 127.0.0.1\nport = 2\nreconnect = 8\n", read())
  end)

  it("a file that was broken while it ran is left alone, and told", function()
    local client = new { host = "a" }
    write "host\n"
    assert_failure("ESETTINGS", "done, but not saved: " .. path .. ", line 1: ", client:set_server("b", 1))
    assert.equal("host\n", read())
    assert.same({ "b", 1 }, server(client))
  end)

  it("what new could not save makes no client, and no event of one", function()
    local closed = 0
    assert_failure("ENOENT", "cannot write", sidewire.new { settings = folder .. "/none/x.ini", port = 1,
      on = { close = function() closed = closed + 1 end } })
    assert(sidewire.stop())
    sidewire.poll()
    assert.equal(0, closed)
  end)

  it("clients can share a file, and clients without settings write none", function()
    local one, two, none = new { host = "a" }, new(), sidewire.new { host = "z", port = 1 }
    assert.is_true(one:set_server("b", 2))
    assert.is_true(two:set_reconnect(4))
    assert.is_true(none:set_server("y", 3))
    assert.is_true(none:set_reconnect(5))
    assert.is_true(core.new():set_server("x", 4))
    assert.equal("host = b\nport = 2\nreconnect = 4\n", read())
    assert.same({ "net.ini" }, names_in(folder))
  end)

  it("is collected as any other", function()
    local weak = setmetatable({ new { host = "a" } }, { __mode = "v" })
    collectgarbage()
    collectgarbage()
    assert.is_nil(weak[1])
  end)

  it("raises for misuse as any other: nothing is saved, and the caller's line is named", function()
    write "host = a\n"
    local client = new()
    local here, message
    local function say(f) return select(2, pcall(f)) end
    local function next_line()
      return ("spec/settings/client_spec.lua:%d: "):format(debug.getinfo(2, "l").currentline + 1)
    end
    here = next_line()
    message = say(function() local c = sidewire.new { settings = path, port = 0 } return c end)
    assert.equal(here .. "sidewire.new: port must be a whole number, 1..65535, got 0", message)
    here = next_line()
    message = say(function() local c = sidewire.new { prot = 0 } return c end)
    assert.equal(here .. "sidewire.new: unknown option 'prot'", message:match "^.*prot'")
    assert(message:find(", on, settings)", 1, true), message)
    here = next_line()
    message = say(function() client:set_server("x y", 1) end)
    assert.equal(here .. "client:set_server: invalid host name 'x y': it holds a space", message)
    here = next_line()
    message = say(function() client.connect(5) end)
    assert.equal(here .. "client:connect: call it with a colon, client:connect(...): the first argument must be the "
      .. "client, got 5", message)
    assert.equal("host = a\n", read())
  end)
end)

describe("the module sidewire", function()
  before_each(util.begin)
  after_each(util.finish)

  it("has everything of sidewire.core, and settings and another new and check_options", function()
    for name, value in pairs(core) do
      if name ~= "new" and name ~= "check_options" then assert.equal(value, sidewire[name]) end
    end
    for name in pairs(sidewire) do assert(name == "settings" or core[name], name) end
    assert.is_nil(core.settings)
  end)

  it("leaves sidewire.core unaware of settings", function()
    assert_raises({ "unknown option 'settings'" }, core.new, { settings = "net.ini" })
  end)

  it("returns one value where the core does", function()
    assert.equal(1, select("#", sidewire.new { host = "127.0.0.1", port = 1 }))
    local name = os.tmpname()
    local client = sidewire.new { settings = name }
    assert.equal(1, select("#", client:set_reconnect(false)))
    assert(os.remove(name))
    assert.equal(1, select("#", sidewire.new():set_reconnect(false)))
    assert.equal(1, select("#", sidewire.new():set_server("a", 1)))
  end)

  -- Runs a file of spec/settings/scripts in a fresh interpreter, where no client with settings was made yet. Returns
  -- what it printed.
  local function run(name)
    return (shell.run(("%s spec/settings/scripts/%s.lua"):format(build.LUA, name)))
  end

  it("replaces no method, however often the module is loaded again", function()
    assert.equal("same\n", run "loads_again")
  end)

  it("writes numbers with a point whatever the locale", function()
    assert.equal("2.5\n", run "saves_in_a_locale")
  end)
end)
