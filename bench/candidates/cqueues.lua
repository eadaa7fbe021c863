--- cqueues: a coroutine writes what `send_many` queues, another one reads; the host steps their loop once a frame.

local cqueues = require "cqueues"
local condition = require "cqueues.condition"
local socket = require "cqueues.socket"

local BUFFER = 64 * 1024

local loop = cqueues.new()

local candidate = {}

local function step(seconds) assert(loop:step(seconds)) end

function candidate.connect(host, port, options)
  local tcp = socket.connect { host = host, port = port, nodelay = true }
  tcp:setvbuf("full", BUFFER)
  tcp:setmode("bf", "bf")
  local connected = false
  local outbox, out_first, out_last, size = {}, 1, 0, 0
  local inbox, in_first, in_last = {}, 1, 0
  local filled = condition.new()

  local function keep(_, message)
    in_last = in_last + 1
    inbox[in_last] = message
  end

  local function write_next()
    local message = outbox[out_first]
    outbox[out_first] = nil
    out_first = out_first + 1
    assert(tcp:write(message))
    size = size - #message
  end

  loop:wrap(function()
    assert(tcp:connect())
    connected = true
    while true do
      while out_first <= out_last do write_next() end
      assert(tcp:flush())
      if out_first > out_last then filled:wait() end
    end
  end)
  while not connected do step(1) end
  loop:wrap(function()
    local on_message = options.on_message or keep
    for message in tcp:lines "*l" do on_message(nil, message) end
  end)

  local link = { wait = step }

  function link.poll() step(0) end

  function link.send_many(line, count)
    for i = 1, count do
      if size + #line > options.queue_limit then return i - 1 end
      out_last, size = out_last + 1, size + #line
      outbox[out_last] = line
    end
    filled:signal()
    return count
  end

  function link.receive(seconds)
    if in_first > in_last then step(seconds) end
    if in_first > in_last then return nil end
    local message = inbox[in_first]
    inbox[in_first] = nil
    in_first = in_first + 1
    return message
  end

  local function is_written()
    local _, buffered = tcp:pending()
    return size == 0 and buffered == 0
  end

  function link.flush()
    while not is_written() do step(1) end
  end

  return link
end

return candidate
