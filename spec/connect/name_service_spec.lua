-- Names: a name server that is silent or says no, and machines without a network: in network namespaces, where there
-- are any.

local host = require "spec.support.host"
local netns = require "spec.support.netns"
local names = require "spec.support.names"

local CALL = "require('spec.connect.scripts.name_service').%s()"

-- Runs it in Lua, or in `embed`; shows what it has measured, and returns it.
local function run(name, embedded)
  local options = { names = names, host = embedded and "embed run" or nil }
  local said = netns.run_text(options, CALL:format(name))
  io.write(said)
  return said
end

describe("a name server", function()
  local missing = netns.missing()
  if missing then
    pending("[F2] [F43] [F44] [F55] [F56] that is silent or says no, and machines without a network: " .. missing)
    return
  end

  it("that is silent, fails, or knows no such name, is told apart [F43]", function()
    run "says_what_failed"
  end)

  it("that is silent does not hold up other names, nor other connections [F43] [F55]", function()
    run "leaves_others_alone"
  end)

  it("that is silent makes the 17th name of a Lua state wait, but not one of another state [F43] [F55]", function()
    run("waits_for_a_turn", true)
  end)

  it("that is silent holds up neither close nor lua_close [F44]", function()
    assert(host.closing(run("closes_meanwhile", true)) < 5) -- the lookup takes 30 s
  end)

  it("that gives a dead address first lets the second connect, after 0.25 s [F43]", function()
    run "goes_to_the_second"
  end)

  it("is not asked for hosts that are none [F2]", function()
    run "asks_nobody"
  end)
end)

describe("localhost connects", function()
  local missing = netns.missing()
  if missing then return end -- said above

  it("on a machine without a route [F56]", function()
    run "is_alone"
  end)

  it("on a machine that has only a link-local IPv6 address besides [F56]", function()
    run "has_only_link_local"
  end)

  it("when the hosts file has ::1 first [F56]", function()
    run "has_ipv6_first"
  end)
end)
