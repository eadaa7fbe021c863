-- A program for Tarantool: it ships each tuple of the space `orders` to a server, and puts what comes back into the
-- space `answers`. The database goes on meanwhile: a fiber waits for the server.
--
--     LUA_CPATH='DIR/?.so;;' tarantool feed.lua 127.0.0.1 4000
--
-- Tarantool exports a libev of its own, so it needs the module that has libev inside. `make bundle LUA=luajit` builds
-- it, and DIR is build/bundle-luajit.

local USAGE = "usage: tarantool feed.lua HOST PORT\n"
if arg[1] == "--help" then io.write(USAGE) os.exit(0) end
if not tonumber(arg[2]) or arg[3] then io.stderr:write(USAGE) os.exit(2) end

local fiber = require "fiber"
local json = require "json"
local sidewire = require "sidewire.core"
local socket = require "socket"

box.cfg { log_level = 4, memtx_memory = 33554432 }
local orders = box.schema.space.create("orders", { if_not_exists = true })
orders:create_index("primary", { if_not_exists = true })
local answers = box.schema.space.create("answers", { if_not_exists = true })
answers:create_index("primary", { if_not_exists = true })

local client = sidewire.new { host = arg[1], port = tonumber(arg[2]), linger = 1 }
client:on { message = function(_, line) answers:replace(json.decode(line)) end }
client:connect()
orders:on_replace(function(_, tuple)
  if tuple then client:send(json.encode(tuple)) end
end)

local notifier = assert(sidewire.notifier())
fiber.create(function()
  while true do
    socket.iowait(notifier:fd(), "R")
    sidewire.poll(100)
  end
end)

return { orders = orders, answers = answers, client = client }
