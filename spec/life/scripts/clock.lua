-- What spec/life/clock_spec.lua runs in `embed`, whose wall clock can jump.

local session = require "spec.support.session"
local sidewire = require "sidewire.core"

local new = session.new

local scripts = {}

-- Does it, with a jump in its middle, and wants it to take so many seconds. Returns how often the jump was seen.
local function takes(jump, margin, seconds, what, act)
  local began, cpu = embed.clock(), os.clock()
  embed.jump(jump, seconds / 2)
  act()
  local took, busy = embed.clock() - began, os.clock() - cpu
  local looks = embed.jump(0, 0)
  assert(took > seconds - 0.01 and took < seconds + margin, what .. " took " .. took .. " s instead of " .. seconds)
  assert(busy < 0.5 * took, what .. " spun: " .. busy .. " s of " .. took)
  return looks
end

-- `jump`, in seconds, is how far; `margin` how late something may be.
function scripts.waits_while_it_jumps(jump, margin)
  jump, margin = tonumber(jump), tonumber(margin)
  local retries = 0
  local refused = new { port = 1, reconnect = 1, on = { retry = function() retries = retries + 1 end } }
  local client = new { on = { disconnect = error } }
  assert(client:connect() and client:wait("connected", 30))
  assert(refused:connect())
  repeat sidewire.wait(0.1) sidewire.poll() until retries == 1
  local looks = takes(jump, margin, 1, "the delay of a retry", function()
    repeat sidewire.wait(0.1) sidewire.poll() until retries == 2
  end)
  assert(looks > 0, "nothing saw the jump")
  assert(refused:close())
  takes(jump, margin, 0.4, "sidewire.wait", function()
    repeat sidewire.poll() until not sidewire.wait(0.4)
  end)
  takes(jump, margin, 0.4, "wait", function() assert(select(3, client:wait("disconnected", 0.4)) == "ETIMEDOUT") end)
  takes(jump, margin, 0.4, "receive", function() assert(select(3, client:receive(0.4)) == "ETIMEDOUT") end)
  assert(client:send "still there")
  assert(client:receive(30) == "still there")
end

return scripts
