-- What spec/life/opening_spec.lua runs in `embed`.

local build = require "spec.support.build"
local session = require "spec.support.session"
local sidewire = require "sidewire.core"

local new, connect, connected, stuck = session.new, session.connect, session.connected, session.stuck

local scripts = {}

function scripts.counts_threads_and_descriptors()
  local descriptors, threads = embed.census()
  local function has(more_descriptors, more_threads)
    local d, t = embed.census()
    assert(d == descriptors + more_descriptors and t == threads + more_threads, d .. " " .. t)
  end
  package.loaded["sidewire.core"] = nil
  require "sidewire.core"
  local client, another = new(), new()
  client:send "queued"
  sidewire.poll()
  has(0, 0)
  assert(client:connect() and client:wait("connected", 30))
  local wake_ups, waiting = 2, 1 -- eventfd(2), epoll(7)
  if build.has_fallbacks then wake_ups, waiting = 4, 0 end -- pipes, poll(2)
  has(wake_ups + waiting + 1, 1) -- and a socket
  assert(another:connect() and another:wait("connected", 30))
  has(wake_ups + waiting + 2, 1)
  assert(sidewire.stop())
  repeat embed.sleep(0.001) until select(2, embed.census()) == threads
  has(wake_ups, 0)
end

function scripts.looks_up_a_name()
  local _, threads = embed.census()
  local client = connected() -- luacheck: ignore 211
  embed.slow_lookups(0.5)
  local named = connect { host = "localhost" }
  repeat embed.sleep(0.001) until embed.lookups() == 1
  assert(select(2, embed.census()) == threads + 2)
  assert(named:wait("connected", 30))
  repeat embed.sleep(0.001) until select(2, embed.census()) == threads + 1
  connected()
  assert(select(2, embed.lookups()) == 1)
end

function scripts.looks_up_at_once()
  embed.slow_lookups(0.4)
  local clients = { connect { host = "localhost" }, connect { host = "localhost" }, connect { host = "localhost" } }
  for _, client in ipairs(clients) do assert(client:wait("connected", 30)) end
  print("at once", select(2, embed.lookups()))
end

function scripts.looks_up_while_connected()
  embed.slow_lookups(4)
  local named = connect { host = "localhost" }
  repeat embed.sleep(0.001) until embed.lookups() == 1
  local began = embed.clock()
  assert(connected():send "x")
  assert(named:state() == "resolving" and embed.clock() - began < 3)
end

function scripts.polls_on_threads()
  local ran = {}
  local client = connected { on = { message = function() ran[#ran + 1] = embed.thread() end } }
  local function round_trip()
    local before = #ran
    client:send "x"
    assert(sidewire.wait(30) == true and client:wait("connected", 30))
    assert(#ran == before) -- nothing runs by itself
    repeat sidewire.wait(0.1) sidewire.poll() until #ran > before
    return ran[#ran] == embed.thread()
  end
  assert(round_trip())
  local main = embed.thread()
  for _ = 1, 3 do
    embed.elsewhere(function()
      assert(embed.thread() ~= main)
      assert(round_trip())
    end)
    assert(round_trip())
  end
end

function scripts.keeps_signals()
  embed.catch "ALRM"
  local before = embed.dispositions()
  assert((" " .. before):find " 14 ", before)
  local client = connected { host = "localhost" }
  client:send "x"
  assert(client:receive(30) == "x")
  assert(embed.dispositions() == before)
  assert(sidewire.stop())
  assert(embed.dispositions() == before)
end

function scripts.counts_globals()
  local before = {}
  for name in pairs(_G) do before[name] = true end
  package.loaded["sidewire.core"] = nil
  require "sidewire.core"
  connected()
  for name in pairs(_G) do assert(before[name], name) end
  assert(before.embed and not before.sidewire)
end

function scripts.meets_failures()
  local client = connected { host = "localhost", on = { message = function() end } }
  client:send "x"
  local refused = connect { port = 1 }
  refused:wait("connected", 0.3)
  connect { host = "no-such-host.invalid" }:wait("connected", 0.1)
  stuck { linger = 0.1, reconnect = false }
  assert(sidewire.stop())
  sidewire.poll()
end

return scripts
