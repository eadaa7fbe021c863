--- What is measured: workloads, their candidates and figures.
--
-- A workload is a table with
--
--     name        as in WORKLOADS="flood bulk"
--     title       a sentence for the report
--     run         what the candidate runs, if not the name
--     mode        of the peer
--     amount      how much; SCALE multiplies it
--     connections 1 if not given
--     candidates  in the order of the table
--     figures     a list of { name, head, format }; more = true: more is better; given = true: not of their making, so
--                 that nobody is compared by it
--     arrives     the harness adds the figure `rate`: MB/s, or million messages/s, till the peer has all bytes
--     stalls      the peer reads for a second and then stalls for a second, again and again
--     bytes       bytes(amount, result): what the peer must have read in the end

local LINE = 65    -- bytes on the wire
local PIECE = 65536
local ECHOES = 50000 -- of all connections together

local workloads = {}

--- How the report names the candidates.
workloads.titles = {
  sidewire = "sidewire", luasocket = "LuaSocket, blocking", luasocket_queue = "LuaSocket, non-blocking, own queue",
  luv = "luv, a write per message", luv_batched = "luv, a write per frame", cqueues = "cqueues",
  sidewire_spin = "sidewire, spin = 50", plain = "C, blocking",
  queued = "Qt 6, queued signals", batched = "Qt 6, shared buffer",
}

--- Against which sidewire is held: the best of the other Lua candidates, and the machine's limit.
workloads.lua_rivals = { "luasocket", "luasocket_queue", "luv", "luv_batched", "cqueues" }
workloads.limit = "plain"

local SENDERS = {
  "sidewire", "luasocket", "luasocket_queue", "luv", "luv_batched", "cqueues", "queued", "batched", "plain",
}

local function lines(amount) return amount * LINE end

local function fan(connections)
  return {
    name = "fan" .. connections, run = "fan", mode = "echo",
    title = ("%d connections; each sends a line of 64 bytes and gets it back, %d times")
      :format(connections, math.floor(ECHOES / connections)),
    amount = math.floor(ECHOES / connections), connections = connections,
    candidates = { "sidewire", "luasocket", "luv", "cqueues", "plain" },
    figures = {
      { "echo_us", "us/echo", "%.2f" },
      { "kib", "KiB/connection", "%.2f" },
    },
    bytes = function(amount) return (amount + 1) * connections * LINE end,
  }
end

workloads.list = {
  {
    name = "flood", mode = "sink", amount = 1000000, candidates = SENDERS, arrives = "messages",
    title = "1,000,000 messages of 64 bytes, as fast as the host can: its own time, the processor time of all threads, "
      .. "and the rate until the peer has them",
    figures = {
      { "send_ns", "host, ns/send", "%.0f" },
      { "processor_ns", "processor, ns/send", "%.0f" },
      { "rate", "million/s", "%.2f", more = true },
    },
    bytes = lines,
  },
  {
    name = "bulk", mode = "sink", amount = 32768, candidates = SENDERS, arrives = "bytes",
    title = "2 GiB in pieces of 64 KiB, at most 16 MiB of them in a queue, until the peer has them",
    figures = { { "rate", "MB/s", "%.0f", more = true } },
    bytes = function(amount) return amount * PIECE end,
  },
  {
    name = "frames", mode = "sink", amount = 8, stalls = true,
    title = "8 s of 60 frames a second, 200 messages of 1 KiB each, to a peer that reads 1 s and stalls 1 s in turn; "
      .. "send + poll per frame; what the hypervisor stole, and how often the host's thread was preempted",
    candidates = { "sidewire", "luasocket", "luasocket_queue", "luv", "luv_batched", "cqueues", "queued", "batched" },
    figures = {
      { "p50", "p50, ms", "%.3f" }, { "p99", "p99, ms", "%.3f" }, { "p999", "p99.9, ms", "%.3f" },
      { "max", "max, ms", "%.3f" },
      { "slow", "over 2 ms", "%.0f" }, { "frames", "frames", "%.0f", given = true },
      { "steal_ms", "stolen, ms", "%.0f", given = true }, { "switches", "preempted", "%.0f", given = true },
    },
    bytes = function(_, result) return result.bytes end,
  },
  {
    name = "pingpong", mode = "echo", amount = 5000,
    title = "5,000 round trips of 64 bytes, the host asking again and again; then as many, the host asleep meanwhile",
    candidates = { "sidewire", "sidewire_spin", "luasocket", "luv", "cqueues", "queued", "plain" },
    figures = {
      { "spin_p50", "asking, p50, us", "%.1f" }, { "spin_p99", "asking, p99, us", "%.1f" },
      { "wait_p50", "asleep, p50, us", "%.1f" }, { "wait_p99", "asleep, p99, us", "%.1f" },
    },
    bytes = function(amount) return 2 * lines(amount) end,
  },
  {
    name = "idle", mode = "sink", amount = 500000,
    title = "a poll when nothing came (LuaSocket: select; C: one system call, recv)",
    candidates = { "sidewire", "luasocket", "luasocket_queue", "luv", "cqueues", "queued", "plain" },
    figures = { { "poll_ns", "ns/poll", "%.0f" } },
    bytes = function() return 0 end,
  },
  {
    name = "receive", mode = "flood 64", amount = 2000000,
    title = "2,000,000 lines of 64 bytes into a handler",
    candidates = { "sidewire", "luasocket", "luasocket_queue", "luv", "cqueues", "queued", "plain" },
    figures = { { "rate", "million/s", "%.2f", more = true } },
    bytes = function() return 0 end,
  },
  fan(100), fan(1000), fan(10000),
  {
    name = "queued", mode = "silent", amount = 102400,
    title = "100 MiB in messages of 1 KiB to a peer that never reads; each a string of its own, made before it is sent",
    candidates = { "sidewire", "luasocket_queue", "luv", "luv_batched", "cqueues", "queued", "batched" },
    figures = {
      { "send_ns", "host, ns/send", "%.0f" },
      { "growth", "memory grown by / payload", "%.2f" },
    },
    bytes = function() return 0 end,
  },
}

return workloads
