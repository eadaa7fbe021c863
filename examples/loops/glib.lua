-- Plays ping-pong with an echo server in GLib's main loop, the one of GTK, in which a timer ticks ten times a second:
-- lua examples/loops/glib.lua HOST PORT COUNT. It reaches GLib through lgi.

local GLib = require("lgi").GLib
local sidewire = require "sidewire"

local main, count, answers, polls = GLib.MainLoop(), tonumber(arg[3]), 0, 0

local client = sidewire.new { host = arg[1], port = tonumber(arg[2]) }
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
