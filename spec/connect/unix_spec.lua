-- Servers on unix sockets.

local sidewire = require "sidewire"
local engine = require "spec.support.engine"
local Peer = require "spec.support.peer"
local Program = require "spec.support.program"
local build = require "spec.support.build"
local delivery = require "spec.support.delivery"
local files = require "spec.support.files"
local numbered = require "spec.support.numbered"
local shell = require "spec.support.shell"
local util = require "spec.support.util"

local LONGEST = 107 -- bytes of a path (Linux, unix(7): sun_path)

local dir

local function begin()
  util.begin()
  dir = Peer.tempdir()
end

local function finish()
  util.finish_without_peers()
  Peer.remove(dir)
end

local function path(name)
  return ("%s/%s"):format(dir, name or "socket")
end

local function start_peer(options)
  local complete = { host = "unix:" .. path() }
  for name, value in pairs(options or {}) do complete[name] = value end
  return Peer.start(complete)
end

-- The code and the message of an attempt that fails.
local function failure(url, options)
  local complete = { server = url, reconnect = false }
  for name, value in pairs(options or {}) do complete[name] = value end
  local client = sidewire.new(complete)
  local events = util.collect(client)
  assert(client:connect())
  local event = assert(events:wait "error")
  assert.equal("connect", event[4].stage)
  return event[3], event[2]
end

local function count_unfinished(client)
  local count = 0
  for _ in assert(client:unfinished()) do count = count + 1 end
  return count
end

-- A path of so many bytes.
local function long_path(size)
  local start = path ""
  return start .. ("x"):rep(size - #start)
end

describe("a server on a unix socket", function()
  before_each(begin)
  after_each(finish)

  it("is connected to and answers; it has neither address nor port", function()
    local peer = start_peer { mode = "echo" }
    local client = util.client(peer)
    local events = util.collect(client)
    assert.is_true(client:connect())
    assert.equal("connecting", (client:state()))
    local info = assert(events:wait "connect")[2]
    assert.same({ nil, nil, 1 }, { info.address, info.port, info.attempt })
    client:send "hello"
    assert.equal("hello", assert(events:wait "message")[2])
    assert(util.poll_until(function() return client:stats().finished == 1 end))
    peer:command "close"
    local message = assert(events:wait "disconnect")[2]
    assert.equal("connection to " .. peer.host .. " ended: the other side ended it", message)
  end)

  it("is connected to by an abstract name", function()
    local name = ("unix:@sidewire-%s"):format(dir:match "[^/]+$")
    local code, message = failure(name)
    assert.equal("ECONNREFUSED", code)
    assert.equal(("cannot connect to %s: nothing listens on this abstract name: is the server running, in the same "
      .. "network namespace?"):format(name), message)
    local client = util.connected(start_peer { host = name, mode = "echo" })
    local events = util.collect(client)
    client:send "hello"
    assert.equal("hello", assert(events:wait "message")[2])
  end)

  it("is connected to again when it is back, and gets what was sent meanwhile", function()
    local peer = start_peer { mode = "lines" }
    local client = util.connected(peer, { reconnect = 0.01 })
    local events = util.collect(client)
    peer:kill()
    local retry = assert(events:wait "retry")
    assert(client:send "meanwhile")
    assert(events:wait("retry", 3))
    assert.equal("ECONNREFUSED", events:last "retry"[5])
    assert.equal("number", type(retry[3]))
    peer:start_again()
    assert.equal("ok meanwhile", assert(events:wait "message")[2])
  end)

  it("fails with ENOENT where there is no file", function()
    local code, message = failure("unix:" .. path "none")
    assert.equal("ENOENT", code)
    assert.equal(("cannot connect to unix:%s: there is no such file: is the server running, and is the path right?")
      :format(path "none"), message)
    assert.equal("ENOTDIR", (failure("unix:/dev/null/socket")))
  end)

  it("fails with ECONNREFUSED where nothing listens on the file", function()
    local peer = start_peer()
    peer:kill()
    local wanted = "cannot connect to unix:%s: the file is there, but nothing listens on it: the server has ended and "
      .. "left its socket behind (start it again), or the file is no socket"
    assert.same({ "ECONNREFUSED", wanted:format(path()) }, { failure(peer.host) })
    files.write(path "text", "no socket")
    assert.same({ "ECONNREFUSED", wanted:format(path "text") }, { failure("unix:" .. path "text") })
  end)

  it("fails with EACCES where the user may not connect", function()
    local peer = start_peer()
    shell.execute("chmod 000 " .. shell.quote(path()))
    -- The superuser may do everything, but for a capability that this leaves out.
    local command = "setpriv --bounding-set=-dac_override,-dac_read_search %s spec/connect/scripts/unix_refused.lua %s"
    local program = Program.start_command(command:format(build.LUA, peer.host))
    local output = program:finish()
    assert.equal(("EACCES cannot connect to %s: permission denied: this user needs write permission for the socket's "
      .. "file, and search permission for each directory of its path\n"):format(peer.host), output)
  end)

  it("takes a path of the greatest length, and says which is too long", function()
    local client = util.connected(start_peer { host = "unix:" .. long_path(LONGEST), mode = "lines" })
    local events = util.collect(client)
    client:send "here"
    assert(events:wait "message")
    local ok, message = pcall(sidewire.new, { server = "unix:" .. long_path(LONGEST + 1) })
    assert.is_false(ok)
    assert(message:find("at character 6: it is too long: a unix socket's name has at most 107 bytes", 1, true), message)
  end)

  it("is shown and set by its URL", function()
    local url = "unix:" .. path()
    local client = sidewire.new { server = url }
    assert.same({ nil, nil, url }, { client:get_server() })
    assert(tostring(client):find(url .. " idle", 1, true), tostring(client))
    assert(client:set_server("127.0.0.1", 4000))
    assert.same({ "127.0.0.1", 4000, "tcp://127.0.0.1:4000" }, { client:get_server() })
    assert(client:set_server(url))
    assert.same({ nil, nil, url }, { client:get_server() })
    local ok, message = pcall(client.connect, client, nil, 4000)
    assert.is_false(ok)
    assert(message:find("no host", 1, true), message)
    ok, message = pcall(client.connect, client, "127.0.0.1")
    assert.is_false(ok)
    assert(message:find("no port", 1, true), message)
    assert.same({ nil, nil, url }, { client:get_server() })
  end)

  it("is kept by settings, but for a name that a settings file cannot hold", function()
    local peer = start_peer { mode = "lines" }
    local client = sidewire.new { settings = path "net.ini" }
    assert(client:connect(peer.host))
    assert(client:wait("connected", util.DEADLINE))
    assert.equal(("server = %s\n"):format(peer.host), files.read(path "net.ini"))
    local again = sidewire.new { settings = path "net.ini" }
    assert.same({ nil, nil, peer.host }, { again:get_server() })
    for _, name in ipairs { "unix:/run/a b", "unix:/run/a\nreconnect = off" } do
      local ok, message = pcall(again.set_server, again, name)
      assert.is_false(ok)
      assert(message:find("cannot be saved: it holds a blank or a control character", 1, true), message)
    end
    assert.equal(("server = %s\n"):format(peer.host), files.read(path "net.ini"))
  end)

  it("takes its turn among several servers", function()
    local peer = start_peer { mode = "lines" }
    local client = sidewire.new { server = { "unix:" .. path "none", peer.host }, reconnect = false }
    local events = util.collect(client)
    client:send "hello"
    assert(client:connect())
    assert.equal("ok hello", assert(events:wait "message")[2])
    assert.same({ nil, nil, peer.host }, { client:get_server() })
  end)

  it("takes messages that are larger than all buffers, and sends them back", function()
    local client = util.connected(start_peer { mode = "echo" }, { queue_limit = 2 ^ 26, max_message = 2 ^ 25 })
    local events = util.collect(client)
    local large = ("0123456789abcdef"):rep(2 ^ 19)
    for _ = 1, 3 do assert(client:send(large)) end
    assert(util.poll_until(function() return events:count "message" == 3 end))
    for _, message in ipairs(events:all "message") do assert.is_true(message == large) end
    assert(delivery.wait_finished(client))
  end)

  it("gets everything that was sent before shutdown, and is listened to until it ends", function()
    local client = util.connected(start_peer { mode = "echo" })
    local events = util.collect(client)
    for i = 1, 1000 do client:send(i) end
    assert.is_true(client:shutdown())
    local _, _, code = engine.unpack(assert(events:wait "disconnect"))
    assert.same({ "EPEER", 1000 }, { code, events:count "message" })
    assert.same({ "idle", 1000 }, { client:state(), client:stats().finished })
  end)

  it("gets all within linger when the client is closed", function()
    local peer = start_peer { mode = "sink" }
    local client = util.connected(peer)
    local events = util.collect(client, "lost", "close")
    local sent = 0
    for n = 1, 200 do
      local message = delivery.kilobyte(n)
      assert(client:send(message))
      sent = sent + #message + 1
    end
    client:close()
    assert(events:wait "close")
    assert.same({ "close" }, events:names())
    assert(peer:wait_bytes(sent, util.DEADLINE))
  end)
end)

describe("the full backlog of a unix socket", function()
  before_each(begin)
  after_each(finish)

  -- A server that accepts nothing for now, with a backlog that one connection has filled; that connection's client.
  local function full()
    local peer = start_peer { mode = "lines", backlog = 0 }
    peer:signal "STOP"
    local first = util.client(peer)
    assert(first:connect())
    assert(first:wait("connected", util.DEADLINE))
    return peer, first
  end

  it("[F77] is waited for, and the connection comes when there is room", function()
    local peer = full()
    local client = util.client(peer)
    local events = util.collect(client)
    client:send "hello"
    assert(client:connect())
    assert.same({ nil, "ETIMEDOUT" }, { client:wait("connected", 0.3), (select(3, client:wait("connected", 0.1))) })
    assert.equal("connecting", (client:state()))
    peer:signal "CONT"
    assert.equal("ok hello", assert(events:wait "message")[2])
    assert.same({ "connect", "message" }, events:names())
    assert.equal(1, events:last "connect"[2].attempt)
  end)

  it("[F77] fails with EAGAIN after connect_timeout", function()
    local peer = full()
    local code, message = failure(peer.host, { connect_timeout = 0.3 })
    assert.equal("EAGAIN", code)
    assert.equal(("cannot connect to %s: its backlog is full: the server runs, but does not accept connections")
      :format(peer.host), message)
    peer:signal "CONT"
  end)

  it("is left alone by a client that is closed meanwhile", function()
    local peer = full()
    local client = util.client(peer)
    local events = util.collect(client)
    assert(client:connect())
    assert.is_nil((client:wait("connected", 0.1)))
    client:close(0)
    assert(events:wait "close")
    peer:signal "CONT"
  end)
end)

describe("what the peer on a unix socket has not read", function()
  before_each(begin)
  after_each(finish)

  it("[F77] is lost, unknown, and not finished, when the peer dies", function()
    build.needs("acks", pending)
    local peer = start_peer { mode = "silent" }
    local client = util.connected(peer, { reconnect = false })
    local events = util.collect(client)
    delivery.send_all(client, delivery.small, 100)
    assert(util.wait_until(function() return client:stats().in_flight == 100 end))
    peer:kill()
    local disconnect = assert(events:wait "disconnect")
    assert.same({ "ECONNRESET", 100 }, { disconnect[3], disconnect[4].unacked })
    assert.same({ { 1, 100, "unknown" } }, util.losses(events))
    local s = numbered.check_account(client)
    assert.same({ 0, 100 }, { s.finished, s.lost_unknown })
    assert.equal(0, events:count "acked")
  end)

  it("[F77] is sent again where it is to be", function()
    build.needs("acks", pending)
    local peer = start_peer { mode = "silent" }
    local client = util.connected(peer, { retain = "unacked", reconnect = 0.01 })
    delivery.send_all(client, delivery.small, 100)
    assert.equal(100, count_unfinished(client))
    assert(util.wait_until(function() return client:stats().in_flight == 100 end))
    peer:kill()
    peer.options.mode = "sink"
    peer:start_again()
    local s = delivery.wait_finished(client)
    assert.same({ 100, 0 }, { s.finished, s.lost })
    assert.equal(0, count_unfinished(client))
  end)

  it("may arrive later though stall_timeout has ended the connection, and is told as unknown", function()
    local peer = start_peer { mode = "silent" }
    local client = util.connected(peer, { stall_timeout = 0.7, reconnect = false })
    local events = util.collect(client)
    delivery.overfill(client)
    local disconnect = assert(events:wait "disconnect")
    assert.equal("ETIMEDOUT", disconnect[3])
    assert.equal(build.has_fallbacks and 0 or disconnect[4].unacked, client:stats().lost_unknown)
    assert.is_true(disconnect[4].unsent > 0)
    peer:command "mode sink"
    assert(peer:wait_connections(0, util.DEADLINE))
    assert.is_true(peer:stats().bytes > 0)
  end)
end)

describe("what the peer on a unix socket has read", function()
  before_each(begin)
  after_each(finish)

  it("is finished, also while the host does not poll and the peer's messages wait", function()
    local client = util.connected(start_peer { mode = "flood" }, { inbox_limit = 4096 })
    assert(util.wait_until(function() return client:stats().received_bytes >= 4096 end))
    delivery.send_all(client, delivery.small, 100)
    assert(util.wait_until(function() return client:stats().finished == 100 end))
  end)

  it("is finished when the peer ends in order afterwards", function()
    local peer = start_peer { mode = "sink" }
    local client = util.connected(peer, { reconnect = false })
    local events = util.collect(client)
    delivery.send_all(client, delivery.small, 1000)
    assert(client:flush(util.DEADLINE))
    peer:command "finish"
    assert(events:wait "disconnect")
    assert.same({ 1000, 0 }, { client:stats().finished, client:stats().lost })
  end)
end)

describe("a peer on a unix socket that is killed under load", function()
  for _, retain in ipairs(build.RETAINS) do
    it("[F77] leaves every message finished, sent again or reported, retain = " .. retain, function()
      Program.check("spec/stress/fates.lua", "killed", util.choose(8, 4), "unix", retain)
    end)
  end
end)
