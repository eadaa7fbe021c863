-- spec/stress/never_reads.lua, for a moment. By hand: tools/run release lua spec/stress/never_reads.lua 20

local Peer = require "spec.support.peer"

local lua = assert(os.getenv "SIDEWIRE_LUA", "run by tools/test or tools/run")

describe("a peer that never reads", function()
  it("[F7] [F26] makes sends fail with EFULL, in bounded memory, and gets exactly the accepted messages", function()
    finally(Peer.stop_all)
    local command = ("unset LD_PRELOAD; %s spec/stress/never_reads.lua 2 4194304 2>&1"):format(lua)
    local output <close> = assert(io.popen(command))
    local said = output:read "a"
    local ok, how, code = output:close()
    assert.is_true(ok, ("%s %s\n%s"):format(how, code, said))
    assert.truthy(said:find("as sent", 1, true))
  end)
end)
