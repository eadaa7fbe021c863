-- Failures that need a process of their own, for the table of spec/support/errors.lua. Each function runs in `embed`,
-- causes one and gives `report` what the call returned; `port` is that of a peer that never reads.

local session = require "spec.support.session"
local sidewire = require "sidewire"

local scripts = {}

local function connected(port)
  local client = sidewire.new { host = "127.0.0.1", port = tonumber(port) }
  client:connect()
  client:wait "connected"
  return client
end

function scripts.wait_without_descriptors(report, port)
  connected(port)
  sidewire.poll()
  local before = embed.limit_descriptors(0)
  local result, message, code = sidewire.wait(1)
  embed.limit_descriptors(before)
  report(result, message, code)
end

function scripts.notifier_without_descriptors(report)
  local before = embed.limit_descriptors(0)
  local result, message, code = sidewire.notifier()
  embed.limit_descriptors(before)
  report(result, message, code)
end

function scripts.wait_interrupted(report, port)
  embed.catch "ALRM"
  local client = connected(port)
  embed.storm(20000)
  report(client:wait("disconnected", 30))
  embed.storm(0)
end

function scripts.send_in_child(report, port)
  local client = connected(port)
  local child = embed.fork()
  if child == 0 then report(client:send "x") else embed.reap(child) end
end

-- In a finalizer that runs after the module's.
function scripts.new_at_the_end(report)
  session.finally(function() report(sidewire.new {}) end)
end

return scripts
