-- What spec/life/signal_spec.lua runs in `embed`.

local engine = require "spec.support.engine"
local session = require "spec.support.session"
local sidewire = require "sidewire.core"

local new, connected, poll_until = session.new, session.connected, session.poll_until

local scripts = {}

function scripts.writes_to_an_ended_peer()
  assert(embed.is_default "PIPE")
  local code
  local client = connected {
    inbox_limit = 1, reconnect = false,
    on = { message = function() end, disconnect = function(_, _, why) code = why end },
  }
  assert(embed.is_default "PIPE")
  -- With its inbox full it does not see the peer's end, and goes on writing: EPIPE, whose signal would kill.
  client:send "full"
  repeat embed.sleep(0.001) until client:stats().paused
  client:send(("x"):rep(9994)) -- all that the peer reads, to the byte: it ends with FIN, not RST
  embed.sleep(0.05)
  repeat
    client:send "x"
    embed.sleep(0.001)
  until not client:is_connected()
  poll_until(function() return code end)
  assert(code == "EPIPE" or code == "ECONNRESET", code) -- the latter if "x" was faster than the peer's end
  assert(embed.is_default "PIPE")
end

function scripts.blocks_sigterm()
  embed.catch "TERM"
  local got = 0
  local client = connected { on = { message = function() got = got + 1 end } }
  new { host = "localhost" }:connect() -- a resolver thread too
  embed.block("TERM", true)
  embed.kill "TERM" -- only the host's thread could take it, and does not now
  for i = 1, 300 do client:send("busy " .. i) end
  poll_until(function() return got == 300 end)
  local here, elsewhere = embed.caught "TERM"
  assert(here == 0 and elsewhere == 0)
  embed.block("TERM", false)
  embed.sleep(0.01)
  here, elsewhere = embed.caught "TERM"
  assert(here == 1 and elsewhere == 0, here .. " here, " .. elsewhere .. " elsewhere")
  embed.kill "TERM"
  embed.sleep(0.01)
  here, elsewhere = embed.caught "TERM"
  assert(here == 2 and elsewhere == 0, here .. " here, " .. elsewhere .. " elsewhere")
end

function scripts.waits_in_a_storm()
  embed.catch "ALRM"
  local client = connected {}
  local function interrupted(wait)
    embed.storm(20000)
    local ok, message, code = wait()
    embed.storm(0)
    assert(ok == nil and message == "interrupted" and code == "EINTR", tostring(code))
  end
  interrupted(function() return client:wait("disconnected", 30) end)
  interrupted(function() return client:wait "disconnected" end)
  sidewire.poll()
  interrupted(function() return sidewire.wait(30) end)
  interrupted(function() return client:receive(30) end)
  local stuck = connected { port = session.silent, queue_limit = 2^26, linger = 0.1 }
  for _ = 1, 500 do assert(stuck:send(("x"):rep(65000))) end
  interrupted(function() return stuck:flush(30) end)
  assert(client:send "still there")
  repeat local message = client:receive(1) until message == "still there"
end

function scripts.works_in_a_storm(count)
  embed.catch "ALRM"
  embed.storm(1000)
  local function wait(call, ...) -- until no signal comes between
    local ok, message, code
    repeat ok, message, code = call(...) until code ~= "EINTR"
    return ok, message, code
  end
  local wanted, got, unwanted = tonumber(count), 0, {}
  local function note(_, ...) unwanted[#unwanted + 1] = table.concat({ ... }, " ", 1, 2) end
  local client = new { on = {
    message = function(_, message)
      got = got + 1
      assert(message == "message " .. got, message)
    end,
    disconnect = note, error = note, retry = note, lost = note,
  } }
  assert(client:connect())
  assert(wait(client.wait, client, "connected", 30))
  for i = 1, wanted do
    assert(client:send("message " .. i))
    local events, more = sidewire.poll()
    assert(engine.is_integer(events) and type(more) == "boolean")
    if i % 100 == 0 then
      assert(wait(client.flush, client, 30))
      while got < i do -- else there may be nothing left to wait for
        assert(wait(sidewire.wait, 30))
        sidewire.poll()
      end
    end
  end
  poll_until(function() return got == wanted end)
  for i = 1, 20 do -- connecting, resolving, ending
    local other = new { host = i % 2 == 0 and "localhost" or nil }
    assert(other:connect())
    assert(wait(other.wait, other, "connected", 30))
    other:send(("x"):rep(100000))
    assert(other:disconnect())
    assert(wait(other.wait, other, "disconnected", 30))
    assert(other:stats().finished == 1)
  end
  assert(sidewire.stop())
  assert(#unwanted == 0, table.concat(unwanted, "\n"))
  embed.storm(0)
  local here, elsewhere = embed.caught "ALRM"
  assert(here > 0 and elsewhere == 0, here .. " here, " .. elsewhere .. " elsewhere")
end

function scripts.is_stopped_and_continued()
  local got, unwanted = 0, 0
  local function note() unwanted = unwanted + 1 end
  local client = connected { on = {
    message = function() got = got + 1 end, disconnect = note, error = note, lost = note,
  } }
  for pause = 1, 3 do
    local pid = embed.pid()
    os.execute(("(kill -STOP %d; sleep 0.1; kill -CONT %d) </dev/null >/dev/null 2>&1 &"):format(pid, pid))
    for _ = 1, 100 do
      client:send(("x"):rep(10000))
      embed.sleep(0.001)
    end
    poll_until(function() return got == pause * 100 end)
  end
  assert(unwanted == 0)
end

return scripts
