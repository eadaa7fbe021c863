-- docs/embedding.md: every sentence names a test, and here are those that no other spec has. They run in C hosts:
-- `embed`, `neighbour` (spec/support) and examples/embed.c.

local Peer = require "spec.support.peer"
local host = require "spec.support.host"
local util = require "spec.support.util"

local BUILD = assert(os.getenv "SIDEWIRE_BUILD", "run this with tools/run")
local KIND = BUILD:match "[^/]+$"

-- What a busy machine, or a sanitizer, may take beyond the time that is meant.
local MARGIN = util.choose(0.5, 5)

-- Begins every script: `...` is the port of an echoing peer, and that of a silent one.
local PRELUDE = [[
  local port, silent = tonumber((...)), tonumber((select(2, ...)))
  local sidewire = require "sidewire.core"
  local function new(options)
    options = options or {}
    options.host, options.port = options.host or "127.0.0.1", options.port or port
    return assert(sidewire.new(options))
  end
  local function connect(options)
    local client = new(options)
    assert(client:connect())
    return client
  end
  local function connected(options)
    local client = connect(options)
    assert(client:wait("connected", 30))
    return client
  end
  local function stuck(options) -- more is queued than the silent peer's system takes
    options.port = silent
    local client = connected(options)
    for _ = 1, 100 do assert(client:send(("x"):rep(65000))) end
    return client
  end
  -- Everything that the policy can forbid.
  local function forbid()
    assert(sidewire.set_policy { max_clients = 2, max_queue = 1000, max_inbox = 1000, max_linger = 0, files = false })
    assert(sidewire.lock_policy())
  end
]]

local peer, silent

local function embed(script)
  return host.run({ "embed", "run" }, PRELUDE .. script, peer.port, silent.port)
end

local function neighbour(script)
  return host.run({ "neighbour" }, PRELUDE .. script, peer.port, silent.port)
end

-- Seconds that lua_close took.
local function closing(said)
  return tonumber(said:match "closed in ([%d.]+) s")
end

local function read(path)
  local file <close> = assert(io.open(path))
  return file:read "a"
end

local function output_of(command)
  local output <close> = assert(io.popen("unset LD_PRELOAD; exec 2>&1; " .. command))
  return output:read "a"
end

-- Writes the text to a file; returns its name.
local function file_of(text)
  local path = os.tmpname()
  local file <close> = assert(io.open(path, "wb"))
  file:write(text)
  finally(function() os.remove(path) end)
  return path
end

-- --- the document ---

-- The document without code blocks and headings: its paragraphs and points, each on one line.
local function paragraphs()
  local text = ("\n" .. read "docs/embedding.md"):gsub("\n```.-\n```", "\n"):gsub("\n#[^\n]*", "\n\n")
  local list = {}
  for paragraph in (text:gsub("\n%s*%- ", "\n\n") .. "\n\n"):gmatch "%s*(.-)\n%s*\n" do
    if paragraph ~= "" then list[#list + 1] = paragraph:gsub("%s+", " ") end
  end
  return list
end

-- Its sentences. What stands in `code` ends none.
local function sentences()
  local list = {}
  for _, paragraph in ipairs(paragraphs()) do
    local plain = paragraph:gsub("`[^`]*`", function(code) return (code:gsub("[.?!]", "_")) end) .. " "
    if not plain:find "[.?!] $" then plain = plain .. ". " end
    for sentence in plain:gmatch "(.-[.?!]) " do list[#list + 1] = sentence end
  end
  return list
end

-- Set of the tags in a text, such as "E7".
local function tags_in(text)
  local found = {}
  for tag in text:gmatch "%[([EF]%d+)%]" do found[tag] = true end
  return found
end

-- Set of the tags in tests' titles: E in specs, F in unit tests and tools as well.
local function tags_of_tests()
  local found = {}
  local files <close> = assert(io.popen "ls spec/*_spec.lua spec/injected/*_spec.lua spec/unit/test_*.c tools/planted")
  for path in files:lines() do
    local is_spec = path:find "_spec%.lua$"
    for line in read(path):gmatch "[^\n]+" do
      if not is_spec or line:find "^%s*it%(" or line:find "^%s*describe%(" then
        for tag in line:gmatch(is_spec and "%[([EF]%d+)%]" or "%[(F%d+)%]") do found[tag] = true end
      end
    end
  end
  return found
end

describe("docs/embedding.md", function()
  -- A pointer begins with "See" and has code or a link.
  it("names a test for each sentence that is more than a pointer [E1]", function()
    local all = sentences()
    assert(#all > 80, "only " .. #all .. " sentences: are they read rightly?")
    for _, sentence in ipairs(all) do
      local is_pointer = sentence:find "^See [^\n]*[`%]]"
      assert(is_pointer or next(tags_in(sentence)), "no test shows: " .. sentence)
    end
  end)

  it("names tests that are there [E1]", function()
    local there = tags_of_tests()
    for tag in pairs(tags_in(read "docs/embedding.md")) do
      assert(there[tag], "no test has the tag " .. tag)
    end
  end)

  it("leaves out no test that is there for it, and no number [E1]", function()
    local named, highest = tags_in(read "docs/embedding.md"), 0
    for tag in pairs(tags_of_tests()) do
      local number = math.tointeger(tag:match "^E(%d+)$")
      if number then
        assert(named[tag], "the document does not name " .. tag)
        highest = math.max(highest, number)
      end
    end
    for number = 1, highest do assert(named["E" .. number], "there is no E" .. number) end
  end)
end)

describe("a host that opens sidewire", function()
  before_each(function()
    util.begin()
    peer = Peer.start { mode = "echo" }
    silent = Peer.start { mode = "silent" }
  end)
  after_each(util.finish)

  it("copies one file, and finds it in a folder of package.cpath [E2]", function()
    local dir = Peer.tempdir()
    finally(function() Peer.remove(dir) end)
    assert(os.execute(("mkdir %s/sidewire && cp %s/sidewire/core.so %s/sidewire/"):format(dir, BUILD, dir)))
    local script = file_of [[
      local client = sidewire.new { host = host, port = port }
      client:on("message", function(_, message) print("got " .. message) end)
      client:connect()
      client:send "hello"
    ]]
    local said = output_of(("tools/run %s env LUA_PATH=none LUA_CPATH='%s/?.so' %s/examples/embed %s %s %d 30"):format(
      KIND, dir, BUILD, script, peer.host, peer.port))
    assert.equal("got hello\n", said)
  end)

  it("brings Lua itself: the file needs libev and the C library [E3]", function()
    local needed = {}
    for name in output_of(("readelf -d %s/sidewire/core.so"):format(BUILD)):gmatch "%(NEEDED%)[^\n]*%[([^\n]*)%]" do
      needed[#needed + 1] = name
    end
    local all = table.concat(needed, " ")
    assert.matches("libev%.so", all)
    assert.matches("libc%.so", all)
    for _, name in ipairs(needed) do assert.falsy(name:find "lua", name) end
    local symbols = output_of(("readelf --dyn-syms -W %s/sidewire/core.so"):format(BUILD))
    assert.matches("UND lua_pcallk", symbols)
  end)

  it("starts no thread and opens no descriptor by it; the first connect does [E6]", function()
    embed [[
      local descriptors, threads = embed.census()
      local function has(more_descriptors, more_threads)
        local d, t = embed.census()
        assert(d == descriptors + more_descriptors and t == threads + more_threads, d .. " " .. t)
      end
      package.loaded["sidewire.core"] = nil
      require "sidewire.core"
      local client, another = new(), new()
      client:send "queued"
      sidewire.poll()
      has(0, 0)
      assert(client:connect() and client:wait("connected", 30))
      has(4, 1) -- two wake-ups, epoll's, a socket
      assert(another:connect() and another:wait("connected", 30))
      has(5, 1)
      assert(sidewire.stop())
      repeat embed.sleep(0.001) until select(2, embed.census()) == threads
      has(2, 0)
    ]]
  end)

  it("has one helper thread while a name is looked up, and none for an address [E8]", function()
    embed [[
      local _, threads = embed.census()
      local client = connected()
      embed.slow_lookups(0.5)
      local named = connect { host = "localhost" }
      repeat embed.sleep(0.001) until embed.lookups() == 1
      assert(select(2, embed.census()) == threads + 2)
      assert(named:wait("connected", 30))
      repeat embed.sleep(0.001) until select(2, embed.census()) == threads + 1
      connected()
      assert(select(2, embed.lookups()) == 1)
    ]]
  end)

  it("has four look-ups at once in the process, of all its states; others wait [E9]", function()
    local script = [[
      embed.slow_lookups(0.4)
      local clients = { connect { host = "localhost" }, connect { host = "localhost" }, connect { host = "localhost" } }
      for _, client in ipairs(clients) do assert(client:wait("connected", 30)) end
      print("at once", select(2, embed.lookups()))
    ]]
    local said = host.run({ "embed", "threads", 4, 1 }, PRELUDE .. script, peer.port, silent.port)
    local most = 0
    for count in said:gmatch "at once%s+(%d+)" do most = math.max(most, tonumber(count)) end
    assert.equal(4, most)
  end)

  it("waits for no look-up that hangs: other clients go on, and lua_close is quick [E10]", function()
    local said = embed [[
      embed.slow_lookups(4)
      local named = connect { host = "localhost" }
      repeat embed.sleep(0.001) until embed.lookups() == 1
      local began = embed.clock()
      assert(connected():send "x")
      assert(named:state() == "resolving" and embed.clock() - began < 3)
    ]]
    assert(closing(said) < 0.5 + MARGIN and closing(said) < 3, said)
  end)

  it("runs handlers on the thread that polls, which may be another one each time [E11]", function()
    embed [[
      local ran = {}
      local client = connected { on = { message = function() ran[#ran + 1] = embed.thread() end } }
      local function round_trip()
        local before = #ran
        client:send "x"
        assert(sidewire.wait(30) == true and client:wait("connected", 30))
        assert(#ran == before) -- nothing runs by itself
        repeat sidewire.wait(0.1) sidewire.poll() until #ran > before
        return ran[#ran] == embed.thread()
      end
      assert(round_trip())
      local main = embed.thread()
      for _ = 1, 3 do
        embed.elsewhere(function()
          assert(embed.thread() ~= main)
          assert(round_trip())
        end)
        assert(round_trip())
      end
    ]]
  end)

  it("keeps what it set for signals, each of them [E12]", function()
    embed [[
      embed.catch "ALRM"
      local before = embed.dispositions()
      assert((" " .. before):find " 14 ", before)
      local client = connected { host = "localhost" }
      client:send "x"
      assert(client:receive(30) == "x")
      assert(embed.dispositions() == before)
      assert(sidewire.stop())
      assert(embed.dispositions() == before)
    ]]
  end)

  it("keeps descriptors 0, 1 and 2 open, or sidewire gets them [E13]", function()
    local script = file_of [[
      local client = require "sidewire.core".new { host = "127.0.0.1", port = tonumber((...)) }
      assert(client:connect() and client:wait("connected", 30))
      local links = "readlink /proc/$PPID/fd/0 /proc/$PPID/fd/1 /proc/$PPID/fd/2 >"
      assert(os.execute(links .. select(2, ...)))
      assert(client:close(0) and client:wait("disconnected", 30))
    ]]
    local found = file_of ""
    output_of(("tools/run %s lua %s %d %s 0<&- 1>&- 2>&-"):format(KIND, script, peer.port, found))
    assert.equal("anon_inode:[eventfd]\nanon_inode:[eventfd]\nanon_inode:[eventpoll]\n", read(found))
  end)

  it("gets no global variable by it [E31]", function()
    embed [[
      local before = {}
      for name in pairs(_G) do before[name] = true end
      package.loaded["sidewire.core"] = nil
      require "sidewire.core"
      connected()
      for name in pairs(_G) do assert(before[name], name) end
      assert(before.embed and not before.sidewire)
    ]]
  end)

  it("sees nothing printed [E14]", function()
    local said = embed [[
      local client = connected { host = "localhost", on = { message = function() end } }
      client:send "x"
      local refused = connect { port = 1 }
      refused:wait("connected", 0.3)
      connect { host = "no-such-host.invalid" }:wait("connected", 0.1)
      stuck { linger = 0.1, reconnect = false }
      assert(sidewire.stop())
      sidewire.poll()
    ]]
    assert.matches("^closed in [%d.]+ s\nbefore [^\n]*\nafter [^\n]*\n$", said)
  end)
end)

describe("the memory of a host", function()
  before_each(function()
    util.begin()
    peer = Peer.start { mode = "echo" }
    silent = Peer.start { mode = "silent" }
  end)
  after_each(util.finish)

  -- KiB that the process has more after `make`, and KiB that Lua has more.
  local MEASURE = [[
    local function measure(make)
      collectgarbage()
      collectgarbage()
      local _, _, before = embed.census()
      local lua = collectgarbage "count"
      local kept = make()
      collectgarbage()
      collectgarbage()
      local _, _, after = embed.census()
      return after - before, collectgarbage "count" - lua, kept
    end
  ]]

  it("holds small messages outside of what Lua's allocator counts [E17]", function()
    embed(MEASURE .. ([[
      local client = new { queue_limit = 2^25 }
      local line = ("x"):rep(1000)
      local resident, lua = measure(function() for _ = 1, 16 * 1024 do assert(client:send(line)) end end)
      assert(%s and lua < 100, resident .. " " .. lua)
    ]]):format(util.choose("resident > 15 * 1024", "true")))
  end)

  it("holds a copy of the queue for each result of unfinished, until that is collected [E18]", function()
    embed(MEASURE .. ([[
      local policy = { max_clients = 1, max_queue = 2^20, max_inbox = 1000, max_linger = 0, files = false }
      assert(sidewire.set_policy(policy) and sidewire.lock_policy())
      local client = new()
      for _ = 1, 1000 do assert(client:send(("x"):rep(1000))) end
      local function copies(n)
        local kept = {}
        for i = 1, n do kept[i] = { assert(client:unfinished()) } end
        return kept
      end
      local resident, lua = measure(function() return copies(30) end)
      assert(%s and lua < 100, resident .. " " .. lua)
      for _ = 1, 10 do copies(30) collectgarbage() end
      resident = measure(function() copies(10) end)
      assert(%s, resident .. " more after they were collected")
    ]]):format(util.choose("resident > 25 * 1000", "true"), util.choose("resident < 8 * 1000", "true")))
  end)

  it("holds less than 4 KiB for each client that is connected and idle [E19]", function()
    embed(MEASURE .. ([[
      connected()
      local resident = measure(function()
        local clients = {}
        for i = 1, 200 do clients[i] = connect { on = { message = print } } end
        for i = 1, 200 do assert(clients[i]:wait("connected", 30)) end
        return clients
      end)
      assert(%s, resident / 200)
    ]]):format(util.choose("resident / 200 < 4", "true")))
  end)

  it("holds what one read brings beyond inbox_limit; a message counts 8 bytes more than it has [E43]", function()
    local most = 256 * 1024
    for _, message in ipairs { "\n", ("x"):rep(999) .. "\n" } do
      local flooding <close> = Peer.start { mode = "silent" }
      local client = util.connected(flooding, { inbox_limit = 1000, on = { message = function() end } })
      flooding:command("send " .. Peer.hex(message:rep(4 * most // #message)))
      assert(util.wait_until(function() return client:stats().paused end))
      local s = client:stats()
      assert(s.received_bytes <= most, s.received_bytes)
      local counted = s.received_bytes // #message * (#message - 1 + 8)
      assert(s.inbox_bytes > 1000 and s.inbox_bytes >= counted and s.inbox_bytes < counted + 1000, s.inbox_bytes)
      client:close(0)
    end
  end)

  it("holds a closed client until it is collected and then polled for, however few may be open [E20]", function()
    embed(MEASURE .. ([[
      forbid()
      local function closed()
        local clients = {}
        for i = 1, 5000 do
          clients[i] = new()
          clients[i]:close()
        end
        return clients
      end
      local resident, lua = measure(closed)
      assert(%s, resident .. " " .. lua)
      resident = measure(function()
        for _ = 1, 10 do
          closed()
          collectgarbage()
          sidewire.poll()
        end
      end)
      assert(%s, resident .. " more after they were collected")
    ]]):format(util.choose("resident - lua > 2500 and resident < 5000 * 4", "true"),
      util.choose("resident < 5000", "true")))
  end)
end)

describe("a host that ends", function()
  before_each(function()
    util.begin()
    peer = Peer.start { mode = "echo" }
    silent = Peer.start { mode = "silent" }
  end)
  after_each(util.finish)

  it("waits in lua_close for the linger that a script chose, if no policy bounds it [E21]", function()
    assert(closing(embed [[ stuck { linger = 1.5 } ]]) > 1.4)
    assert(closing(embed [[ stuck {}:close(1.5) ]]) > 1.4)
    assert(closing(embed [[
      assert(sidewire.set_policy { max_linger = 0.1 })
      assert(sidewire.new { linger = 1.5 } == nil)
      stuck {}:close(1.5)
    ]]) < 0.1 + MARGIN)
  end)

  it("waits for nothing when it exits without lua_close, and what is queued goes with it [E23]", function()
    local script = file_of(PRELUDE .. [[
      stuck { linger = 30 }
      os.exit(7)
    ]])
    local began = os.time()
    local said = output_of(("tools/run %s lua %s %d %d; echo status $?"):format(KIND, script, peer.port,
      silent.port))
    assert.equal("status 7\n", said)
    assert(os.time() - began < 20)
    silent:command "mode sink"
    assert(silent:wait_connections(0, util.DEADLINE))
    assert(silent:stats().bytes < 100 * 65001)
  end)
end)

describe("libev in the same process", function()
  before_each(function()
    util.begin()
    peer = Peer.start { mode = "echo" }
    silent = Peer.start { mode = "silent" }
  end)
  after_each(util.finish)

  it("has loops of the host, the default one too, that run beside sidewire's [E25]", function()
    neighbour [[
      assert(neighbour.turn() == 2)
      local client = connected()
      for _ = 1, 5 do
        assert(client:send "x" and client:receive(30) == "x")
        assert(neighbour.turn() == 2)
      end
      assert(sidewire.stop())
      assert(neighbour.turn() == 2)
    ]]
  end)

  it("loses the host's allocator and error hook when the first loop of sidewire starts [E26]", function()
    neighbour [[
      neighbour.set_allocator()
      neighbour.set_error_hook()
      local client = new()
      neighbour.keep_loop()
      neighbour.fail(1, 0)
      neighbour.turn()
      local before = neighbour.counts()
      assert(before.here > 0 and before.blocks > 0 and before.errors_here == 1)
      assert(client:connect() and client:wait("connected", 30))
      assert(neighbour.turn() == 2)
      neighbour.end_loop() -- its blocks are freed by free(), and the host's allocator does not know
      local after = neighbour.counts()
      assert(after.here == before.here and after.elsewhere == 0 and after.blocks == before.blocks)
    ]]
  end)

  it("then ends the process, as it does by itself, when a loop of the host fails [E27]", function()
    local fails = "neighbour.fail(1, 0) neighbour.turn()"
    for _, script in ipairs { "neighbour.set_error_hook() connected() " .. fails, fails } do
      local output <close> = host.start({ "neighbour" }, PRELUDE .. script, peer.port)
      assert.equal("(libev) epoll_wait: Bad file descriptor\naborted\nstatus 6\n", output:read "a")
    end
  end)

  it("asks the host's allocator, set anew, on sidewire's thread too, with blocks that sidewire made [E28]", function()
    neighbour [[
      neighbour.set_allocator()
      local client = connected()
      neighbour.set_allocator()
      assert(neighbour.turn() == 2 and neighbour.counts().here > 0)
      local clients = {}
      for i = 1, 100 do clients[i] = connected() end
      local counts = neighbour.counts()
      assert(counts.elsewhere > 0 and counts.foreign > 0)
      assert(client:send "x" and client:receive(30) == "x")
      assert(sidewire.stop())
      counts = neighbour.counts()
      connected() -- a new loop leaves the host's as it is
      assert(neighbour.counts().elsewhere > counts.elsewhere)
    ]]
  end)

  it("calls the host's error hook, set anew, for a failure on sidewire's thread, and no client hears of it [E29]",
    function()
      neighbour [[
        local ended = 0
        local client = connected { on = { disconnect = function() ended = ended + 1 end } }
        neighbour.set_error_hook()
        neighbour.fail(1, 3)
        assert(neighbour.turn() == 2)
        assert(client:send "x" and client:receive(30) == "x")
        sidewire.poll()
        local counts = neighbour.counts()
        assert(counts.errors_here == 1 and counts.errors_elsewhere == 3 and ended == 0)
        assert(sidewire.stop())
        connected() -- a new loop leaves the host's hook as it is
        neighbour.fail(1, 0)
        assert(neighbour.turn() == 2 and neighbour.counts().errors_here == 2)
      ]]
    end)

  it("is joined by one handler for forks, from the first connect on [E30]", function()
    neighbour [[
      local before = neighbour.counts().fork_handlers
      local client = new()
      assert(neighbour.counts().fork_handlers == before)
      assert(client:connect())
      for _ = 1, 3 do
        connected()
        assert(neighbour.counts().fork_handlers == before + 1)
        assert(sidewire.stop())
      end
    ]]
  end)
end)

describe("a script that a host does not trust", function()
  before_each(function()
    util.begin()
    peer = Peer.start { mode = "echo" }
    silent = Peer.start { mode = "silent" }
  end)
  after_each(util.finish)

  it("connects to any address and any name, under every policy there is [E32]", function()
    embed [[
      forbid()
      connected():close()
      connected { host = "localhost" }
      for name in pairs { allow = {}, deny = {} } do
        assert(not pcall(sidewire.set_policy, { [name] = {} }))
      end
    ]]
  end)

  it("has the host wait for as long as it likes, in calls that no count hook interrupts [E33]", function()
    embed [[
      forbid()
      local client = connected()
      local hooked = 0
      debug.sethook(function() hooked = hooked + 1 end, "", 100)
      local calls = {
        function() return client:receive(0.4) end, function() return client:wait("disconnected", 0.4) end,
        function() return sidewire.wait(0.4) end,
      }
      for _, call in ipairs(calls) do
        hooked = 0
        local began = embed.clock()
        assert(select(3, call()) == "ETIMEDOUT")
        assert(embed.clock() - began > 0.39 and hooked <= 1)
      end
    ]]
  end)

  it("has poll take as long as its handler does, and a count hook ends that [E34]", function()
    embed [[
      forbid()
      local ran = 0
      local client = connected { on = { message = function()
        ran = ran + 1
        local ends = embed.clock() + 0.3
        while ran == 2 or embed.clock() < ends do end
      end } }
      for _ = 1, 2 do client:send "x" end
      repeat embed.sleep(0.001) until client:stats().received_bytes == 4
      local began = embed.clock()
      assert(sidewire.poll(1, 0.01) == 1)
      assert(embed.clock() - began > 0.29)
      debug.sethook(function() error "too long" end, "", 100000)
      local ok, why = pcall(sidewire.poll)
      debug.sethook()
      assert(not ok and why:find "too long" and ran == 2)
    ]]
  end)

  it("has lua_close wait for its finalizers [E35]", function()
    local said = embed [[
      forbid()
      local client = connected()
      setmetatable({}, { __gc = function() client:wait("disconnected", 1) end })
    ]]
    assert(closing(said) > 0.9, said)
  end)

  it("keeps a processor busy with spin [E36]", function()
    embed [[
      forbid()
      local function cpu_of(spin)
        local client = connected { spin = spin }
        assert(client:send "x" and client:receive(30) == "x")
        local began = os.clock()
        embed.sleep(0.8)
        client:close()
        assert(client:wait("disconnected", 30))
        return os.clock() - began
      end
      local asleep, awake = cpu_of(0), cpu_of(1000000)
      assert(awake > 0.02 and awake > 3 * asleep, asleep .. " " .. awake)
    ]]
  end)

  it("replaces functions for all who share its module table, and for nobody when it has a copy [E37]", function()
    embed [[
      local poll, copy = sidewire.poll, {}
      for name, value in pairs(sidewire) do copy[name] = value end
      load("sidewire.poll = nil", "script", "t", { sidewire = copy })()
      assert(require "sidewire.core".poll == poll)
      load("sidewire.poll = function() return 'mine' end", "script", "t", { sidewire = sidewire })()
      assert(require "sidewire.core".poll() == "mine")
    ]]
  end)

  it("takes messages of other scripts in its Lua state, and closes their clients [E24]", function()
    embed [[
      local first, second = { sidewire = sidewire, port = port }, { sidewire = sidewire }
      load([=[
        client = sidewire.new { host = "127.0.0.1", port = port }
        client:connect()
        client:send "for the first script"
      ]=], "first", "t", first)()
      load([=[
        while not stolen do
          sidewire.wait(1)
          for client, event, message in sidewire.events() do
            if event == "message" then stolen, its = message, client end
          end
        end
        sidewire.stop()
      ]=], "second", "t", second)()
      assert(second.stolen == "for the first script")
      assert(second.its == first.client and first.client:state() == "closed")
    ]]
  end)

  it("fills the memory of Lua, as far as the host's allocator lets it [E38]", function()
    embed [[
      forbid()
      local kept = {}
      for i = 1, 32 do kept[i] = ("x"):rep(2^20) end
      assert(collectgarbage "count" > 32 * 1024)
    ]]
  end)

  it("reaches all that the state has loaded when it gets debug [E39]", function()
    embed [[
      local reached = load("return debug.getregistry()._LOADED.io.open", "script", "t", { debug = debug })()
      assert(reached == io.open)
    ]]
  end)

  it("runs any library of the machine when it gets package.loadlib or require [E40]", function()
    embed [[
      local path = assert(package.searchpath("lfs", package.cpath))
      local environment = { loadlib = package.loadlib, path = path }
      local lfs = load("return loadlib(path, 'luaopen_lfs')()", "script", "t", environment)()
      assert(lfs.attributes("/", "mode") == "directory")
      lfs = load("return require 'lfs'", "script", "t", { require = require })()
      assert(lfs.attributes("/", "mode") == "directory")
    ]]
  end)

  it("crashes Lua itself when it gets load, by bytecode that is none [E41]", function()
    -- The constant that the function returns has a number far behind its constants.
    local crash = [[
      local code = string.dump(function() return 12345.5 end)
      local number = string.pack("<I4", 3 | 0 << 7 | 0 << 15) -- LOADK 0 0
      assert(select(2, code:gsub(number:gsub("%p", "%%%0"), "")) == 1)
      local bad = code:gsub(number:gsub("%p", "%%%0"), (string.pack("<I4", 3 | 0x1ffff << 15):gsub("%%", "%%%%")))
      assert(load(bad, "text only", "t") == nil)
      for _ = 1, 100 do print(load(bad)()) end
    ]]
    local _, status = output_of(("%s -e %s; echo status $?"):format(os.getenv "LUA" or "lua5.4",
      "'" .. crash:gsub("'", "'\\''") .. "'")):match "^(.*)status (%d+)\n$"
    assert(tonumber(status) > 128, status)
    local script = file_of(string.dump(function() end))
    local said = output_of(("tools/run %s %s/examples/embed %s 127.0.0.1 1"):format(KIND, BUILD, script))
    assert.matches("attempt to load a binary chunk", said)
  end)

  it("changes the methods of all strings when it gets getmetatable [E42]", function()
    embed [[
      local environment = { getmetatable = getmetatable }
      load([=[ getmetatable("").__index.upper = function() return "mine" end ]=], "script", "t", environment)()
      assert(("host"):upper() == "mine")
    ]]
  end)
end)
