-- Plays ping-pong with an echo server in GLib's main loop, the one of GTK, in which a timer ticks ten times a second:
-- lua examples/loops/glib.lua HOST PORT COUNT. It reaches GLib through lgi.

local sidewire = require "sidewire"

local USAGE = "usage: lua examples/loops/glib.lua HOST PORT COUNT (needs lgi)\n"
local host, port, count = arg[1], tonumber(arg[2]), tonumber(arg[3])
if host == "--help" then io.write(USAGE) os.exit(0) end
if not (sidewire.is_port(port) and count) or arg[4] then io.stderr:write(USAGE) os.exit(2) end
local GLib = require("lgi").GLib

local main, answers, polls = GLib.MainLoop(), 0, 0

local made, client = pcall(sidewire.new, { host = host, port = port, reconnect = false })
if not made then io.stderr:write(client, "\n", USAGE) os.exit(2) end -- it is no host's name
local function fail(_, why) io.stderr:write(why, "\n") os.exit(1) end
client:on { error = fail, disconnect = fail }
client:on("connect", function() client:send "ping" end)
client:on("message", function()
  answers = answers + 1
  if answers == count then main:quit() else client:send "ping" end
end)
client:connect()

local channel = GLib.IOChannel.unix_new(assert(sidewire.notifier()):fd())
GLib.io_add_watch(channel, GLib.PRIORITY_DEFAULT, GLib.IOCondition.IN, function()
  polls = polls + 1
  sidewire.poll()
  return true -- goes on watching
end)
GLib.timeout_add(GLib.PRIORITY_DEFAULT, 100, function()
  print(("tick: %d answers, %d polls"):format(answers, polls))
  return true
end)

main:run()
print(("%d answers, %d polls"):format(answers, polls))
