-- A script for engine.c: it always has messages of all sizes on their way to an echo server, also when its state is
-- closed.

local sidewire = require "sidewire.core"

local host, port = ...
local client = sidewire.new { host = host, port = tonumber(port), linger = 0 }

local function send_some()
  for i = 1, 30 do client:send(("x"):rep(i * i * 25)) end
end

client:on { message = function(_, message) client:send(message) end }
client:connect()
send_some()

return function() -- once a frame
  sidewire.poll(10)
  if client:pending() == 0 then send_some() end
end
