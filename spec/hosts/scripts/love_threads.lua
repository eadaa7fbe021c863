-- main.lua of a folder with exchange.lua: love FOLDER HOST PORT. Three Lua states, each in a thread of its own,
-- exchange lines with a server at the same time; prints how many each got, by name.

local sidewire = require "sidewire"
local exchange = require "exchange"

local threads, counts = {}, {}
local mine

function love.load(args)
  local host, port = args[1], tonumber(args[2])
  for number, name in ipairs { "first thread", "second thread" } do
    threads[number] = love.thread.newThread "exchange.lua"
    threads[number]:start(name, host, port)
  end
  mine = exchange("main", host, port)
end

function love.threaderror(_, message)
  error(message)
end

function love.update()
  sidewire.poll(100)
  if mine.is_closed then
    counts[#counts + 1] = "main " .. mine.count
    mine.is_closed = false
  end
  repeat
    local count = love.thread.getChannel "counts":pop()
    counts[#counts + 1] = count
  until not count
  if #counts < 3 then return end
  for _, thread in ipairs(threads) do thread:wait() end
  table.sort(counts)
  print(table.concat(counts, "\n"))
  love.event.quit()
end
