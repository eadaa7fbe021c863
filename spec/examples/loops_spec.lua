-- The examples of event loops, each in its loop. Nothing but the notifier makes them poll, so they would hang if it
-- were not readable when it must be.

local Program = require "spec.support.program"
local util = require "spec.support.util"

local LOOPS = { select = "socket", cqueues = "cqueues", luv = "luv", glib = "lgi" } -- and the library

-- What its last line says, and its lines before that, in which nothing changes while the peer does not answer.
local function account(output)
  local answers, polls = output:match "\n(%d+) answers, (%d+) polls\n$"
  local most = 0
  for ticked in output:gmatch "tick: 0 answers, (%d+) polls\n" do most = math.max(most, tonumber(ticked)) end
  return tonumber(answers), tonumber(polls), most
end

for name, library in pairs(LOOPS) do
  describe("examples/loops/" .. name .. ".lua", function()
    local peer
    before_each(function() peer = util.begin_with_peer { mode = "echo" } end)
    after_each(function()
      Program.stop_all()
      util.finish()
    end)

    it("is woken for each answer, and by nothing else; its timer runs meanwhile", function()
      if not Program.has_library(library) then return pending(library .. " is not installed for this Lua") end
      peer:command "stall on"
      local program = Program.start(("examples/loops/%s.lua"):format(name), peer.host, peer.port, 1000)
      program:wait_for("tick: 0 answers, ", 5) -- the connect event came, or comes, and then nothing
      peer:command "stall off"
      local output, status = program:finish()
      assert.equal(0, status, output)
      local answers, polls, before = account(output)
      assert.equal(1000, answers, output)
      assert(before <= 3, output) -- connected, a signal that came late, and nothing else
      assert(polls <= 2 * 1000 + 3, output)
    end)
  end)
end
