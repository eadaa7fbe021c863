-- What becomes of connections when the wire to the server is cut: between two network namespaces, where there are any.

local build = require "spec.support.build"
local netns = require "spec.support.netns"
local util = require "spec.support.util"

local MARGIN = util.choose(5, 20) -- seconds

-- Shows what the script has measured.
local function run(...)
  io.write(netns.run("spec.ends.scripts.wire", ...))
end

describe("a wire", function()
  local missing = netns.missing()
  if missing then
    pending("[F24] [F25] that is cut: " .. missing)
    return
  end

  it("[F24] cut in mid-stream ends the connection within stall_timeout; the rest is sent when it is mended", function()
    build.needs("acks", pending)
    run("is_cut_in_mid_stream", 2, MARGIN)
  end)

  it("[F24] cut while nothing is sent ends the connection within the keepalive's budget", function()
    run("is_cut_while_idle", 1 + 2 * 1, MARGIN)
  end)

  it("[F25] that is away for a second costs nothing: no disconnect, no loss, the stream goes on", function()
    run "is_away_for_a_second"
  end)
end)
