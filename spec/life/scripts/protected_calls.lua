-- Calls that are protected, for spec/life/no_memory_spec.lua: what raises is called again.

local port, seconds = ...
local sidewire = require "sidewire.core"
local closes, polls_that_raised = 0, 0

-- Called until it does not raise; what it raises is the lack of memory.
local function insist(f, ...)
  for _ = 1, 3 do
    local ok, result, more, code = pcall(f, ...)
    if ok then return result, more, code end
    if not tostring(result):find("not enough memory", 1, true) then error(result, 0) end
  end
  frail.relent()
  return f(...)
end

local client = insist(sidewire.new, { host = "127.0.0.1", port = tonumber(port), reconnect = 0.01 })
assert(insist(client.connect, client))
for n = 1, 20 do
  local id = insist(client.send, client, "message ", n)
  assert(id == n, "an id for a send that raised")
end
for n = 1, 20 do
  local message = insist(client.receive, client, tonumber(seconds))
  assert(message == "message " .. n, message)
end
insist(client.on, client, "close", function() closes = closes + 1 end)
insist(client.close, client)
assert(insist(client.wait, client, "disconnected", tonumber(seconds)))
insist(function()
  polls_that_raised = polls_that_raised + 1
  sidewire.poll()
  polls_that_raised = polls_that_raised - 1
end)
frail.relent()
sidewire.poll()
local s = client:stats()
assert(closes == 1 or closes == 0 and polls_that_raised > 0) -- then it could not be called
assert(s.accepted == 20 and s.finished == 20 and s.lost == 0)
