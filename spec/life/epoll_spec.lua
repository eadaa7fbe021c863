-- A host in which epoll fails: in `frail` (spec/support/frail.c), a C host that also sees to it that no state leaves
-- anything behind.

local build = require "spec.support.build"
local host = require "spec.support.host"
local util = require "spec.support.util"

local run = host.runner "spec.life.scripts.epoll"

describe("libev's epoll", function()
  before_each(host.begin)
  after_each(util.finish)

  local function frail(...)
    build.needs("epoll", pending)
    run("frail run", ...)
  end

  it("[F17] interrupted (EINTR) again and again means nothing", function()
    frail "is_interrupted"
  end)

  for _, code in ipairs { "EBADF", "ENOMEM" } do
    it(("[F17] failing to wait (%s) is an event for each client; connect starts a new thread"):format(code), function()
      frail("fails_to_wait", code)
    end)
  end

  it("[F17] failing to wait ends what an idle client keeps for replay, and tells of it", function()
    frail "fails_while_idle"
  end)

  it("[F17] failing to wait fails a flush of what was to be sent again", function()
    frail "fails_while_flushing"
  end)

  it("[F17] failing to wait while a client changes servers: what it accepts meanwhile is told of, or sent", function()
    frail "fails_while_changing_servers"
  end)

  it("[F16] that cannot be had (EMFILE, ENOMEM) is done without", function()
    frail "has_no_epoll"
  end)

  it("[F17] refusing to watch (ENOSPC, ENOMEM) ends the attempt or the thread, and the next one works", function()
    for _, error in ipairs { "ENOSPC", "ENOMEM" } do
      for n = 1, 6 do
        frail("fails_to_watch", error, n)
      end
    end
  end)
end)
