-- Connects to a unix socket, once, and prints the code and the message of the error.
--
--     lua spec/connect/scripts/unix_refused.lua URL

local sidewire = require "sidewire"

local client = sidewire.new { server = arg[1], reconnect = false }
client:on("error", function(_, message, code) print(code .. " " .. message) end)
assert(client:connect())
assert(client:wait("disconnected", 20))
sidewire.poll()
