-- A client's whole life, for spec/life/no_memory_spec.lua: may raise anywhere.

local port = ...
local sidewire = require "sidewire.core"
local notifier = sidewire.notifier()
local seen = {}
local client = sidewire.new {
  host = "127.0.0.1", port = tonumber(port), reconnect = 0.01,
  on = {
    connect = function(_, info) seen.connect = info.address .. info.port end,
    message = function(_, message) seen[#seen + 1] = message .. "!" end,
    disconnect = function(_, why, _, detail) seen.disconnect = why .. detail.stage end,
  },
}
assert(client:connect())
for n = 1, 9 do client:send("number ", n, " of ", 10.5) end
client:send("a large one: ", ("m"):rep(20000))
for _ = 1, 2000 do
  sidewire.poll()
  if #seen == 10 then break end
  sidewire.wait(0.01)
end
assert(#seen == 10)
assert(notifier:fd() > 2 and notifier:dirty() == false and notifier:events() == "r")
client:set_server("127.0.0.1", 1)
client:set_reconnect { delay = 0.5, max = 1 }
assert(client:get_server() and client:get_reconnect() and client:stats().accepted == 10 and tostring(client))
client:disconnect()
client:wait "disconnected"
for _, event, a, b, c in sidewire.events() do seen[event] = { a, b, c } end
client:close()
sidewire.poll()
