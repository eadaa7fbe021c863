--- LuaSocket without blocking, and a queue by hand: what a careful game programmer writes. Messages wait in a table;
-- once a frame they are joined, PIECE bytes at a time, and sent as far as the system takes them.

local socket = require "socket"

local PIECE = 64 * 1024
local LINES = 1000 -- read in one frame at most: the peer may be faster than we are

local candidate = {}

function candidate.connect(host, port, options)
  local tcp = assert(socket.connect(host, port))
  tcp:setoption("tcp-nodelay", true)
  tcp:settimeout(0)
  local on_message, limit, list = options.on_message, options.queue_limit, { tcp }
  local queue, first, last, size = {}, 1, 0, 0 -- size: bytes in all, the rest of the piece included
  local piece, sent = "", 0                    -- what is being sent, and how much of it was
  local partial = ""                           -- of the next line

  local link = {}

  function link.send_many(line, count)
    for i = 1, count do
      if size + #line > limit then return i - 1 end
      last, size = last + 1, size + #line
      queue[last] = line
    end
    return count
  end

  local function next_piece()
    local from, bytes = first, 0
    while first <= last and bytes < PIECE do
      bytes = bytes + #queue[first]
      first = first + 1
    end
    piece, sent = table.concat(queue, "", from, first - 1), 0
    for i = from, first - 1 do queue[i] = nil end
  end

  -- False when the system takes no more.
  local function send_piece()
    local upto, why, partly = tcp:send(piece, sent + 1)
    if why and why ~= "timeout" then error(why) end
    local done = upto or partly
    size, sent = size - (done - sent), done
    return upto ~= nil
  end

  local function send_queued()
    while size > 0 do
      if sent == #piece then next_piece() end
      if not send_piece() then return end
    end
  end

  local function next_line()
    local line, why, rest = tcp:receive("*l", partial)
    if why and why ~= "timeout" then error(why) end
    partial = rest or ""
    return line
  end

  local function read_lines()
    for _ = 1, LINES do
      local line = next_line()
      if not line then return end
      on_message(nil, line)
    end
  end

  function link.poll()
    if size > 0 then send_queued() end
    if on_message then read_lines() else socket.select(list, nil, 0) end
  end

  function link.wait(seconds)
    socket.select(list, size > 0 and list or nil, seconds)
    link.poll()
  end

  function link.flush()
    link.poll()
    while size > 0 do link.wait(1) end
  end

  return link
end

return candidate
