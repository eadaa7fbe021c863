-- A publisher and a subscriber of MQTT (examples/mqtt.lua: QoS 1, persistent sessions), whose broker is restarted and
-- killed again and again: does the subscriber get every message?
--
--     tools/run release lua spec/stress/mqtt.lua [TIMES] [MESSAGES]      (50, 100000)
--
-- First the broker ends in order, by SIGTERM, so many times: no message may be missing. Then, with new sessions, it is
-- killed as often. What it had acknowledged and had in its memory only is gone then. But each new connection must go on
-- with the first message that was not confirmed, and none of these may be missing. Exit status 1 otherwise.

local usage = require "spec.support.usage"
local times = usage.integer(1, "TIMES", 50)
local messages = usage.integer(2, "MESSAGES", 100000)
usage.no_more(2)

local socket = require "socket"
local Program = require "spec.support.program"
local Server = require "spec.support.server"
local broker = require "spec.support.broker"

Program.limit = 3600

local function run(signal)
  local began = socket.gettime()
  local clients = broker.start(broker.new(), messages)
  for _ = 1, times do broker.restart(clients, signal) end
  local account = broker.finish(clients)
  print(("SIG%s: %d messages, %d ends of the broker, %d connections of the publisher, %.0f s"):format(signal, messages,
    times, account.connections, socket.gettime() - began))
  print(("  missing %d (the last is %d of %d), duplicates %d, out of order %d, not sent again %d"):format(
    account.missing, account.last_missing, messages, account.duplicates, account.disorder, account.skipped))
  Server.stop_all()
  return account
end

local ok, orderly = pcall(run, "TERM")
local ok_again, killed = pcall(run, "KILL")
Program.stop_all()
Server.stop_all()
if not (ok and ok_again) then error(ok and killed or orderly, 0) end
local is_right = orderly.missing == 0 and orderly.skipped == 0 and killed.skipped == 0
  and killed.last_missing <= killed.confirmed
print(is_right and "nothing is missing that was not confirmed" or "WRONG")
os.exit(is_right and 0 or 1)
