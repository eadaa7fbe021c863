-- spec/stress/kills.lua, with few kills. By hand: tools/run release lua spec/stress/kills.lua 50

local Peer = require "spec.support.peer"

local lua = assert(os.getenv "SIDEWIRE_LUA", "run by tools/test or tools/run")

describe("a peer that is killed under load", function()
  for _, retain in ipairs { "unsent", "none" } do
    it("[F19] leaves every message acknowledged, sent again whole or reported, retain = " .. retain, function()
      finally(Peer.stop_all)
      local command = ("unset LD_PRELOAD; %s spec/stress/kills.lua 5 %s 2>&1"):format(lua, retain)
      local output <close> = assert(io.popen(command))
      local said = output:read "a"
      local ok, how, code = output:close()
      assert.is_true(ok, ("%s %s\n%s"):format(how, code, said))
      assert.truthy(said:find("5 kills", 1, true))
    end)
  end
end)
