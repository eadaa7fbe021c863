--- The main job on real input, in about 15 seconds: `make demo`.
--
-- A loop of 60 frames a second, as in a game, ships a text of 50 MB line by line and takes an answer to every line. The
-- server first stops reading for two seconds; later it gets stuck, is killed and is started again. The loop never waits
-- for the network: what it spends in sidewire is measured in every frame. At the end every message is accounted for.

local sidewire = require "sidewire"
local socket = require "socket" -- only for a clock and a sleep
local Peer = require "spec.support.peer"
local Text = require "examples.demo.text"
local audit = require "examples.demo.audit"

local FRAME = 1 / 60 -- seconds
local TEXT_SIZE = 50e6 -- bytes
local SHARE = TEXT_SIZE * FRAME / 10.5 -- bytes a frame: the text is out after 10.5 s, and the time the queue was full
local QUEUE_LIMIT = 4 * 2 ^ 20 -- less than the peer's pause fills, so that the demo shows a full queue, too
local POLL_TIME = 0.004 -- seconds a frame for answers: after a pause of the peer there may be a hundred thousand
local PATIENCE = 60 -- seconds for the whole run, for a machine that is far too slow

local clock = socket.gettime

local function say(format, ...)
  print(format:format(...))
end

-- 1234567 -> "1,234,567"
local function grouped(number)
  local text = tostring(number):reverse():gsub("(%d%d%d)", "%1,"):reverse()
  return (text:gsub("^,", ""))
end

-- --- what the peer has to suffer ---

local mishaps = {
  { at = 3, text = "the peer stops reading", act = function(peer) peer:command "stall on" end },
  { at = 5, text = "the peer reads again", act = function(peer) peer:command "stall off" end },
  { at = 7.8, text = "the peer gets stuck", act = function(peer) peer:command "stall on" end },
  { at = 8, text = "the peer is killed", act = function(peer) peer:kill() end },
  { at = 9, text = "the peer is started again", act = function(peer) peer:start_again() end },
}

local function suffer(run, peer)
  local mishap = mishaps[run.mishaps + 1]
  if not mishap or clock() - run.began < mishap.at then return end
  run.mishaps = run.mishaps + 1
  mishap.act(peer)
  say("  -- %s", mishap.text)
end

-- --- what the client has to say ---

-- Every line that arrived is answered with `ok <id>`, in order.
local function take_answer(run, message)
  local id = math.tointeger(tonumber(message:match "^ok (%d+)$"))
  if not id or id <= run.answered then run.bad_answers = run.bad_answers + 1 end
  run.answered = id or run.answered
  run.answers = run.answers + 1
end

-- At the end of a connection ids 1..n are settled, acknowledged or lost; the next connection begins with n + 1.
local function note_end(run, client)
  local stats = client:stats()
  assert(not client:is_connected(), "too late to look: already connected again")
  run.ends[#run.ends + 1] = stats.finished + stats.lost
end

local function new_client(run, peer)
  return sidewire.new {
    host = peer.host, port = peer.port,
    queue_limit = QUEUE_LIMIT,
    retain = "unsent",
    reconnect = 0.25,
    on = {
      message = function(_, message) take_answer(run, message) end,
      drain = function() run.full = false end,
      lost = function(_, first, last, fate)
        run.losses[#run.losses + 1] = { first = first, last = last, fate = fate }
      end,
      connect = function(_, info) say("  -- connected to %s port %d", info.address, info.port) end,
      disconnect = function(client, why, _, detail)
        note_end(run, client)
        run.finished = not detail.will_retry
        if detail.will_retry then say("  -- %s", why) end
      end,
    },
  }
end

-- --- a frame ---

-- Sends until this frame has done its share. When the queue is full, the line is kept for the frame after `drain`.
local function ship(run, client)
  local share = SHARE
  while share > 0 and not run.full and run.accepted < run.text.count do
    local id = run.accepted + 1
    local line = run.text:line(id)
    local given, why, code = client:send(id, " ", line)
    if given then
      assert(given == id, "an id was left out")
      run.accepted = id
      share = share - #line - 1
    elseif code == "EFULL" then
      run.full = true
      run.refusals = run.refusals + 1
    else
      error(why)
    end
  end
end

local function frame(run, client)
  local began = clock()
  sidewire.poll(nil, POLL_TIME)
  ship(run, client)
  run.frames[#run.frames + 1] = clock() - began
  run.worst = math.max(run.worst, run.frames[#run.frames])
  if run.answered == run.text.count and client:is_connected() then client:disconnect() end
end

local function report(run, client)
  local seconds = clock() - run.reported
  if seconds < 1 then return end
  local bytes, messages = client:pending()
  local rate = (run.accepted - run.reported_id) / seconds
  say("%3.0f s  %-10s  queue %6.2f MB, %6d messages  %8s messages/s  worst frame %5.2f ms",
    clock() - run.began, client:state(), bytes / 1e6, messages, grouped(math.floor(rate)), run.worst * 1e3)
  run.reported, run.reported_id = clock(), run.accepted
end

local function sleep_until(time)
  local left = time - clock()
  if left > 0 then socket.sleep(left) end
  return math.max(time, clock() - FRAME) -- after a long frame: go on from here, do not catch up
end

-- --- the end ---

local function percentile(sorted, share)
  return sorted[math.max(1, math.ceil(share * #sorted))] * 1e3
end

local function count_long(frames)
  local count = 0
  for _, seconds in ipairs(frames) do count = count + (seconds > FRAME and 1 or 0) end
  return count
end

local function row(name, value, note)
  say("%-38s %11s  %s", name, type(value) == "number" and grouped(value) or value, note or "")
end

local function print_fates(run, found, stats)
  row("messages accepted", run.accepted, ("%.1f MB of text"):format(run.text.size / 1e6))
  row("  received by the peer", found.received, ("%d connections"):format(stats.connects))
  row("  acknowledged by TCP but never read", found.unread, "in the socket of the killed peer")
  row("  reported lost", found.lost, ("of these %d were received"):format(found.lost_received))
  row("  reported unsent, yet received", found.denied)
  row("  duplicated", found.duplicated)
  row("  out of order", found.disordered)
  row("  altered", found.altered)
  row("  unaccounted for", found.unaccounted)
  row("answers", run.answers, ("of these %d wrong"):format(run.bad_answers))
  row("sends refused, queue full", run.refusals, "sent again after drain")
end

local function print_frames(frames)
  local long = count_long(frames)
  table.sort(frames)
  row("send + poll per frame, p50", ("%.2f ms"):format(percentile(frames, 0.5)))
  row("send + poll per frame, p99", ("%.2f ms"):format(percentile(frames, 0.99)))
  row("send + poll per frame, max", ("%.2f ms"):format(percentile(frames, 1)))
  row("frames over 16.7 ms", long, ("of %d"):format(#frames))
end

-- A message may be lost with the killed peer, but never without a word, and what arrives must be right.
local function is_sound(run, found, stats)
  local faults = found.denied + found.duplicated + found.disordered + found.altered + found.unaccounted
    + run.bad_answers
  local acknowledged = found.received - found.lost_received + found.unread
  return faults == 0 and stats.finished == acknowledged and stats.lost == found.lost and stats.accepted == run.accepted
end

local function judge(run, stats, directory)
  local found = audit(Peer.streams(directory), run.text, run)
  say ""
  print_fates(run, found, stats)
  print_frames(run.frames)
  if not run.finished then say("NOT FINISHED within %d s", PATIENCE) end
  if not is_sound(run, found, stats) then say "A MESSAGE IS UNACCOUNTED FOR, OR ARRIVED WRONG" end
  return run.finished and is_sound(run, found, stats)
end

-- --- all of it ---

local function new_run()
  return {
    text = Text.new(TEXT_SIZE), accepted = 0, full = false, refusals = 0,
    answers = 0, answered = 0, bad_answers = 0,
    losses = {}, ends = {}, finished = false,
    frames = {}, worst = 0, mishaps = 0, began = clock(), reported = clock(), reported_id = 0,
  }
end

local function play(run, client, peer)
  local next_frame = clock()
  client:connect()
  while not run.finished and clock() - run.began < PATIENCE do
    suffer(run, peer)
    frame(run, client)
    report(run, client)
    next_frame = sleep_until(next_frame + FRAME)
  end
end

local function main()
  local directory = Peer.tempdir()
  local peer <close> = Peer.start { mode = "lines", record = directory }
  local run = new_run()
  local client <close> = new_client(run, peer)
  play(run, client, peer)
  local sound = judge(run, client:stats(), directory)
  Peer.remove(directory)
  return sound
end

os.exit(main(), true)
