--- luv, the messages of a frame joined and written at once.

local luv = require "bench.candidates.luv"

local candidate = {}

function candidate.connect(host, port, options)
  local inner = luv.connect(host, port, options)
  local queue, last, size = {}, 0, 0

  local link = { receive = inner.receive }

  function link.send_many(line, count)
    local room = options.queue_limit - inner.queued()
    for i = 1, count do
      if size + #line > room then return i - 1 end
      last, size = last + 1, size + #line
      queue[last] = line
    end
    return count
  end

  local function write_queue()
    if last == 0 then return end
    inner.write(table.concat(queue))
    queue, last, size = {}, 0, 0
  end

  function link.poll()
    write_queue()
    inner.poll()
  end

  function link.wait()
    write_queue()
    inner.wait()
  end

  function link.flush()
    write_queue()
    inner.flush()
  end

  return link
end

return candidate
