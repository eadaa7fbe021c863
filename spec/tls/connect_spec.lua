-- Connections with TLS: what a client tells of them, how they begin and end, and how messages fare on them.

local socket = require "socket"
local core = require "sidewire.core"
local sidewire = require "sidewire"
local Peer = require "spec.support.peer"
local build = require "spec.support.build"
local certificates = require "spec.support.certificates"
local delivery = require "spec.support.delivery"
local files = require "spec.support.files"
local host = require "spec.support.host"
local numbered = require "spec.support.numbered"
local ports = require "spec.support.ports"
local shell = require "spec.support.shell"
local tls = require "spec.support.tls"
local util = require "spec.support.util"

local embed = host.embedder "spec.tls.scripts.policy"

local VERSIONS = { "1.2", "1.3" }
local KIB = 1024
local SILENT = "the TLS handshake has not ended within connect_timeout"

local function start(...)
  tls.needs(pending)
  return tls.start(...)
end

local function url(peer, scheme)
  return ("%s://127.0.0.1:%d"):format(scheme or "tls", peer.port)
end

local function by_tls(peer, reason)
  return ("cannot connect to %s port %d by TLS: %s"):format(peer.host, peer.port, reason)
end

-- A client of a leaf's server, connected, and its events.
local function connected(peer, leaf, options)
  local all = { tls = { ca = leaf.ca } }
  for name, value in pairs(options or {}) do all[name] = value end
  local client = util.client(peer, all)
  local events = util.collect(client)
  assert(client:connect())
  assert(events:wait "connect")
  assert(peer:wait_handshakes(1, util.DEADLINE))
  return client, events
end

describe("info.tls", function()
  before_each(util.begin)
  after_each(util.finish)

  for _, version in ipairs(VERSIONS) do
    it("tells what was agreed on, and whose the certificate is, TLS " .. version, function()
      local peer, leaf = start("leaf", { version = version })
      local info = tls.accepted(peer, { tls = { ca = leaf.ca } })
      local date = shell.output("openssl x509 -noout -enddate -in " .. leaf.alone):match "=(.*)\n"
      local expires = tonumber(shell.output("date +%s -d " .. shell.quote(date)))
      assert.same({ version = "TLSv" .. version, cipher = peer:tls().cipher, expires = expires,
        names = { "localhost", "127.0.0.1", "::1" }, verified = true, resumed = false }, info)
      assert.is_true(#info.cipher > 0)
    end)
  end

  it("has the first of many names, and says that there are more", function()
    local peer, certificate = start "hundred_names"
    local info = tls.accepted(peer, { tls = { ca = certificate.ca, server_name = certificate.host } })
    assert.equal("host1.example.test", info.names[1])
    assert.equal("...", info.names[#info.names])
    assert.is_true(#info.names > 5 and #info.names < 100)
  end)

  it("is absent without TLS, and so is timeline.tls", function()
    local peer = Peer.start { mode = "echo" }
    for _, option in ipairs { "none", false } do
      local client = util.client(peer, { tls = option == false and option or nil })
      local events = util.collect(client)
      assert(client:connect())
      local info = assert(events:wait "connect")[2]
      assert.is_nil(info.tls)
      assert.is_nil(info.timeline.tls)
    end
  end)
end)

describe("a handshake", function()
  before_each(util.begin)
  after_each(function()
    ports.close_all()
    util.finish()
  end)

  it("is timeline.tls, a part of stages", function()
    local peer, leaf = start "leaf"
    local _, events = connected(peer, leaf)
    local info = events:last "connect"[2]
    local timeline = info.timeline
    assert(timeline.tls > 0 and timeline.tls <= timeline.stages + 1e-6)
    local sum = timeline.dns + timeline.tcp + timeline.stages
    assert(math.abs(sum - info.seconds) <= 1e-6 + 1e-6 * info.seconds)
  end)

  it("that a silent server does not answer ends with connect_timeout, and the text says so", function()
    local peer = Peer.start { mode = "silent" }
    local client = util.client(peer, { tls = true, connect_timeout = 1, reconnect = false })
    local events = util.collect(client)
    assert(client:connect())
    assert(peer:wait_accepted(1, util.DEADLINE))
    util.wait_for_state(client, "handshaking")
    local _, why = client:wait("connected", 0)
    assert.equal(("timed out: not connected to %s port %d yet; its TLS handshake has not ended"):format(peer.host,
      peer.port), why)
    local failed = assert(events:wait "error")
    assert.same({ by_tls(peer, SILENT), "ETIMEDOUT", "tls" }, { failed[2], failed[3], failed[4].stage })
    assert.equal(SILENT, failed[4].causes[1].message)
    assert.same({ "idle", by_tls(peer, SILENT) }, { client:state() })
  end)

  it("that stops in the middle ends with connect_timeout, too", function()
    local peer, leaf = start "leaf"
    local relay = assert(socket.bind("127.0.0.1", 0)) -- passes on the client's hello, and half of the answer
    local _, port = relay:getsockname()
    local client = core.new { host = "127.0.0.1", port = tonumber(port), tls = { ca = leaf.ca }, connect_timeout = 1,
      reconnect = false }
    local events = util.collect(client)
    assert(client:connect())
    local one, other = assert(relay:accept()), assert(socket.connect(peer.host, peer.port))
    one:settimeout(0.2)
    local _, _, hello = one:receive(10000)
    assert(other:send(hello))
    assert(one:send(assert(other:receive(500))))
    local failed = assert(events:wait "error")
    assert.same({ ("cannot connect to 127.0.0.1 port %d by TLS: %s"):format(port, SILENT), "ETIMEDOUT" },
      { failed[2], failed[3] })
    for _, open in ipairs { one, other, relay } do open:close() end
  end)

  it("is ended by close and disconnect at once", function()
    for _, call in ipairs { "close", "disconnect" } do
      local peer = Peer.start { mode = "sink" }
      local client = util.client(peer, { tls = true })
      local events = util.collect(client)
      assert(client:connect())
      assert(peer:wait_accepted(1, util.DEADLINE))
      client[call](client)
      assert(util.poll_until(function() return client:state() == "closed" or client:state() == "idle" end))
      assert(peer:wait_connections(0, util.DEADLINE))
      assert.equal(0, events:count "connect")
    end
  end)

  it("with a server that speaks another protocol fails, and nothing of the queue is sent", function()
    local peer = Peer.start { mode = "flood" }
    local client, events = tls.try(peer, { tls = true })
    assert.same({ by_tls(peer, "it does not speak TLS on this port"), "ETLS", "tls" },
      { events[1][2], events[1][3], events[1][4].stage })
    assert.equal(1, client:stats().queued)
  end)

  it("with a server that leaves fails", function()
    local peer = Peer.start()
    peer:command "finish-on-accept on"
    local _, events = tls.try(peer, { tls = true })
    assert.same({ by_tls(peer, "it ended the connection during the TLS handshake"), "ETLS" },
      { events[1][2], events[1][3] })
  end)

  it("with a server that closes at once fails, by a reset if that comes", function()
    local peer = Peer.start()
    peer:command "close-on-accept on"
    local _, events = tls.try(peer, { tls = true })
    local reason = events[1][3] == "ETLS" and "it ended the connection during the TLS handshake"
      or "connection reset by peer"
    assert.same({ "error", by_tls(peer, reason), "tls" }, { events[1][1], events[1][2], events[1][4].stage })
  end)

  it("comes after the preamble, which goes out as it is, in front of it", function()
    local peer, dir = Peer.start_recorded { mode = "sink" }
    local preamble = "PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n"
    local client = util.client(peer, { tls = true, preamble = preamble, greeting = "hidden", reconnect = false })
    assert(client:send "secret")
    assert(client:connect())
    assert(peer:wait_bytes(#preamble + 100, util.DEADLINE))
    client:close(0)
    assert(peer:wait_connections(0, util.DEADLINE))
    local data = Peer.streams(dir)[1].data
    assert.equal(preamble, data:sub(1, #preamble))
    assert.equal("\22\3\1", data:sub(#preamble + 1, #preamble + 3)) -- a record of a handshake
    assert.is_nil(data:find("hidden", 1, true))
    assert.is_nil(data:find("secret", 1, true))
  end)

  for _, version in ipairs(VERSIONS) do
    it("comes before the greeting, which is encrypted as the messages are, TLS " .. version, function()
      local peer, leaf, dir = start("leaf", { version = version }), certificates.get "leaf", Peer.tempdir()
      peer:stop()
      peer = tls.start("leaf", { version = version }, { record = dir, mode = "sink" })
      local client = util.client(peer, { tls = { ca = leaf.ca }, greeting = "hello", reconnect = false })
      assert(client:send "message")
      assert(client:connect())
      assert(peer:wait_bytes(14, util.DEADLINE))
      client:close()
      assert(peer:wait_connections(0, util.DEADLINE))
      local streams = Peer.streams(dir)
      Peer.remove(dir)
      assert.same({ 1, "hello\nmessage\n" }, { #streams, streams[1].data })
    end)
  end
end)

describe("a wait, after an attempt that failed by TLS", function()
  before_each(util.begin)
  after_each(util.finish)

  -- A client whose attempt has failed for a reason of which only the loop knows the details.
  local function failed(reconnect)
    local peer = start "wrong_name"
    local client = core.new { server = url(peer), reconnect = reconnect,
      tls = { ca = certificates.get("wrong_name").ca, server_name = "localhost" } }
    assert(client:connect())
    assert(util.wait_until(function() return client:state() == (reconnect and "waiting" or "idle") end))
    return client, peer
  end

  local REASON = "its certificate is for other.example.test, another.example.test, 192.0.2.1, and not for localhost"

  it("gives the details of the event, before and after that is delivered", function()
    local client, peer = failed(false)
    local told
    client:on("error", function(_, message) told = message end)
    for _ = 1, 2 do
      assert.same({ nil, by_tls(peer, REASON), "ETLS" }, { client:wait "connected" })
      assert.same({ nil, by_tls(peer, REASON), "ETLS" }, { client:receive() })
      assert.same({ "idle", by_tls(peer, REASON) }, { client:state() })
      assert(util.poll_until(function() return told end))
    end
    assert.equal(by_tls(peer, REASON), told)
  end)

  it("gives them in the message of a time-out", function()
    local client, peer = failed(60)
    local place = ("%s port %d"):format(peer.host, peer.port)
    for what, message in pairs {
      wait = select(2, client:wait("connected", 0)), receive = select(2, client:receive(0)),
    } do
      assert.truthy(message:find("; last attempt: " .. REASON .. "; next attempt", 1, true), what .. ": " .. message)
      assert.truthy(message:find(place, 1, true), message)
    end
  end)

  it("says nothing of it when the last connection ended otherwise", function()
    local client = failed(false)
    local plain = Peer.start { mode = "silent" }
    assert(client:connect(url(plain, "tcp")))
    assert(client:wait("connected", util.DEADLINE))
    assert.same({ "connected" }, { client:state() })
    assert(client:disconnect(0))
    assert(client:wait("disconnected", util.DEADLINE))
    assert.same({ nil, "not connected: client:disconnect ended the connection", "ECLOSED" },
      { client:wait "connected" })
    assert.same({ "idle", "closed" }, { client:state() })
  end)
end)

describe("tls://", function()
  before_each(util.begin)
  after_each(util.finish)

  it("in a URL means TLS, without the option tls, and with the default of each of its fields", function()
    local peer = start "leaf"
    local client = core.new { server = url(peer), reconnect = false }
    local events = util.collect(client)
    assert(client:connect())
    assert.matches("by TLS: .*the authority of its certificate, 'sidewire test CA', is not trusted here",
      assert(events:wait "error")[2])
    assert.same({ "127.0.0.1", peer.port, url(peer) }, { client:get_server() })
  end)

  it("takes the fields of the option tls", function()
    local peer, leaf = start "leaf"
    local client = core.new { server = url(peer), tls = { ca = leaf.ca } }
    local events = util.collect(client)
    assert(client:connect())
    assert.is_true(assert(events:wait "connect")[2].tls.verified)
  end)

  it("in a list stands beside tcp://, and each connection is as its URL says", function()
    local secure, plain = start("self_signed"), Peer.start { mode = "echo" }
    local urls = { ("tls://127.0.0.1:%d"):format(ports.closed()), url(secure), url(plain, "tcp") }
    local client = core.new { server = urls, reconnect = 0.01 }
    local events = util.collect(client)
    assert(client:send "one")
    assert(client:connect()) -- the first refuses, the second has a bad certificate
    local info = assert(events:wait "connect")[2]
    assert.same({ plain.port, nil }, { info.port, info.tls })
    assert(events:wait "message")
    assert.equal(0, secure:stats().bytes)
    assert.equal(2, events:count "retry")
    assert.same({ "ECONNREFUSED", "ETLS" }, { events[1][5], events[2][5] })
    assert.equal(by_tls(secure, "its certificate is self-signed: no authority vouches for it; if you "
      .. "trust it, give it as tls.ca"), events[2][4])
  end)

  it("may be left, and taken, by connect and set_server", function()
    local plain = Peer.start { mode = "echo" }
    local secure = start "leaf"
    local client = core.new { server = url(plain, "tcp"), reconnect = false }
    local events = util.collect(client)
    assert(client:connect())
    assert.is_nil(assert(events:wait "connect")[2].tls)
    assert(client:connect(url(secure)))
    assert.matches("by TLS", assert(events:wait "error")[2])
    assert(client:set_server(url(plain, "tcp")))
    assert(client:connect())
    assert.is_nil(assert(events:wait("connect", 2))[2].tls)
    assert(client:connect("127.0.0.1", plain.port)) -- the same server: nothing to do
    assert(client:set_server(url(secure)))
    assert(client:disconnect())
    assert(events:wait("disconnect", 2))
    assert(client:connect())
    assert(events:wait("error", 2))
  end)

  it("or the option tls, for a host and a port: every connection is encrypted, also to another host", function()
    local peer, leaf = start "leaf"
    for _, options in ipairs { { server = url(peer) }, { host = peer.host, port = peer.port } } do
      options.tls = { ca = leaf.ca }
      options.reconnect = false
      local client = core.new(options)
      local events = util.collect(client)
      assert(client:connect())
      assert.is_true(assert(events:wait "connect")[2].tls.verified)
      local other = Peer.start { mode = "silent" }
      assert(client:set_server(other.host, other.port)) -- no TLS, so nothing is sent to it
      assert(client:disconnect())
      assert(events:wait "disconnect")
      assert(client:send "secret")
      assert(client:connect())
      util.wait_for_state(client, "handshaking")
      client:close(0)
      assert(client:wait("disconnected", util.DEADLINE))
    end
  end)

  it("contradicts an option that says the other, which raises", function()
    assert.has_error(function() core.new { server = { "tcp://a:1" }, tls = true } end)
    assert.has_error(function() core.new { server = { "tcp://a:1", "tls://b:2" }, tls = false } end)
    assert(core.new { server = { "tcp://a:1", "tls://b:2" }, tls = { verify = false } }):close()
    assert(core.new { server = "tcp://a:1", tls = false }):close()
    local client = core.new { host = "a", port = 1, tls = true }
    for _, name in ipairs { "connect", "set_server" } do
      local wanted = ("client:%s: the client has the option tls, and a tcp:// URL has none: write tls://"):format(name)
      local ok, message = pcall(client[name], client, "tcp://b:2")
      assert(not ok and message:sub(-#wanted) == wanted, message)
    end
    assert(client:set_server "tls://b:2")
    client:close()
  end)

  it("comes from a settings file, and goes into it", function()
    local peer = start "leaf"
    local dir = Peer.tempdir()
    local path = dir .. "/net.ini"
    files.write(path, ("server = %s\n"):format(url(peer)))
    local client = assert(sidewire.new { settings = path, reconnect = false })
    local events = util.collect(client)
    assert(client:connect())
    assert.matches("by TLS", assert(events:wait "error")[2])
    assert(client:set_server "tls://example.org:4433")
    assert.matches("server = tls://example.org:4433\n", files.read(path))
    local again = assert(sidewire.new { settings = path })
    assert.same({ "example.org", 4433, "tls://example.org:4433" }, { again:get_server() })
    Peer.remove(dir)
  end)
end)

describe("a unix socket with TLS", function()
  before_each(util.begin)
  after_each(util.finish)

  it("needs server_name, since a path is no name, and sends that alone", function()
    local dir = Peer.tempdir()
    local peer, leaf = start("leaf", nil, { host = ("unix:%s/socket"):format(dir) })
    local _, events = tls.try(peer, { tls = { ca = leaf.ca } })
    assert.same({ ("cannot connect to unix:%s/socket by TLS: its certificate is for localhost, 127.0.0.1, ::1, and not "
      .. "for %s/socket"):format(dir, dir), "ETLS" }, { events[1][2], events[1][3] })
    assert.equal("", peer:tls().name)
    local info = tls.accepted(peer, { tls = { ca = leaf.ca, server_name = "localhost" } })
    assert.is_true(info.verified)
    assert.equal("localhost", peer:tls().name)
    Peer.remove(dir)
  end)
end)

describe("messages over TLS", function()
  before_each(util.begin)
  after_each(util.finish_without_peers)

  local KILLS = util.choose(6, 3)
  local ALIKE = 300 -- messages in each life of the server

  for _, retain in ipairs(build.RETAINS) do
    it(("fare as retain = %q says when the server is killed, %d times"):format(retain, KILLS), function()
      local dir = Peer.tempdir()
      local peer, leaf = start("leaf", nil, { mode = "sink", record = dir })
      local client = util.client(peer, { tls = { ca = leaf.ca }, retain = retain, reconnect = 0.005 })
      local events = util.collect(client)
      assert(client:connect())
      for kill = 1, KILLS do
        assert(events:wait("connect", kill))
        delivery.send_all(client, delivery.small, ALIKE)
        if kill % 2 == 0 then assert(peer:wait_bytes(ALIKE, util.DEADLINE)) end
        peer:kill()
        assert(events:wait("disconnect", kill))
        delivery.send_all(client, delivery.small, ALIKE)
        peer:start_again()
      end
      local last = 2 * ALIKE * KILLS
      assert(util.poll_until(function() return client:stats().queued == 0 end))
      if retain == "unconfirmed" then
        local wanted = numbered.lines(delivery.small, last, last)
        assert(util.poll_until(function()
          local streams = Peer.streams(dir)
          return streams[#streams].data:sub(-#wanted) == wanted
        end))
        client:confirm(last)
      end
      local stats = delivery.wait_finished(client)
      peer:command "finish"
      assert(events:wait("disconnect", KILLS + 1))
      client:close()
      local fates = {}
      for _, range in ipairs(util.losses(events)) do
        for id = range[1], range[2] do fates[id] = range[3] end
      end
      local reader = numbered.reader(delivery.small, { may_repeat = retain == "unacked" or retain == "unconfirmed" })
      reader:read_record(dir)
      Peer.remove(dir)
      assert.same({}, reader.faults)
      local seen = {}
      for first, final in reader.seen:each() do
        for id = first, final do seen[id] = true end
      end
      assert.equal(last, stats.accepted)
      local unread = 0 -- acknowledged by a server's TCP, and never read
      for id = 1, last do
        if fates[id] == "unsent" then assert.is_nil(seen[id], id) end
        if not seen[id] and not fates[id] then unread = unread + 1 end
      end
      if retain == "unconfirmed" then assert.same({ 0, 0 }, { stats.lost, unread }) end
      assert.is_true(unread <= stats.finished)
    end)
  end

  it("are acknowledged up to the newest, and never before the server's TCP has them", function()
    build.needs("acks", pending)
    local peer, leaf = start("leaf", nil, { mode = "silent" })
    peer:command "rcvbuf 65536"
    local client = connected(peer, leaf)
    local newest, ids = 0, {}
    client:on("acked", function(_, id)
      assert(id > newest)
      newest = id
      ids[#ids + 1] = id
    end)
    delivery.overfill(client)
    local stats = delivery.wait_stuck(client)
    local bytes = #numbered.lines(delivery.kilobyte, 1, stats.finished)
    assert(bytes <= peer:wire().whole, ("%d bytes acknowledged, %d arrived"):format(bytes, peer:wire().whole))
    assert(newest <= stats.finished and stats.finished > 0)
    peer:command "mode sink"
    assert(util.poll_until(function() return newest == stats.accepted end))
    assert.same({ stats.accepted, 0 }, { delivery.wait_finished(client).finished, client:stats().lost })
  end)

  it("of many sizes, also of many records, arrive byte for byte and come back", function()
    for _, version in ipairs(VERSIONS) do
      local peer, leaf = start("leaf", { version = version })
      local client, events = connected(peer, leaf, { framing = "u32be", queue_limit = 64 * KIB * KIB,
        inbox_limit = 64 * KIB * KIB })
      local sent = {}
      for i, size in ipairs { 0, 1, 100, 16 * KIB - 5, 16 * KIB - 4, 16 * KIB, 100 * KIB, 3 * KIB * KIB, 7 } do
        sent[i] = ("%d\0\255"):format(i):rep(size):sub(1, size)
        assert(client:send(sent[i]))
      end
      assert(events:wait("message", #sent))
      local got = events:all "message"
      for i = 1, #sent do assert.is_true(got[i] == sent[i], i) end
    end
  end)
end)

describe("the end of a connection with TLS", function()
  before_each(util.begin)
  after_each(util.finish_without_peers)

  for _, version in ipairs(VERSIONS) do
    local function start_version(options)
      return start("leaf", { version = version }, options)
    end

    it("by close_notify is EPEER, after the data before it, and is answered by ours, TLS " .. version, function()
      local peer, leaf = start_version { mode = "sink" }
      local client, events = connected(peer, leaf, { reconnect = false })
      peer:command("send-finish " .. Peer.hex "one\ntwo\nthr")
      local ended = assert(events:wait "disconnect")
      assert.same({ "one", "two" }, events:all "message")
      assert.same({ "EPEER", "thr", "receive" }, { ended[3], ended[4].partial, ended[4].stage })
      assert.equal("idle", (client:state()))
      assert(peer:wait_connections(0, util.DEADLINE))
      assert.same({ 0, 0 }, { peer:tls().truncated, peer:stats().errors })
    end)

    it("[F61] by FIN without close_notify is ECONNRESET, after the data before it, TLS " .. version, function()
      local peer, leaf = start_version { mode = "sink" }
      local _, events = connected(peer, leaf, { reconnect = false })
      peer:command("send-truncate " .. Peer.hex "one\ntwo\nthr")
      local ended = assert(events:wait "disconnect")
      assert.same({ "one", "two" }, events:all "message")
      assert.same({ ("connection to 127.0.0.1 port %d ended: it ended without TLS close_notify, so what it sent may be "
        .. "cut short"):format(peer.port), "ECONNRESET", "receive" }, { ended[2], ended[3], ended[4].stage })
      assert.equal("thr", ended[4].partial)
    end)

    it("by shutdown is close_notify behind what is queued, and answers go on coming, TLS " .. version, function()
      local peer, leaf = start_version()
      local client, events = connected(peer, leaf)
      peer:command "throttle 20000" -- it reads for a while after that
      for i = 1, 1000 do assert(client:send(i)) end
      assert.is_true(client:shutdown())
      local ended = assert(events:wait "disconnect")
      assert.same({ 1000, "EPEER", false }, { events:count "message", ended[3], ended[4].will_retry })
      assert.same({ "idle", 1000 }, { client:state(), client:stats().finished })
      assert.equal(0, peer:tls().truncated)
    end)

    for _, call in ipairs { "close", "disconnect" } do
      it(("by %s brings what is queued within linger, and then close_notify, TLS %s"):format(call, version), function()
        local peer, leaf = start_version { mode = "sink" }
        peer:command "rcvbuf 65536"
        peer:command "stall on"
        local client, events = connected(peer, leaf)
        delivery.overfill(client)
        client[call](client, util.LONG)
        peer:command "stall off"
        assert(events:wait(call))
        assert(peer:wait_connections(0, util.DEADLINE))
        assert.same({ #numbered.lines(delivery.kilobyte, 1, 3000), 0, 0 },
          { peer:stats().bytes, peer:tls().truncated, events:count "lost" })
      end)
    end

    it("by close reports what linger was too short for, TLS " .. version, function()
      local peer, leaf = start_version { mode = "sink" }
      peer:command "rcvbuf 65536"
      peer:command "stall on"
      local client, events = connected(peer, leaf)
      delivery.overfill(client)
      client:close(0.1)
      assert(events:wait "close")
      local stats = client:stats()
      assert.same({ 0, 0, 3000 }, { stats.queued, stats.in_flight, stats.finished + stats.lost })
      assert.is_true(stats.lost > 0)
      peer:command "stall off"
      assert(peer:wait_connections(0, util.DEADLINE))
      local whole = #numbered.lines(delivery.kilobyte, 1, stats.finished)
      assert(whole <= peer:wire().whole)
    end)
  end

  it("is followed by a new connection", function()
    local peer, leaf = start("leaf")
    local client, events = connected(peer, leaf, { reconnect = 0.001 })
    for round, command in ipairs { "finish", "truncate", "reset", "close" } do
      peer:command(command)
      assert(events:wait("connect", round + 1))
      assert(peer:wait_connections(1, util.DEADLINE))
      assert(client:send(command))
      assert.equal(command, assert(events:wait("message", round))[2])
    end
    local codes = {}
    for _, event in ipairs(events) do
      if event[1] == "disconnect" then codes[#codes + 1] = event[3] end
    end
    assert.same({ "EPEER", "ECONNRESET", "ECONNRESET", "ECONNRESET" }, codes)
  end)
end)

describe("the host's policy and TLS:", function()
  before_each(host.begin)
  after_each(util.finish)

  it("tls_verify refuses verify = false, unless there is a pin [F60]", function()
    local peer, leaf = start "leaf"
    embed("verifies", peer.port, leaf.ca, certificates.pin(leaf.cert))
  end)

  it("files = false refuses the paths of ca, cert and key, and takes PEM text [F60]", function()
    local peer, leaf = start("leaf", { ca = certificates.get("ca").cert })
    local client = certificates.get "client"
    embed("opens_no_files", peer.port, leaf.ca, client.cert, client.key)
  end)

  it("tls_library is the file that is loaded, and no other", function()
    local peer, leaf = start "leaf"
    embed("names_the_library", peer.port, leaf.ca, "/nowhere/libssl.so.3")
  end)
end)
