-- examples/ship.lua ships a large file while the sink is restarted three times: what arrived?
--
--     tools/run release lua spec/stress/ship.lua [MB] [orderly|killed]      (200, orderly)
--
-- Exit status 1 unless each line of the file was received, once and in order, or ship.lua told that it may be missing,
-- and its exit status says so. The sink reads as fast as it can, until it is ended: "orderly" after it has read what
-- its system acknowledged, as most servers do, or by SIGKILL.

local usage = require "spec.support.usage"
local megabytes = usage.number(1, "MB", 200)
local way = arg[2] or "orderly"
if way ~= "orderly" and way ~= "killed" then usage.wrong("neither orderly nor killed: %s", way) end
usage.no_more(2)

local socket = require "socket"
local Peer = require "spec.support.peer"
local Program = require "spec.support.program"
local shell = require "spec.support.shell"
local util = require "spec.support.util"

local dir = Peer.tempdir()
local path, record = dir .. "/file", dir .. "/record"
local words = "the quick brown fox jumps over the lazy dog and ships what it carries "

-- Line n: its number and some of the words. Returns the count of lines and of bytes.
local function line(n)
  return n .. " " .. words:sub(1, n * 7 % #words)
end

local function make_file(size)
  local file = assert(io.open(path, "w"))
  local count, bytes = 0, 0
  while bytes < size do
    count = count + 1
    local text = line(count)
    file:write(text, "\n")
    bytes = bytes + #text + 1
  end
  file:close()
  return count, bytes
end

local function restart(peer)
  if way == "killed" then
    peer:kill()
  else
    peer:command "accept off"
    peer:command "finish"
    assert(peer:wait_connections(0, util.DEADLINE))
    peer:stop()
  end
  peer:start_again()
end

-- The bytes of memory that a program and what it started have at the moment.
local function resident(pid)
  local status = io.open("/proc/" .. pid .. "/status")
  local pages = status and tonumber(status:read("*a"):match "VmHWM:%s+(%d+)") or 0
  if status then status:close() end
  local children = io.open(("/proc/%d/task/%d/children"):format(pid, pid))
  for child in (children and children:read "*a" or ""):gmatch "%d+" do pages = math.max(pages, resident(child)) end
  if children then children:close() end
  return pages
end

-- --- the account ---

-- Reads the streams line by line: at most one is in memory, and of the file one line.
local function read_streams()
  local seen, faults, cut, newest = {}, {}, 0, 0
  for _, stream in ipairs(Peer.streams(record)) do
    local at = 1
    for text, next_at in stream.data:gmatch "([^\n]*)\n()" do
      local n = tonumber(text:match "^%d+")
      if not n or text ~= line(n) then
        faults[#faults + 1] = ("%s: altered: %q"):format(stream.name, text)
      elseif n <= newest then
        faults[#faults + 1] = ("%s: %d after %d"):format(stream.name, n, newest)
      else
        newest, seen[n] = n, true
      end
      at = next_at
    end
    if at <= #stream.data then cut = cut + 1 end
  end
  return seen, faults, cut
end

-- The lines that ship.lua reported lost, and the number up to which it had doubts.
local function read_report(output)
  local lost = {}
  for first, last in output:gmatch "\n  lost: lines? (%d+) ?t?o? ?(%d*)" do
    for n = tonumber(first), tonumber(last) or tonumber(first) do lost[n] = true end
  end
  return lost, tonumber(output:match "in doubt: the last lines up to (%d+)") or 0
end

local count, bytes = make_file(megabytes * 1e6)
shell.execute("mkdir " .. record)
local peer = Peer.start { record = record }
local began = socket.gettime()
local program = Program.start("examples/ship.lua", path, peer.host, peer.port)
local memory = 0
for number = 1, 3 do
  program:wait_for("connected to", number)
  assert(peer:wait_bytes(math.floor(bytes / 5), util.DEADLINE)) -- each process counts anew
  memory = math.max(memory, resident(program.pid))
  restart(peer)
end
local output, status = program:finish()
local seconds = socket.gettime() - began
assert(peer:wait_connections(0, util.DEADLINE))
peer:stop()

local seen, faults, cut = read_streams()
local lost, doubtful = read_report(output)
local received, missing, reported, doubted, untold, lost_count = 0, 0, 0, 0, 0, 0
for n = 1, count do
  if lost[n] then lost_count = lost_count + 1 end
  if seen[n] then
    received = received + 1
  else
    missing = missing + 1
    if lost[n] then reported = reported + 1
    elseif n <= doubtful then doubted = doubted + 1
    else untold = untold + 1 end
  end
end
local is_true = status == ((lost_count > 0 or doubtful > 0) and 1 or 0) and (missing == 0 or status == 1)

print(output)
print(("%d lines, %.1f MB, 3 restarts (%s), %.1f s, at most %.1f MB of memory"):format(count, bytes / 1e6, way, seconds,
  memory / 1e3))
print(("received %d; missing %d: reported lost %d, in doubt %d, untold %d"):format(received, missing, reported, doubted,
  untold))
print(("reported lost %d; cut at a connection's end %d; altered or out of order %d; exit status %s: %s"):format(
  lost_count, cut, #faults, status, is_true and "true" or "FALSE"))
for i = 1, math.min(#faults, 10) do print("FAULT: " .. faults[i]) end
Peer.remove(dir)
os.exit(is_true and untold == 0 and #faults == 0 and 0 or 1, true)
