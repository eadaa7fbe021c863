--- A real mosquitto between a publisher and a subscriber with a persistent session, both examples/mqtt.lua: what comes
--- of each message while the broker is restarted and killed.
--
--     local server = broker.new()                  -- a spec.support.server
--     local run = broker.start(server, count)
--     for _ = 1, 10 do broker.restart(run, "TERM") end
--     local account = broker.finish(run)
--     assert(account.missing == 0)

local socket = require "socket"
local Program = require "spec.support.program"
local Server = require "spec.support.server"
local files = require "spec.support.files"
local shell = require "spec.support.shell"

local broker = { PROGRAM = "mosquitto" }

local MOMENT = 0.03 -- seconds, in which the publisher sends some hundred messages

--- A broker that queues any number of messages for the subscriber, and keeps sessions and messages in a file that it
-- writes when it ends, not before. `user` is one that may write into its folder.
function broker.new()
  local server = Server.new(broker.PROGRAM, function() return "-c conf" end)
  server:write("conf", ([[
listener %d 127.0.0.1
user root
persistence true
persistence_location %s/
autosave_interval 0
max_queued_messages 0
allow_anonymous true
]]):format(server.port, server.dir))
  return server
end

--- Starts examples/mqtt.lua with the name of its session and what else it is told. The broker must be there: it is not
-- waited for.
function broker.start_client(server, id, role, count, ...)
  return Program.start("examples/mqtt.lua", server.host, server.port, id, "numbers", role, count, ...)
end

--- Starts the broker and both clients. The file of the broker has the session of the subscriber, so that also a broker
-- that is killed queues messages for it, as soon as it runs again.
function broker.start(server, count)
  local run = { server = server, count = count, restarts = 0 }
  server:start()
  server:wait_until_listening()
  run.subscriber = broker.start_client(server, "subscriber", "subscribe", count)
  run.subscriber:wait_for "subscribed"
  server:kill "TERM"
  server:start()
  run.subscriber:wait_for("subscribed", 2) -- so the broker is there for the publisher, too
  run.publisher = broker.start_client(server, "publisher", "publish", count)
  return run
end

--- Ends the broker by a signal, a moment after the publisher has connected again, and starts it again.
function broker.restart(run, signal)
  run.restarts = run.restarts + 1
  run.publisher:wait_for("connected, ", run.restarts)
  socket.sleep(math.random() * MOMENT)
  run.server:kill(signal)
  run.server:start()
end

-- At each new connection of the publisher: how many messages were confirmed, and with which it goes on.
local function read_publisher(output, account)
  for confirmed, next_one in output:gmatch "connected, (%d+) confirmed, (%d+) is next\n" do
    account.connections = account.connections + 1
    account.confirmed = tonumber(confirmed)
    if tonumber(next_one) ~= account.confirmed + 1 then account.skipped = account.skipped + 1 end
  end
end

local function read_subscriber(output, count, account)
  local seen, newest = {}, 0
  for line in output:gmatch "%d+\t%d+\n" do
    local number = tonumber(line:match "%d+")
    if seen[number] then
      account.duplicates = account.duplicates + 1
    elseif number < newest then
      account.disorder = account.disorder + 1
    end
    seen[number], newest = true, math.max(newest, number)
  end
  for number = 1, count do
    if not seen[number] then account.missing, account.last_missing = account.missing + 1, number end
  end
end

--- Waits for the end of both clients.
-- @return connections of the publisher; confirmed: how many messages were when the last of them began; skipped:
--   connections that did not go on with the first message that was not confirmed; messages missing at the subscriber,
--   and last_missing, the number of the last of these; duplicates; disorder, messages that came after a later one
function broker.finish(run)
  local account = { connections = 0, confirmed = 0, skipped = 0, missing = 0, last_missing = 0, duplicates = 0,
    disorder = 0 }
  local published, status = run.publisher:finish()
  assert(status == 0, published)
  local received
  received, status = run.subscriber:finish()
  assert(status == 0, received:sub(-500))
  read_publisher(published, account)
  read_subscriber(received, run.count, account)
  return account
end

--- Makes the file of the accounts of a broker, with one account, and starts the broker again with it.
function broker.require_login(server, user, password)
  shell.execute(("cd %s && touch passwords && mosquitto_passwd -b passwords %s %s >log 2>&1"):format(server.dir, user,
    password))
  server:write("conf", files.read(server.dir .. "/conf"):gsub("allow_anonymous true\n", "password_file passwords\n"))
  server:kill()
  server:start()
end

return broker
