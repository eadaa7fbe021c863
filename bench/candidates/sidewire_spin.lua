--- sidewire whose background thread looks out for traffic for 50 us before it sleeps.

local sidewire = require "bench.candidates.sidewire"

local SPIN = 50 -- us: more than a round trip over the loopback interface takes

local candidate = { adds_newline = sidewire.adds_newline }

function candidate.connect(host, port, options)
  options.spin = SPIN
  return sidewire.connect(host, port, options)
end

return candidate
