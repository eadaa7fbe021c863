-- What it costs to wake the script's thread: one system call for each time that it slept, however many clients have
-- something for it. Counted by strace in a process of its own.

local socket = require "socket"
local build = require "spec.support.build"
local files = require "spec.support.files"
local Peer = require "spec.support.peer"
local shell = require "spec.support.shell"
local util = require "spec.support.util"

local CLIENTS = 1000
local LIMIT = 100 -- seconds, for what hangs

-- Runs spec/stress/sleeper.lua, sends all of its clients something once they are connected and it sleeps, and returns
-- its trace and what it said. Each call in which it sleeps takes 20 ms longer than it would: a thread that gets no core
-- at once, while the loop goes on.
local function trace_sleeper(dir, peer, sleeps, mode)
  local calls = ("-e 'trace=read,write,%s' -e 'inject=%s:delay_exit=20000'"):format(sleeps, sleeps)
  local command = ("ulimit -n %d && exec timeout -k 5 %d strace -f -qq -o %s/trace %s "
    .. "%s spec/stress/sleeper.lua %d %s %d %s"):format(CLIENTS + 100, LIMIT, dir, calls, build.LUA, CLIENTS, peer.host,
    peer.port, mode or "")
  local pipe = shell.start_command("exec 2>&1; " .. command)
  local said = pipe:read "*l"
  if said and said:find "^asleep" then
    assert(peer:wait_accepted(CLIENTS, util.DEADLINE))
    socket.sleep(0.1) -- until it is
    peer:command "send-line wake up"
  end
  local rest, status = shell.finish(pipe)
  said = (said or "") .. rest
  assert.equal(0, status, said)
  assert(said:find "^asleep[ %d]*$", said)
  return files.read(dir .. "/trace"), said
end

local function count(trace, pattern)
  return (select(2, trace:gsub(pattern, "")))
end

-- Sleeps of the script's thread, and writes to the descriptor that it sleeps on.
local function count_wake_ups(trace)
  local fd = assert(trace:match "poll%(%[{fd=(%d+), events=POLLIN}%], 1", "no sleep in the trace")
  return count(trace, ("poll%%(%%[{fd=%s, events=POLLIN}%%], 1"):format(fd)), count(trace, ("write%%(%s, "):format(fd))
end

describe("a thread that sleeps", function()
  local dir, peer
  before_each(function()
    assert(shell.try "command -v strace >/dev/null", "strace is missing: run tools/setup test")
    util.begin()
    dir, peer = Peer.tempdir(), Peer.start { mode = "sink" }
  end)
  after_each(function()
    Peer.remove(dir)
    util.finish()
  end)

  it(("is woken once for each sleep, though %d clients have something for it"):format(CLIENTS), function()
    build.needs("eventfd", pending)
    local sleeps, writes = count_wake_ups(trace_sleeper(dir, peer, "?poll,ppoll"))
    assert.is_true(writes > 0)
    assert.is_true(writes <= sleeps, ("%d writes for %d sleeps"):format(writes, sleeps))
  end)

  it("is woken as seldom in a loop of its own, by the notifier", function()
    build.needs("eventfd", pending)
    local trace, said = trace_sleeper(dir, peer, "?select,pselect6", "notifier")
    local fd = said:match "%d+"
    local sleeps, writes = count(trace, "select6?%("), count(trace, ("write%%(%s, "):format(fd))
    assert.is_true(writes > 0)
    assert.is_true(writes <= sleeps, ("%d writes for %d sleeps"):format(writes, sleeps))
    -- Each clears what one write has set, and a late one is looked for once more.
    local reads = count(trace, ("read%%(%s, [^\n]-, 256"):format(fd)) -- not those of files that had the number before
    assert.is_true(reads <= 2 * writes, ("%d reads for %d writes"):format(reads, writes))
  end)
end)
