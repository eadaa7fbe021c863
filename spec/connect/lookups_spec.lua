-- The look-ups of names: shared, in turns, and no hindrance to each other (src/loop/lookups.h).

local host = require "spec.support.host"
local util = require "spec.support.util"

local run = host.runner "spec.connect.scripts.lookups"
local embed = host.embedder "spec.connect.scripts.lookups"

-- Seconds of processor time in two seconds: a client that asked again every 20 ms took a sixth of them (5,000 clients).
local IDLE = 0.1

describe("looking names up", function()
  before_each(host.begin)
  after_each(util.finish)

  it("goes on with another name though the first one hangs [F55]", function()
    embed "goes_to_the_right_name"
  end)

  it("tells the name that it was about, after another name hung [F55]", function()
    embed "names_the_right_name"
  end)

  it("asks once for a name that 300 clients want at once [F55]", function()
    embed "shares_a_lookup"
  end)

  it("is not held up by names of closed clients that hang [F55]", function()
    embed "goes_on_without_who_asked"
  end)

  it("leaves a turn to other Lua states, and says what it waits for [F55]", function()
    embed "leaves_turns_to_others"
  end)

  it("fails with EAI_AGAIN and the number when no turn comes for connect_timeout [F43] [F55]", function()
    embed "fails_without_a_turn"
  end)

  it("does not count the wait for a turn against connect_timeout", function()
    embed "has_all_its_time_after_the_wait"
  end)

  it("has at most 32 look-ups at once in the process, 16 of one state [F55]", function()
    local most = 0
    for count in run("embed threads 4 1", "has_turns_for_all_states"):gmatch "most at once%s+(%d+)" do
      most = math.max(most, tonumber(count))
    end
    assert.equal(32, most)
  end)

  it("holds up neither close nor lua_close [F44]", function()
    assert(host.closing(embed "closes_meanwhile") < 3) -- the lookup takes 6 s
  end)

  it("costs nothing while many names wait", function()
    local seconds = tonumber(embed("waits_without_work", util.choose(2000, 200)):match "processor time%s+([%d.e-]+)")
    assert(seconds < IDLE, seconds)
  end)
end)
