-- A real redis-server, killed and started again in the middle of a long pipeline.
--
-- Command 2i - 1 is `INCR k:i`, command 2i is `ECHO i`: replies tell by themselves what they belong to, and a counter
-- tells how often it was counted. The server writes its log before it answers, so what was answered survives the kill.

local util = require "spec.support.util"
local Server = require "spec.support.server"

local PAIRS = util.choose(50000, 3000)
local WINDOW = util.choose(2000, 500) -- pairs sent and not answered, so that the kill leaves something to do
local CHUNK = 1000 -- keys of an MGET

local function new_server()
  return Server.new("redis-server", function(server)
    return ("--port %d --bind 127.0.0.1 --dir %s --save '' --appendonly yes --appendfsync no"):format(server.port,
      server.dir)
  end)
end

-- Reads replies from lines, the values of these servers having none in them: take(kind, value), with kind ":", "$",
-- "+" or "-".
local function reader(take)
  local bulk = false -- the next line is a value
  return function(_, line)
    local kind, rest = line:match "^(.)(.*)$"
    if bulk then
      bulk = false
      take("$", line)
    elseif kind == "$" then
      if rest == "-1" then take "$" else bulk = true end
    elseif kind ~= "*" then
      take(kind, rest)
    end
  end
end

-- What a run knows: `count[i]`, the answer to INCR k:i; `refused`, errors; `newest`, the last pair answered.
local function new_run(server)
  local run = { count = {}, answers = 0, replies = 0, refused = 0, newest = 0, sent = 0, base = 0, disorder = 0,
    ends = {} }
  local client = util.client(server, { reconnect = { delay = 0.02, max = 0.1 } })
  local value, read -- of this connection

  local function take(kind, word)
    run.replies = run.replies + 1
    if kind == ":" then
      value = tonumber(word)
    elseif kind == "-" then
      run.refused = run.refused + 1 -- while the server loads its log
      assert(word:find "^LOADING", word)
      value = nil
    else
      local i = tonumber(word)
      if i <= run.newest then run.disorder = run.disorder + 1 end
      run.newest = i
      run.count[i] = value
      run.answers = run.answers + (value and 1 or 0)
      value = nil
    end
  end

  client:on {
    connect = function() value, read = nil, reader(take) end,
    message = function(...) read(...) end,
    disconnect = function(_, _, code)
      run.ends[#run.ends + 1] = code
      run.base = run.sent -- of these some will never be answered
    end,
  }
  run.client = client
  return run
end

local function send_pair(run, i)
  assert(run.client:send("INCR k:", i))
  assert(run.client:send("ECHO ", i))
end

local function feed(run)
  while run.sent < PAIRS and run.sent - math.max(run.newest, run.base) < WINDOW do
    run.sent = run.sent + 1
    send_pair(run, run.sent)
  end
end

-- Sends until `is_done`.
local function pump(run, is_done)
  assert(util.poll_until(function()
    feed(run)
    return is_done()
  end, 3 * util.DEADLINE))
end

-- Sends these commands, returns as many replies.
local function ask(client, commands, count)
  local replies = {}
  client:on("message", reader(function(_, value) replies[#replies + 1] = value or false end))
  for _, command in ipairs(commands) do assert(client:send(command)) end
  assert(util.poll_until(function() return #replies >= count end))
  return replies
end

-- The counters, in order.
local function read_counters(client)
  local commands = {}
  for first = 1, PAIRS, CHUNK do
    local keys = {}
    for i = first, math.min(first + CHUNK - 1, PAIRS) do keys[#keys + 1] = "k:" .. i end
    commands[#commands + 1] = "MGET " .. table.concat(keys, " ")
  end
  return ask(client, commands, PAIRS)
end

local function unanswered(run)
  local list = {}
  for i = 1, PAIRS do
    if not run.count[i] then list[#list + 1] = i end
  end
  return list
end

-- A server that is started again listens at once, and refuses commands until it has read its log.
local function wait_until_loaded(server)
  local probe = util.client(server, { reconnect = 0.02 })
  local is_loaded = false
  probe:on {
    connect = function() probe:send "PING" end,
    message = function(_, line)
      is_loaded = line == "+PONG"
      if not is_loaded then probe:send "PING" end
    end,
  }
  probe:connect()
  assert(util.poll_until(function() return is_loaded end))
  probe:close()
end

describe("redis-server", function()
  before_each(util.begin)
  after_each(function()
    Server.stop_all()
    util.finish()
  end)

  if not Server.find "redis-server" then
    pending "is not installed: `make setup` does it"
    return
  end

  it("answers every command of a pipeline of " .. 2 * PAIRS .. ", in order", function()
    local run = new_run(new_server():start())
    run.client:connect()
    pump(run, function() return run.newest == PAIRS end)
    assert.same({ PAIRS, 2 * PAIRS, 0, 0 }, { run.answers, run.replies, run.disorder, run.refused })
    for i, value in ipairs(read_counters(run.client)) do assert.equal("1", value, "k:" .. i) end
    assert.same({}, run.ends)
  end)

  it("killed and started again in the middle, counts nothing twice and forgets nothing that it answered", function()
    local server = new_server():start()
    local run = new_run(server)
    local lost = util.collect(run.client, "lost")
    run.client:connect()
    pump(run, function() return run.answers >= PAIRS / 2 end)
    server:signal "STOP" -- so that there is something that it will never answer
    pump(run, function() return run.sent - run.newest >= WINDOW end)
    server:kill()
    pump(run, function() return #run.ends == 1 end)
    feed(run) -- something for it to find when it is back
    server:start()
    wait_until_loaded(server)
    pump(run, function() return run.newest == PAIRS end)
    assert.equal(1, #run.ends)
    assert.equal(0, run.disorder)
    for _, fate in ipairs(lost) do assert.equal("unknown", fate[4]) end
    for i, value in pairs(run.count) do assert.equal(1, value, "counted twice: k:" .. i) end

    local before = read_counters(run.client)
    for i in pairs(run.count) do assert.equal("1", before[i], "answered and forgotten: k:" .. i) end
    for i = 1, PAIRS do assert(not before[i] or before[i] == "1", "counted twice: k:" .. i) end

    local again, missing = unanswered(run), {}
    for _, i in ipairs(again) do
      if not before[i] then missing[#missing + 1] = "INCR k:" .. i end
    end
    assert(#again > 0 and #again <= 2 * WINDOW, #again .. " unanswered")
    for _, value in ipairs(ask(run.client, missing, #missing)) do assert.equal("1", value) end
    for i, value in ipairs(read_counters(run.client)) do assert.equal("1", value, "k:" .. i) end
  end)
end)
