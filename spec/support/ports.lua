--- Where a connect gets no connection.

local socket = require "socket"

local ports = {}

local holes = {} -- that were made and not yet closed by close_all

--- A port where nothing listens.
function ports.closed()
  local probe = assert(socket.bind("127.0.0.1", 0))
  local _, port = probe:getsockname()
  probe:close()
  return tonumber(port)
end

--- A listener whose backlog is full: the kernel drops further SYNs, so that a connect never gets an answer.
-- @tparam[opt="127.0.0.1"] string host
-- @tparam[opt=0] integer port 0: a free one
-- @return { host =, port = }, with a method close; ports.close_all closes it, too
function ports.black_hole(host, port)
  local hole = { host = host or "127.0.0.1", sockets = {} }
  local listener = assert(socket.tcp())
  assert(listener:bind(hole.host, port or 0))
  assert(listener:listen(0))
  local _, bound = listener:getsockname()
  hole.port = tonumber(bound)
  for i = 1, 4 do
    hole.sockets[i] = assert(socket.tcp())
    hole.sockets[i]:settimeout(0)
    hole.sockets[i]:connect(hole.host, hole.port)
  end
  hole.sockets[#hole.sockets + 1] = listener
  function hole:close()
    for _, one in ipairs(self.sockets) do one:close() end
  end
  holes[#holes + 1] = hole
  return hole
end

--- Closes every black hole that there is.
function ports.close_all()
  while holes[1] do table.remove(holes):close() end
end

return ports
