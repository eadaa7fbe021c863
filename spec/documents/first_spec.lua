-- docs/first.md: its program, and what it says of sending, waiting and leaving.

local sidewire = require "sidewire"
local Peer = require "spec.support.peer"
local Program = require "spec.support.program"
local files = require "spec.support.files"
local ports = require "spec.support.ports"
local util = require "spec.support.util"

local program, expected = files.read "docs/first.md":match "\n```lua\n(.-)\n```\n.-\n```\n(.-)```\n"

local function run(text)
  local dir = Peer.tempdir()
  finally(function() Peer.remove(dir) end)
  files.write(dir .. "/program.lua", text)
  return Program.check(dir .. "/program.lua")
end

describe("docs/first.md", function()
  before_each(util.begin)
  after_each(util.finish)

  it("has a program that prints what stands below it", function()
    local peer = Peer.start { mode = "echo" }
    local port = tostring(peer.port)
    assert.equal((expected:gsub("4000", port)), run((program:gsub("4000", port))))
  end)

  it("has the program of README.md", function()
    assert.equal((files.read "README.md":match "\n```lua\n(.-)\n```\n"), program)
  end)

  it("says which lines send refuses, and that they leave no trace", function()
    local client = sidewire.new()
    for _, line in ipairs { "hello\n", "hello\r" } do assert.equal("EFRAME", select(3, client:send(line))) end
    assert.equal(0, client:stats().accepted)
    assert.equal(1, client:send "hello")
  end)

  it("says where a last line without its end is", function()
    local peer = Peer.start { mode = "silent" }
    local client = util.connected(peer, { reconnect = false })
    local events = util.collect(client)
    peer:command("send " .. Peer.hex "one\ntwo")
    assert(util.wait_received(client, 7))
    peer:command "finish"
    assert.equal("two", assert(events:wait "disconnect")[4].partial)
    assert.same({ "one" }, events:all "message")
  end)

  it("says that wait returns at once as long as something is left", function()
    local client = util.connected(Peer.start { mode = "echo" })
    local events = util.collect(client)
    assert(events:wait "connect")
    assert(client:send "hello")
    for _ = 1, 1000 do assert.is_true(sidewire.wait(util.LONG)) end -- a minute each, if it slept
    sidewire.poll()
    assert.equal(1, events:count "message")
  end)

  it("says that an unread message keeps wait from sleeping until its client is closed", function()
    local client = util.connected(Peer.start { mode = "echo" })
    assert(client:send "hello")
    assert.equal("hello", client:receive(util.DEADLINE))
    assert(client:send "nobody reads this")
    assert(util.wait_received(client, #"hello\nnobody reads this\n"))
    for _ = 1, 100 do
      sidewire.poll()
      assert.is_true(sidewire.wait(util.LONG))
    end
    client:close(0)
    sidewire.poll()
    assert(util.poll_until(function() return select(3, sidewire.wait(0.001)) == "ETIMEDOUT" end))
  end)

  -- Its code with a text in it.
  local function code_with(text)
    for code in files.read("docs/first.md"):gmatch "\n```lua\n(.-)```\n" do
      if code:find(text, 1, true) then return code end
    end
    error("docs/first.md has no code with " .. text)
  end

  -- A program in its way to end, without a server.
  local function start_without_server(code)
    local dir = Peer.tempdir()
    finally(function()
      Program.stop_all()
      Peer.remove(dir)
    end)
    files.write(dir .. "/program.lua", ([[
      local sidewire = require "sidewire"
      local running = true
      local client = sidewire.new { host = "127.0.0.1", port = %d, linger = 0.1 }
      client:on("lost", function(_, first, last, fate) print("lost", first, last, fate) end)
      client:connect()
      client:send "a message"
    ]]):format(ports.closed()) .. code:gsub("while ", "io.stderr:write 'ready\\n' %0", 1))
    return Program.start(dir .. "/program.lua")
  end
  local LOSS = "lost\t1\t1\tunsent\n"

  it("has a way to leave that reports what could not be sent", function()
    assert.same({ LOSS, 0 }, { start_without_server(code_with "os.exit(0)"):finish() })
  end)

  it("has a way to leave at Ctrl-C", function()
    local running = start_without_server(code_with "interrupted!")
    running:wait_for "ready"
    running:signal "INT"
    assert.same({ "ready\n" .. LOSS, 0 }, { running:finish() })
  end)

  it("has a way to leave at SIGTERM", function()
    if not Program.has_library "luv" then return pending "luv is not installed for this Lua" end
    local running = start_without_server(code_with '"sigterm"')
    running:wait_for "ready"
    running:signal "TERM"
    assert.same({ "ready\n" .. LOSS, 0 }, { running:finish() })
  end)

  -- What a server reads of a program that sends for a second and more, and leaves.
  local function leave(text, command)
    local dir = Peer.tempdir()
    finally(function() Peer.remove(dir) end)
    local peer = Peer.start { mode = "sink", record = dir }
    if command then peer:command(command) end
    files.write(dir .. "/program.lua", ([[
      local sidewire = require "sidewire"
      local client = sidewire.new { host = "127.0.0.1", port = %d, queue_limit = 2 ^ 26, linger = %d }
      client:connect()
      assert(client:wait("connected", %d))
      for _ = 1, 500000 do assert(client:send(("x"):rep(63))) end
    ]]):format(peer.port, util.LONG, util.LONG) .. text)
    Program.check(dir .. "/program.lua")
    if command then peer:command(command:gsub("on", "off")) end
    assert(peer:wait_connections(0, util.DEADLINE))
    return #Peer.streams(dir)[1].data
  end
  local ALL = 500000 * 64

  it("says that the end of a script delivers what is queued, and stop before os.exit", function()
    assert.equal(ALL, leave "client:close()")
    assert.equal(ALL, leave "client:close() sidewire.stop() os.exit(0)")
  end)

  it("says that os.exit after close loses what is queued", function()
    assert(leave("client:close() os.exit(0)", "stall on") < ALL)
  end)
end)

describe("the reference", function()
  before_each(util.begin)
  after_each(util.finish)

  it("says what may be called after close", function()
    local client = sidewire.new { host = "127.0.0.1", port = 4000, framing = "raw", retain = "none" }
    client:close()
    for name in ("state is_connected pending stats get_server get_reconnect close poll flush"):gmatch "%S+" do
      assert.not_equal("ECLOSED", (select(3, client[name](client))), name)
    end
    assert.equal(client, client:on("close", print))
    assert.is_true(client:wait "disconnected")
    for name, argument in pairs {
      send = "x", send_once = "x", write = "x", connect = false, disconnect = false, shutdown = false,
      set_reconnect = 1, set_greeting = "x", receive = false, read = "l", set_framing = "line", unfinished = false,
      wait = "connected",
    } do
      assert.equal("ECLOSED", select(3, client[name](client, argument or nil)), name)
    end
    assert.equal("ECLOSED", select(3, client:set_server("127.0.0.1", 4001)))
  end)

  it("says that connect tries now while the client waits, and that this attempt does not count", function()
    local peer = util.refusing_peer()
    local client = sidewire.new {
      host = peer.host, port = peer.port, reconnect = { delay = util.LONG, factor = 2, max = 1000, jitter = false },
    }
    local events = util.collect(client)
    assert(client:connect())
    assert(events:wait("retry", 1))
    assert(client:connect())
    local second = assert(events:wait("retry", 2))
    assert.same({ 2, util.LONG }, { second[2], second[3] })
    client:close(0)
  end)

  it("says what `written` tells in unfinished()", function()
    local client = sidewire.new { host = "127.0.0.1", port = 4000 }
    client:send "a message"
    client:write "bytes\n"
    local seen = {}
    for id, message, written in assert(client:unfinished()) do seen[id] = { message, written } end
    assert.same({ { "a message", false }, { "bytes\n", true } }, seen)
    client:close(0)
  end)
end)
