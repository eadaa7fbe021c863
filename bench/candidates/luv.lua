--- luv as its examples show it: one write for each message, the loop run once a frame.

local uv = require "luv"
local split_lines = require "bench.split_lines"

local candidate = {}

function candidate.connect(host, port, options)
  local tcp, connected = uv.new_tcp(), false
  local inbox, first, last = {}, 1, 0

  local function keep(_, message)
    last = last + 1
    inbox[last] = message
  end

  assert(tcp:connect(host, port, function(why)
    assert(not why, why)
    connected = true
  end))
  while not connected do uv.run "once" end
  tcp:nodelay(true)
  local feed = split_lines(options.on_message or keep)
  tcp:read_start(function(why, chunk)
    assert(not why, why)
    if chunk then feed(chunk) end
  end)

  local link = {}

  function link.queued() return tcp:get_write_queue_size() end

  function link.write(data) assert(tcp:write(data)) end

  function link.send_many(line, count)
    local limit = options.queue_limit - #line
    for i = 1, count do
      if tcp:get_write_queue_size() > limit then return i - 1 end
      tcp:write(line)
    end
    return count
  end

  function link.poll() uv.run "nowait" end

  function link.wait() uv.run "once" end -- something comes, or the run is stopped from outside

  function link.receive(seconds)
    if first > last then uv.run(seconds > 0 and "once" or "nowait") end
    if first > last then return nil end
    local message = inbox[first]
    inbox[first] = nil
    first = first + 1
    return message
  end

  function link.flush()
    while link.queued() > 0 do uv.run "once" end
  end

  return link
end

return candidate
