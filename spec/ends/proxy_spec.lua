-- Connections through a proxy with the eight vices of spec/support/toxic.lua: what is sent arrives byte for byte, is
-- reported, or was acknowledged by the proxy and went down with it.

local lfs = require "lfs"
local engine = require "spec.support.engine"
local Peer = require "spec.support.peer"
local Server = require "spec.support.server"
local build = require "spec.support.build"
local numbered = require "spec.support.numbered"
local util = require "spec.support.util"

local COUNT = 2000 -- messages: more than the proxy can hold
local PROXY = build.PROGRAM .. " " .. lfs.currentdir() .. "/spec/support/toxic.lua"

local message = numbered.maker(function(n) return n % 500 end)

-- A proxy before a recorded peer that answers each message `ok <number>`.
local function start(what, number)
  local peer, dir = Peer.start_recorded { mode = "lines" }
  local proxy = Server.new("env", function(server)
    return ("%s %d %d %s %s"):format(PROXY, server.port, peer.port, what, number)
  end)
  return proxy:start(), peer, dir
end

local function send_all(client)
  for n = 1, COUNT do assert.equal(n, client:send(message(n))) end
end

local function all_finished(client)
  assert(util.poll_until(function()
    local s = numbered.check_account(client)
    return s.finished + s.lost == COUNT
  end))
end

-- The messages that were neither received nor reported are in one piece: first, last; or nil.
local function find_gap(seen, fates)
  local first, last
  for id = 1, COUNT do
    if not seen[id] and not fates[id] then
      assert(not last or id == last + 1, "two gaps")
      first, last = first or id, id
    end
  end
  return first, last
end

describe("a proxy", function()
  before_each(util.begin)
  after_each(function()
    Server.stop_all()
    util.finish_without_peers()
  end)

  for _, case in ipairs {
    { "latency", 0.05, "delays everything" },
    { "bandwidth", 2^20, "passes on few bytes a second" },
    { "slicer", 0, "passes on one byte at a time" },
    { "slow_close", 0.5, "passes on the end late" },
  } do
    local what, number, does = engine.unpack(case)
    it(("[F27] that %s (%s) changes nothing: all arrives, and all answers"):format(does, what), function()
      local proxy, peer, dir = start(what, number)
      local client = util.client(proxy, { reconnect = 0.01 }) -- it may not listen yet
      local events = util.collect(client)
      assert(client:connect())
      send_all(client)
      assert(events:wait("message", COUNT))
      assert(client:disconnect())
      assert.equal("ECLOSED", assert(events:wait "disconnect")[3])
      for n, answer in ipairs(events:all "message") do assert.equal("ok " .. n, answer) end
      assert.same({ 0, 1 }, { events:count "lost", client:stats().connects })
      assert.is_true(Peer.streams(dir)[1].data == numbered.lines(message, 1, COUNT))
      assert(peer:wait_connections(0, util.DEADLINE))
    end)
  end

  for _, case in ipairs {
    { "limit_data", 20000, "ends connections after some data" },
    { "timeout", 0.3, "passes on nothing and gives up" },
    { "reset", 0.1, "resets connections" },
    { "down", 20000, "goes down" },
  } do
    local what, number, does = engine.unpack(case)

    -- Sends all, at first through the proxy. Returns the client, the losses, the recorded streams.
    local function send_through(options)
      local proxy, peer, dir = start(what == "down" and "bandwidth" or what, number)
      options.reconnect = 0.01
      local client = util.client(proxy, options)
      local fates = numbered.note_losses(client)
      local codes = {}
      client:on("disconnect", function(_, _, code) codes[#codes + 1] = code end)
      assert(client:connect())
      assert(client:wait("connected", util.DEADLINE))
      assert(client:set_server(peer.host, peer.port)) -- where the next attempt goes
      send_all(client)
      if what == "down" then
        assert(peer:wait_bytes(1000, util.DEADLINE))
        proxy:kill()
      end
      all_finished(client)
      client:close()
      assert(peer:wait_connections(0, util.DEADLINE))
      assert.equal(1, #codes)
      assert.truthy(("ECONNRESET EPIPE EPEER"):find(codes[1], 1, true))
      assert.same({}, fates.faults)
      return client, fates, Peer.streams(dir)
    end

    local function check_beginning(streams)
      local through = streams[1].data
      assert.is_true(through == numbered.lines(message, 1, COUNT):sub(1, #through))
      if what == "limit_data" then assert.equal(number, #through) end
      if what == "timeout" then assert.equal(0, #through) end
    end

    it(("[F27] that %s (%s) loses what it had taken; the rest is sent again or reported"):format(does, what), function()
      local client, fates, streams = send_through { retain = "unsent" }
      check_beginning(streams)
      local seen, faults = numbered.read(streams, message)
      assert.same({}, faults)
      local _, gap_end = find_gap(seen, fates)
      if gap_end and client:stats().lost > 0 then assert.equal("unknown", fates[gap_end + 1]) end
      assert.is_true(seen[COUNT])
    end)

    it(("[F27] that %s (%s) costs nothing when answers confirm"):format(does, what), function()
      local client, _, streams = send_through {
        retain = "unconfirmed",
        on = { message = function(client, answer) client:confirm(tonumber(answer:match "^ok (%d+)$")) end },
      }
      check_beginning(streams)
      assert.equal(COUNT, client:stats().finished)
      local again = streams[2].data
      assert.is_true(again == numbered.lines(message, 1, COUNT):sub(-#again))
      assert.is_true(#again >= #numbered.lines(message, 1, COUNT) - #streams[1].data) -- nothing is missing between
    end)
  end
end)
