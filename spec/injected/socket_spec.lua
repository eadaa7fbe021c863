-- Socket calls that are cut short, block or fail: what is delivered stays exact, and every message has one fate.

local socket = require "socket"
local faults = require "spec.support.faults"
local Peer = require "spec.support.peer"
local numbered = require "spec.support.numbered"
local util = require "spec.support.util"

local SEEDS = util.choose(4, 2)
local MESSAGES = util.choose(8000, 3000)
local LOSSY_MESSAGES = util.choose(5000, 1500)

local message = numbered.maker(function(n) return n % 400 end)

-- The queue is small: so it is full now and then, whatever is cut.
local function send_all(client, count, each)
  for n = client:stats().accepted + 1, count do
    local id, _, code
    assert(util.poll_until(function()
      id, _, code = client:send(message(n))
      assert(id or code == "EFULL", code)
      return id
    end))
    assert.equal(n, id)
    if each then each() end
  end
end

describe("socket calls that are cut and blocked", function()
  before_each(util.begin)
  after_each(util.finish)

  local RULES = "send cut 0.6; send EAGAIN 0.2; sendmsg EINTR 0.1; send ENOBUFS 0.001; send delay 0.01; "
    .. "receive cut 0.5; receive EAGAIN 0.2; recv EINTR 0.1; read EINTR 0.2; write EINTR 0.2; seed "

  it("[F18] deliver every byte in both directions", function()
    for _, seed in ipairs(faults.seeds(SEEDS)) do
      local counts = faults.during(RULES .. seed, function()
        local peer, dir = Peer.start_recorded { mode = "echo" }
        local client = util.client(peer, { queue_limit = 65536 })
        local got = 0
        client:on("message", function(_, text)
          got = got + 1
          assert.equal(message(got), text)
        end)
        local losses = numbered.note_losses(client)
        assert(client:connect())
        send_all(client, MESSAGES)
        assert(util.poll_until(function() return got == MESSAGES end))
        assert(client:disconnect())
        assert(client:wait("disconnected", util.DEADLINE))
        assert(peer:wait_connections(0))
        assert.same({}, losses.faults)
        assert.equal(MESSAGES, numbered.check_account(client).finished)
        local streams = Peer.streams(dir)
        assert.equal(1, #streams)
        assert(streams[1].data == numbered.lines(message, 1, MESSAGES), "the peer received other bytes")
        client:close()
      end)
      assert(counts.send.faults > 20 and counts.receive.faults > 20)
      assert(counts.sendmsg.faults > 0 and counts.recv.faults > 0)
      assert(counts.read.faults > 0 and counts.write.faults > 0)
    end
  end)

  it("[F18] are made again when interrupted, the look at the outcome of connect too", function()
    local client = util.client(Peer.start(), { reconnect = false })
    local counts = faults.during("recv EINTR @1", function()
      assert(client:connect())
      assert(client:wait("connected", util.DEADLINE))
    end)
    assert.equal(1, counts.recv.faults)
  end)

  it("[F18] wait without spinning while the system has no buffers", function()
    for _, first in ipairs { "send EAGAIN @1; ", "" } do -- with and without a watch for "writable"
      local peer = Peer.start()
      local client = util.connected(peer)
      local counts = faults.during(first .. "send ENOBUFS @1+", function()
        client:send "late"
        assert(util.wait_until(function() return faults.counts().send.faults >= 3 end))
        local busy = os.clock()
        socket.sleep(0.5) -- of which a loop that spins would use all
        assert(os.clock() - busy < 0.25, "the thread spins")
      end)
      assert(counts.send.calls < 1000, counts.send.calls)
      assert(peer:wait_bytes(5, util.DEADLINE))
      client:close()
    end
  end)
end)

describe("a host that sends on and on", function()
  before_each(util.begin)
  after_each(util.finish)

  -- One call for each tenth of a millisecond, or for what is worth one at once; not one for each few messages.
  for _, retain in ipairs { "unsent", "unacked", "unconfirmed" } do
    it("is left alone for a moment, so that many messages go in one call, also with retain = " .. retain, function()
      local count, text = util.choose(200000, 20000), "sixty bytes, more or less, as a game would send them each frame"
      local peer = Peer.start()
      peer:command "digest off"
      local client = util.connected(peer, { queue_limit = 2 ^ 30, retain = retain })
      local began = socket.gettime()
      local counts = faults.during("sendmsg EINTR @1000000000", function() -- never: it is there to count
        for _ = 1, count do client:send(text) end
        assert(util.poll_until(function()
          local s = numbered.check_account(client)
          if retain == "unconfirmed" and s.in_flight > 0 then client:confirm(s.finished + s.in_flight) end
          return s.finished == count
        end))
      end)
      local calls, moments = counts.sendmsg.calls, (socket.gettime() - began) / 1e-4
      local limit = 100 + 1.5 * (moments + count * (#text + 1) / 32768) -- some calls take only a part
      assert(calls < limit, ("%d calls for %d messages, more than %.0f"):format(calls, count, limit))
      assert(calls < count / 8, ("%d calls for %d messages"):format(calls, count))
      client:close()
    end)
  end
end)

describe("socket calls that fail at random", function()
  before_each(util.begin)
  after_each(util.finish)

  local RULES = "send cut 0.5; send ECONNRESET 0.01; sendmsg EPIPE 0.01; send ETIMEDOUT 0.005; "
    .. "send EAGAIN 0.1; receive ECONNRESET 0.01; recv EHOSTUNREACH 0.01; receive cut 0.3; socket EMFILE 0.2; "
    .. "connect ENETUNREACH 0.2; connect ECONNREFUSED 0.1; getsockopt ENOBUFS 0.1; setsockopt EINVAL 0.2; "
    .. "shut_down ENOTCONN 0.2; acked EINVAL 0.01; seed "

  -- Every id has one fate: acknowledged or reported, and what is reported unsent did not arrive.
  local function check_fates(client, losses, streams)
    local s = numbered.check_account(client)
    assert.same({ 0, 0, LOSSY_MESSAGES }, { s.queued, s.in_flight, s.accepted })
    local seen, wrong, counts = numbered.read(streams, message)
    assert.same({}, wrong)
    assert.same({}, losses.faults)
    assert.same({ 0, 0, 0 }, { counts.twice, counts.disorder, counts.partial })
    local lost = 0
    for n = 1, LOSSY_MESSAGES do
      if losses[n] then lost = lost + 1 end
      assert(losses[n] or seen[n], ("message %d: neither received nor reported"):format(n))
      assert(not (losses[n] == "unsent" and seen[n]), ("message %d: received, but reported unsent"):format(n))
    end
    assert.equal(s.lost, lost)
    assert.equal(LOSSY_MESSAGES, s.finished + lost)
  end

  for _, retain in ipairs { "unsent", "none" } do
    it(("[F18] give every message one fate, retain = %s"):format(retain), function()
      local broken = 0
      local seeds = faults.seeds(10 * SEEDS) -- what the loop sends in a few calls, few calls can break
      for round, seed in ipairs(seeds) do
        if round > SEEDS and broken > 3 then break end
        faults.during(RULES .. seed, function()
          local peer, dir = Peer.start_recorded { mode = "sink" }
          local client = util.client(peer, { retain = retain, reconnect = 0.002, queue_limit = 20000 })
          local losses = numbered.note_losses(client)
          client:on("disconnect", function() broken = broken + 1 end)
          assert(client:connect())
          send_all(client, LOSSY_MESSAGES, function() numbered.check_account(client) end)
          assert(util.poll_until(function()
            local s = numbered.check_account(client)
            return s.queued == 0 and s.in_flight == 0
          end))
          client:close()
          assert(client:wait("disconnected", util.DEADLINE))
          util.poll_until(function() return client:state() == "closed" end)
          assert(peer:wait_connections(0))
          check_fates(client, losses, Peer.streams(dir))
        end)
      end
      assert(broken > 3 or #seeds == 1, "only " .. broken .. " connections broke: this shows little")
    end)
  end
end)
