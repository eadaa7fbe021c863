-- Allocations that fail, in the module and in libev: the first, the second, ... until a life needs no more of them.

local sidewire = require "sidewire.core"
local faults = require "spec.support.faults"
local Peer = require "spec.support.peer"
local numbered = require "spec.support.numbered"
local util = require "spec.support.util"

local MESSAGES = 8
local STEP = util.choose(1, 2)

-- Large ones: more than one page, here and there.
local message = numbered.maker(function(n) return n * 30000 end)

-- True, or refused for want of memory.
local function granted(ok, _, code)
  assert(ok or code == "ENOMEM", code)
  return ok
end

local function open(peer, host)
  local ok, client = pcall(sidewire.new, { host = host, port = peer.port, reconnect = 0.001, max_message = 2 ^ 20 })
  if ok then return client end
  assert(client:find("not enough memory", 1, true), client)
end

local function send_all(client)
  for n = 1, MESSAGES do
    local id, _, code = client:send(message(client:stats().accepted + 1))
    assert(id or code == "ENOMEM", code)
    if n == MESSAGES / 2 then sidewire.poll() end
  end
end

-- What a script does with a client: connect, send, receive, change its mind, end, begin again. When memory comes back
-- it can wait for each of these to succeed.
local function use(client, events, comes_back)
  local function wait(predicate)
    local ok = util.poll_until(predicate, not comes_back and 0.05 or nil)
    assert(ok or not comes_back, "it never recovers")
  end
  local function is_idle() return client:state() == "idle" end

  local connecting = granted(client:connect())
  send_all(client)
  wait(function() return not connecting or client:stats().received_bytes > 0 or is_idle() end)
  granted(client:set_reconnect(0.002))
  granted(client:set_server(client:get_server()))
  wait(function() return is_idle() or granted(client:disconnect(0.05)) end)
  wait(is_idle)
  sidewire.poll()
  if comes_back then assert.equal(events:count "connect", events:count "disconnect") end
  connecting = granted(client:connect())
  wait(function() return not connecting or client:is_connected() or is_idle() end)
end

-- What must hold of a client at its end, however much memory there was.
local function check_end(client, events, losses)
  assert(util.poll_until(function() return events:count "close" == 1 end))
  local s = numbered.check_account(client)
  assert.same({ 0, 0 }, { s.queued, s.in_flight })
  assert.same({}, losses.faults)
  local reported = 0
  for id = 1, s.accepted do reported = reported + (losses[id] and 1 or 0) end
  assert.equal(s.lost, reported)
  assert.equal("close", events[#events][1])
  local ended = events:count "disconnect"
  assert(ended == events:count "connect" or ended == events:count "connect" - 1, table.concat(events:names(), " "))
end

-- A whole life of the module's thread under these rules. They end before the client does: it must recover by then.
local function live(peer, host, rules, comes_back)
  local client, events, losses
  local counts = faults.during(rules, function()
    client = open(peer, host)
    if not client then return end
    events = util.collect(client, "connect", "message", "disconnect", "error", "drain", "close")
    losses = numbered.note_losses(client)
    use(client, events, comes_back)
    client:close(0.05)
    assert.equal("closed", client:state())
  end)
  faults.during("", function()
    if client then check_end(client, events, losses) end
    assert(sidewire.stop(util.DEADLINE))
  end)
  return counts
end

describe("an allocation that fails [F40]", function()
  before_each(util.begin)
  after_each(util.finish)

  for _, host in ipairs { "127.0.0.1", "localhost" } do
    for _, how in ipairs { { "alone", "" }, { "and all after it", "+" } } do
      it(("%s, gives ENOMEM or an event, at each of them: %s"):format(how[1], host), function()
        local peer = Peer.start { mode = "echo" }
        local n, counts = 0, nil
        repeat
          n = n + STEP
          local rules = ("malloc ENOMEM @%d%s"):format(n, how[2])
          local ok, why = pcall(function() counts = live(peer, host, rules, how[2] == "") end)
          if not ok then error(rules .. ": " .. tostring(type(why) == "table" and why.message or why), 0) end
        until counts.malloc.faults == 0
        assert(n > 20, "only " .. n .. " allocations: this shows little")
      end)
    end
  end

  it("delays an acked event until there is memory", function()
    local peer = Peer.start { mode = "sink" }
    local client = util.connected(peer)
    local events = util.collect(client, "acked")
    client:send "with memory"
    assert(events:wait "acked")
    faults.during("malloc ENOMEM @2+", function() -- the first is the message's
      assert.equal(2, client:send "without")
      assert(util.wait_until(function() return client:stats().finished == 2 and faults.counts().malloc.faults > 0 end))
    end)
    assert(events:wait("acked", 2))
    assert.same({ 1, 2 }, events:all "acked")
  end)

  it("of the report of an end that has no handler ends a wait, so that a poll lets the client connect again", function()
    local peer = Peer.start { mode = "echo" }
    local client = util.connected(peer, { reconnect = 0.01, on = { message = function() end } })
    sidewire.poll()
    faults.during("malloc ENOMEM @1+", function()
      peer:command "reset"
      assert(util.wait_until(function() return client:stats().paused end))
    end)
    assert.is_true(sidewire.wait(util.DEADLINE))
    sidewire.poll()
    assert(client:wait("connected", util.DEADLINE))
  end)

  it("of what is told of a bad frame leaves its event, at each of them", function()
    local n, codes = 0, {}
    local faulty
    repeat
      n = n + 1
      local peer = Peer.start()
      local client = util.connected(peer, { framing = "netstring", reconnect = false })
      local events = util.collect(client, "message", "disconnect")
      faulty = faults.during(("malloc ENOMEM @%d"):format(n), function()
        peer:command("send-slow " .. Peer.hex "5:hello,12x")
        assert(events:wait "disconnect")
      end)
      local disconnect = events:last "disconnect"
      local is_named = disconnect[2]:find("framing \"netstring\": expected a digit", 1, true) ~= nil
      codes[disconnect[3]] = true
      codes[is_named and "named" or "nameless"] = true
      client:close(0)
      peer:stop()
    until faulty.malloc.faults == 0
    assert.same({ EFRAME = true, ENOMEM = true, named = true, nameless = true }, codes)
  end)

  it("again and again is survived, and what was accepted arrives or is reported", function()
    local peer, refused = Peer.start { mode = "echo" }, 0
    for _, seed in ipairs(faults.seeds(util.choose(30, 10))) do
      refused = refused + live(peer, "localhost", "malloc ENOMEM 0.1; seed " .. seed, true).malloc.faults
    end
    assert(refused > 30, "only " .. refused .. " allocations failed: this shows little")
  end)
end)
