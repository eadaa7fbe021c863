-- sidewire in mpv (Lua 5.2), which plays nothing and shows nothing.

local Peer = require "spec.support.peer"
local hosts = require "spec.support.hosts"
local util = require "spec.support.util"

local COMMAND = "mpv --no-config --idle --vo=null --ao=null --script=%s --script-opts=remote-host=%s,remote-port=%d"

describe("mpv", function()
  local missing = hosts.missing("5.2", "mpv")
  if missing then return pending(missing) end

  after_each(hosts.finish)

  it("tells a server what changes, obeys it, also after its restart, and ends with nothing left unsent", function()
    local peer, record = Peer.start_recorded()
    local dir = hosts.copy_example("mpv", "5.2")
    local player = hosts.start(COMMAND:format(dir, peer.host, peer.port))
    hosts.wait_received(record, "volume 100")
    peer:command "send-line set volume 50"
    hosts.wait_received(record, "volume 50")

    peer:restart()
    assert(peer:wait_accepted(1, util.DEADLINE))
    peer:command "send-line set pause yes"
    hosts.wait_received(record, "pause yes")

    peer:command "send-line quit"
    local output, status = player:finish()
    assert.equal(0, status, output)
    assert.matches("\nExiting%.%.%. %(Quit%)\n$", output)
    hosts.wait_received(record, "\nshutdown\n")
  end)
end)
