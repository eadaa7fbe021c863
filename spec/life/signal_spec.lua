local host = require "spec.support.host"
local util = require "spec.support.util"

local embed = host.embedder "spec.life.scripts.signal"

describe("a signal", function()
  local echo
  before_each(function() echo = host.begin() end)
  after_each(util.finish)

  it("[F41] SIGPIPE never comes, and its disposition stays", function()
    echo:command "close-after 10000"
    embed "writes_to_an_ended_peer"
  end)

  it("[F41] goes to the host, not to our threads, also while the host blocks it and is busy", function()
    embed "blocks_sigterm"
  end)

  it("[F41] ends a wait with EINTR", function()
    embed "waits_in_a_storm"
  end)

  it("[F41] a thousand times a second disturbs nothing else", function()
    embed("works_in_a_storm", util.choose(5000, 1000))
  end)

  it("[F41] SIGSTOP and SIGCONT pause the process, and that is all", function()
    embed "is_stopped_and_continued"
  end)
end)
