-- An MQTT 3.1.1 client that publishes numbers with QoS 1, or prints them, in a session that outlasts its connections:
--
--     lua mqtt.lua HOST PORT ID TOPIC publish|subscribe COUNT [BYTES [USER PASSWORD]]
--
-- Publishes 1 to COUNT, each with blanks up to BYTES, until the broker has acknowledged all; or prints number and size
-- of what comes, until COUNT comes. A message stays queued until its PUBACK confirms it, and a new connection sends the
-- same bytes again (so without the flag DUP, which no broker needs). Answers and pings are for their connection only.
local sidewire = require "sidewire"
local host, port, id, topic, role, count = arg[1], tonumber(arg[2]), arg[3], arg[4], arg[5], tonumber(arg[6])
local size, user, password = tonumber(arg[7] or 0), arg[8], arg[9]
local USAGE = "usage: lua mqtt.lua HOST PORT ID TOPIC publish|subscribe COUNT [BYTES [USER PASSWORD]]\n"
local is_login = not user or password
if host == "--help" then io.write(USAGE) os.exit(0) end
if not (sidewire.is_port(port) and count and size and is_login and (role == "publish" or role == "subscribe")) then
  io.stderr:write(USAGE)
  os.exit(2)
end

local KEEPALIVE, WINDOW = 20, 1000 -- seconds; unconfirmed messages: fewer than there are packet identifiers
local function integer(n) return string.char(math.floor(n / 256), n % 256) end
local function text(s) return integer(#s) .. s end
local function length(n) -- seven bits a byte; the highest bit says that more follow
  if n < 128 then return string.char(n) end
  return string.char(n % 128 + 128) .. length(math.floor(n / 128))
end
local function packet(kind, rest) return string.char(kind) .. length(#rest) .. rest end
local account, flags = user and text(user) .. text(password) or "", user and "\192" or "\0" -- no flag: keep the session
local login = packet(0x10, text "MQTT" .. "\4" .. flags .. integer(KEEPALIVE) .. text(id) .. account)
local subscription = role == "subscribe" and packet(0x82, integer(1) .. text(topic) .. "\1") or nil
local made, client = pcall(sidewire.new, { host = host, port = port, framing = { length = "varint", offset = 1 },
  max_message = 2^28, queue_limit = 2^28, retain = "unconfirmed", reconnect = { max = 1 },
  greeting = { login, subscription } })
if not made then io.stderr:write(client, "\n", USAGE) os.exit(2) end -- it is no host's name
local sent, confirmed, next_ping, status = 0, 0, 0, nil
local function stop(code) status = code client:disconnect() end
local function take(rest) -- a topic, the packet's identifier, the message
  local at = rest:byte(1) * 256 + rest:byte(2) + 3
  client:send_once(packet(0x40, rest:sub(at, at + 1)))
  print(rest:match("^%d+", at + 2), #rest - at - 1)
  if rest:match("^%d+", at + 2) == arg[6] then stop(0) end
end
client:on {
  connect = function(_, info) print(("connected, %d confirmed, %d is next"):format(confirmed, info.first)) end,
  disconnect = function(_, why) print(why) end,
  retry = function(_, _, _, why) -- a broker that is away from the beginning is not waited for
    if client:stats().connects == 0 then print(why) stop(1) end
  end,
  message = function(_, frame)
    local kind, rest = math.floor(frame:byte() / 16), frame:sub(frame:find("[^\128-\255]", 2) + 1)
    if kind == 2 and rest:byte(2) > 0 then print("login refused, code " .. rest:byte(2)) stop(1)
    elseif kind == 3 then take(rest)
    elseif kind == 4 then confirmed = confirmed + 1 client:confirm(confirmed) -- they come in the order of the messages
    elseif kind == 9 and rest:byte(3) < 3 then print "subscribed"
    elseif kind == 9 then print "subscription refused" stop(1) end
  end,
}
io.stdout:setvbuf "line"
client:connect()
while not status do
  while role == "publish" and sent < count and sent - confirmed < WINDOW do
    local identifier, number = sent % 65535 + 1, ("%d"):format(sent + 1)
    sent = client:send(packet(0x32, text(topic) .. integer(identifier) .. number .. (" "):rep(size - #number)))
  end
  if role == "publish" and confirmed == count then stop(0) end
  if os.time() >= next_ping and client:send_once(packet(0xC0, "")) then next_ping = os.time() + KEEPALIVE / 2 end
  sidewire.wait(1) sidewire.poll()
end
sidewire.stop() os.exit(status)
