-- A real IRC server: a line protocol in which the server, too, asks (PING), and hangs up on a client that does not
-- answer.
--
-- Two users talk to each other: message n of one is `PRIVMSG other :n`, and counts when the other got it. After the
-- server was killed and started again both introduce themselves anew, and go on behind the last one that arrived.

local util = require "spec.support.util"
local Server = require "spec.support.server"

local EACH = util.choose(5000, 500) -- messages from each to the other
local WINDOW = 100 -- sent and not arrived; a server cuts off a client that is slow to read
local PING_TIMEOUT = 5 -- seconds of silence; less is not taken

local CONFIG = [[
[Global]
  Name = irc.example.net
  Info = for a test
  Listen = 127.0.0.1
  Ports = %d
  MotdPhrase = hello
  PidFile =
[Limits]
  MaxConnectionsIP = 0
  MaxPenaltyTime = 0
  PingTimeout = %d
  PongTimeout = 5
[Options]
  DNS = no
  Ident = no
  PAM = no
  RequireAuthPing = yes
]]

local function new_server()
  local server = Server.new("ngircd", function() return "--nodaemon --config ./ngircd.conf" end)
  server:write("ngircd.conf", CONFIG:format(server.port, PING_TIMEOUT))
  return server
end

local answers = {} -- command -> what a user does about it

function answers.PING(user, rest)
  user.client:send("PONG " .. rest)
  user.pings = user.pings + 1
end

answers["001"] = function(user) user.is_welcome = true end

function answers.PRIVMSG(user, rest)
  local n = tonumber(rest:match " :(%d+)$")
  assert(n == user.got + 1, ("%s got %s after %d"):format(user.name, rest, user.got))
  user.got = n
end

function answers.ERROR(user, rest)
  user.errors[#user.errors + 1] = rest
end

-- A user, introduced by name on each connection. `got`: the newest number that arrived here; `sent`: that went out.
local function new_user(server, name)
  local user = { name = name, got = 0, sent = 0, pings = 0, welcomes = 0, ends = 0, errors = {} }
  user.client = util.client(server, { retain = "none", reconnect = { delay = 0.02, max = 0.1 } })
  user.client:on {
    connect = function(client)
      client:send("NICK ", name)
      client:send("USER ", name, " 0 * :", name)
    end,
    message = function(_, line)
      local command, rest = line:gsub("^:%S+ ", ""):match "^(%S+) ?(.*)$"
      local answer = answers[command]
      if answer then answer(user, rest) end
    end,
    disconnect = function()
      user.is_welcome = false
      user.ends = user.ends + 1
    end,
  }
  user.client:connect()
  return user
end

-- Both sides of a conversation.
local function new_pair(server)
  local ann, ben = new_user(server, "ann"), new_user(server, "ben")
  return { ann, ben, ways = { { ann, ben }, { ben, ann } } }
end

local function are_welcome(pair)
  return pair[1].is_welcome and pair[2].is_welcome
end

local function feed(pair, last)
  if not are_welcome(pair) then return end
  for _, way in ipairs(pair.ways) do
    local from, to = way[1], way[2]
    while from.sent < last and from.sent - to.got < WINDOW do
      from.sent = from.sent + 1
      from.client:send("PRIVMSG ", to.name, " :", from.sent)
    end
  end
end

-- They talk until each has got the numbers up to `last`.
local function talk(pair, last)
  assert(util.poll_until(function()
    feed(pair, last)
    return pair[1].got >= last and pair[2].got >= last
  end))
end

describe("ngircd", function()
  before_each(util.begin)
  after_each(function()
    Server.stop_all()
    util.finish()
  end)

  if not Server.find "ngircd" then
    pending "is not installed: `make setup` does it"
    return
  end

  it(("passes %d messages between two clients that answer its PING, in order"):format(2 * EACH), function()
    local pair = new_pair(new_server():start())
    talk(pair, EACH)
    local before = { pair[1].pings, pair[2].pings }
    assert(before[1] > 0 and before[2] > 0) -- the server's condition for the welcome

    -- Silence, until it asks.
    assert(util.poll_until(function() return pair[1].pings > before[1] and pair[2].pings > before[2] end))
    talk(pair, EACH + 100)
    assert.same({ 0, 0 }, { pair[1].ends, pair[2].ends })
  end)

  it("cuts off a client that does not answer its PING, and the client tells", function()
    local server = new_server():start()
    local client = util.client(server, { reconnect = { delay = 0.02, max = 0.1 } })
    local events = util.collect(client, "connect", "message", "disconnect")
    client:connect()
    assert(events:wait "connect")
    client:send "NICK mute"
    client:send "USER mute 0 * :mute"
    local ending = assert(events:wait "disconnect")
    assert.equal("EPEER", ending[3])
    assert(events:all("message")[1]:find "^PING ")
  end)

  it("killed and started again under two clients, passes on what they resume with", function()
    local server = new_server():start()
    local pair = new_pair(server)
    talk(pair, EACH / 2)
    feed(pair, EACH) -- something is under way
    server:kill()
    server:start()
    assert(util.poll_until(function()
      return pair[1].ends == 1 and pair[2].ends == 1 and are_welcome(pair)
    end))
    for _, way in ipairs(pair.ways) do way[1].sent = way[2].got end
    talk(pair, EACH)
    assert.same({ 1, 1 }, { pair[1].ends, pair[2].ends })
    for _, user in ipairs(pair) do
      local stats = user.client:stats()
      assert.equal(2, stats.connects)
      assert.equal(stats.accepted, stats.queued + stats.in_flight + stats.finished + stats.lost)
    end
  end)
end)
