-- The option bind: the local address and port of a connection.

local socket = require "socket"
local sidewire = require "sidewire.core"
local Peer = require "spec.support.peer"
local host = require "spec.support.host"
local ports = require "spec.support.ports"
local util = require "spec.support.util"

local embed = host.embedder "spec.connect.scripts.race"

-- A listener of this process, which tells from where it was connected to; and its port.
local function listen(address)
  local listener = assert(socket.bind(address or "127.0.0.1", 0))
  listener:settimeout(util.DEADLINE)
  finally(function() listener:close() end)
  local _, port = listener:getsockname()
  return listener, tonumber(port)
end

-- Connects a client from there; the other side's socket, the client, and its events.
local function connect(listener, port, bind, options)
  options = options or {}
  options.host, options.port, options.bind = options.host or "127.0.0.1", port, bind
  local client = sidewire.new(options)
  local events = util.collect(client)
  assert(client:connect())
  local peer = assert(listener:accept())
  assert(events:wait "connect")
  return peer, client, events
end

-- Message and code of the error event.
local function failure(options)
  options.reconnect = false
  local client = sidewire.new(options)
  local events = util.collect(client)
  assert(client:connect())
  local event = assert(events:wait "error")
  return event[2], event[3], event[4]
end

local function has_ipv6()
  local probe = socket.bind("::1", 0)
  return probe and probe:close() and true
end

describe("bind", function()
  before_each(host.begin)
  after_each(function()
    ports.close_all()
    util.finish()
  end)

  it("is the address that the other side sees", function()
    local listener, port = listen()
    for _, bind in ipairs { "127.0.0.9", { host = "127.0.0.10" } } do
      local peer = connect(listener, port, bind)
      assert.equal(bind.host or bind, (peer:getpeername()))
      peer:close()
    end
  end)

  it("is the port that the other side sees, with or without an address", function()
    local listener, port = listen()
    for _, address in ipairs { "127.0.0.9", false } do
      local free = ports.closed()
      local peer = connect(listener, port, { host = address or nil, port = free })
      local seen, from = peer:getpeername()
      assert.same({ address or "127.0.0.1", free }, { seen, tonumber(from) })
      peer:close()
    end
  end)

  it("may be an IPv6 address", function()
    if not has_ipv6() then
      print "NOT TESTED: bind to an IPv6 address: this machine has no ::1"
      pending "no IPv6"
      return
    end
    local listener, port = listen "::1"
    local peer = connect(listener, port, "::1", { host = "::1" })
    assert.equal("::1", (peer:getpeername()))
    peer:close()
  end)

  it("takes its port again at once, though the client ended the last connection itself", function()
    local listener, port = listen()
    local bind = { host = "127.0.0.9", port = ports.closed() }
    local client
    for _ = 1, 3 do
      local peer, events
      if client == nil then
        peer, client, events = connect(listener, port, bind, { reconnect = false })
      else
        events = util.collect(client)
        assert(client:connect())
        peer = assert(listener:accept())
        assert(events:wait "connect")
      end
      assert.equal(bind.port, tonumber((select(2, peer:getpeername()))))
      client:disconnect(util.DEADLINE)
      peer:settimeout(util.DEADLINE)
      assert.equal("closed", select(2, peer:receive(1)))
      peer:close() -- after the client, whose socket is then in TIME-WAIT
      assert(events:wait "disconnect")
    end
  end)

  it("leaves out the addresses of the other family", function()
    local good = Peer.start()
    embed("binds_to_a_family", good.port)
  end)

  it("says so when no address is left", function()
    local message, code, detail = failure { host = "127.0.0.1", port = 1, bind = "::1" }
    assert.equal("cannot connect to 127.0.0.1 port 1: the server has no address of the family (IPv4, IPv6) of "
      .. "bind", message)
    assert.equal("EAFNOSUPPORT", code)
    assert.same({}, detail.causes)
  end)

  it("says so when no interface has the address", function()
    local message, code, detail = failure { host = "127.0.0.1", port = 1, bind = "192.0.2.7" }
    assert.equal("cannot connect to 127.0.0.1 port 1: no interface of this machine has the address of bind",
      message)
    assert.same({ "EADDRNOTAVAIL", "EADDRNOTAVAIL" }, { code, detail.causes[1].code })
  end)

  it("says so when another socket has the port", function()
    local _, taken = listen()
    local message, code = failure { host = "127.0.0.1", port = 1, bind = { host = "127.0.0.1", port = taken } }
    assert.equal("cannot connect to 127.0.0.1 port 1: another socket has the port of bind", message)
    assert.equal("EADDRINUSE", code)
  end)

  it("says so when the very connection exists", function()
    local listener, port = listen()
    local bind = { host = "127.0.0.1", port = ports.closed() }
    local peer = connect(listener, port, bind)
    local message, code = failure { host = "127.0.0.1", port = port, bind = bind }
    assert.equal(("cannot connect to 127.0.0.1 port %d: bind leaves no port: such a connection exists or "
      .. "ended just now"):format(port), message)
    assert.equal("EADDRNOTAVAIL", code)
    peer:close()
  end)

  it("refuses what is no address or port", function()
    local function refuses(bind, why)
      local ok, message = pcall(sidewire.new, { bind = bind })
      assert.is_false(ok)
      assert(message:find(why, 1, true), message)
    end
    local address = "must be a numeric address of this machine"
    for _, bad in ipairs { "localhost", "127.1", "", "::1]" } do
      refuses(bad, "sidewire.new: bind " .. address)
      refuses({ host = bad }, "sidewire.new: bind.host " .. address)
    end
    for _, bad in ipairs { true, 7, {} } do refuses(bad, "bind " .. address) end
    refuses("fe80::1%nonesuch0", "there is no network interface of that name")
    refuses({ port = 0 }, "1..65535")
    refuses({ prot = 1 }, "unknown bind field 'prot'")
  end)
end)
