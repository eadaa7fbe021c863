-- What becomes of connections when the network says no, or nothing: between two network namespaces, where there are
-- any.

local netns = require "spec.support.netns"

-- Shows what the script has measured.
local function run(...)
  io.write(netns.run("spec.connect.scripts.network", ...))
end

describe("a network", function()
  local missing = netns.missing()
  if missing then
    pending("[F11] [F12] [F13] [F14] [F15] [F28] [F57] that says no, or nothing: " .. missing)
    return
  end

  it("that swallows packets makes an attempt fail with ETIMEDOUT after connect_timeout [F12]", function()
    run "vanishes"
  end)

  it("that swallows packets gives an attempt its connect_timeout, however short stall_timeout is [F57]", function()
    run "keeps_its_time"
  end)

  it("whose other machine refuses gives ECONNREFUSED [F11]", function()
    run "is_refused"
  end)

  it("whose router says no gives the code of what it says, and is asked again after the backoff [F13]", function()
    run "is_rejected"
  end)

  it("to which there is no route gives ENETUNREACH, and is asked again after the backoff [F13]", function()
    run "has_no_route"
  end)

  it("whose own link is down gives ENETUNREACH, until it is up again [F13]", function()
    run "has_its_link_down"
  end)

  it("whose server accepts and ends at once is tried after growing delays [F28]", function()
    run "ends_at_once"
  end)

  it("for which no local port is left gives EADDRNOTAVAIL, until there is one; the others go on [F15]", function()
    run "has_no_port_left"
  end)

  it("where the only local port left is the server's gives ESELF, each time [F14]", function()
    run "meets_itself"
  end)
end)
