-- A PostgreSQL client that sends its queries without waiting for results, and hears of notifications meanwhile:
--
--     lua postgresql.lua HOST PORT USER PASSWORD [COUNT [BYTES]]
--
-- Asks COUNT questions (1000), one that is wrong and one whose answer has BYTES (1 MiB), and then notifies itself. It
-- outlasts restarts of the server: what was not answered is asked again on the next connection, after its login.
-- Needs luaossl for the login (Debian: lua-luaossl), and LuaSocket for base64.
local sidewire = require "sidewire"
local host, port, user, password = arg[1], tonumber(arg[2]), arg[3], arg[4]
local count, size = tonumber(arg[5] or 1000), tonumber(arg[6] or 2^20)
local USAGE = "usage: lua postgresql.lua HOST PORT USER PASSWORD [COUNT [BYTES]]\n"
if host == "--help" then io.write(USAGE) os.exit(0) end
if not (password and sidewire.is_port(port) and count and size) then io.stderr:write(USAGE) os.exit(2) end
local digest, hmac, kdf = require "openssl.digest", require "openssl.hmac", require "openssl.kdf"
local rand, mime = require "openssl.rand", require "mime"

local function u32(n)
  return string.char(math.floor(n / 2^24) % 256, math.floor(n / 2^16) % 256, math.floor(n / 2^8) % 256, n % 256)
end
local function read_u32(bytes, at)
  return tonumber(("%02x%02x%02x%02x"):format(bytes:byte(at, at + 3)), 16)
end
local function frame(kind, body) return kind .. u32(#body + 4) .. body end
-- The first message of a connection has no type and so is no frame: the preamble sends it.
local startup = u32(196608) .. ("user\0%s\0database\0postgres\0\0"):format(user)
local made, client = pcall(sidewire.new, { host = host, port = port, preamble = u32(#startup + 4) .. startup,
  framing = { length = "u32be", offset = 1, adjustment = -4 }, max_message = 2^26 })
if not made then io.stderr:write(client, "\n", USAGE) os.exit(2) end -- it is no host's name
local status -- the program's exit status, at its end
local function stop(why, code) print(why) status = code client:close(0) end

-- --- the login: SCRAM-SHA-256 (RFC 5802, RFC 7677). Its steps go by send_once: they belong to one connection ---
local nonce
local awaited -- what the server has still to send to prove that it knows the password, too; nil: nothing
local function mac(key, text) return hmac.new(key, "sha256"):final(text) end
local function xor(a, b)
  return (a:gsub("()(.)", function(at, byte)
    local x, y, sum = byte:byte(), b:byte(at), 0
    for bit = 0, 7 do sum = sum + (math.floor(x / 2^bit) + math.floor(y / 2^bit)) % 2 * 2^bit end
    return string.char(sum)
  end))
end
local function prove(challenge)
  local both, salt, rounds = challenge:match "^r=([^,]+),s=([^,]+),i=(%d+)"
  assert(both and both:sub(1, #nonce) == nonce, "the challenge is of another login")
  local salted = kdf.derive { type = "PBKDF2", md = "sha256", pass = password, salt = mime.unb64(salt),
    iter = tonumber(rounds), outlen = 32 }
  local key, bare = mac(salted, "Client Key"), "c=biws,r=" .. both
  local all = ("n=,r=%s,%s,%s"):format(nonce, challenge, bare)
  awaited = "v=" .. mime.b64(mac(mac(salted, "Server Key"), all))
  return bare .. ",p=" .. mime.b64(xor(key, mac(digest.new("sha256"):final(key), all)))
end
local function log_in(body)
  local step, rest = read_u32(body, 1), body:sub(5)
  if step == 10 then
    nonce, awaited = mime.b64(rand.bytes(18)), "a challenge"
    local first = "n,,n=,r=" .. nonce
    client:send_once(frame("p", "SCRAM-SHA-256\0" .. u32(#first) .. first))
  elseif step == 11 then
    client:send_once(frame("p", prove(rest)))
  elseif step == 12 and rest == awaited then
    awaited = nil
  elseif step == 12 or step == 0 and awaited then
    stop("the server does not know the password", 1)
  elseif step ~= 0 then
    stop("the server wants a login of another kind", 1)
  end
end

-- --- queries: by send_once, too, since the queue cannot be held until the login is over ---
local queries, first, last, sent = {}, 1, 0, 0 -- the oldest without an answer, the newest, the newest one sent
local state, rows, failure -- "login", "listening" or "ready"; of the answer that is under way
local function query(text, on_answer) last = last + 1 queries[last] = { text, on_answer } end
local function send_more()
  while sent < last and sent - first < 500 and client:send_once(frame("Q", queries[sent + 1][1] .. "\0")) do
    sent = sent + 1
  end
end
local handlers = {
  R = log_in,
  D = function(body) rows[#rows + 1] = body:sub(7, 6 + read_u32(body, 3)) end, -- the first column
  E = function(body) -- its words may be translated, its code is not
    local code = body:match "%zC(%Z*)"
    failure = ("%s %s: %s"):format(body:match "^S(%Z*)", code, body:match "%zM(%Z*)")
    if state ~= "login" then return end
    if code:find "^28" or code:find "^3D" then return stop("the login is refused: " .. failure, 1) end -- for good
    print(failure)
  end,
  A = function(body) stop("news: " .. body:match("^%Z*%z(%Z*)", 5), 0) end,
  Z = function() -- the server is ready for the next query
    local answered, its_rows, its_failure = state == "ready" and queries[first], rows, failure
    rows, failure = {}, nil
    if answered then
      queries[first], first = nil, first + 1
      answered[2](its_rows, its_failure)
    end
    if state == "login" then client:send_once(frame("Q", "LISTEN news\0")) end
    state = state == "login" and "listening" or "ready"
    if state == "ready" then send_more() end
  end,
}
client:on {
  connect = function() awaited, state, rows, failure, sent = nil, "login", {}, nil, first - 1 end,
  message = function(_, bytes)
    local handle = handlers[bytes:sub(1, 1)]
    if handle and not status then handle(bytes:sub(6)) end
  end,
  disconnect = function(_, why) print(why) end,
  retry = function(_, _, _, why) -- a server that is away from the beginning is not waited for
    if client:stats().connects == 0 then stop(why, 1) end
  end,
}
client:connect()
local right = 0
for i = 1, count do
  query(("SELECT %d + %d"):format(i, i), function(its) right = right + (its[1] == ("%d"):format(2 * i) and 1 or 0) end)
end
query("SELECT wrong", function(_, why)
  print(("%d of %d answers are right; %s"):format(right, count, why))
end)
query(("SELECT repeat('x', %d)"):format(size), function(its) print(#its[1] .. " bytes came back") end)
query("NOTIFY news, 'all is done'", function() end)
while not status do sidewire.wait() sidewire.poll() end
os.exit(status)
