-- A redis client that does not wait for one reply before it sends the next command: lua request_reply.lua HOST PORT

local sidewire = require "sidewire"

local client = sidewire.new { host = arg[1], port = tonumber(arg[2]), framing = "raw", reconnect = false }
local waiting, first, last = {}, 1, 0 -- the handlers of replies to come, in order
local input = "" -- bytes of a reply that is not complete

-- command(on_reply, word, ...)
local function command(on_reply, ...)
  local words = { "*" .. select("#", ...) .. "\r\n" }
  for _, word in ipairs { ... } do words[#words + 1] = ("$%d\r\n%s\r\n"):format(#word, word) end
  assert(client:send(table.concat(words)))
  last = last + 1
  waiting[last] = on_reply
end

-- The reply that begins at `from`, and where the next one does; nothing when it is not complete.
local function read_reply(from)
  local kind, text, at = input:match("^([-+:$])([^\r\n]*)\r\n()", from)
  if kind ~= "$" then return kind == ":" and math.tointeger(text) or text, at end
  local size = tonumber(text)
  if size < 0 then return nil, at end -- no such key
  if #input >= at + size + 1 then return input:sub(at, at + size - 1), at + size + 2 end
end

local function take(_, chunk)
  input = input .. chunk
  local from = 1
  local reply, next_at = read_reply(from)
  while next_at do
    local on_reply = waiting[first]
    waiting[first], first, from = nil, first + 1, next_at
    on_reply(reply)
    reply, next_at = read_reply(from)
  end
  input = input:sub(from)
end

local running = true
local function stop(_, why) print(why) running = false end
client:on { message = take, disconnect = stop, error = stop }
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
