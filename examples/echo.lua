-- Sends back every line that the server sends, until the server ends the connection: lua echo.lua HOST PORT

local sidewire = require "sidewire"

local client = sidewire.new { host = arg[1], port = tonumber(arg[2]), reconnect = false }
local running = true
client:on {
  message = function(_, line) client:send(line) end,
  disconnect = function(_, why) print(why) running = false end,
  error = function(_, why) print(why) running = false end,
}
client:connect()
while running do
  sidewire.wait() -- a program with something better to do would not wait, and poll now and then
  sidewire.poll()
end
