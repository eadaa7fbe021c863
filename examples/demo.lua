--- The main job on real input, in about 15 seconds: `make demo`.
--
--     lua examples/demo.lua [SECONDS [MEGABYTES]]     -- 12 and 50, unless given
--
-- A loop of 60 frames a second, as in a game, ships a text of 50 MB line by line and takes an answer to every line. The
-- server first stops reading for two seconds; later it gets stuck, is killed and is started again. The loop never waits
-- for the network: what it spends in sidewire is measured in every frame. At the end every message is accounted for.

local USAGE = "usage: lua examples/demo.lua [SECONDS [MEGABYTES]], both at least 1 (needs LuaSocket, and `make demo`)\n"
if arg[1] == "--help" then io.write(USAGE) os.exit(0) end

local sidewire = require "sidewire"
local socket = require "socket" -- only for a clock and a sleep
local Peer = require "spec.support.peer"
local Text = require "examples.demo.text"
local View = require "examples.demo.view"
local audit = require "examples.demo.audit"
local grouped = require "examples.demo.grouped"

local FRAME = 1 / 60 -- seconds
local SECONDS = 12
local MEGABYTES = 50
local SENDING = 0.875 -- of the seconds the text would be out, if the queue were never full
local QUEUE_SHARE = 1 / 12 -- of the text: less than the server's pause fills, so that the demo shows a full queue, too
local POLL_TIME = 0.004 -- seconds a frame for answers: after a pause of the server there may be a hundred thousand
local PATIENCE = 60 -- seconds beyond the planned ones, for a machine that is far too slow

local clock, digits = socket.gettime, Text.digits

local function say(format, ...)
  print(format:format(...))
end

-- Kept until the frame is over: printing is no part of what sidewire takes.
local function note(run, format, ...)
  run.events[#run.events + 1] = format:format(...)
end

-- --- what the server has to suffer ---

-- `at` is the part of the seconds that has passed.
local mishaps = {
  { at = 0.25, text = "the server stops reading", act = function(peer) peer:command "stall on" end },
  { at = 0.42, text = "the server reads again", act = function(peer) peer:command "stall off" end },
  { at = 0.65, text = "the server gets stuck", act = function(peer) peer:command "stall on" end },
  { at = 0.67, text = "the server is killed", act = function(peer) peer:kill() end },
  { at = 0.75, text = "the server is started again", act = function(peer) peer:start_again() end },
}

local function suffer(run, peer)
  local mishap = mishaps[run.mishaps + 1]
  if not mishap or clock() - run.began < mishap.at * run.seconds then return end
  run.mishaps = run.mishaps + 1
  mishap.act(peer)
  note(run, "%s", mishap.text)
end

-- --- what the client has to say ---

-- An answer that is not the next one: what a killed server took along was never answered.
local function take_later_answer(run, message)
  local id = tonumber(message:match "^ok (%d+)$")
  if not id or id <= run.answered then run.bad_answers = run.bad_answers + 1 end
  run.answered = id or run.answered
end

-- Every line that arrived is answered with `ok <id>`, in order.
local function take_answer(run, message)
  run.answers = run.answers + 1
  local high, low = digits(run.answered + 1)
  if message ~= "ok " .. high .. low then return take_later_answer(run, message) end
  run.answered = run.answered + 1
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
    queue_limit = run.queue_limit,
    retain = "unsent",
    reconnect = 0.25,
    on = {
      message = function(_, message) take_answer(run, message) end,
      drain = function() run.full = false end,
      lost = function(_, first, last, fate)
        run.losses[#run.losses + 1] = { first = first, last = last, fate = fate }
      end,
      connect = function(_, info) note(run, "connected to %s port %d", info.address, info.port) end,
      disconnect = function(client, why, _, detail)
        note_end(run, client)
        run.finished = not detail.will_retry
        if detail.will_retry then note(run, "%s", why) end
      end,
    },
  }
end

-- --- a frame ---

-- Sends until this frame has done its share. When the queue is full, the line is kept for the frame after `drain`.
local function ship(run, client)
  local share = run.share
  while share > 0 and not run.full and run.accepted < run.text.count do
    local id = run.accepted + 1
    local line = run.text:line(id)
    local high, low = digits(id)
    local given, why, code = client:send(high, low, " ", line)
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
  local seconds = clock() - began
  run.frames[#run.frames + 1] = seconds
  run.longest, run.worst = math.max(run.longest, seconds), math.max(run.worst, seconds)
  if run.answered == run.text.count and client:is_connected() then client:disconnect() end
end

local function report(run, client, view)
  local seconds = clock() - run.began
  for _, text in ipairs(run.events) do view:say(seconds, text) end
  run.events = {}
  if seconds < run.next_sample then return end
  local bytes, messages = client:pending()
  view:show {
    seconds = seconds, state = client:state(),
    queue_bytes = bytes, queue_messages = messages, queue_limit = run.queue_limit,
    accepted = run.accepted, answered = run.answers, count = run.text.count,
    frame = run.longest, worst = run.worst,
  }
  run.next_sample, run.longest = seconds + view.interval, 0
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

local function row(name, value, remark)
  say("%-38s %11s  %s", name, type(value) == "number" and grouped(value) or value, remark or "")
end

local function print_fates(run, found, stats)
  row("messages accepted", run.accepted, ("%.1f MB of text"):format(run.text.size / 1e6))
  row("  received by the server", found.received, ("%d connections"):format(stats.connects))
  row("  acknowledged by TCP but never read", found.unread, "in the killed server's socket")
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

-- A message may be lost with the killed server. What is left in its socket is counted, and what arrives must be right.
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
  if not run.finished then say("NOT FINISHED within %d s", run.seconds + PATIENCE) end
  if not is_sound(run, found, stats) then say "A MESSAGE IS UNACCOUNTED FOR, OR ARRIVED WRONG" end
  return run.finished and is_sound(run, found, stats)
end

-- --- all of it ---

local function new_run(seconds, megabytes)
  local text = Text.new(megabytes * 1e6)
  return {
    seconds = seconds, text = text, share = text.size * FRAME / (seconds * SENDING), -- bytes a frame
    queue_limit = math.ceil(text.size * QUEUE_SHARE),
    accepted = 0, full = false, refusals = 0,
    answers = 0, answered = 0, bad_answers = 0,
    losses = {}, ends = {}, finished = false,
    events = {}, mishaps = 0,
    frames = {}, longest = 0, worst = 0, began = clock(),
  }
end

local endings = {} -- what is to be done in the end, whatever happens, the last first

local function finally(act, thing)
  table.insert(endings, 1, function() act(thing) end)
  return thing
end

local function play(run, client, peer)
  local view = View.open()
  finally(view.close, view)
  run.next_sample = view.interval
  local next_frame = clock()
  client:connect()
  while not run.finished and clock() - run.began < run.seconds + PATIENCE do
    suffer(run, peer)
    frame(run, client)
    report(run, client, view)
    next_frame = sleep_until(next_frame + FRAME)
  end
  view:say(clock() - run.began, "comparing what the server received with what was sent")
  view:close()
end

local function read_arguments(words)
  local seconds, megabytes = tonumber(words[1] or SECONDS), tonumber(words[2] or MEGABYTES)
  if #words <= 2 and seconds and megabytes and seconds >= 1 and megabytes >= 1 then return seconds, megabytes end
  io.stderr:write(USAGE)
  os.exit(2)
end

local function main()
  local seconds, megabytes = read_arguments(arg)
  local directory = finally(Peer.remove, Peer.tempdir())
  local peer = finally(Peer.stop, Peer.start { mode = "lines", record = directory })
  local run = new_run(seconds, megabytes)
  local client = new_client(run, peer)
  finally(client.close, client)
  play(run, client, peer)
  return judge(run, client:stats(), directory)
end

-- Ctrl-C is the error "interrupted!", from wherever the program was.
local ended, sound = xpcall(main, function(why)
  return tostring(why):find("interrupted!", 1, true) and "interrupted" or debug.traceback(why, 2)
end)
for _, ending in ipairs(endings) do ending() end
if not ended then io.stderr:write(sound, "\n") end
os.exit(ended and sound and 0 or 1, true)
