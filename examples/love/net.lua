-- All that the game has to do with the network. update() is called once a frame and never waits.

local sidewire = require "sidewire"

local MAX_EVENTS = 2000 -- that one frame handles; the rest comes in the next
local MAX_SECONDS = 0.004 -- that handlers may take of a frame

local net = {
  MAX_QUEUE = 64 * 1024, -- bytes; with more in the queue, new positions are not sent: they would arrive too late
  state = "idle", cause = nil, retry_in = nil, -- as client:state() tells them
  silent = 0, -- seconds since the server last said anything
  queue = 0, -- bytes that wait to be sent
  places = {}, -- number of a firefly -> { x, y }: where the server says it is
  lines = {}, -- what was said: { text =, arrived = }
}
local client

-- "at 17 312 96": firefly 17 is there. "say 3 hello": the server has our third line.
local handlers = {}

function handlers.message(_, message)
  net.silent = 0
  local number, x, y = message:match "^at (%d+) (%-?%d+) (%-?%d+)$"
  if number then
    net.places[tonumber(number)] = { tonumber(x), tonumber(y) }
    return
  end
  local line = net.lines[tonumber(message:match "^say (%d+) ")]
  if line and not line.arrived then
    line.arrived = true
    client:confirm(line.id) -- it need not be sent again
  end
end

function net.start(host, port)
  client = assert(sidewire.new {
    host = host, port = port,
    reconnect = { delay = 0.25, max = 2 }, -- tries again after 0.25 s, later every 2 s, for ever
    retain = "unconfirmed", -- a new connection sends again what the server has not answered
    on = handlers,
  })
  client:connect()
end

--- Sends the positions, takes what came in.
function net.update(dt, fireflies)
  net.silent = net.silent + dt
  sidewire.poll(MAX_EVENTS, MAX_SECONDS)
  net.queue = client:pending()
  if client:is_connected() and net.queue < net.MAX_QUEUE then
    for number, fly in ipairs(fireflies) do
      -- send_once: of no use to a later connection.
      client:send_once(("at %d %d %d"):format(number, fly.x, fly.y))
    end
  end
  net.state, net.cause, net.retry_in = client:state()
end

--- Sends a line of text. It arrives, however often the connection breaks before.
function net.say(text)
  local number = #net.lines + 1
  local id, why = client:send(("say %d %s"):format(number, text))
  net.lines[number] = { text = id and text or text .. " (" .. why .. ")", id = id }
end

--- What is still queued is sent while LÖVE ends, for a second at most.
function net.stop()
  client:close()
end

return net
