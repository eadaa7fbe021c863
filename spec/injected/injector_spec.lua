-- The injector itself (spec/injector): it stands in front of every call that rules can name, and refuses rules that it
-- cannot read.

local build = require "spec.support.build"

local Peer = require "spec.support.peer"
local faults = require "spec.support.faults"
local host = require "spec.support.host"
local shell = require "spec.support.shell"
local util = require "spec.support.util"

local embed = host.embedder "spec.injected.scripts.injected"

-- Runs Lua code in a process of its own that finds the rules in its environment; what it printed, and its exit status.
local function run_with(rules, code)
  return shell.run(("SIDEWIRE_FAULTS=%s %s -e %s"):format(shell.quote(rules), build.LUA, shell.quote(code)))
end

describe("the injector", function()
  before_each(host.begin)
  after_each(util.finish)

  it("stands in front of every call that rules can name", function()
    local output = embed "makes_every_call"
    local names = 0
    for name, called in output:gmatch "(%S+)\t(%S+)\n" do
      names = names + 1
      assert(called == "true", name .. " is called, and nothing counts it")
    end
    assert.equal(17, names)
  end)

  it("makes calls fail whose failures the module passes over", function()
    local counts = faults.during("setsockopt EINVAL @1+; acked EINVAL @1+; shut_down ENOTCONN @1+", function()
      local client = util.connected(Peer.start { mode = "echo" }, { retain = "unacked" })
      client:send "answered"
      assert(client:receive(util.DEADLINE))
      assert(client:disconnect())
      assert(client:wait("disconnected", util.DEADLINE))
    end)
    for _, name in ipairs { "setsockopt", "acked", "shut_down" } do
      assert(counts[name].faults > 0, name)
      assert.equal(counts[name].calls, counts[name].faults)
    end
  end)

  it("refuses rules that it cannot read, or that could do nothing", function()
    for _, rules in ipairs {
      "ioctl EAGAIN 0.5", "recv EWHAT 0.5", "recv EAGAIN", "recv EAGAIN 1.5", "recv EAGAIN @0", "recv EAGAIN 0.5 0.5",
      "seed x", "socket cut 0.5", "malloc cut @1", "recv EAI_AGAIN 0.5", "send EAGAIN 0.5, send cut 0.5",
      "sendmsg cut 0.5", "acked cut 0.5", "open EAGAIN 0.5", "open delay 0.5", "send record 0.5",
    } do
      assert.has_error(function() faults.set(rules) end, "cannot read these rules: " .. rules)
    end
  end)

  it("finds rules in the environment, and ends a process where it cannot read them", function()
    local code = [[print(pcall(require, "sidewire.core"))]]
    local output, status = run_with("malloc ENOMEM @1", code)
    assert.equal(0, status)
    assert.matches("^false\t.*not enough memory", output)
    output, status = run_with("malloc ENOMEM", code)
    assert.equal(1, status)
    assert.matches("SIDEWIRE_FAULTS: cannot read these rules: malloc ENOMEM\n", output, 1, true)
  end)
end)
