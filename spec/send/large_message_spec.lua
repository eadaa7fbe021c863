-- Large messages, which are not copied: the loop reads the script's own strings.

local sidewire = require "sidewire.core"
local build = require "spec.support.build"
local delivery = require "spec.support.delivery"
local engine = require "spec.support.engine"
local host = require "spec.support.host"
local numbered = require "spec.support.numbered"
local util = require "spec.support.util"

local run = host.runner "spec.send.scripts.large_message"

local KIB, MIB = 1024, 1024 * 1024

-- Small ones, some on either side of what counts as large, some of many pages.
local SIZES = { 0, 60, 16 * KIB - 3, 16 * KIB - 2, 16 * KIB, 3, 64 * KIB, 300 * KIB, 1, 5000, 70000 }
local mixed = numbered.maker(function(n) return SIZES[n % #SIZES + 1] end)
local large = numbered.maker(function() return 100 * KIB end)
for n = 1, 26 do large(n) end -- what these are made from

-- KiB that Lua has, garbage not counted.
local function lua_kib()
  collectgarbage()
  collectgarbage()
  return collectgarbage "count"
end

-- Waits until Lua has no more than `kib`.
local function wait_freed(kib, look)
  assert(util.wait_until(function()
    look()
    return lua_kib() < kib
  end))
end

-- Waits until the kernel has taken something of it.
local function wait_begun(client)
  assert(util.poll_until(function() return client:stats().sent_bytes > 0 end))
end

describe("a large message", function()
  before_each(util.begin)
  after_each(util.finish_without_peers)

  for _, framing in ipairs { "line", "raw", "u32be", { delimiter = "\r\n.\r\n" } } do
    local name = type(framing) == "table" and "delimiter" or framing
    it("arrives as it was sent, among small ones, with framing " .. name, function()
      local peer, dir = delivery.recorded { mode = "sink" }
      local client = util.connected(peer, { framing = framing })
      local wire = {}
      for n = 1, 100 do
        assert.equal(n, client:send(mixed(n)))
        wire[n] = numbered.wire(framing, mixed(n))
      end
      collectgarbage()
      delivery.wait_finished(client)
      assert.is_true(delivery.all_data(dir)[1] == table.concat(wire))
    end)
  end

  it("may be any of a message's pieces, or several, or what write() is given", function()
    local peer, dir = delivery.recorded { mode = "sink" }
    local client = util.connected(peer)
    local first, second = ("a"):rep(20000), ("b"):rep(40000)
    client:send("<", first, 1, second, ">")
    client:send(second, first)
    client:send(first, "small")
    client:write(first)
    local many = {}
    for i = 1, 40 do many[i] = i % 2 == 0 and first or i end
    client:send(engine.unpack(many))
    collectgarbage()
    delivery.wait_finished(client)
    local wanted = "<" .. first .. 1 .. second .. ">\n" .. second .. first .. "\n" .. first .. "small\n" .. first
      .. table.concat(many) .. "\n"
    assert.is_true(delivery.all_data(dir)[1] == wanted)
  end)

  it("takes no memory but the script's own [E15]", function()
    local peer = delivery.start_peer { mode = "silent" }
    local client = util.connected(peer, { queue_limit = 128 * MIB })
    local message = ("m"):rep(MIB)
    local before = util.resident_bytes()
    for _ = 1, 64 do assert(client:send(message)) end
    wait_begun(client)
    assert.is_true(util.resident_bytes() - before < 16 * MIB)
    assert.is_true(client:pending() > 60 * MIB)
  end)

  it("leaves small messages between large ones what they need [E15]", function()
    local peer = delivery.start_peer { mode = "silent" }
    local client = util.connected(peer, { queue_limit = 64 * MIB })
    local blob, line = ("m"):rep(16 * KIB), ("l"):rep(200)
    local before = util.resident_bytes()
    for i = 1, 1500 do
      assert(client:send(line) and client:send(blob) and client:send(line, blob, line))
      if i % 500 == 0 then sidewire.wait(0.01) end -- the loop may help, and does so wrongly if it can
    end
    assert.is_true(util.resident_bytes() - before < 16 * MIB)
  end)

  it("counts against queue_limit as others do; what is refused is not kept [E16]", function()
    local client = sidewire.new { host = "127.0.0.1", port = 1, queue_limit = 300 * KIB, framing = "raw" }
    delivery.send_all(client, large, 2)
    large(3)
    assert(#("m"):rep(MIB) == MIB) -- some Luas keep the buffer in which they make a long string
    local before = lua_kib()
    for n = 3, 5 do assert.equal("EFULL", (select(3, client:send(large(n))))) end
    assert.equal("ETOOBIG", (select(3, client:send(("m"):rep(MIB)))))
    assert.same({ 2 * #large(1), 2 }, { client:pending() })
    assert.is_true(lua_kib() < before + 50)
  end)

  local function keeps_until(name, look, mode)
    it("is kept while it may be read, and no longer [E15]: " .. name, function()
      local peer = delivery.start_peer { mode = "silent" }
      local client = util.connected(peer, { queue_limit = 64 * MIB })
      local before = lua_kib()
      for n = 1, 20 do assert(client:send(("m"):rep(MIB) .. n)) end
      assert.is_true(lua_kib() > before + 19 * KIB)
      peer:command("mode " .. mode)
      wait_freed(before + 3 * KIB, function() look(client, peer) end)
    end)
  end
  keeps_until("the script polls", function() sidewire.poll() end, "sink")
  keeps_until("the script never polls, and goes on sending", function(client)
    client:send(("m"):rep(16 * KIB))
  end, "sink")
  keeps_until("the script only waits for answers", function(client) client:receive() end, "sink")
  keeps_until("the connection ends, and the client", function(client)
    client:close(0)
    sidewire.poll()
  end, "silent")

  it("is kept when its client is collected, until it is sent or lost", function()
    local peer, dir = delivery.recorded { mode = "silent" }
    local before = lua_kib()
    do
      local client = util.connected(peer, { linger = util.DEADLINE, queue_limit = 64 * MIB })
      delivery.send_all(client, large, 100)
    end
    collectgarbage()
    peer:command "mode sink"
    wait_freed(before + 500, sidewire.poll)
    assert(peer:wait_connections(0, util.DEADLINE))
    assert.is_true(delivery.all_data(dir)[1] == numbered.lines(large, 1, 100))
  end)

  it("is sent again whole when its connection was cut", function()
    for i = 2, #build.RETAINS do -- all but "none"
      local retain = build.RETAINS[i]
      local peer, dir = delivery.recorded { mode = "silent" }
      local client = util.connected(peer, { retain = retain, reconnect = 60, queue_limit = 64 * MIB })
      local events = util.collect(client)
      delivery.send_all(client, large, 100)
      collectgarbage()
      delivery.wait_stuck(client)
      peer:command "reset"
      local disconnect = assert(events:wait "disconnect")
      peer:command "mode sink"
      local lost = util.losses(events)
      local first = lost[1] and lost[1][2] + 1 or client:stats().finished + 1
      assert.equal(retain == "unsent" and disconnect[4].unacked > 0, lost[1] ~= nil)
      assert(client:connect())
      local expected = numbered.lines(large, first, 100)
      assert(peer:wait_bytes(#expected, util.DEADLINE))
      assert.is_true(delivery.all_data(dir)[2] == expected, retain)
      client:close(0)
    end
  end)

  it("can be looked at while it is unfinished", function()
    local peer = delivery.start_peer { mode = "silent" }
    local client = util.connected(peer, { queue_limit = 64 * MIB })
    delivery.send_all(client, mixed, 200)
    wait_begun(client)
    local count, last = 0, nil
    for id, message in assert(client:unfinished()) do
      assert.is_true(message == mixed(id))
      count, last = count + 1, id
    end
    assert.equal(200, last)
    assert.is_true(count > 100)
    assert(client:close(0))
    local waiting = util.client(peer) -- no loop looks after it
    delivery.send_all(waiting, mixed, 20)
    count = 0
    for id, message in assert(waiting:unfinished()) do
      count = count + 1
      assert.equal(count, id)
      assert.is_true(message == mixed(id))
    end
    assert.equal(20, count)
  end)

  it("is not read any more when the Lua state is gone, though the loop goes on [E22]", function()
    build.needs("epoll", pending)
    local peer, dir = delivery.recorded { mode = "sink" }
    peer:command "throttle 4000000" -- bytes a second: there is always room for more, and always more to send
    run("frail run", "sends_to_the_end", peer.port)
    assert(peer:wait_connections(0, util.DEADLINE))
    local data = delivery.all_data(dir)
    assert.equal(2, #data)
    for i = 1, 2 do
      local read = #data[i]
      assert.is_true(read > 0 and read < 120 * MIB, ("the peer has read %d bytes"):format(read))
      assert.is_nil(data[i]:find "[^m]")
    end
  end)
end)
