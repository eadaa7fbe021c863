-- Sends back every line that the server sends, until the server ends the connection:
--
--     lua examples/echo.lua HOST PORT
--
-- The exit status is 0 if the server has ended it by FIN (EPEER), else 1.

local sidewire = require "sidewire"

local USAGE = "usage: lua examples/echo.lua HOST PORT\n"
local host, port = arg[1], tonumber(arg[2])
if host == "--help" then io.write(USAGE) os.exit(0) end
if not sidewire.is_port(port) or arg[3] then io.stderr:write(USAGE) os.exit(2) end
local made, client = pcall(sidewire.new, { host = host, port = port, reconnect = false })
if not made then io.stderr:write(client, "\n", USAGE) os.exit(2) end -- it is no host's name

local status
local function stop(_, why, code) print(why) status = code == "EPEER" and 0 or 1 end
client:on {
  message = function(_, line) client:send(line) end,
  disconnect = stop,
  error = stop,
}
client:connect()
while not status do
  sidewire.wait() -- a program with something better to do would not wait, and poll now and then
  sidewire.poll()
end
os.exit(status)
