-- docs/delivery.md: its programs, and what it says of ids, replies, send_once and leaving.

local sidewire = require "sidewire"
local Peer = require "spec.support.peer"
local Program = require "spec.support.program"
local Server = require "spec.support.server"
local engine = require "spec.support.engine"
local files = require "spec.support.files"
local util = require "spec.support.util"

local PAGE = files.read "docs/delivery.md"

-- The first program under a heading.
local function program_of(heading)
  return assert(PAGE:match("\n##+ " .. heading .. "\n.-\n```lua\n(.-)```\n"), heading)
end

describe("docs/delivery.md", function()
  local dir

  before_each(function()
    util.begin()
    dir = Peer.tempdir()
  end)
  after_each(function()
    Program.finish_all()
    Peer.remove(dir)
  end)

  local function write(text)
    files.write(dir .. "/program.lua", text)
    return dir .. "/program.lua"
  end

  it("says which id the next send returns", function()
    local client = sidewire.new { queue_limit = 1000 }
    for id = 1, 3 do
      assert.equal("EFRAME", select(3, client:send "two\nlines"))
      assert.equal(id, client:stats().accepted + 1)
      assert.equal(id, id == 2 and client:write "x" or client:send "x")
    end
    client:close(0)
  end)

  it("has messages that the other program can confirm by their numbers", function()
    local peer = Peer.start()
    local text, count = program_of("Which mode%?"):gsub("4000", tostring(peer.port))
    assert.equal(1, count)
    local program = Program.start(write("local sidewire = require 'sidewire'\n" .. text .. [[
      while client:pending() > 0 do sidewire.wait(1) sidewire.poll() end
    ]]))
    assert(peer:wait_bytes(#"login me\n1 the text\n", util.DEADLINE))
    peer:command "send-line got 1"
    assert.same({ "", 0 }, { program:finish() })
  end)

  it("says how a server that counts lines confirms", function()
    local peer = Peer.start()
    local client = util.connected(peer, { retain = "unconfirmed", greeting = "login me", reconnect = 0.1 })
    local events = util.collect(client)
    for _ = 1, 5 do assert(client:send "x") end
    assert(client:flush(util.DEADLINE))
    assert(client:confirm(assert(events:wait "connect")[2].first + 2 - 1))
    assert(util.wait_until(function() return client:stats().finished == 2 end))
    peer:command "reset"
    local first = assert(events:wait("connect", 2))[2].first
    assert.equal(3, first)
    assert(client:flush(util.DEADLINE))
    assert(client:confirm(first + 3 - 1))
    assert(util.wait_until(function() return client:pending() == 0 end))
  end)

  local LEAVING = program_of 'Leaving with "unconfirmed"'

  -- What it saves of three messages. `confirm` is called with the client for what comes.
  local function leave(host, port, on_message)
    local saved = {}
    local client = sidewire.new { host = host, port = port, retain = "unconfirmed", linger = 0.1,
      on = { message = on_message } }
    assert(client:connect())
    for i = 1, 3 do assert(client:send(i)) end
    local env = { client = client, sidewire = sidewire, assert = assert, select = select,
      save = function(id, message) saved[#saved + 1] = id .. "=" .. message end }
    local lost = 0
    client:on("lost", function() lost = lost + 1 end)
    engine.load(LEAVING:gsub("disconnect%(5%)", "disconnect(" .. (on_message and util.DEADLINE or 0.5) .. ")"),
      "leaving", env)()
    return table.concat(saved, " "), lost
  end

  it("says how to leave with confirmations under way", function()
    local peer = Peer.start { mode = "echo" }
    assert.equal("", leave(peer.host, peer.port, function(client, id) assert(client:confirm(id)) end))
  end)

  it("says how not to wait for a server that keeps its side open", function()
    local peer = Peer.start { mode = "silent" }
    local client = util.connected(peer, { retain = "unconfirmed" })
    client:disconnect(1e6)
    assert.equal("closing", (client:state()))
    client:disconnect(0)
    assert(client:wait("disconnected", util.DEADLINE))
  end)

  it("says how to save what nobody confirms, with a server and without", function()
    local peer = Peer.start()
    assert.same({ "1=1 2=2 3=3", 0 }, { leave(peer.host, peer.port) })
    peer:kill()
    assert.same({ "1=1 2=2 3=3", 0 }, { leave(peer.host, peer.port) })
  end)

  it("says that close takes no confirmation any more", function()
    local peer = Peer.start { mode = "echo" }
    local client = util.connected(peer, { retain = "unconfirmed" })
    local events = util.collect(client)
    client:on("message", function(_, id) client:confirm(id) end)
    assert(client:send "1")
    assert(client:flush(util.DEADLINE))
    client:close()
    assert(events:wait "close")
    assert.equal(1, events:count "lost")
  end)

  local REPLIES = program_of "Requests and replies"

  it("has a program that learns which replies will never come", function()
    local peer = Peer.start { mode = "sink" }
    local text, count = REPLIES:gsub("6379", tostring(peer.port))
    assert.equal(1, count)
    local program = Program.start(write(text))
    local function send(command, replies)
      peer:command(command .. " " .. Peer.hex(replies))
    end
    local sent = #sidewire.resp.encode("CLIENT", "SETNAME", "counter") + 3 * #sidewire.resp.encode("INCR", "counter")
    assert(peer:wait_bytes(sent, util.DEADLINE))
    send("send-finish", "+OK\r\n:1\r\n") -- two commands stay without a reply
    assert.same({ "1\nunknown whether it was executed\nunknown whether it was executed\n", 0 }, { program:finish() })
  end)

  it("has a program for Redis", function()
    if not Server.find "redis-server" then return pending "redis-server is not installed" end
    local server = Server.new("redis-server", function(server)
      return ("--port %d --bind 127.0.0.1 --dir %s --save ''"):format(server.port, server.dir)
    end)
    server:start()
    server:wait_until_listening()
    assert.equal("1\n2\n3\n", Program.check(write((REPLIES:gsub("6379", tostring(server.port))))))
  end)

  local VERDICTS = program_of "Executed or not"

  it("has a program that gives each request a verdict", function()
    local peer = Peer.start { mode = "sink" }
    local text, count = VERDICTS:gsub("4000", tostring(peer.port))
    assert.equal(1, count)
    local program = Program.start(write(text))
    assert(peer:wait_bytes(#"one\ntwo\nthree\n", util.DEADLINE))
    peer:command("send-finish " .. Peer.hex "1\n")
    assert.same({ "one\tanswered\t1\ntwo\tunknown\t\nthree\tunknown\t\n", 0 }, { program:finish() })
  end)

  it("has a program that knows which requests were not executed, at once, and keeps what waits", function()
    local peer = Peer.start { mode = "silent" }
    local text = VERDICTS:gsub("4000", tostring(peer.port)):match "^(.-)\nlocal ends = 0\n"
    local client, request, queue = engine.load(text .. "\nreturn client, request, queue", "verdicts",
      setmetatable({}, { __index = _G }))()
    local verdicts = {}
    local function ask(size)
      request(("x"):rep(size), function(verdict) verdicts[#verdicts + 1] = verdict end)
    end
    assert(client:wait("connected", util.DEADLINE))
    sidewire.poll()
    for _ = 1, 60 do ask(2 ^ 17) end -- more than the system takes
    assert.equal(0, #queue)
    assert(util.wait_until(function() return client:stats().sent_bytes > 2 ^ 17 end))
    peer:kill()
    assert(util.poll_until(function() return #verdicts > 0 end))
    local list = table.concat(verdicts, " ")
    assert.equal(60, #verdicts)
    assert.matches("^unknown .* not executed$", list)
    assert.is_nil(list:find "not executed unknown")
    ask(10)
    assert.same({ 1, 60 }, { #queue, #verdicts })
    client:close(0)
  end)

  it("says what becomes of messages with none while the server is away", function()
    local peer = Peer.start { mode = "echo" }
    local client = util.connected(peer, { retain = "none", reconnect = 0.05 })
    local events = util.collect(client)
    peer:kill()
    assert(events:wait("retry", 2))
    assert(client:send "while it is away")
    assert(events:wait("retry", events:count "retry" + 3))
    assert.same({ 0, 1 }, { events:count "lost", (select(2, client:pending())) })
    peer:restart()
    assert(events:wait "message")
    assert.same({ "while it is away" }, events:all "message")
  end)

  it("says that a message of send_once for which there is no connection is refused, and what counts as one", function()
    local peer = Peer.start { mode = "echo" }
    local function connected()
      local client = util.connected(peer, { reconnect = false })
      client:wait "connected"
      return client
    end
    local client = sidewire.new { host = peer.host, port = peer.port }
    assert.equal("ENOTCONN", select(3, client:send_once "too early"))
    client:connect()
    assert(util.wait_until(function() return client:is_connected() end))
    assert.equal("ENOTCONN", select(3, client:send_once "not taken yet"))
    assert(util.poll_until(function() return (client:send_once "poll went over it") end))
    assert(connected():send_once "wait")
    client = sidewire.new { host = peer.host, port = peer.port }
    client:connect()
    assert(util.wait_until(function()
      for _, event in sidewire.events() do if event == "connect" then return client:send_once "events" end end
    end))
  end)

  it("says that disconnect tells what send_once has not handed over, and close does not", function()
    for _, how in ipairs { "disconnect", "close" } do
      local client = util.connected(Peer.start { mode = "silent" }, { reconnect = false })
      local events = util.collect(client)
      assert(events:wait "connect")
      for _ = 1, 60 do assert(client:send(("x"):rep(2 ^ 17))) end -- more than the system takes
      for _ = 1, 5 do assert(client:send_once "ping") end
      client[how](client, 0)
      if how == "close" then
        assert(events:wait "close")
        assert.equal(0, events:count "disconnect")
      else
        assert.equal(5, assert(events:wait "disconnect")[4].once_lost)
      end
    end
  end)

  it("has a login that must succeed", function()
    for answer, expected in pairs { welcome = "login me secret\nfirst command\n", no = "login me secret\n" } do
      local peer, record = Peer.start_recorded()
      local client = sidewire.new { host = peer.host, port = peer.port, reconnect = false }
      engine.load(program_of "`send_once`", "login", { client = client, print = print })()
      assert(client:connect())
      assert(util.poll_until(function() return peer:stats().bytes == #"login me secret\n" end))
      peer:command("send-line " .. answer)
      assert(util.poll_until(function()
        return #Peer.streams(record)[1].data == #expected and (answer ~= "no" or client:state() == "closed")
      end))
      assert.equal(expected, Peer.streams(record)[1].data)
    end
  end)
end)
