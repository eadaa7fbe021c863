-- A host's thread never waits, however bad the network is: between two network namespaces, where there are any.

local netns = require "spec.support.netns"
local util = require "spec.support.util"
local names = require "spec.support.names"

describe("no call of the host waits", function()
  it("for dropped packets, a silent name server, a dead address: not once does the thread sleep [F12] [F43]", function()
    local missing = netns.missing()
    if missing then pending(missing) end
    if util.is_sanitized then pending "a sanitizer has locks of its own" end
    io.write(netns.run_text({ names = names, host = "meter", peer = "--mode echo" },
      "require('spec.connect.scripts.blocking').measure(1, 1.5)"))
  end)
end)
