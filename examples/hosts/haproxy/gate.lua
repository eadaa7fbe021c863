-- A gate for haproxy: it tells a server of each request, and refuses the paths that the server closes: with lines like
-- `close /private`, and `open /private` later.
--
--     GATE_DIR=DIR GATE_HOST=127.0.0.1 GATE_PORT=4000 WEB_PORT=8080 haproxy -f DIR/haproxy.cfg
--
-- DIR is a copy of this folder with sidewire/core.so in it, which `make LUA=5.3` builds. With -D it works the same:
-- haproxy loads this file, then forks, and then runs its tasks, of which one connects.

local sidewire = require "sidewire.core"

local closed = {} -- path -> true

local host, port = os.getenv "GATE_HOST", tonumber(os.getenv "GATE_PORT")
if not (host and port) then error("GATE_HOST and GATE_PORT are not both set", 0) end
local client = sidewire.new { host = host, port = port, linger = 1 }
client:on {
  message = function(_, line)
    local verb, path = line:match "^(%a+) (%S+)$"
    if verb == "close" then closed[path] = true elseif verb == "open" then closed[path] = nil end
    client:send("done ", line)
  end,
}

core.register_task(function()
  client:connect()
  while true do
    sidewire.poll(100)
    core.msleep(20)
  end
end)

core.register_action("gate", { "http-req" }, function(transaction)
  local path = transaction.sf:path()
  client:send(transaction.sf:method(), " ", path)
  if closed[path] then transaction:set_var("txn.closed", true) end
end)
