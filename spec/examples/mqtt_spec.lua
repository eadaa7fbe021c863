-- examples/mqtt.lua against a real mosquitto, and against a peer that cuts a message. spec/stress/mqtt.lua ends the
-- broker more often.

local Peer = require "spec.support.peer"
local Program = require "spec.support.program"
local Server = require "spec.support.server"
local broker = require "spec.support.broker"
local engine = require "spec.support.engine"
local util = require "spec.support.util"

local COUNT = 50000
local ENDS = 3 -- of the broker

describe("examples/mqtt.lua", function()
  before_each(util.begin)
  after_each(Program.finish_all)

  it("says how it is called", function()
    for _, arguments in ipairs { { "127.0.0.1", "4000", "me", "news", "read", "1" },
      { "127.0.0.1", "4000", "me", "news", "publish" } } do
      local output, status = Program.run("examples/mqtt.lua", engine.unpack(arguments))
      assert.equal(2, status)
      assert.matches("^usage: lua mqtt.lua HOST PORT ID TOPIC publish|subscribe COUNT [^\n]*\n$", output)
    end
  end)

  it("drops a message that is cut, and takes it when it comes whole", function()
    local peer = Peer.start { mode = "sink" }
    local program = broker.start_client(peer, "subscriber", "subscribe", 7)
    local login, message = "20020000" .. "9003000101", "3206" .. "0001" .. "6e" .. "0005" .. "37"
    assert(peer:wait_bytes(30, util.DEADLINE))
    peer:command("send-finish " .. login .. message:sub(1, -5))
    assert(peer:wait_accepted(2, util.DEADLINE))
    peer:command("send " .. login .. message)
    local output, status = program:finish()
    assert.equal(0, status, output)
    assert.matches("subscribed\n[^\n]* ended: [^\n]*\nconnected, 0 confirmed, 1 is next\nsubscribed\n7\t1\n", output)
  end)

  if not Server.find(broker.PROGRAM) then
    print "NOT TESTED: examples/mqtt.lua with a broker: `make setup` installs mosquitto"
    pending "mosquitto is not installed"
    return
  end

  local function run(signal)
    local clients = broker.start(broker.new(), COUNT)
    for _ = 1, ENDS do broker.restart(clients, signal) end
    local account = broker.finish(clients)
    assert.equal(ENDS + 1, account.connections)
    assert.equal(0, account.skipped)
    return account
  end

  it("loses nothing while its broker is restarted", function()
    assert.equal(0, run("TERM").missing)
  end)

  it("sends again what a killed broker has not acknowledged", function()
    local account = run "KILL"
    assert(account.last_missing <= account.confirmed)
  end)

  it("says that the login is refused", function()
    local server = broker.new()
    broker.require_login(server, "user", "secret")
    server:wait_until_listening()
    local output, status = broker.start_client(server, "me", "publish", 1, 0, "user", "wrong"):finish()
    assert.equal(1, status, output)
    assert.matches("login refused, code 5\n", output)
    output, status = broker.start_client(server, "me", "publish", 1, 0, "user", "secret"):finish()
    assert.equal(0, status, output)
  end)

  it("carries a message of 16 MiB", function()
    local server = broker.new()
    server:start()
    server:wait_until_listening()
    local subscriber = broker.start_client(server, "subscriber", "subscribe", 1)
    subscriber:wait_for "subscribed"
    local output, status = broker.start_client(server, "publisher", "publish", 1, 2 ^ 24):finish()
    assert.equal(0, status, output)
    output, status = subscriber:finish()
    assert.equal(0, status, output)
    assert.matches("\n1\t16777216\n", output)
  end)
end)
