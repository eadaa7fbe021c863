-- The wall clock is set while timers run: in `embed` (spec/support/embed.c), whose wall clock can jump.

local Peer = require "spec.support.peer"
local util = require "spec.support.util"

local BUILD = assert(os.getenv "SIDEWIRE_BUILD", "run this with tools/run")

-- `...` is the port of an echoing peer, the jump in seconds, and how late something may be.
local SCRIPT = [[
local sidewire = require "sidewire.core"
local port, jump, margin = math.tointeger(...), math.tointeger(select(2, ...)), tonumber((select(3, ...)))

-- Does it, with a jump in its middle, and wants it to take so many seconds. Returns how often the jump was seen.
local function takes(seconds, what, act)
  local began, cpu = embed.clock(), os.clock()
  embed.jump(jump, seconds / 2)
  act()
  local took, busy = embed.clock() - began, os.clock() - cpu
  local looks = embed.jump(0, 0)
  assert(took > seconds - 0.01 and took < seconds + margin, what .. " took " .. took .. " s instead of " .. seconds)
  assert(busy < 0.5 * took, what .. " spun: " .. busy .. " s of " .. took)
  return looks
end

local retries = 0
local refused = sidewire.new {
  host = "127.0.0.1", port = 1, reconnect = 1, on = { retry = function() retries = retries + 1 end },
}
local client = sidewire.new { host = "127.0.0.1", port = port, on = { disconnect = error } }
assert(client:connect() and client:wait("connected", 30))
assert(refused:connect())
repeat sidewire.wait(0.1) sidewire.poll() until retries == 1
local looks = takes(1, "the delay of a retry", function()
  repeat sidewire.wait(0.1) sidewire.poll() until retries == 2
end)
assert(looks > 0, "nobody saw the jump")
assert(refused:close())
takes(0.4, "sidewire.wait", function()
  repeat sidewire.poll() until not sidewire.wait(0.4)
end)
takes(0.4, "wait", function() assert(select(3, client:wait("disconnected", 0.4)) == "ETIMEDOUT") end)
takes(0.4, "receive", function() assert(select(3, client:receive(0.4)) == "ETIMEDOUT") end)
assert(client:send "still there")
assert(client:receive(30) == "still there")
]]

local function quote(text)
  return "'" .. text:gsub("'", "'\\''") .. "'"
end

describe("the wall clock", function()
  before_each(util.begin)
  after_each(util.finish)

  for jump, how in pairs { [86400] = "forward", [-86400] = "back" } do
    it(("[F47] that jumps a day %s changes no delay and no time-out, and nothing spins"):format(how), function()
      local peer = Peer.start { mode = "echo" }
      local command = ("exec 2>&1; unset LD_PRELOAD; timeout 60 tools/run %s %s/embed run %s %d %d %g"):format(
        BUILD:match "[^/]+$", BUILD, quote(SCRIPT), peer.port, jump, util.choose(5, 20))
      local output = assert(io.popen(command))
      local said = output:read "a"
      assert(output:close(), said)
    end)
  end
end)
