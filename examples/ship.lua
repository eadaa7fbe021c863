--- Ships a file, line by line, to any TCP server:
--
--     lua ship.lua FILE HOST PORT [--follow] [--framing F | --state STATE]
--
-- Each line becomes one message, and its number is the message's id. The framing says what stands between messages:
-- line (the default: the server gets the file's bytes), nul, u8, u16be, u16le, u32be, u32le. With --follow it ships
-- what is appended to the file, too, until it is interrupted.
--
-- It outlasts restarts of the server. In the end, or after Ctrl-C, it tells what became of the lines; where luv is
-- installed, after SIGTERM, too, which else ends it at once. Exit status: 0 every line was acknowledged; 1 some were
-- not, or it cannot be known, and the output says which; 2 wrong arguments.
--
-- With --state each line arrives exactly once, even if ship.lua is killed at any moment: started again with the same
-- STATE, it goes on. No sender can know what arrived of what its system had still to deliver when it was killed, so it
-- takes a receiver that says what it has: ship/receiver.lua. Lines are sent with their numbers, again and again until
-- they are confirmed; the receiver drops repetitions. Once a second, and at the end, the file STATE is replaced: it has
-- the place in FILE and the lines that were not confirmed (ship/state.lua). A last line without an end waits for it.
-- A file that was rotated is known by its bytes, not by its name: finish it under the new name with the old STATE, and
-- ship the new file with a new STATE.

package.path = arg[0]:match "^(.-)[^/]*$" .. "?.lua;" .. package.path -- ship/ stands beside this file

local sidewire = require "sidewire"
local Lines = require "ship.lines"
local Options = require "ship.options"
local Screen = require "ship.screen"
local State = require "ship.state"

local QUEUE_LIMIT = 16 * 2 ^ 20
local QUEUE_MARK = 4 * 2 ^ 20 -- bytes in the queue above which the file is not read
local PIECES = 16 -- that are read between two looks at what came
local PATIENCE = 300 -- seconds that a connected server may take nothing before the connection is given up
local TICK = 0.01 -- seconds between looks at the queue; short enough that it does not run empty
local IDLE_TICK = 0.1 -- between looks at a file that may grow
local LAST_WORDS = 5 -- seconds for what is still queued when it is interrupted

-- --- what the client has to say ---

local function range(first, last)
  return first == last and ("line %d"):format(first) or ("lines %d to %d"):format(first, last)
end

-- With a state nothing is lost but by closing, and that was saved.
local function note_lost(run, first, last, fate)
  if run.state then return end
  run.losses[#run.losses + 1] = { first = first, last = last }
  run.noted = run.noted + last - first + 1
  local what = fate == "unsent" and "not shipped" or "lost; they may have arrived"
  run.screen:say("%s: %s", range(first, last), what)
end

-- EPEER: the server's system has sent FIN. So the server, even if it was killed, had read all that was acknowledged.
-- After another end it may not have, and nothing tells.
local function note_end(run, client, why, code)
  run.trouble = why
  run.screen:say("%s", why)
  if run.state or code == "EPEER" or code == "ECLOSED" then return end
  local stats = client:stats()
  run.doubtful = stats.finished + stats.lost
  run.screen:say("the last lines up to %d may have been acknowledged and yet not been read", run.doubtful)
end

-- Every attempt may fail for the same reason: once is enough.
local function note_retry(run, why)
  if why ~= run.trouble then run.screen:say("%s; trying again", why) end
  run.trouble = why
end

-- Without a state the server may say what it likes.
local function hear(run)
  return run.state and function(_, answer) run.refusal = run.refusal or run.state:hear(answer) end
end

local function new_client(run, options)
  local ok, client = pcall(sidewire.new, {
    host = options.host, port = options.port, framing = options.framing,
    queue_limit = QUEUE_LIMIT,
    stall_timeout = PATIENCE,
    retain = run.state and "unconfirmed",
    greeting = run.state and run.state:greeting(),
    on = {
      message = hear(run) or false,
      connect = function(_, info)
        run.trouble = nil
        run.screen:say("connected to %s port %d", info.address, info.port)
      end,
      disconnect = function(client, why, code) note_end(run, client, why, code) end,
      retry = function(_, _, _, why) note_retry(run, why) end,
      lost = function(_, first, last, fate) note_lost(run, first, last, fate) end,
      drain = function() run.full = false end,
      close = function() run.closed = true end,
    },
  })
  if not ok then Options.refuse("%s", client) end -- the host is no host's name
  return client
end

-- --- shipping ---

local function send_line(run, client, line)
  if not run.state then return client:send(line) end
  return client:send(run.state.base + run.lines:taken() + 1, " ", line)
end

-- Sends lines until the piece that was read is used up. Returns false when it cannot go on for now.
local function send_piece(run, client)
  local line, next_at = run.lines:peek()
  while line do
    local id, why, code = send_line(run, client, line)
    if not id then
      if code == "EFULL" then run.full = true else run.fault = why end
      return false
    end
    run.lines:advance(next_at)
    line, next_at = run.lines:peek()
  end
  return true
end

-- Fills the queue up to the mark, as far as the file goes. Returns true when it could go on at once.
local function fill(run, client)
  for _ = 1, PIECES do
    if run.full or run.fault or run.refusal or client:pending() >= QUEUE_MARK then return false end
    if not send_piece(run, client) then return false end
    local more, why = run.lines:read(run.follow or run.state)
    run.at_end, run.fault = more == false, why
    if not more then return false end
  end
  return true
end

local function is_settled(client)
  local stats = client:stats()
  return stats.queued == 0 and stats.in_flight == 0
end

-- What is to be done often.
local function look(run, client)
  run.watch_signals()
  sidewire.poll()
  if run.state then
    run.state:confirm(client)
    local _, why = run.state:keep(run.lines, client)
    run.refusal = run.refusal or why
  end
  run.screen:show(run, client)
end

-- One turn of the loop. Returns true when there is nothing more to ship, or it is not to go on.
local function turn(run, client)
  look(run, client)
  if fill(run, client) then return false end
  local idle = run.at_end and is_settled(client)
  if run.fault or run.refusal or idle and not run.follow then return true end
  local _, _, code = sidewire.wait(idle and IDLE_TICK or TICK)
  run.interrupted = run.interrupted or code == "EINTR"
  return run.interrupted
end

-- Waits while `is_wanted` says so; a signal ends it. Returns whether one did.
local function wait_while(is_wanted, run, client)
  while is_wanted() and not run.refusal do
    look(run, client)
    local _, _, code = sidewire.wait(TICK)
    if code == "EINTR" then return true end
  end
  return false
end

local function ship(run, client)
  repeat until turn(run, client)
  if run.interrupted then return end
  local is_open = function() return not run.interrupted and not is_settled(client) end
  run.interrupted = wait_while(is_open, run, client) or run.interrupted
end

-- A server that is away is not waited for.
local function send_last(run, client)
  run.screen:say("interrupted; taking %d s at most to send what is queued", LAST_WORDS)
  local ticks = LAST_WORDS / TICK
  wait_while(function()
    ticks = ticks - 1
    return ticks > 0 and client:is_connected() and not is_settled(client)
  end, run, client)
end

-- Plain Lua cannot catch SIGTERM, luv can. Returns what runs its callback.
local function catch_sigterm(run)
  local found, uv = pcall(require, "luv")
  if not found then return function() end end
  uv.new_signal():start("sigterm", function() run.interrupted = true end)
  return function() uv.run "nowait" end
end

-- Ctrl-C reaches a program in one of two ways: the standalone interpreter makes it the error "interrupted!", wherever
-- the program is, and leaves a second Ctrl-C to the system, which ends the process; elsewhere wait gives EINTR. Nothing
-- here needs more than one assignment to be whole, but for a line that was sent and not yet taken.
local function settle(run, client)
  run.interrupted = true
  if run.lines:taken() == client:stats().accepted then return end
  local _, next_at = run.lines:peek()
  run.lines:advance(next_at)
end

local function ship_until_interrupted(run, client)
  local ok, why = xpcall(function() ship(run, client) end, debug.traceback)
  if not ok and not tostring(why):find("interrupted!", 1, true) then error(why, 0) end
  if not ok then settle(run, client) end
  if run.interrupted then send_last(run, client) end
end

-- After this each accepted line is acknowledged, or lost and said to be, or saved.
local function finish(run, client)
  if run.state then
    local _, why = run.state:save(run.lines, client)
    run.refusal = run.refusal or why
  end
  client:close()
  while not run.closed do
    sidewire.poll()
    if not run.closed then sidewire.wait(TICK) end
  end
end

-- --- the account ---

-- What was not even accepted: the rest of the file, if it was not read to its end.
local function has_rest(run)
  return run.fault or not run.at_end or run.lines:has_rest()
end

local function print_losses(run, stats)
  for _, loss in ipairs(run.losses) do run.screen:print("  lost: %s", range(loss.first, loss.last)) end
  if run.noted < stats.lost then
    run.screen:print("  lost: %d more; which, was not told before the interruption", stats.lost - run.noted)
  end
end

local function print_sum(run, stats)
  if run.state then
    run.screen:print("%s: %d lines confirmed, %d saved in %s; connections: %d", run.path,
      run.state.base + stats.finished, stats.lost, run.state.path, stats.connects)
  else
    run.screen:print("%s: %d lines accepted, %d acknowledged, %d lost; connections: %d", run.path, stats.accepted,
      stats.finished, stats.lost, stats.connects)
    print_losses(run, stats)
  end
end

local function account(run, client)
  local stats = client:stats()
  local next_line = (run.state and run.state.base or 0) + stats.accepted + 1
  print_sum(run, stats)
  if run.refusal then run.screen:print("  stopped: %s", run.refusal) end
  if run.fault then run.screen:print("  line %d cannot be shipped: %s", next_line, run.fault) end
  if has_rest(run) then run.screen:print("  not shipped: from line %d on", next_line) end
  if run.doubtful then
    run.screen:print("  in doubt: the last lines up to %d, because the connection did not end by FIN", run.doubtful)
  end
  return stats.finished == stats.accepted and stats.lost == 0 and not run.doubtful and not run.refusal
    and not has_rest(run)
end

-- --- all of it ---

local function give_up(why)
  io.stderr:write("ship.lua: ", why, "\n")
  os.exit(1)
end

-- The file's lines, from where the state has it.
local function open(options)
  local lines, why = Lines.open(options.path)
  if not lines then give_up(why) end
  if not options.state then return lines end
  if not lines.size then give_up(options.path .. " cannot be read again, which --state may have to") end
  local state
  state, why = State.open(options.state, options.path)
  if not state then give_up(why) end
  lines:resume(state.offset, state.before, state.text)
  return lines, state
end

local function main()
  local options = Options.read(arg)
  local lines, state = open(options)
  local run = {
    path = options.path, follow = options.follow, lines = lines, state = state, screen = Screen.new(),
    losses = {}, noted = 0, full = false, at_end = false, interrupted = false, closed = false,
  }
  run.watch_signals = catch_sigterm(run)
  local client = new_client(run, options)
  if state then
    local saved, why = state:save(lines, client) -- before the receiver hears its name
    if not saved then give_up(why) end
  end
  client:connect()
  ship_until_interrupted(run, client)
  finish(run, client)
  return account(run, client)
end

os.exit(main() and 0 or 1, true)
