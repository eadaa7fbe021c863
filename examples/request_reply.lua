-- A redis client that does not wait for one reply before it sends the next command: lua request_reply.lua HOST PORT
--
-- It outlasts restarts of the server. Each reply belongs to the oldest command of its connection that has none yet, and
-- info.first says which command a connection begins with: those before it that have no reply will get none.
-- The server may have carried them out, or not; only the program knows whether it may ask again.

local sidewire = require "sidewire"

local client = sidewire.new { host = arg[1], port = tonumber(arg[2]), framing = "raw" }
local waiting, first, last = {}, 1, 0 -- the handlers of replies to come, by the ids of their commands
local input = "" -- bytes of a reply that is not complete

-- command(on_reply, word, ...): on_reply(reply), or on_reply(nil, why) when there will be none
local function command(on_reply, ...)
  local words = { "*" .. select("#", ...) .. "\r\n" }
  for _, word in ipairs { ... } do words[#words + 1] = ("$%d\r\n%s\r\n"):format(#word, word) end
  last = assert(client:send(table.concat(words)))
  waiting[last] = on_reply
end

-- Gives the oldest command its reply.
local function answer(...)
  local on_reply = waiting[first]
  waiting[first], first = nil, first + 1
  on_reply(...)
end

-- A new connection: it begins with a command of its own, and no reply is half read.
local function start(_, info)
  input = ""
  while first < info.first do answer(nil, "the connection was lost") end
end

-- The reply that begins at `from`, and where the next one does; nothing when it is not complete.
local function read_reply(from)
  local kind, text, at = input:match("^([-+:$])([^\r\n]*)\r\n()", from)
  if kind ~= "$" then return kind == ":" and tonumber(text) or text, at end
  local size = tonumber(text)
  if size < 0 then return nil, at end -- no such key
  if #input >= at + size + 1 then return input:sub(at, at + size - 1), at + size + 2 end
end

local function take(_, chunk)
  input = input .. chunk
  local from = 1
  local reply, next_at = read_reply(from)
  while next_at do
    from = next_at
    answer(reply)
    reply, next_at = read_reply(from)
  end
  input = input:sub(from)
end

local running = true
local function stop(_, why) print(why) running = false end
local function note_end(_, why, _, detail)
  if not detail.will_retry then stop(nil, why) end
end
client:on { connect = start, message = take, disconnect = note_end, error = stop }
client:connect()

command(function(reply) print("PING", reply) end, "PING")
command(function(reply) print("SET", reply) end, "SET", "greeting", "hello")
command(function(reply) print("GET", reply) end, "GET", "greeting")
for _ = 1, 999 do command(function() end, "INCR", "counter") end
command(function(reply) print("INCR", reply) client:disconnect() end, "INCR", "counter")
while running do
  sidewire.wait()
  sidewire.poll()
end
