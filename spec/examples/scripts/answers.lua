-- For examples/embed.c: says hello, and answers what comes back.
-- luacheck: globals sidewire host port

local client = sidewire.new { host = host, port = port }
client:on("message", function(_, message)
  print("got " .. message)
  client:send("last")
end)
client:connect()
client:send("hello")
