-- A host that uses libev itself (docs/embedding.md): in `neighbour` (spec/support/neighbour.c).

local build = require "spec.support.build"
local host = require "spec.support.host"
local util = require "spec.support.util"

local run = host.runner "spec.life.scripts.libev"

describe("libev in the same process", function()
  before_each(host.begin)
  after_each(util.finish)

  it("has loops of the host, the default one too, that run beside sidewire's [E25]", function()
    run("neighbour", "turns_beside_sidewire")
  end)

  it("loses the host's allocator and error hook when the first loop of sidewire starts [E26]", function()
    run("neighbour", "loses_its_hooks")
  end)

  it("then ends the process, as it does by itself, when a loop of the host fails [E27]", function()
    for _, script in ipairs { "fails_after_connecting", "fails" } do
      local output = host.start("spec.life.scripts.libev", "neighbour", script)
      assert.equal("(libev) epoll_wait: Bad file descriptor\naborted\nstatus 6\n", output:read "*a")
      output:close()
    end
  end)

  it("asks the host's allocator, set anew, on sidewire's thread too, with blocks that sidewire made [E28]", function()
    run("neighbour", "sets_its_allocator_anew")
  end)

  it("calls the host's error hook, set anew, for a failure on sidewire's thread, and no client hears of it [E29]",
    function()
      build.needs("epoll", pending)
      run("neighbour", "sets_its_error_hook_anew")
    end)

  it("is joined by one handler for forks, from the first connect on [E30]", function()
    run("neighbour", "counts_fork_handlers")
  end)
end)
