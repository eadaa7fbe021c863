-- sidewire in Neovim: the plugin of examples/neovim, in an editor without a terminal.

local Peer = require "spec.support.peer"
local Program = require "spec.support.program"
local files = require "spec.support.files"
local hosts = require "spec.support.hosts"
local shell = require "spec.support.shell"
local util = require "spec.support.util"

describe("Neovim", function()
  local missing = hosts.missing("luajit", "nvim")
  if missing then
    pending(missing)
    return
  end

  local dir, editor

  -- Evaluates an expression of Vim in the editor. When that ends meanwhile, there is no answer.
  local function ask(expression)
    return (shell.run(("nvim --server %s/socket --remote-expr %s"):format(dir, shell.quote(expression))))
  end

  -- Runs commands of the editor, one after the other, without doing anything else in between.
  local function order(...)
    local commands = {}
    for i, command in ipairs { ... } do commands[i] = "'" .. command:gsub("'", "''") .. "'" end
    local said = ask(("execute([%s])"):format(table.concat(commands, ", ")))
    assert(not said:find "E%d+:", said)
  end

  local function wait_for(expression, wanted)
    local got
    local ok, why = util.wait_until(function()
      got = ask(expression)
      return got:find(wanted, 1, true)
    end)
    if not ok then error(("%s: wanted %q, got %q, %s"):format(expression, wanted, got, why), 2) end
  end

  -- Starts the editor. Its folder is in 'runtimepath'.
  local function edit(words)
    local command = "XDG_DATA_HOME=%s/data nvim --clean --headless --listen %s/socket --cmd 'set runtimepath^=%s' %s"
    editor = hosts.start(command:format(dir, dir, dir, words or ""))
    assert(util.wait_until(function() return select(2, shell.run("test -S " .. dir .. "/socket")) == 0 end))
  end

  local STATUS = "get(b:, 'follow_status', '')"
  local LINES = "join(getline(1, '$'), '|')"

  before_each(function()
    dir = Peer.tempdir()
    shell.execute(("cp -R examples/neovim/* %s"):format(dir))
    hosts.install("luajit", dir .. "/lua/sidewire")
  end)

  after_each(function()
    Program.stop_all()
    Peer.stop_all()
    Peer.remove(dir)
  end)

  it("follows a server's lines in a buffer, also those of a server that is started again", function()
    edit()
    local peer = Peer.start()
    order(("Follow %s %d"):format(peer.host, peer.port))
    wait_for(STATUS, ("%s:%d  connected"):format(peer.host, peer.port))
    assert(peer:wait_accepted(1, util.DEADLINE))
    peer:command "send-line one"
    peer:command "send-line two"
    wait_for(LINES, "one|two")

    peer:kill()
    wait_for(STATUS, "waiting, next attempt in ")
    wait_for(STATUS, "connection refused")
    peer:start_again()
    wait_for(STATUS, "connected")
    assert(peer:wait_accepted(1, util.DEADLINE))
    peer:command "send-line three"
    wait_for(LINES, "one|two|three")

    order "FollowStop"
    wait_for(STATUS, "idle")
    assert(peer:wait_connections(0, util.DEADLINE))
  end)

  it("takes thousands of lines at once", function()
    edit()
    local peer = Peer.start { mode = "echo" }
    order(("Follow %s %d"):format(peer.host, peer.port))
    order("call setline(1, range(1, 5000))", "%FollowSend", "%delete")
    wait_for("line('$') .. ' ' .. getline(1) .. ' ' .. getline('$')", "5000 1 5000")
  end)

  it("goes on when its buffer is wiped out", function()
    edit()
    local peer = Peer.start { mode = "echo" }
    local follow = ("Follow %s %d"):format(peer.host, peer.port)
    order(follow)
    wait_for(STATUS, "connected")
    order("bwipeout", "FollowSend dropped")
    assert(peer:wait_bytes(#"dropped\n", util.DEADLINE))
    order "FollowStop"
    assert(peer:wait_connections(0, util.DEADLINE))
    order(follow)
    wait_for(STATUS, "connected")
    order "FollowSend shown"
    wait_for(LINES, "shown")
  end)

  it("runs the program of docs/hosts.md", function()
    local peer, record = Peer.start_recorded { mode = "echo" }
    files.write(dir .. "/program.lua", hosts.documented_program("Neovim", peer.port) .. [[
      for number = 1, 99 do client:send(number) end
      function _G.send(line) client:send(line) end
    ]])
    edit("-S " .. dir .. "/program.lua")
    wait_for("join(getline(1, 4), '|') .. ' ' .. line('$')", "|1|2|3 100")
    order("lua send 'last words'", "qa!")
    assert.same({ "", 0 }, { editor:finish() })
    assert(hosts.wait_recorded(record, "\n99\nlast words\n$"))
  end)

  it("delivers what was sent just before :qa", function()
    edit()
    local peer, record = Peer.start_recorded()
    order(("Follow %s %d"):format(peer.host, peer.port))
    wait_for(STATUS, "connected")
    assert(peer:wait_accepted(1, util.DEADLINE))
    peer:command "throttle 4000000" -- bytes a second: Neovim ends long before it has all
    order("call setline(1, map(range(20000), 'v:val .. repeat(\" and on\", 14)'))", "%FollowSend", "qa!")
    local output, status = editor:finish()
    assert.same({ 0, "" }, { status, output })
    local expected = {}
    for i = 1, 20000 do expected[i] = i - 1 .. (" and on"):rep(14) .. "\n" end
    expected = table.concat(expected)
    assert(peer:wait_bytes(#expected, util.DEADLINE))
    assert(expected == Peer.streams(record)[1].data)
  end)
end)
