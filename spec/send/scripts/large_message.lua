-- What spec/send/large_message_spec.lua runs in `frail`.

local build = require "spec.support.build"
local session = require "spec.support.session"
local sidewire = require "sidewire.core"

local scripts = {}

function scripts.sends_to_the_end(port)
  local client = session.new {
    port = tonumber(port), framing = "raw", queue_limit = 2^28, linger = 0.1,
  }
  assert(client:connect() and client:wait("connected", build.DEADLINE))
  local message = ("m"):rep(2^16)
  for _ = 1, 2000 do assert(client:send(message)) end
  repeat sidewire.wait(0.001) until client:stats().sent_bytes > 2^24 -- so that the peer has read some of it
  frail.hold()
  repeat
    client:send "m"
    sidewire.wait(0.001) -- else a slow loop always has something to do, and never waits
  until frail.is_held()
end

return scripts
