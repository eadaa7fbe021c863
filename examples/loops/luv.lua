-- Plays ping-pong with an echo server in a libuv loop in which a timer ticks ten times a second:
-- lua examples/loops/luv.lua HOST PORT COUNT
--
-- In Neovim `uv` is vim.loop, and its callback needs vim.schedule_wrap if the handlers use Neovim's functions.

local sidewire = require "sidewire"
local uv = require "luv"

local count, answers, polls = tonumber(arg[3]), 0, 0
local notifier = assert(sidewire.notifier())
local watcher, timer = uv.new_poll(notifier:fd()), uv.new_timer()

local client = sidewire.new { host = arg[1], port = tonumber(arg[2]) }
client:on {
  connect = function() client:send "ping" end,
  message = function()
    answers = answers + 1
    if answers < count then return client:send "ping" end
    watcher:close()
    timer:close()
  end,
}
client:connect()

watcher:start("r", function()
  polls = polls + 1
  sidewire.poll()
end)
timer:start(100, 100, function() print(("tick: %d answers, %d polls"):format(answers, polls)) end)
uv.run() -- ends when the watcher and the timer are closed
print(("%d answers, %d polls"):format(answers, polls))
