-- A script for embed.c: says hello to a server that sends back what it gets, and prints what happens.
--
-- embed.c gives it `sidewire`, `host` and `port`, and of Lua's own functions those that it lists as `allowed`: no
-- require, io, os, load, package and debug.
-- luacheck: globals sidewire host port

local client = sidewire.new { host = host, port = port }
client:on {
  connect = function(_, info) print("connected to " .. info.address) end,
  message = function(_, line) print("received " .. line) end,
  retry = function(_, _, _, why) print(why) end,
}
client:connect()
client:send "hello"
