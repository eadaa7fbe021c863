--- sidewire. The shape that all candidates share is described in bench/measure.lua.

local sidewire = require "sidewire.core"

local TIMEOUT = 60 -- seconds; only a fault lasts so long

local candidate = { adds_newline = true }

local function nothing() end

function candidate.connect(host, port, options)
  local client = sidewire.new {
    host = host, port = port, framing = options.raw and "raw" or "line", queue_limit = options.queue_limit, linger = 0,
    spin = options.spin,
    on = {
      connect = nothing, drain = nothing, -- with a handler they are work for poll, and end a wait
      message = options.on_message,
    },
  }
  client:connect()
  assert(client:wait("connected", TIMEOUT))

  local link = { poll = sidewire.poll }

  function link.send_many(message, count)
    for i = 1, count do
      if not client:send(message) then return i - 1 end
    end
    return count
  end

  function link.wait(seconds)
    sidewire.wait(seconds)
    sidewire.poll()
  end

  function link.receive(seconds) return (client:receive(seconds)) end

  function link.flush() assert(client:flush(TIMEOUT)) end

  return link
end

return candidate
