--- What a client of the stress run must receive: on each connection the peer's own messages 1, 2, 3, ... ("flood"), or
-- the greeting and then its own messages in a row, beginning anywhere ("echo"); from a "sink" nothing.
--
--     local receiver = Receiver.new { answer =, framing =, message =, greetings =, may_skip =, want = }
--     receiver:begin()             -- at connect
--     receiver:take(text)          -- a message, or a piece of the stream where there are no frames
--     receiver.newest              -- number of the last one on this connection
--
-- `may_skip` is that of numbered.reader; `want` gets what must be so.

local numbered = require "spec.support.numbered"

local Receiver = {}
Receiver.__index = Receiver

function Receiver.new(settings)
  local self = setmetatable({}, Receiver)
  for name, value in pairs(settings) do self[name] = value end
  self.decode = numbered.decoder(self.answer == "flood" and "line" or self.framing, self.message)
  self.count = 0
  return self
end

function Receiver:begin()
  self.newest, self.rest, self.ungreeted = nil, "", self.greetings
end

local takers = {}

function takers.echo(self, text)
  if self.ungreeted > 0 then
    self.ungreeted = self.ungreeted - 1
    return self.want(text == self.message(0), "received %q, not the greeting", text:sub(1, 40))
  end
  local n = tonumber(text:match "^(%d+) ")
  if not n or text ~= self.message(n) then return self.want(false, "received no message: %q", text:sub(1, 40)) end
  local expected = (self.newest or n - 1) + 1
  self.want(n == expected or n > expected and self.may_skip(expected, n - 1), "received %d, not %d", n, expected)
  self.newest = n
end

function takers.flood(self, text)
  local n = tonumber(text:match "^(%d+) x+\n?$")
  self.want(n == (self.newest or 0) + 1, "received %q after %s", text:sub(1, 40), self.newest)
  self.newest = n
end

function takers.sink(self, text) self.want(false, "received %q from a sink", text) end

function Receiver:take(text)
  self.count = self.count + 1
  local take = takers[self.answer]
  if self.framing ~= "raw" then return take(self, text) end
  local data, from = self.rest .. text, 1
  local message, next_from = self.decode(data, from)
  while message do
    take(self, message)
    from = next_from
    message, next_from = self.decode(data, from)
  end
  self.rest = data:sub(from)
end

return Receiver
