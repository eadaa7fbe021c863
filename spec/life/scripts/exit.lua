-- exit.lua PLACE WAY PORT SILENT: ends this process in a certain place and way, while its clients are busy. The ports
-- are those of a peer that echoes and of one that never reads.

local engine = require "spec.support.engine"
local session = require "spec.support.session"
local sidewire = require "sidewire.core"

local place, way = arg[1], arg[2]
session.port, session.silent = tonumber(arg[3]), tonumber(arg[4])

local WAYS = {
  ["by itself"] = function() end,
  ["by os.exit()"] = function() os.exit() end,
  ["by os.exit(7)"] = function() os.exit(7) end,
  ["by os.exit(0, true)"] = function() os.exit(0, true) end,
  ["by os.exit(7, true)"] = function() os.exit(7, true) end,
  ["by os.exit(5, false)"] = function() os.exit(5, false) end,
  ["by os.exit(5, true)"] = function() os.exit(5, true) end,
  ["by an error"] = function() error "on purpose" end,
}

local function poll_for_ever()
  repeat until not sidewire.wait() or sidewire.poll() < 0
end

local function set_handler(act)
  session.connected({ on = { message = act } }):send "x"
end

local PLACES = {
  ["at top level"] = function(act) act() end,
  ["in a coroutine"] = function(act) coroutine.wrap(act)() end,
  ["in a handler"] = function(act)
    set_handler(act)
    poll_for_ever()
  end,
  ["in a handler in a coroutine"] = function(act)
    set_handler(act)
    coroutine.wrap(poll_for_ever)()
  end,
  ["in a finalizer"] = function(act)
    engine.finalizer(act)
    collectgarbage()
  end,
}

local LINGERS = { ["with a stuck client"] = 0.1, ["with much to send"] = 30 } -- places, too

local act = assert(WAYS[way], way)
if LINGERS[place] then
  session.stuck { linger = LINGERS[place] }
  act()
else
  local clients = session.be_busy()
  PLACES[place](act)
  assert(clients)
end
