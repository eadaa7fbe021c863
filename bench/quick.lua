--- The figures that decide, next to LuaSocket's in the same run: `make bench-quick`, under a minute.
--
-- Every figure is the median of ROUNDS runs, and the runs of all candidates take turns, so that a slow moment of the
-- machine meets them all. After each bulk run the peer must have read exactly the bytes that were sent.

local sidewire = require "sidewire"
local socket = require "socket"
local Peer = require "spec.support.peer"

local ROUNDS = 5
local MESSAGES = 1000000
local JOINED = 1000 -- messages that the hand-made queue joins
local POLLS = 1000000
local SELECTS = 100000
local TRIPS = 5000
local MESSAGE = ("m"):rep(64)
local LINE = MESSAGE .. "\n" -- on the wire, whoever sends it
local TIMEOUT = 60 -- seconds; only a fault lasts so long
local PEER_CPU = 1

local clock = socket.gettime

-- --- candidates: each connects to a peer and gives what the measurements call ---

local function connect_sidewire(peer)
  local client = sidewire.new { host = peer.host, port = peer.port, queue_limit = 2 * MESSAGES * #LINE }
  client:connect()
  assert(client:wait("connected", TIMEOUT))
  return {
    send_many = function(count)
      for _ = 1, count do client:send(MESSAGE) end
    end,
    look_many = function(count)
      for _ = 1, count do sidewire.poll() end
    end,
    trip = function()
      client:send(MESSAGE)
      return client:receive(TIMEOUT)
    end,
    close = function()
      client:disconnect()
      assert(client:wait("disconnected", TIMEOUT))
      client:close()
    end,
  }
end

local function open_tcp(peer)
  local tcp = assert(socket.connect(peer.host, peer.port))
  tcp:setoption("tcp-nodelay", true)
  tcp:settimeout(TIMEOUT)
  return tcp
end

local function connect_luasocket(peer)
  local tcp = open_tcp(peer)
  return {
    send_many = function(count)
      for _ = 1, count do tcp:send(LINE) end
    end,
    look_many = function(count) -- asks, without waiting, whether something came
      local list = { tcp }
      for _ = 1, count do socket.select(list, nil, 0) end
    end,
    trip = function()
      tcp:send(LINE)
      return tcp:receive "*l"
    end,
    close = function() tcp:close() end,
  }
end

-- The queue that scripts make for themselves: a table of messages, joined for one blocking send.
local function connect_joined(peer)
  local tcp = open_tcp(peer)
  local function send_joined(count)
    local queue = {}
    for i = 1, count do queue[i] = LINE end
    tcp:send(table.concat(queue))
  end
  return {
    send_many = function(count)
      for _ = 1, count // JOINED do send_joined(JOINED) end
      send_joined(count % JOINED)
    end,
    close = function() tcp:close() end,
  }
end

-- --- measurements: each returns figures by name ---

local function measure_bulk(connect, peers)
  local peer, bytes = peers.sink, MESSAGES * #LINE
  peer:command "reset-stats"
  local link = connect(peer)
  local began = clock()
  link.send_many(MESSAGES)
  local sent = clock()
  assert(peer:wait_bytes(bytes, TIMEOUT))
  local arrived = clock()
  link.close()
  assert(peer:wait_connections(0, TIMEOUT))
  assert(peer:stats().bytes == bytes, "the peer got other bytes than were sent")
  return { send = (sent - began) / MESSAGES * 1e9, rate = MESSAGES / (arrived - began) / 1e6 }
end

local function measure_look(connect, peers, count)
  local link = connect(peers.sink)
  link.look_many(1) -- takes the connect event
  local began = clock()
  link.look_many(count)
  local seconds = clock() - began
  link.close()
  return { look = seconds / count * 1e9 }
end

local function median(values)
  table.sort(values)
  return values[(#values + 1) // 2]
end

local function measure_trips(connect, peers)
  peers.echo:command "reset-stats"
  local link = connect(peers.echo)
  local trips = {}
  for i = 1, TRIPS do
    local began = clock()
    assert(link.trip() == MESSAGE)
    trips[i] = clock() - began
  end
  link.close()
  assert(peers.echo:wait_connections(0, TIMEOUT))
  assert(peers.echo:stats().bytes == TRIPS * #LINE, "the peer got other bytes than were sent")
  return { trip = median(trips) * 1e6 }
end

-- --- the harness ---

local jobs = {
  { by = "sidewire", measure = measure_bulk, connect = connect_sidewire },
  { by = "luasocket", measure = measure_bulk, connect = connect_luasocket },
  { by = "joined", measure = measure_bulk, connect = connect_joined },
  { by = "sidewire", measure = measure_look, connect = connect_sidewire, count = POLLS },
  { by = "luasocket", measure = measure_look, connect = connect_luasocket, count = SELECTS },
  { by = "sidewire", measure = measure_trips, connect = connect_sidewire },
  { by = "luasocket", measure = measure_trips, connect = connect_luasocket },
}

-- Runs all jobs, round after round.
-- @treturn table figure -> candidate -> median
local function run_jobs(peers)
  local values = { send = {}, rate = {}, look = {}, trip = {} }
  for _ = 1, ROUNDS do
    for _, job in ipairs(jobs) do
      collectgarbage()
      for figure, value in pairs(job.measure(job.connect, peers, job.count)) do
        local list = values[figure][job.by] or {}
        list[#list + 1] = value
        values[figure][job.by] = list
      end
    end
  end
  for _, by in pairs(values) do
    for candidate, list in pairs(by) do by[candidate] = median(list) end
  end
  return values
end

-- --- where it ran ---

local function output_of(command)
  local output <close> = assert(io.popen(command .. " 2>/dev/null"))
  return output:read "l" or "unknown"
end

-- A peer that wanders from CPU to CPU makes the figures jump.
local function pin(peer)
  local command = ("taskset -pc %d %d >/dev/null 2>&1"):format(PEER_CPU, peer.pid)
  return os.execute(command) and ("CPU %d"):format(PEER_CPU) or "any CPU"
end

local function print_place(peer_place)
  print(("%s %s, LuaSocket %s, %s, %s"):format(sidewire._NAME, sidewire._VERSION, socket._VERSION:match "[%d.]+",
    _VERSION, output_of "uname -sr"))
  print(("%s CPUs (%s); the peers on %s, the script and sidewire's loop thread on any"):format(output_of "nproc",
    output_of "sed -n 's/^model name.*: //p' /proc/cpuinfo", peer_place))
  print(("medians of %d runs, the candidates taking turns; joined: table.concat of %d messages for each send")
    :format(ROUNDS, JOINED))
  print "in brackets: the figure as a multiple of sidewire's"
end

-- --- the table ---

local function beside(other, ours, format)
  return other and (format .. " (%.2f)"):format(other, other / ours) or "-"
end

local function print_row(title, by, format)
  print(("%-40s %10s %18s %18s"):format(title, format:format(by.sidewire),
    beside(by.luasocket, by.sidewire, format), beside(by.joined, by.sidewire, format)))
end

local function print_table(values)
  print(("\n%-40s %10s %18s %18s"):format("", "sidewire", "LuaSocket", "LuaSocket, joined"))
  print_row("send of 64 bytes, time of the script, ns", values.send, "%.0f")
  print_row("idle poll (LuaSocket: select), ns", values.look, "%.0f")
  print_row("till the peer has them, million/s", values.rate, "%.2f")
  print_row("round trip of 64 bytes, p50, us", values.trip, "%.1f")
end

local function main()
  local sink <close> = Peer.start { mode = "sink" }
  local echo <close> = Peer.start { mode = "echo" }
  sink:command "digest off"
  pin(echo)
  print_place(pin(sink))
  print_table(run_jobs { sink = sink, echo = echo })
end

main()
