-- A memcached client that sends many commands before it reads the first reply: lines, with counted bytes between them.
--
--     lua examples/memcached.lua HOST PORT [COUNT [SIZE]]
--
-- Stores COUNT (1000) values of SIZE (100) bytes, compares and deletes them; goes on when the server restarts:
-- send_once and read keep to one connection, so no reply is taken for one to another connection's command.

local sidewire = require "sidewire"

local USAGE = "usage: lua examples/memcached.lua HOST PORT [COUNT [SIZE]]\n"
local TIMEOUT, LINE = 30, { delimiter = "\r\n" }
local count, size = tonumber(arg[3] or 1000), tonumber(arg[4] or 100)
if arg[1] == "--help" then io.write(USAGE) os.exit(0) end
if not (sidewire.is_port(tonumber(arg[2])) and count and size) then io.stderr:write(USAGE) os.exit(2) end
local made, client = pcall(sidewire.new, {
  host = arg[1], port = tonumber(arg[2]), framing = "raw", reconnect = false,
})
if not made then io.stderr:write(client, "\n", USAGE) os.exit(2) end -- it is no host's name
local AT_ONCE = math.max(1, math.min(1000, math.floor(4e6 / size))) -- commands, so that they fit into the queue

local function fail(why) io.stderr:write(why, "\n") os.exit(1) end
-- The bytes; raises the reason when the connection has ended.
local function read(what)
  local bytes, why, code = client:read(what, TIMEOUT)
  if code == "ETIMEDOUT" or code == "EFRAME" then fail(why) end
  return not why and bytes or error(why, 0)
end
local function send(command)
  local sent, why, code = client:send_once(command)
  if not sent and code ~= "ENOTCONN" then fail(why) end -- when the connection has ended, read says so
end

-- Reads the replies to the commands for these keys.
local function read_replies(first, last, value_of, count_reply)
  for key = first, last do
    local reply = read(LINE)
    local bytes = reply:match "^VALUE %S+ %d+ (%d+)$"
    if bytes and read(tonumber(bytes)) .. read(LINE) ~= value_of(key) then fail("wrong value of key " .. key) end
    count_reply(bytes and read(LINE) == "END" and "VALUE" or reply)
  end
end

-- Has a command carried out for each key. What has no reply when the connection ends is sent again.
local function run(title, make_command, value_of)
  local counts, done = {}, 0
  local function count_reply(reply) counts[reply], done = (counts[reply] or 0) + 1, done + 1 end
  while done < count do
    local ok, why = client:wait("connected", TIMEOUT)
    if not ok then fail(why) end
    local last = math.min(done + AT_ONCE, count)
    for key = done + 1, last do send(make_command(key)) end
    ok, why = pcall(read_replies, done + 1, last, value_of, count_reply)
    if not ok then print("lost: " .. why) end
  end
  for reply, number in pairs(counts) do print(title, reply, number) end
end

local function value_of(key) return ("value %d\r\n"):format(key):rep(math.ceil(size / 9)):sub(1, size) end
client:connect()
local connected, why_not = client:wait("connected", TIMEOUT)
if not connected then fail(why_not) end -- a server that is away from the beginning is not waited for
client:set_reconnect(0.1)
run("set", function(key) return ("set key%d 0 0 %d\r\n%s\r\n"):format(key, size, value_of(key)) end)
run("get", function(key) return ("get key%d\r\n"):format(key) end, value_of)
run("delete", function(key) return ("delete key%d\r\n"):format(key) end)
