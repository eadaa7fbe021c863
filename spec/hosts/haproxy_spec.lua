-- sidewire in haproxy (Lua 5.3), in the foreground and as a daemon. USR1 ends it in order: it closes its Lua states.
-- TERM kills it.

local socket = require "socket"
local Peer = require "spec.support.peer"
local files = require "spec.support.files"
local hosts = require "spec.support.hosts"
local shell = require "spec.support.shell"
local util = require "spec.support.util"

describe("haproxy", function()
  local missing = hosts.missing("5.3", "haproxy")
  if missing then return pending(missing) end

  local dir, peer, record, web_port

  -- The status of the answer to a request; nil when nobody answers.
  local function get(path)
    local connection = socket.connect("127.0.0.1", web_port)
    if not connection then return nil end
    connection:settimeout(10)
    assert(connection:send(("GET %s HTTP/1.0\r\n\r\n"):format(path)))
    local answer = connection:receive "*a"
    connection:close()
    return tonumber((answer or ""):match "^HTTP/%d%.%d (%d+)")
  end

  local function start(options)
    local places = ("GATE_DIR=%s GATE_HOST=%s GATE_PORT=%d WEB_PORT=%d"):format(dir, peer.host, peer.port, web_port)
    return hosts.start(("env PATH=$PATH:/usr/sbin %s haproxy %s -f %s/haproxy.cfg"):format(places, options, dir))
  end

  -- Requests and what the server makes of them.
  local function exchange()
    assert(peer:wait_accepted(1, util.DEADLINE))
    assert.equal(200, get "/private")
    hosts.wait_received(record, "GET /private\n")
    peer:command "send-line close /private"
    hosts.wait_received(record, "done close /private\n")
    assert.same({ 403, 200 }, { get "/private", get "/" })
    peer:restart()
    assert(peer:wait_accepted(1, util.DEADLINE))
    peer:command "send-line open /private"
    hosts.wait_received(record, "done open /private\n")
    assert.equal(200, get "/private")
    assert.equal(200, get "/last")
  end

  before_each(function()
    peer, record = Peer.start_recorded()
    dir = hosts.copy_example("haproxy", "5.3")
    local reserved = assert(socket.bind("127.0.0.1", 0)) -- a port that is free, and most likely stays so
    web_port = tonumber((select(2, reserved:getsockname())))
    reserved:close()
  end)

  after_each(hosts.finish)

  it("tells a server of requests, and refuses what it says, in the foreground", function()
    local proxy = start "-db"
    exchange()
    proxy:signal "USR1"
    local output, status = proxy:finish()
    assert.equal(0, status, output)
    hosts.wait_received(record, "GET /last\n")
  end)

  for directive, clients in pairs { ["lua-load"] = 1, ["lua-load-per-thread"] = 4 } do
    it("serves from four threads, with " .. directive, function()
      local config = files.read(dir .. "/haproxy.cfg"):gsub("lua%-load", "nbthread 4\n    " .. directive)
      files.write(dir .. "/haproxy.cfg", config)
      local proxy = start "-db"
      assert(peer:wait_accepted(clients, util.DEADLINE))
      for i = 1, 200 do assert.equal(200, get("/" .. i)) end
      proxy:signal "USR1"
      local output, status = proxy:finish()
      assert.equal(0, status, output)
      assert(peer:wait_connections(0, util.DEADLINE))
      local seen = {}
      for stream in Peer.each_stream(record) do
        for path in stream.data:gmatch "GET /(%d+)\n" do seen[#seen + 1] = tonumber(path) end
      end
      table.sort(seen)
      assert.same({ clients, 200, 200 }, { peer:stats().accepted, #seen, seen[200] })
    end)
  end

  it("does so as a daemon, which forks after it has loaded the script", function()
    local output, status = start(("-D -p %s/pid"):format(dir)):finish()
    assert.same({ "", 0 }, { output, status })
    local pid = tonumber(files.read(dir .. "/pid"))
    finally(function() shell.signal(pid, "KILL") end)
    exchange()
    shell.signal(pid, "USR1")
    assert(util.wait_until(function() return not shell.try(("kill -0 %d 2>/dev/null"):format(pid)) end))
    hosts.wait_received(record, "GET /last\n")
  end)
end)
