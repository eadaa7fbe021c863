-- What spec/connect/lookups_spec.lua runs in `embed`, where each look-up of a name takes embed.slow_lookups seconds,
-- except of names that begin with "quick". Names in .test are those of this machine.

local session = require "spec.support.session"

local connect = session.connect

local OF_ENGINE = 16 -- look-ups at once: SW_LOOKUPS_OF_ENGINE_MAX

local scripts = {}

local function name(i) return ("slow-%d.test"):format(i) end

-- So many clients, each with a name of its own. Returns when all look-ups that have turns are under way.
local function hang(count, first)
  local clients, before = {}, embed.lookups()
  for i = 1, count do clients[i] = connect { host = name((first or 0) + i) } end
  repeat embed.sleep(0.001) until embed.lookups() == before + math.min(count, OF_ENGINE)
  return clients
end

function scripts.goes_to_the_right_name()
  embed.slow_lookups(3)
  local client = connect { host = "wrong.test", connect_timeout = 30 }
  repeat embed.sleep(0.001) until embed.lookups() == 1
  assert(client:connect("quick.test"))
  assert(client:wait("connected", 30))
  assert(embed.lookups() == 1, "the look-up of the wrong name is still under way")
end

function scripts.names_the_right_name()
  embed.slow_lookups(3)
  local errors = {}
  local client = connect { host = "wrong.test", reconnect = false, connect_timeout = 1,
    on = { error = function(_, message, code) errors[#errors + 1] = code .. " " .. message end } }
  repeat embed.sleep(0.001) until embed.lookups() == 1
  assert(client:connect("right.test"))
  session.poll_until(function() return #errors == 2 end)
  assert(errors[1]:find "^ECLOSED", errors[1])
  assert(errors[2]:find "^ETIMEDOUT cannot resolve right%.test:", errors[2])
end

function scripts.shares_a_lookup()
  embed.slow_lookups(0.5)
  local clients = {}
  for i = 1, 300 do clients[i] = connect { host = i % 2 == 0 and "Same.test" or "same.TEST", connect_timeout = 20 } end
  for _, client in ipairs(clients) do assert(client:wait("connected", 30)) end
  local _, most = embed.lookups()
  assert(most == 1, most)
end

function scripts.goes_on_without_who_asked()
  embed.slow_lookups(2)
  for _, client in ipairs(hang(4)) do client:close() end
  local client = connect { host = "quick.test" }
  assert(client:wait("connected", 30))
  assert(embed.lookups() == 4)
end

-- The seventeenth has no turn here, and has one in another state.
function scripts.leaves_turns_to_others()
  embed.slow_lookups(4)
  hang(OF_ENGINE)
  local waiting = connect { host = "quick.test", connect_timeout = 30 }
  local ok, message, code = waiting:wait("connected", 0.5)
  assert(ok == nil and code == "ETIMEDOUT", code)
  assert(message:find("still looking up quick.test", 1, true), message)
  assert(message:find("16 other lookups", 1, true), message)
  embed.in_state([[
    local session = require "spec.support.session"
    session.port = tonumber((...))
    assert(session.connect({ host = "quick-too.test" }):wait("connected", 30))
  ]], tostring(session.port))
  assert(embed.lookups() == OF_ENGINE and waiting:state() == "resolving")
  assert(waiting:wait("connected", 30))
end

function scripts.fails_without_a_turn()
  embed.slow_lookups(5)
  hang(OF_ENGINE)
  local failed
  local client = connect { host = "quick.test", connect_timeout = 0.5, reconnect = false,
    on = { error = function(_, message, code, detail) failed = { message, code, detail.stage } end } }
  session.poll_until(function() return failed end)
  assert(failed[2] == "EAI_AGAIN" and failed[3] == "resolve", failed[2])
  assert(failed[1] == "cannot resolve quick.test: its lookup had no turn, because 16 others hang", failed[1])
  assert(client:state() == "idle")
end

-- The wait for a turn does not use up connect_timeout.
function scripts.has_all_its_time_after_the_wait()
  embed.slow_lookups(1)
  hang(OF_ENGINE)
  local seconds
  local client = connect { host = "slow-last.test", connect_timeout = 1.7,
    on = { connect = function(_, info) seconds = info.seconds end } }
  assert(client:wait("connected", 30))
  session.poll_until(function() return seconds end)
  assert(seconds > 1.7, seconds)
end

function scripts.has_turns_for_all_states()
  print("most at once", select(2, embed.lookups()))
  embed.slow_lookups(2)
  local clients = {}
  for i = 1, 20 do clients[i] = connect { host = ("%s-%d.test"):format(tostring(clients):match "0x(%x+)", i) } end
  for _, client in ipairs(clients) do assert(client:wait("connected", 60)) end
  print("most at once", select(2, embed.lookups()))
end

-- To wait costs nothing: no look-up is asked for again and again.
function scripts.waits_without_work(count)
  embed.slow_lookups(5)
  count = tonumber(count)
  for i = 1, count do connect { host = name(i), connect_timeout = 60 } end
  repeat embed.sleep(0.001) until embed.lookups() == OF_ENGINE
  embed.sleep(1)
  local began = os.clock()
  embed.sleep(2)
  print("processor time", os.clock() - began)
end

-- The script ends, and lua_close does, while the lookups go on: one of a closed client, and one of another.
function scripts.closes_meanwhile()
  embed.slow_lookups(6)
  local client = hang(2)[1]
  client:close()
end

return scripts
