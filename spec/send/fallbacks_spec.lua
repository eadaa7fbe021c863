-- What a system without its own means gets instead: no count of acknowledgements, a stall_timeout that sees only
-- whether the system takes bytes, pipes for wake-ups. In builds with FALLBACKS=1 (src/base/platform.h); on Linux, what
-- these stand for.

local socket = require "socket"
local sidewire = require "sidewire"
local Peer = require "spec.support.peer"
local build = require "spec.support.build"
local delivery = require "spec.support.delivery"
local numbered = require "spec.support.numbered"
local util = require "spec.support.util"

local UNKNOWN = "this system does not tell how many bytes the other side's TCP has acknowledged"

local kilobyte, account = delivery.kilobyte, numbered.check_account

-- How many pipes this process has both ends of, and how many eventfds.
local function count_wakers()
  local described, seen, pipes = util.describe_descriptors(), {}, 0
  for pipe in described:gmatch "pipe:%[%d+%]" do
    if seen[pipe] then pipes = pipes + 1 end
    seen[pipe] = true
  end
  return pipes, select(2, described:gsub("anon_inode:%[eventfd%]", ""))
end

describe("a system that does not count acknowledgements", function()
  before_each(util.begin)
  after_each(util.finish_without_peers)

  it("refuses retain = 'unacked', and says what to use instead", function()
    for _, check in ipairs { sidewire.new, sidewire.check_options } do
      local ok, why = pcall(check, { retain = "unacked" })
      assert.equal(not build.has_fallbacks, ok)
      if not ok then assert.truthy(why:find(UNKNOWN, 1, true) and why:find('"unconfirmed"', 1, true), why) end
    end
    for _, retain in ipairs { "none", "unsent", "unconfirmed" } do assert(sidewire.new { retain = retain }) end
  end)

  it("refuses handlers of acked, and lets nil take one away", function()
    local client = sidewire.new()
    for _, set in ipairs {
      function() client:on("acked", print) end,
      function() client:on { acked = print } end,
      function() sidewire.new { on = { acked = print } } end,
    } do
      local ok, why = pcall(set)
      assert.equal(not build.has_fallbacks, ok)
      if not ok then assert.truthy(why:find(UNKNOWN, 1, true) and why:find("client:confirm", 1, true), why) end
    end
    assert.equal(client, client:on("acked", nil))
  end)

  it("finishes messages when they are handed over; they are lost with the connection all the same", function()
    local peer = Peer.start { mode = "silent" }
    local client = util.connected(peer, { reconnect = false })
    local events = util.collect(client)
    delivery.overfill(client)
    delivery.wait_stuck(client) -- nothing moves: the peer reads nothing
    local before = account(client)
    if build.has_fallbacks then assert.equal(0, before.in_flight) else assert.is_true(before.in_flight > 0) end
    peer:command "reset"
    local disconnect = assert(events:wait "disconnect")
    local after = account(client)
    assert.equal(build.has_fallbacks, disconnect[4].unacked == 0)
    assert.equal(disconnect[4].unacked, after.lost_unknown)
    assert.equal(before.queued, after.queued)
  end)
end)

describe("stall_timeout", function()
  before_each(util.begin)
  after_each(util.finish_without_peers)

  it("ends a connection whose peer takes nothing, and what the system held does not come later", function()
    local peer, dir = delivery.recorded { mode = "silent" }
    local client = util.connected(peer, { stall_timeout = 0.7, reconnect = false })
    local events = util.collect(client)
    local began = socket.gettime()
    delivery.overfill(client)
    local disconnect = assert(events:wait "disconnect")
    assert.equal("ETIMEDOUT", disconnect[3])
    assert.is_true(socket.gettime() - began > 0.5)
    peer:command "mode sink"
    assert(peer:wait_connections(0, util.DEADLINE))
    local data = delivery.all_data(dir)[1]
    local whole = numbered.lines(kilobyte, 1, 3000)
    assert.is_true(#data < #whole and data == whole:sub(1, #data))
  end)

  it("leaves a connection alone whose peer takes a little now and then, and one that has nothing to send", function()
    local limit = util.choose(4, 20) -- seconds: a loaded machine keeps the peer from reading for less
    local peer = delivery.start_peer { mode = "sink" }
    local busy = util.connected(peer, { stall_timeout = limit })
    local idle = util.connected(peer, { stall_timeout = limit / 2 })
    local ends = {}
    for name, client in pairs { busy = busy, idle = idle } do
      client:on("disconnect", function(_, message) ends[#ends + 1] = name .. ": " .. message end)
    end
    assert(idle:send "once")
    assert(util.poll_until(function() return idle:stats().finished == 1 end))
    peer:command(("throttle %d"):format(math.floor(2000000 / limit))) -- all takes one and a half times as long
    delivery.overfill(busy)
    assert(util.poll_until(function() return busy:stats().queued == 0 end, 10 * limit))
    assert.same({}, ends)
    assert.is_true(busy:is_connected() and idle:is_connected())
  end)
end)

describe("the wake-up of a thread", function()
  before_each(util.begin)
  after_each(util.finish_without_peers)

  it("goes through a pipe where there is no eventfd, and wakes both threads", function()
    local client = util.connected(Peer.start { mode = "echo" })
    local pipes, eventfds = count_wakers()
    assert.same(build.has_fallbacks and { 2, 0 } or { 0, 2 }, { pipes, eventfds })
    for n = 1, 200 do
      socket.sleep(n % 20 == 0 and 0.005 or 0) -- long enough for the loop to sleep, now and then
      assert.equal(n, client:send("wake " .. n))
      assert.equal("wake " .. n, (assert(client:receive(util.DEADLINE))))
    end
  end)
end)
