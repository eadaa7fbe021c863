-- A client that sends numbered lines to an echo server and counts those that come back in order: exchange(NAME, HOST,
-- PORT) returns it. As a thread of LÖVE it runs until it has all.

local sidewire = require "sidewire"

local COUNT = 2000

local function exchange(name, host, port)
  local self = { count = 0 }
  self.client = sidewire.new { host = host, port = port }
  self.client:on("message", function(client, message)
    assert(message == ("%s %d"):format(name, self.count + 1), message)
    self.count = self.count + 1
    if self.count == COUNT then client:close() end
  end)
  self.client:on("close", function() self.is_closed = true end)
  self.client:connect()
  for number = 1, COUNT do assert(self.client:send(("%s %d"):format(name, number))) end
  return self
end

local name, host, port = ...
if not port then return exchange end -- required by main.lua

local self = exchange(name, host, port)
while not self.is_closed do
  sidewire.wait(1)
  sidewire.poll()
end
love.thread.getChannel "counts":push(name .. " " .. self.count)
