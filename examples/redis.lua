-- A Redis client that sends its commands without waiting for replies, and hears of news on the same connection:
--
--     lua redis.lua HOST PORT PASSWORD [COUNT [BYTES]]
--
-- Counts COUNT times (1000), stores BYTES (1 MiB) of binary data and reads them back, and publishes news to itself. It
-- outlasts restarts of the server. A reply belongs to the oldest command of its connection that has none. Those before
-- info.first, with which a connection begins, get none any more: the server has carried them out, or not. What is sent
-- again goes behind what is queued already: if order matters, keep the queue yourself and use send_once.
local sidewire = require "sidewire"
local encode, decode = sidewire.resp.encode, sidewire.resp.decode

local host, port, password = arg[1], tonumber(arg[2]), arg[3]
local count, size = tonumber(arg[4] or 1000), tonumber(arg[5] or 2^20)
local USAGE = "usage: lua redis.lua HOST PORT PASSWORD [COUNT [BYTES]]\n"
if host == "--help" then io.write(USAGE) os.exit(0) end
if not (password and sidewire.is_port(port) and count and size) then io.stderr:write(USAGE) os.exit(2) end
local made, client = pcall(sidewire.new, {
  host = host, port = port, framing = "resp", max_message = 2^26, queue_limit = 2^26,
  greeting = { encode("HELLO", 3, "AUTH", "default", password), encode("SUBSCRIBE", "news") },
})
if not made then io.stderr:write(client, "\n", USAGE) os.exit(2) end -- it is no host's name
local waiting, first = {}, 1 -- the handlers of replies, by the ids of their commands; the oldest of these
local counts = { integer = 0, error = 0, none = 0 }
local status, is_greeted -- the program's exit status at its end; the reply to the login has come

local function stop(why, code) print(why) status = code client:close(0) end
local function command(on_reply, bytes) -- a server that still reads its file has not carried it out
  waiting[assert(client:send(bytes))] = function(reply, kind)
    if kind == "error" and reply.code == "LOADING" then return command(on_reply, bytes) end
    on_reply(reply, kind)
  end
end
local function answer(reply, kind) -- the oldest command; without a kind there is no reply
  local on_reply = waiting[first]
  waiting[first], first = nil, first + 1
  on_reply(reply, kind)
end
local function insist(on_reply, bytes) -- for a command that does no harm when it is carried out twice
  command(function(reply, kind)
    if kind then return on_reply(reply) end
    insist(on_reply, bytes)
  end, bytes)
end

client:on {
  connect = function(_, info) is_greeted = false while first < info.first do answer() end end,
  message = function(_, bytes)
    local reply, kind = assert(decode(bytes))
    if kind == "push" then return reply[1] == "message" and stop("news: " .. reply[3], 0) end
    if is_greeted then return answer(reply, kind) end
    is_greeted = true
    if kind == "error" then stop("the login is refused: " .. reply.message, 1) end
  end,
  disconnect = function(_, why) print(why) end,
  retry = function(_, _, _, why) -- a server that is away from the beginning is not waited for
    if client:stats().connects == 0 then stop(why, 1) end
  end,
}
client:connect()
local function note(_, kind) counts[kind or "none"] = counts[kind or "none"] + 1 end
for _ = 1, count do command(note, encode("INCR", "counter")) end
local data = ("\r\n$5\r\n\0\255"):rep(math.ceil(size / 8))
insist(function() insist(function(reply)
  print(("counted: %d replies, %d errors, %d unknown"):format(counts.integer, counts.error, counts.none))
  if reply ~= data then return stop("the data differ", 1) end
  insist(function() end, encode("PUBLISH", "news", #reply .. " bytes are back"))
end, encode("GET", "data")) end, encode("SET", "data", data))
while not status do sidewire.wait() sidewire.poll() end
os.exit(status)
