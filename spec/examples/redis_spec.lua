-- examples/redis.lua against a real redis-server, and against a peer that cuts a reply.

local sidewire = require "sidewire"
local engine = require "spec.support.engine"
local Peer = require "spec.support.peer"
local Program = require "spec.support.program"
local Server = require "spec.support.server"
local util = require "spec.support.util"

local PASSWORD = "secret"
local COUNT = util.choose(100000, 3000)
local ATTEMPTS = 5 -- to restart the server while the program counts; one is nearly always enough

describe("examples/redis.lua", function()
  before_each(util.begin)
  after_each(Program.finish_all)

  it("says how it is called", function()
    for _, arguments in ipairs { { "127.0.0.1", "4000" }, { "127.0.0.1", "4000", "x", "many" } } do
      local output, status = Program.run("examples/redis.lua", engine.unpack(arguments))
      assert.same({ "usage: lua redis.lua HOST PORT PASSWORD [COUNT [BYTES]]\n", 2 }, { output, status })
    end
  end)

  it("tells of a reply that is cut, and sends what has no answer again where that does no harm", function()
    local peer = Peer.start { mode = "sink" }
    local program = Program.start("examples/redis.lua", peer.host, peer.port, PASSWORD, 2, 8)
    local function send(command, text)
      peer:command(command .. " " .. text:gsub(".", function(c) return ("%02x"):format(c:byte()) end))
    end
    local login = "%1\r\n+proto\r\n:3\r\n>3\r\n+subscribe\r\n+news\r\n:1\r\n"
    assert(peer:wait_bytes(100, util.DEADLINE))
    send("send-finish", login .. ":1\r\n:2\r\n+OK\r\n$8\r\n\r\n$5")
    assert(peer:wait_accepted(2, util.DEADLINE))
    send("send", login .. "$8\r\n\r\n$5\r\n\0\255\r\n>3\r\n+message\r\n+news\r\n+bye\r\n")
    local output, status = program:finish()
    assert.equal(0, status, output)
    assert.matches("port %d+ ended: .*\ncounted: 2 replies, 0 errors, 0 unknown\nnews: bye\n$", output)
  end)

  it("sends again what the server refuses while it reads its file", function()
    local peer = Peer.start { mode = "sink" }
    local program = Program.start("examples/redis.lua", peer.host, peer.port, PASSWORD, 2, 8)
    assert(peer:wait_bytes(100, util.DEADLINE))
    peer:command("send-finish " .. Peer.hex("%1\r\n+proto\r\n:3\r\n>3\r\n+subscribe\r\n+news\r\n:1\r\n"
      .. "-LOADING Redis is loading\r\n:1\r\n+OK\r\n:2\r\n$8\r\n\r\n$5\r\n\0\255\r\n"
      .. ">3\r\n+message\r\n+news\r\n+bye\r\n"))
    local output, status = program:finish()
    assert.equal(0, status, output)
    assert.equal("counted: 2 replies, 0 errors, 0 unknown\nnews: bye\n", output)
  end)

  if not Server.find "redis-server" then
    print "NOT TESTED: examples/redis.lua with a server: `make setup` installs redis-server"
    pending "redis-server is not installed"
    return
  end

  local function start_server()
    local server = Server.new("redis-server", function(server)
      return ("--port %d --bind 127.0.0.1 --dir %s --save '' --appendonly yes --appendfsync no"):format(server.port,
        server.dir) .. " --requirepass " .. PASSWORD
    end)
    server:start()
    server:wait_until_listening()
    return server
  end

  -- Asks the server once; nil when there is no answer.
  local function ask(server, ...)
    local client = sidewire.new { host = server.host, port = server.port, framing = "resp", reconnect = false,
      greeting = sidewire.resp.encode("AUTH", PASSWORD) }
    client:connect()
    client:send(sidewire.resp.encode(...))
    client:receive(util.DEADLINE)
    local bytes = client:receive(util.DEADLINE)
    client:close()
    return bytes and sidewire.resp.decode(bytes)
  end

  it("counts, stores a megabyte of binary data, and hears of news", function()
    local server = start_server()
    local output, status = Program.run("examples/redis.lua", server.host, server.port, PASSWORD)
    assert.same({ "counted: 1000 replies, 0 errors, 0 unknown\nnews: 1048576 bytes are back\n", 0 }, { output, status })
    assert.equal("1000", ask(server, "GET", "counter"))
  end)

  it("says that a password is wrong", function()
    local server = start_server()
    local output, status = Program.run("examples/redis.lua", server.host, server.port, "wrong")
    assert.equal(1, status, output)
    assert.matches("the login is refused: WRONGPASS [^\n]*\n$", output)
  end)

  it("receives a reply of 16 MiB", function()
    local server = start_server()
    local output, status = Program.run("examples/redis.lua", server.host, server.port, PASSWORD, 1, 2 ^ 24)
    assert.equal(0, status, output)
    assert.matches("news: 16777216 bytes are back\n$", output)
  end)

  -- True if the server was restarted while the program counted. Then no reply is missing but those that are unknown.
  local function restart_in_the_middle()
    local server = start_server()
    local program = Program.start("examples/redis.lua", server.host, server.port, PASSWORD, COUNT)
    util.wait_until(function() return (tonumber(ask(server, "GET", "counter")) or 0) > COUNT / 100 end)
    server:kill "TERM"
    server:start()
    local output, status = program:finish()
    assert.equal(0, status, output)
    local replies, errors, unknown = output:match "counted: (%d+) replies, (%d+) errors, (%d+) unknown\n"
    assert.equal(COUNT, replies + errors + unknown)
    local counted
    util.wait_until(function()
      counted = tonumber(ask(server, "GET", "counter"))
      return counted
    end)
    assert(counted >= tonumber(replies) and counted <= replies + unknown, output .. counted)
    assert.matches("news: 1048576 bytes are back\n$", output)
    return tonumber(unknown) > 0
  end

  it(("outlasts a restart of the server in %d commands"):format(COUNT), function()
    for _ = 1, ATTEMPTS do
      if restart_in_the_middle() then return end
    end
    error "the server was never restarted in the middle"
  end)
end)
