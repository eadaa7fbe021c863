-- For examples/embed.c: says hello, and prints what comes back.
-- luacheck: globals sidewire host port

local client = sidewire.new { host = host, port = port }
client:on("message", function(_, message) print("got " .. message) end)
client:connect()
client:send "hello"
