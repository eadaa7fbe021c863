-- spec/stress/pipeline.lua, for a short time. By hand: tools/run release lua spec/stress/pipeline.lua 100000 20

local Program = require "spec.support.program"
local Server = require "spec.support.server"
local util = require "spec.support.util"

describe("a pipelined client that goes by info.first", function()
  if not Server.find "redis-server" then
    pending "gets no wrong answer: redis-server is not installed, `make setup` does it"
    return
  end

  it("gives each reply to its own command, though the server is killed again and again", function()
    local output = Program.check("spec/stress/pipeline.lua", util.choose(20000, 5000), 5)
    assert(output:find(" 0 wrong answers", 1, true), output)
  end)
end)
