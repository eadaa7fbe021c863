--- Where a connect gets no connection.

local socket = require "socket"

local ports = {}

--- A port where nothing listens.
function ports.closed()
  local probe = assert(socket.bind("127.0.0.1", 0))
  local _, port = probe:getsockname()
  probe:close()
  return math.tointeger(port)
end

--- A listener whose backlog is full: the kernel drops further SYNs, so that a connect never gets an answer.
-- @tparam[opt="127.0.0.1"] string host
-- @tparam[opt=0] integer port 0: a free one
-- @return { host =, port = }, with a method close, which the end of a scope calls
function ports.black_hole(host, port)
  local hole = { host = host or "127.0.0.1", sockets = {} }
  local listener = assert(socket.tcp())
  assert(listener:bind(hole.host, port or 0))
  assert(listener:listen(0))
  local _, bound = listener:getsockname()
  hole.port = math.tointeger(bound)
  for i = 1, 4 do
    hole.sockets[i] = assert(socket.tcp())
    hole.sockets[i]:settimeout(0)
    hole.sockets[i]:connect(hole.host, hole.port)
  end
  hole.sockets[#hole.sockets + 1] = listener
  function hole:close()
    for _, one in ipairs(self.sockets) do one:close() end
  end
  return setmetatable(hole, { __close = hole.close })
end

return ports
