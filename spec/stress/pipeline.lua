-- A pipelined redis client, as examples/redis.lua is one, whose redis-server is killed again and again: does
-- each reply reach the command that it answers?
--
--     tools/run release lua spec/stress/pipeline.lua [COMMANDS] [KILLS] [SEED]      (100000, 20, the time)
--
-- Command i is `ECHO i`. The client gives each reply to the oldest command of its connection that has none, and fails
-- those before info.first at each connect. Exit status 1 when a command gets another one's reply, none and no failure,
-- or both.

local usage = require "spec.support.usage"
local commands = usage.integer(1, "COMMANDS", 100000)
local kills = usage.integer(2, "KILLS", 20)
local seed = usage.integer(3, "SEED", os.time())
usage.no_more(3)

local sidewire = require "sidewire"
local Server = require "spec.support.server"

local WINDOW = 2000 -- commands without a reply at most

math.randomseed(seed)
local server = Server.new("redis-server", function(self)
  return ("--port %d --bind 127.0.0.1 --dir %s --save '' --appendonly no"):format(self.port, self.dir)
end)

local first, last, input = 1, 0, ""
local answers, wrong, failed, connects = 0, 0, 0, 0

local function answer(reply)
  if reply == nil then
    failed = failed + 1
  elseif reply == tostring(first) then
    answers = answers + 1
  else
    wrong = wrong + 1
  end
  first = first + 1
end

-- Replies of ECHO: "$3\r\n123\r\n".
local function take(_, chunk)
  input = input .. chunk
  local from = 1
  for reply, next_at in input:gmatch "%$%d+\r\n(%d+)\r\n()" do
    answer(reply)
    from = next_at
  end
  input = input:sub(from)
end

local client = sidewire.new { host = server.host, port = server.port, framing = "raw",
  reconnect = { delay = 0.01, max = 0.05 },
  on = {
    message = take,
    connect = function(_, info)
      connects, input = connects + 1, ""
      while first < info.first do answer(nil) end
    end,
  } }

local function send_some()
  while last < commands and last - first < WINDOW do
    local i = tostring(last + 1)
    last = assert(client:send(("*2\r\n$4\r\nECHO\r\n$%d\r\n%s\r\n"):format(#i, i)))
  end
end

-- In the middle of traffic: when so many commands have been answered, or given up. Of places that are passed in one
-- turn, some may come too late.
local places = {}
for i = 1, kills do places[i] = math.random(commands) end
table.sort(places)

server:start()
client:connect()
local killed = 0
while first <= commands do
  send_some()
  sidewire.wait(1)
  sidewire.poll()
  if places[killed + 1] and first >= places[killed + 1] then
    killed = killed + 1
    server:kill()
    server:start()
  end
end
client:close(0)
sidewire.stop(1)
Server.stop_all()
print(("seed %d: %d commands, %d kills, %d connections: %d answers, %d without one, %d wrong answers"):format(seed,
  commands, killed, connects, answers, failed, wrong))
assert(wrong == 0 and answers + failed == commands and (killed > 0 or kills == 0))
