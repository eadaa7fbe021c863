-- What a host gets that opens sidewire (docs/embedding.md).

local Peer = require "spec.support.peer"
local build = require "spec.support.build"
local files = require "spec.support.files"
local host = require "spec.support.host"
local shell = require "spec.support.shell"
local util = require "spec.support.util"

-- What a busy machine, or a sanitizer, may take beyond the time that is meant.
local MARGIN = util.choose(0.5, 5)

local run = host.runner "spec.life.scripts.opening"
local embed = host.embedder "spec.life.scripts.opening"

describe("a host that opens sidewire", function()
  local echo
  before_each(function() echo = host.begin() end)
  after_each(util.finish)

  it("copies one file, and finds it in a folder of package.cpath [E2]", function()
    local dir = Peer.tempdir()
    finally(function() Peer.remove(dir) end)
    shell.execute(("mkdir %s/sidewire && cp %s/sidewire/core.so %s/sidewire/"):format(dir, build.PATH, dir))
    local embed_c = ("env LUA_PATH=none LUA_CPATH='%s/?.so' %s/examples/embed"):format(dir, build.PATH)
    local said = shell.run(("tools/run %s %s spec/life/scripts/hello.lua %s %d 30"):format(build.KIND, embed_c,
      echo.host, echo.port))
    assert.equal("got hello\n", said)
  end)

  it("brings Lua itself: the file needs libev and the C library [E3]", function()
    local needed = {}
    local section = shell.output(("readelf -d %s/sidewire/core.so"):format(build.PATH))
    for name in section:gmatch "%(NEEDED%)[^\n]*%[([^\n]*)%]" do
      needed[#needed + 1] = name
    end
    local all = table.concat(needed, " ")
    assert.matches("libev%.so", all)
    assert.matches("libc%.so", all)
    for _, name in ipairs(needed) do assert.falsy(name:find "lua", name) end
    local symbols = shell.output(("readelf --dyn-syms -W %s/sidewire/core.so"):format(build.PATH))
    assert.matches("UND lua_pcall", symbols)
  end)

  it("starts no thread and opens no descriptor by it; the first connect does [E6]", function()
    embed "counts_threads_and_descriptors"
  end)

  it("has one helper thread while a name is looked up, and none for an address [E8]", function()
    embed "looks_up_a_name"
  end)

  it("looks a name up once for all its states [E9]", function()
    local said = run("embed threads 4 1", "looks_up_at_once")
    for count in said:gmatch "at once%s+(%d+)" do assert.equal("1", count) end
    assert.matches("at once", said)
  end)

  it("waits for no look-up that hangs: other clients go on, and lua_close is quick [E10]", function()
    local said = embed "looks_up_while_connected"
    assert(host.closing(said) < 0.5 + MARGIN and host.closing(said) < 3, said)
  end)

  it("runs handlers on the thread that polls, which may be another one each time [E11]", function()
    embed "polls_on_threads"
  end)

  it("keeps what it set for signals, each of them [E12]", function()
    embed "keeps_signals"
  end)

  it("keeps descriptors 0, 1 and 2 open, or sidewire gets them [E13]", function()
    local dir = Peer.tempdir()
    finally(function() Peer.remove(dir) end)
    local script = ("spec/life/scripts/first_descriptors.lua %d %s/found"):format(echo.port, dir)
    shell.run(("%s %s 0<&- 1>&- 2>&-"):format(build.LUA, script))
    local found = files.read(dir .. "/found"):gsub("pipe:%[%d+%]", "a pipe")
    local kinds = { "anon_inode:[eventfd]", "anon_inode:[eventfd]", "anon_inode:[eventpoll]" }
    if build.has_fallbacks then kinds = { "a pipe", "a pipe", "a pipe" } end
    assert.equal(table.concat(kinds, "\n") .. "\n", found)
  end)

  it("gets no global variable by it [E31]", function()
    embed "counts_globals"
  end)

  it("sees nothing printed [E14]", function()
    local said = embed "meets_failures"
    assert.matches("^closed in [%d.]+ s\nbefore [^\n]*\nafter [^\n]*\n$", said)
  end)
end)
