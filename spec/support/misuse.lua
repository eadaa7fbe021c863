--- Values that calls must refuse, and calls that must raise.

local assert = require "luassert"
local sidewire = require "sidewire"
local engine = require "spec.support.engine"
local util = require "spec.support.util"

local misuse = {}

local nan, inf = 0 / 0, math.huge

--- A function that does nothing.
function misuse.nothing() end

local nothing = misuse.nothing

misuse.NO_NUMBERS = { "1", "x", true, {}, nothing }
misuse.NO_SECONDS = { nan, inf, -inf, -1, -1e-9, 1e300, "1", "x", true, {}, nothing }
misuse.NO_DELAYS = { 0, engine.unpack(misuse.NO_SECONDS) } -- where a timer must not spin
misuse.NO_STRINGS = { 1, 127.1, true, {}, nothing, io.stdout }
misuse.NO_HOSTS = { -- [F1]
  "", "a\0b", "\0", "127.0.0.1\0", "a\nb", "a b", " ", "a\t", "\127", "h\195\182st",
  ("a"):rep(64), ("a"):rep(63) .. "." .. ("b"):rep(64) .. ".org", ("a."):rep(127) .. "aa", ("x"):rep(100000),
  "a..b", ".a", ".", "a..", "-a", "a-", "a!b", "a,b", "*.a",
}
misuse.NO_HOSTS_BUT_MEANT = { -- [F2]: what stands there instead of a host, and what the error says to it
  { "http://x", "URL" }, { "tcp://1.2.3.4:80", "URL" }, { "a/b", "URL or a path" }, { "user@host", "user" },
  { "h:80", "port is a separate argument" }, { "1.2.3.4:80", "port is a separate argument" },
  { "[::1]", "brackets" }, { "[::1]:80", "brackets" }, { ":::", "IPv6" }, { "1::2::3", "IPv6" },
  { "127.1", "all four parts" }, { "0x7f1", "all four parts" }, { "2130706433", "all four parts" },
  { "127.0.0.01", "all four parts" }, { "1.2.3.256", "all four parts" }, { "1.2.3.4.5", "all four parts" },
}
misuse.NO_PORTS = { 0, -1, 65536, 1.5, nan, inf, 2 ^ 53, "80", "80x", "", true, {}, nothing } -- [F3]

--- A call that must raise; every part must stand in the message. Returns the message.
function misuse.refused(parts, f, ...)
  local ok, message = pcall(f, ...)
  local arguments = {}
  for i, value in ipairs { ... } do
    arguments[i] = (type(value) == "string" and value or type(value)):sub(1, 60)
  end
  assert(not ok, "accepted: " .. table.concat(arguments, ", "))
  assert.is_string(message)
  for _, part in ipairs(parts) do
    assert(message:find(part, 1, true), ("no %q in %q"):format(part, message:sub(1, 400)))
  end
  return message
end

local function snapshot(client)
  local host, port = client:get_server()
  local bytes, messages = client:pending()
  return {
    text = tostring(client), state = client:state(), host = host or false, port = port or false,
    reconnect = client:get_reconnect(), bytes = bytes, messages = messages, stats = client:stats(),
  }
end

local client, before

--- For before_each: a client with a queued message, which refused calls must leave as it is.
function misuse.begin()
  util.begin()
  client = sidewire.new { host = "127.0.0.1", port = 4000, reconnect = 2.5 }
  client:send "queued"
  misuse.watch()
  return client
end

--- From now on, the client must stay as it is.
function misuse.watch()
  before = snapshot(client)
end

--- For after_each.
function misuse.finish()
  assert.same(before, snapshot(client))
  util.finish()
end

return misuse
