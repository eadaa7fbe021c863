--- LuaSocket with blocking calls: the simplest script.

local socket = require "socket"

local TIMEOUT = 60 -- seconds; only a fault lasts so long

local candidate = {}

function candidate.connect(host, port, options)
  local tcp = assert(socket.connect(host, port))
  tcp:setoption("tcp-nodelay", true)
  tcp:settimeout(TIMEOUT)
  local on_message, timeout, list = options.on_message, TIMEOUT, { tcp }

  local link = {}

  function link.send_many(line, count)
    for _ = 1, count do assert(tcp:send(line)) end
    return count
  end

  function link.receive(seconds)
    if timeout ~= seconds then
      timeout = seconds
      tcp:settimeout(seconds)
    end
    return (tcp:receive "*l")
  end

  function link.wait(seconds)
    if not on_message then
      socket.select(list, nil, seconds)
      return
    end
    local message = link.receive(seconds)
    if message then on_message(nil, message) end
  end

  function link.poll() link.wait(0) end

  function link.flush() end -- what was sent is with the system already

  return link
end

return candidate
