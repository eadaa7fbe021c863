--- Every misuse and every failure that a script can meet, as its writer sees them: one table, from which tools/errors
-- writes docs/errors.md, and which spec/documents/errors_spec.lua provokes for real.
--
-- A section is a list of rows with a `title` and a `text`. A row is
--
--     { call, message, code, advice, when =, given =, event =, get =, names = }
--
-- call     as a user writes it, and as it is run: it sees `sidewire` and `client`. 4000 and net.ini stand for a port
--          and a file of the moment, in the message too
-- code     "raises" where the call raises the message
-- when     the circumstances, in words, where the call alone does not tell
-- given    given(case): makes them, with the methods of Case below; without, client is an idle one
-- event    the message and code are not returned but come with this event
-- get      get(case) -> message, code: instead of running the call
-- or_else  { message, ..., code = }: what the same call may get from another system
-- not_here where it cannot be provoked, in words: such a row is only written down
-- here     true: it can be provoked all the same, in this build
-- lacks    lacks() -> why it cannot be provoked on this machine or with this build; nil: it can

local sidewire = require "sidewire"
local engine = require "spec.support.engine"
local Peer = require "spec.support.peer"
local build = require "spec.support.build"
local files = require "spec.support.files"
local host = require "spec.support.host"
local ports = require "spec.support.ports"
local shell = require "spec.support.shell"
local util = require "spec.support.util"

local errors = {}

local TEXT = ", a string: tonumber makes a number of it"

-- --- circumstances ---

local function new(options)
  return function(case) case:new(options) end
end

local function on_closed_port(case)
  case:new { port = ports.closed(), reconnect = false }
end

local function on_unix_socket(url)
  return function(case) case:new { host = false, port = false, server = url, reconnect = false } end
end

local function on_mute_server(case)
  case:new { port = case:keep(ports.black_hole()).port, connect_timeout = 0.05, reconnect = false }
end

local function closed(case)
  case:new()
  case.client:close()
end

local function connected_to(mode, options)
  return function(case) case:connect_to(mode, options) end
end

-- The message of the poll that is too deep: each handler polls for an answer.
local function deep_poll(case)
  local message
  local function poll_on()
    while not message do
      case.sidewire.wait(util.DEADLINE)
      local ok, why = pcall(case.sidewire.poll)
      if not ok then message = why end
    end
  end
  case:connect_to "echo"
  case.client:on("message", function(client)
    client:send "and again"
    poll_on()
  end)
  case.client:send "x"
  poll_on()
  return message, "raises"
end

-- A policy of a Lua state of its own: what the call there returns.
local function under_policy(rules, call)
  return function(case)
    return case:run_apart(("local sidewire = require 'sidewire' local client = sidewire.new() "
      .. "assert(sidewire.set_policy { %s }) REPORT(%s)"):format(rules, call))
  end
end

-- The message of what a text raises, with its position. A text that catches it itself returns false and the message.
local function raised_at(text)
  return function(case)
    local f = assert(engine.load(text:gsub("^pcall.*", "local ok, message = %0 return ok, message"), "=game.lua", {
      sidewire = case.sidewire, client = case.client, pcall = pcall,
    }))
    local ok, caught, message = pcall(f)
    return ok and message or caught, "raises"
  end
end

-- The same without the position.
local function raised(text)
  return function(case) return (raised_at(text)(case):gsub("^game%.lua:%d+: ", "")), "raises" end
end

-- A handler yields in the main thread.
local function yield_outside(case)
  return case:run_apart([[
    local sidewire = require "sidewire"
    local client = sidewire.new { host = "127.0.0.1", port = tonumber(...), reconnect = false,
      on = { connect = function() coroutine.yield() end } }
    client:connect()
    sidewire.wait()
    local _, message = pcall(sidewire.poll)
    message = message:gsub("^%w+:%d+: ", "") -- LuaJIT has a position in front
    REPORT(nil, message, "raises")
  ]], case:serve "silent")
end

local MY_VERSION = engine.NAME == "luajit" and "5.1" or engine.NAME

-- The interpreter of another Lua of this machine, and its version; nil: there is none.
local function find_other_lua()
  for _, version in ipairs { "5.1", "5.2", "5.3", "5.4" } do
    local program = version ~= MY_VERSION and shell.run("env -u LUA_BIN tools/engine program " .. version):match "%S+"
    if program then return program, version end
  end
end

local function lacks_other_lua()
  if build.is_sanitized then return "a module with a sanitizer is loaded only where that is preloaded" end
  return not find_other_lua() and "no other Lua is installed" or nil
end

-- What another Lua says of the module, as if this were Lua 5.4 and that 5.1.
local function load_elsewhere()
  local program, version = find_other_lua()
  local said = shell.run(("%s -e \"print(pcall(package.loadlib('%s/sidewire/core.so', 'luaopen_sidewire_core')))\"")
    :format(program, build.PATH))
  local names = { [MY_VERSION] = "5.4", [version] = "5.1" }
  said = said:gsub(build.PATH:gsub("%p", "%%%0") .. "/", "build/release/"):gsub("%f[%d]5%.%d%f[%D]", names)
  return said:match "^false%s+(.-)%s*$", "raises"
end

local function encode_circle(case)
  local circle = {}
  circle[1] = circle
  return select(2, pcall(case.sidewire.resp.encode_value, circle)), "raises"
end

local function waiting_for_next(case)
  case:new { port = ports.closed(), reconnect = 60 }
  case.client:connect()
  case:wait_until(function() return case.client:state() == "waiting" end)
end

local function connecting(case)
  case:new { port = case:keep(ports.black_hole()).port }
  case.client:connect()
end

-- Connected to a server that then does what the control command says.
local function told(command, options)
  return function(case)
    case:connect_to("silent", options)
    case.peer:command(command)
  end
end

local function framed(case)
  case:connect_to("silent", { framing = "raw", retain = "none", reconnect = false })
  assert(case.client:set_framing "u8")
end

-- Connected to a server that then sends the bytes.
local function sent(bytes, options)
  options.reconnect = false
  return told("send " .. Peer.hex(bytes), options)
end

local function flooded(case)
  case:connect_to("flood 1000", { inbox_limit = 10000 })
  case:wait_until(function() return case.client:stats().paused end)
end

local function unconfirmed(count)
  return function(case)
    case:new { retain = "unconfirmed" }
    for _ = 1, count do assert(case.client:send "x") end
  end
end

local function full(case)
  case:new { queue_limit = 100 }
  case.client:send(("x"):rep(90))
end

local function file_with(text)
  return function(case) case:write(text) end
end

local function in_no_folder(case)
  case.path = case.path .. "/net.ini"
end

-- --- the table ---

errors.sections = {
  {
    title = "Options of sidewire.new",
    text = "A wrong option is a mistake in the script, so it raises, before anything was made.",
    { "sidewire.new(4000)", "sidewire.new: options must be a table { host =, port =, ... }, got 4000", "raises",
      "Give a table, or nothing." },
    { "sidewire.new { reconect = true }",
      "sidewire.new: unknown option 'reconect' (valid: host, port, server, order, framing, max_message, "
      .. "tls, bind, connect_timeout, reconnect, queue_limit, inbox_limit, max_read, retain, preamble, greeting, "
      .. "linger, nodelay, keepalive, stall_timeout, spin, on, settings)",
      "raises", "Correct the name; the valid ones are listed." },
    { "sidewire.new { on_message = print }",
      "sidewire.new: unknown option 'on_message': handlers stand in the table on, as in on = { message = f }",
      "raises", "Write `on = { message = print }`; the same for the other events." },
    { "sidewire.new { timeout = 5 }", "sidewire.new: unknown option 'timeout': write connect_timeout (an attempt to "
      .. "connect), or give receive, read, wait and flush a time-out", "raises",
      "Names of other libraries are answered with those of here." },
    { "sidewire.new { tls = { cafile = 'ca.pem' } }", "sidewire.new: unknown tls field 'cafile': write ca", "raises",
      "Write `tls = { ca = 'ca.pem' }`." },
    { "sidewire.new { host = 5 }", "sidewire.new: host must be a string, a host name or an IP address, got 5", "raises",
      "Give a string." },
    { 'sidewire.new { host = "http://example.org" }', "sidewire.new: invalid host name 'http://example.org': it is a "
      .. "URL or a path; only the host name is wanted, as in example.org; the option server takes a URL", "raises",
      'Give `example.org`, or `server = "tcp://example.org:80"`.' },
    { 'sidewire.new { host = "example.org:4000" }', "sidewire.new: invalid host name 'example.org:4000': the port is a "
      .. "separate argument; give the host name alone, without ':', and port = 4000", "raises",
      'Write `host = "example.org", port = 4000`.' },
    { 'sidewire.new { host = "[::1]" }', "sidewire.new: invalid host name '[::1]': drop the brackets: an IPv6 address "
      .. "stands alone here, and the port is a separate argument", "raises", "Give `::1`." },
    { 'sidewire.new { host = "127.1" }', "sidewire.new: invalid host name '127.1': it ends in a number, which is taken "
      .. "for a shorthand address; write all four parts of an IPv4 address as decimals of 0..255 without leading "
      .. "zeros, as in 127.0.0.1", "raises", "Give `127.0.0.1`." },
    { 'sidewire.new { host = "" }', "sidewire.new: invalid host name '': it is empty", "raises",
      "Leave it out, or give a name." },
    { 'sidewire.new { port = "80" }', "sidewire.new: port must be a whole number, 1..65535, got '80'" .. TEXT,
      "raises", 'Write `port = tonumber "80"`; what comes from `arg`, a file or a pattern is a string.' },
    { "sidewire.new { server = 4000 }", 'sidewire.new: server must be a URL such as "tcp://example.org:4000", or a '
      .. "list of 1..16 of them, got 4000", "raises", "Give a URL." },
    { 'sidewire.new { server = "tcp://example.org" }', "sidewire.new: invalid server 'tcp://example.org', at character "
      .. "18: the port is missing: write it after the host, as in tcp://example.org:4000", "raises", "Add the port." },
    { 'sidewire.new { server = { "tcp://a:1", "http://b:2" } }', "sidewire.new: invalid server[2] 'http://b:2', at "
      .. "character 1: the scheme is unknown (valid: tcp, tls, unix)", "raises", "Write `tcp://b:2`." },
    { 'sidewire.new { server = "127.0.0.1:4000" }', "sidewire.new: invalid server '127.0.0.1:4000', at character 1: "
      .. "the scheme is unknown (valid: tcp, tls, unix); write tcp://127.0.0.1:4000", "raises",
      "Do so, or write `tls://127.0.0.1:4000`." },
    { 'sidewire.new { server = "wss://me:secret@example.org" }', "sidewire.new: server 'wss://me:***@example.org': wss "
      .. "is not supported yet (valid: tcp, tls, unix)", "raises", "Use a server that speaks without WebSocket." },
    { 'sidewire.new { server = "unix:game.sock" }', "sidewire.new: invalid server 'unix:game.sock', at character 6: "
      .. "write unix:/PATH, with the full path of the socket, or unix:@NAME", "raises",
      "Write `unix:/run/game.sock`." },
    { 'sidewire.new { server = "tcp://a:1", port = 2 }', "sidewire.new: give server, or host and port, not both",
      "raises", "The URL has both." },
    { 'sidewire.new { order = "any" }', 'sidewire.new: order must be "given" or "random", got \'any\'', "raises",
      "Choose one." },
    { 'sidewire.new { framing = "lines" }', 'sidewire.new: framing must be "line", "raw", "u8", "u16be", "u16le", '
      .. '"u24be", "u24le", "u32be", "u32le", "u64be", "u64le", "varint", "netstring", "content-length", "resp", '
      .. "{ delimiter = }, { fixed = }, { length =, offset =, adjustment =, keep = }, got 'lines'", "raises",
      "Choose one of these; [framing.md](framing.md) has the protocols that they are for." },
    { 'sidewire.new { framing = "\\r\\n" }', 'sidewire.new: framing must be a word as "line" or a table, got '
      .. [['\r\n': for this delimiter, write { delimiter = "\r\n" }]], "raises",
      'Write `framing = { delimiter = "\\r\\n" }`.' },
    { 'sidewire.new { framing = { delimiter = "" } }',
      "sidewire.new: framing.delimiter must be a string of 1..32 bytes, got ''", "raises",
      'Give at least one byte; without boundaries, use `framing = "raw"`.' },
    { "sidewire.new { framing = { size = 64 } }",
      "sidewire.new: unknown framing field 'size' (valid: delimiter, fixed, length, offset, adjustment, keep)",
      "raises", "Write `{ fixed = 64 }`." },
    { 'sidewire.new { framing = { length = "u8", fixed = 64 } }', "sidewire.new: framing must have exactly one of the "
      .. "fields delimiter, fixed and length; offset, adjustment and keep go with length", "raises",
      "Decide for one of them." },
    { "sidewire.new { framing = { offset = 1 } }", "sidewire.new: framing must have exactly one of the "
      .. "fields delimiter, fixed and length; offset, adjustment and keep go with length", "raises",
      'Say what stands behind the offset: `{ length = "u32be", offset = 1 }`.' },
    { 'sidewire.new { framing = { length = "u31" } }', 'sidewire.new: framing.length must be "u8", "u16be", "u16le", '
      .. '"u24be", "u24le", "u32be", "u32le", "u64be", "u64le" or "varint", got \'u31\'', "raises",
      "Choose one of these." },
    { 'sidewire.new { framing = { length = "u8", offset = -1 } }',
      "sidewire.new: framing.offset must be a whole number, 0..65535, got -1", "raises",
      "Give the bytes in front of the length." },
    { 'sidewire.new { framing = { length = "u8", adjustment = 0.5 } }',
      "sidewire.new: framing.adjustment must be a whole number, -1073741824..1073741824, got 0.5", "raises",
      "Give the bytes that the length counts too few; negative: too many." },
    { 'sidewire.new { framing = { length = "u8", keep = 1 } }',
      "sidewire.new: framing.keep must be true or false, got 1", "raises", "Give a boolean, or leave it out." },
    { 'sidewire.new { framing = { length = "u8", offset = 1, keep = false } }', "sidewire.new: framing.keep = false is "
      .. "impossible with an offset: the message would lack the bytes in front of the length; leave keep out", "raises",
      "Take the message as the whole frame." },
    { 'sidewire.new { framing = { length = "u32be", offset = 1 }, max_message = 4 }', "sidewire.new: max_message (4) "
      .. "must be at least the 5 bytes of framing.offset and the length", "raises",
      "Raise max_message: the message is the whole frame." },
    { "sidewire.new { framing = { fixed = 0 } }",
      "sidewire.new: framing.fixed must be a whole number, 1..1073741824, got 0", "raises", "Give a size in bytes." },
    { "sidewire.new { framing = { fixed = 64 }, max_message = 10 }",
      "sidewire.new: max_message (10) must be at least framing.fixed (64)", "raises", "Leave max_message out." },
    { "sidewire.new { max_message = 0 }", "sidewire.new: max_message must be a whole number, 1..1073741824, got 0",
      "raises", "Give bytes." },
    { "sidewire.new { connect_timeout = 0 }",
      "sidewire.new: connect_timeout must be a number of seconds, 0.001..1e8, got 0", "raises",
      "Give seconds; there is no attempt without a limit." },
    { 'sidewire.new { connect_timeout = "5" }',
      "sidewire.new: connect_timeout must be a number of seconds, 0.001..1e8, got '5'" .. TEXT, "raises",
      "Use `tonumber`." },
    { 'sidewire.new { keepalive = { idle = "15" } }',
      "sidewire.new: keepalive.idle must be a whole number, 1..32767, got '15'" .. TEXT, "raises", "Use `tonumber`." },
    { 'sidewire.new { reconnect = "2.5" }',
      "sidewire.new: reconnect must be false, true, a number of seconds or a table "
      .. "{ delay =, max =, factor =, attempts =, jitter = }, got '2.5'" .. TEXT, "raises", "Use `tonumber`." },
    { 'sidewire.new { reconnect = "on" }',
      "sidewire.new: reconnect must be false, true, a number of seconds or a table "
      .. "{ delay =, max =, factor =, attempts =, jitter = }, got 'on'", "raises", "Give `true`." },
    { "sidewire.new { reconnect = 0 }", "sidewire.new: reconnect must be a number of seconds, 0.001..1e8, got 0",
      "raises",
      "Give a delay, or `false`." },
    { "sidewire.new { reconnect = { tries = 3 } }",
      "sidewire.new: unknown reconnect field 'tries' (valid: delay, max, factor, attempts, jitter)", "raises",
      "Write `attempts`." },
    { "sidewire.new { reconnect = { delay = -1 } }",
      "sidewire.new: reconnect.delay must be a number of seconds, 0.001..1e8, got -1", "raises", "Give seconds." },
    { "sidewire.new { reconnect = { max = 0 } }",
      "sidewire.new: reconnect.max must be a number of seconds, 0.001..1e8, got 0", "raises", "Give seconds." },
    { "sidewire.new { reconnect = { factor = 0.5 } }",
      "sidewire.new: reconnect.factor must be a number, 1..1000, got 0.5", "raises", "1 keeps the delay as it is." },
    { "sidewire.new { reconnect = { jitter = 1 } }", "sidewire.new: reconnect.jitter must be true or false, got 1",
      "raises", "Give a boolean." },
    { "sidewire.new { reconnect = { attempts = 0 } }",
      "sidewire.new: reconnect.attempts must be a whole number, 1..2147483647, got 0", "raises",
      "Leave it out for no limit; `reconnect = false` for one attempt." },
    { 'sidewire.new { queue_limit = "16M" }', "sidewire.new: queue_limit must be a whole number, 1 or more, got '16M'",
      "raises", "Give bytes, `16 * 2^20`." },
    { "sidewire.new { max_read = 0 }", "sidewire.new: max_read must be a whole number, 1 or more, got 0", "raises",
      "Give bytes." },
    { "sidewire.new { inbox_limit = 0 }", "sidewire.new: inbox_limit must be a whole number, 1 or more, got 0",
      "raises",
      "Give bytes." },
    { 'sidewire.new { retain = "all" }', 'sidewire.new: retain must be "none", "unsent", "unacked" or '
      .. '"unconfirmed", got \'all\'', "raises", "Choose one of these." },
    { 'sidewire.new { retain = "unacked" }', 'sidewire.new: retain = "unacked" is impossible here: this system does '
      .. "not tell how many bytes the other side's TCP has acknowledged; use \"unconfirmed\", with client:confirm, or "
      .. '"unsent"', "raises", "Choose one of these; [delivery.md](delivery.md) says which systems tell.",
      when = "on some systems", not_here = "spec/send/fallbacks_spec.lua", here = build.has_fallbacks },
    { "sidewire.new { tls = 1 }", "sidewire.new: tls must be true, false or a table { ca =, cert =, key =, "
      .. "server_name =, alpn =, min_version =, verify =, pin = }, got 1", "raises", "Give `true`, or a table." },
    { 'sidewire.new { server = "tcp://a:1", tls = true }', "sidewire.new: tls is given, and server has no tls:// URL: "
      .. "write tls:// where TLS is wanted", "raises", "Write `tls://a:1`, or give `host` and `port`." },
    { 'sidewire.new { server = "tls://a:1", tls = false }',
      "sidewire.new: server has a tls:// URL, and tls is false", "raises", "Leave `tls` out." },
    { 'sidewire.new { tls = { verfy = false } }', "sidewire.new: unknown tls field 'verfy' (valid: ca, cert, key, "
      .. "server_name, alpn, min_version, verify, pin)", "raises", "Correct the name; the valid ones are listed." },
    { 'sidewire.new { tls = { ca = "" } }',
      "sidewire.new: tls.ca must be the path of a PEM file, or PEM text, not empty, got ''", "raises",
      "Give a path or PEM text, or leave it out." },
    { 'sidewire.new { tls = { cert = "me.pem" } }', "sidewire.new: tls.cert and tls.key belong together: give both or "
      .. "neither", "raises", "Give `key`, too; it may be the same file." },
    { 'sidewire.new { tls = { server_name = "a..b" } }', "sidewire.new: invalid tls.server_name 'a..b': it has an "
      .. "empty part: two dots in a row, or a dot in front", "raises",
      "Give the name that stands in the certificate." },
    { 'sidewire.new { tls = { alpn = "mqtt" } }', "sidewire.new: tls.alpn must be a list of protocol names of 1..255 "
      .. "bytes, together at most 255 with one more for each, got 'mqtt'", "raises", 'Write `{ "mqtt" }`.' },
    { 'sidewire.new { tls = { min_version = "1.1" } }',
      "sidewire.new: tls.min_version must be \"1.2\" or \"1.3\", got '1.1'",
      "raises", "Older versions are not safe (RFC 8996), and are not offered." },
    { 'sidewire.new { tls = { verify = "no" } }', "sidewire.new: tls.verify must be true or false, got 'no'", "raises",
      "Give a boolean; `pin` or `ca` is mostly what is wanted." },
    { 'sidewire.new { tls = { pin = "sha1//x" } }',
      'sidewire.new: tls.pin must be "sha256//" and the base64 of a public ' .. "key's SHA-256, "
      .. "44 characters, or a list of up to 8, got 'sha1//x'", "raises",
      "[TLS](tls.md) has the command that prints the pin of a certificate." },
    { 'sidewire.new { bind = "localhost" }', 'sidewire.new: bind must be a numeric address of this machine, as '
      .. "\"192.0.2.7\" or \"2001:db8::7\", got 'localhost'", "raises", "Give an address: a name may have several." },
    { "sidewire.new { bind = true }", "sidewire.new: bind must be a numeric address of this machine or a table { host "
      .. "=, port = }, got true", "raises", "Leave it out to let the system choose." },
    { 'sidewire.new { bind = { host = "lan" } }', 'sidewire.new: bind.host must be a numeric address of this machine, '
      .. 'as "192.0.2.7" or "2001:db8::7", got \'lan\'', "raises", "Give an address." },
    { 'sidewire.new { bind = { port = 0 } }', "sidewire.new: bind.port must be a whole number, 1..65535, got 0",
      "raises", "Leave the port out to let the system choose." },
    { 'sidewire.new { bind = "fe80::1%nonesuch" }', "sidewire.new: bind 'fe80::1%nonesuch': there is no network "
      .. "interface of that name", "raises", "See which ones there are (`ip link`)." },
    { "sidewire.new { preamble = true }", "sidewire.new: preamble must be a string of bytes, got true", "raises",
      "Give the bytes." },
    { 'sidewire.new { preamble = "hello", queue_limit = 4 }',
      "sidewire.new: preamble must fit into queue_limit (4), and has 5 bytes", "raises", "Raise queue_limit." },
    { "sidewire.new { greeting = true }", "sidewire.new: greeting must be a string, or a list of strings, got true",
      "raises", 'Give a message, `"login me"`, or several in a list.' },
    { 'sidewire.new { greeting = { "a", {} } }', "sidewire.new: a message of greeting must be a string, got a table",
      "raises", "Give a list of strings." },
    { 'sidewire.new { greeting = { "a", "b\\n" } }', 'sidewire.new: message 2 of greeting: the framing "line" adds '
      .. 'the "\\n" itself: a message must not hold one, nor end in "\\r", which framing = { delimiter = "\\n" } '
      .. "carries",
      "raises", "Leave the newline to the framing." },
    { 'sidewire.new { greeting = "hello", queue_limit = 5 }',
      "sidewire.new: greeting must fit into queue_limit (5), and has 6 bytes with its framing", "raises",
      "Raise queue_limit, or say less." },
    { "sidewire.new { linger = -1 }", "sidewire.new: linger must be a number of seconds, 0..1e8, got -1", "raises",
      "0 waits for nothing." },
    { "sidewire.new { nodelay = 1 }", "sidewire.new: nodelay must be true or false, got 1", "raises",
      "Give a boolean." },
    { "sidewire.new { spin = 50e-6 }",
      "sidewire.new: spin must be a whole number of microseconds, 0..1000000, got 5e-05", "raises",
      "Microseconds, not seconds: `spin = 50`." },
    { "sidewire.new { keepalive = true }",
      "sidewire.new: keepalive must be false or a table { idle =, interval =, count = }, got true", "raises",
      "It is on when nothing is said; leave it out." },
    { "sidewire.new { keepalive = { every = 5 } }",
      "sidewire.new: unknown keepalive field 'every' (valid: idle, interval, count)", "raises", "Use one of these." },
    { "sidewire.new { keepalive = { idle = 0 } }",
      "sidewire.new: keepalive.idle must be a whole number, 1..32767, got 0", "raises",
      "Give whole seconds; `keepalive = false` turns it off." },
    { "sidewire.new { keepalive = { interval = 0.5 } }",
      "sidewire.new: keepalive.interval must be a whole number, 1..32767, got 0.5", "raises", "Give whole seconds." },
    { "sidewire.new { keepalive = { count = 200 } }",
      "sidewire.new: keepalive.count must be a whole number, 1..127, got 200", "raises", "Give a smaller number." },
    { "sidewire.new { stall_timeout = -1 }",
      "sidewire.new: stall_timeout must be a number of seconds, 0..2e6, got -1", "raises", "0 turns it off." },
    { "sidewire.new { stall_timeout = 1e7 }",
      "sidewire.new: stall_timeout must be a number of seconds, 0..2e6, got 10000000.0", "raises",
      "0 turns it off; the system counts milliseconds in 32 bits." },
    { "sidewire.new { on = print }", "sidewire.new: on must be a table of handlers by event name, got a function",
      "raises", "Write `on = { message = print }`." },
    { "sidewire.new { on = { conect = print } }",
      "sidewire.new: unknown event 'conect' (valid: connect, message, drain, "
      .. "acked, lost, disconnect, retry, error, log, close)", "raises", "Correct the name." },
    { 'sidewire.new { on = { connect = "go" } }',
      "sidewire.new: the handler of connect must be a function, got 'go'", "raises", "Give a function." },
    { "sidewire.new { on = { message = true } }",
      "sidewire.new: the handler of message must be a function (false: discard messages), got true", "raises",
      "Give a function; without one messages wait for `receive`." },
    { "sidewire.new { settings = true }", "sidewire.new: settings must be the name of a file, got 'true'", "raises",
      "Give the file's name." },
  },
  {
    title = "Arguments",
    text = "These raise as well; nothing was done, nothing queued.",
    { "client:settimeout(5)", "client.settimeout: there is no such method: no call waits unless it is given a "
      .. "time-out: client:receive(timeout), read, wait, flush", "raises", "Names of LuaSocket are answered so." },
    { "sidewire.tcp()", "sidewire.tcp: there is no such function: client = sidewire.new { host =, port = } makes a "
      .. "client", "raises", "The same." },
    { '"got " .. client', "a client is no string, and cannot be concatenated: the first parameter of a handler is the "
      .. "client, the second the message; tostring(client) describes it", "raises",
      "Write `message = function(client, line) ... end`.", names = "tostring" },
    { 'client:receive "*l"', "client:receive: timeout must be a number of seconds, 0..1e8, got '*l': it takes no "
      .. 'pattern; framing says what a message is, and client:read, with framing = "raw", reads lines and sizes',
      "raises", "Write `client:receive(5)`: a number is the seconds to wait." },
    { "sidewire.events(nil)", "sidewire.events: call it without arguments: for client, event, ... in sidewire.events() "
      .. "do", "raises", "`for ... in sidewire.events do`, without the call, gives it arguments." },
    { 'client.send("hello")', "client:send: call it with a colon, client:send(...): the first argument must be the "
      .. "client, got 'hello'", "raises", 'Write `client:send("hello")`; each method says the same of itself.' },
    { "client.connect()", "client:connect: call it with a colon, client:connect(...): the first argument must be the "
      .. "client, got no value", "raises", "Write `client:connect()`." },
    { 'sidewire:new { host = "127.0.0.1" }', "sidewire.new: call it with a dot, sidewire.new(...), not with a colon",
      "raises", "Write `sidewire.new { ... }`; each function says the same of itself." },
    { "sidewire:poll()", "sidewire.poll: call it with a dot, sidewire.poll(...), not with a colon", "raises",
      "Write `sidewire.poll()`." },
    { "sidewire:wait(1)", "sidewire.wait: call it with a dot, sidewire.wait(...), not with a colon", "raises",
      "Write `sidewire.wait(1)`." },
    { 'sidewire.settings:load "net.ini"',
      "sidewire.settings.load: call it with a dot, sidewire.settings.load(...), not with a colon", "raises",
      'Write `sidewire.settings.load "net.ini"`.' },
    { 'pcall(sidewire.new, { port = 0 })', "game.lua:1: sidewire.new: port must be a whole number, 1..65535, got 0",
      "raises", "The line is that of the `pcall`.", when = "on line 1 of game.lua", names = "port",
      get = raised_at "pcall(sidewire.new, { port = 0 })" },
    { 'return sidewire.new { port = 0 }', "game.lua:3: sidewire.new: port must be a whole number, 1..65535, got 0",
      "raises", "Lua forgets the line of a call behind `return`. Look in the function that is called on this line.",
      when = "in a function that line 3 of game.lua calls", names = "port",
      get = raised_at("local function open() return sidewire.new { port = 0 } end\n\n"
        .. "local client = open() return client") },
    { "client.on_message = print", 'client.on_message: handlers are no fields: write client:on("message", f), or '
      .. "on = { message = f } in sidewire.new", "raises", 'Write `client:on("message", print)`.',
      names = "on_message", get = raised "client.on_message = print" },
    { "client.score = 5", "client.score: a client has no fields to set; keep the value in a table of your own, by the "
      .. "client", "raises", "Write `scores[client] = 5`.", names = "score", get = raised "client.score = 5" },
    { "client:on()", 'client:on: event must be a name, as in client:on("message", f), or a table of handlers by name, '
      .. "got no value", "raises", "Give one of the two." },
    { 'client:on("message", print())', "client:on: the handler of message must be a function, or nil to remove it, got "
      .. "no value: give the function f, not the result of f()", "raises", 'Write `client:on("message", print)`.' },
    { "sidewire.poll()", "attempt to yield from outside a coroutine", "raises",
      "The message is Lua's, and differs between its versions. Poll in a coroutine, where Lua is 5.3 or later, or take "
      .. "the events with `for client, event, a, b, c in sidewire.events() do`, where every Lua can yield.",
      when = "a handler calls `coroutine.yield()`, and no coroutine runs", get = yield_outside, names = "coroutine",
      or_else = { "attempt to yield across metamethod/C-call boundary", "attempt to yield across C-call boundary",
        code = "raises" } },
    { "client:send()", "client:send: a message must be a string or a number, got no value", "raises",
      'Give the message; an empty one is `""`.' },
    { "client:send { 1, 2 }", "client:send: a message must be a string or a number, got a table", "raises",
      "Make a string of it, with `table.concat` or `string.pack`." },
    { 'client:send("x = ", nil, ";")', "client:send: piece 2 of the message must be a string or a number, got nil",
      "raises", "Look where the second argument comes from." },
    { "client:write {}", "client:write: bytes must be a string or a number, got a table", "raises", "Give a string." },
    { "client:confirm(1)", 'client:confirm: only for clients made with retain = "unconfirmed"', "raises",
      "Choose that `retain`, or leave the call out: other modes need no confirming." },
    { 'client:confirm("one")', "client:confirm: id must be a whole number, got 'one'", "raises",
      "Give the id that send returned." },
    { 'client:on("conect", print)', "client:on: unknown event 'conect' (valid: connect, message, drain, acked, lost, "
      .. "disconnect, retry, error, log, close)", "raises", "Correct the name." },
    { 'client:on("acked", print)', "client:on: there are no acked events here: this system does not tell how many "
      .. "bytes the other side's TCP has acknowledged; let the other program answer, and use client:confirm", "raises",
      'Leave it out, or use `retain = "unconfirmed"`.', when = "on some systems",
      not_here = "spec/send/fallbacks_spec.lua", here = build.has_fallbacks },
    { 'client:on("connect", true)', "client:on: the handler of connect must be a function, got true", "raises",
      "Give a function, or nil to take the handler away." },
    { "client:connect()", "client:connect: no host: give one here or to sidewire.new", "raises",
      'Write `client:connect("127.0.0.1", 4000)`.', when = "made without a host", given = new { host = false } },
    { 'client:connect "127.0.0.1"', "client:connect: no port: give one here or to sidewire.new", "raises",
      'Write `client:connect("127.0.0.1", 4000)`.', when = "made without a port",
      given = new { host = false, port = false } },
    { 'client:connect("a b", 4000)', "client:connect: invalid host name 'a b': it holds a space", "raises",
      "Give the name alone." },
    { 'client:connect("127.0.0.1", 0)', "client:connect: port must be a whole number, 1..65535, got 0", "raises",
      "Give the server's port." },
    { 'client:connect({ "tcp://127.0.0.1:4000" }, 4000)',
      "client:connect: the URLs have the ports: give no second argument", "raises", "Leave the port out." },
    { 'client:set_server("127.0.0.1")', "client:set_server: port must be a whole number, 1..65535, got nil", "raises",
      "Give both." },
    { "client:set_server(nil, 4000)",
      "client:set_server: host must be a string, a host name or an IP address, got nil", "raises", "Give both." },
    { "client:set_reconnect()", "client:set_reconnect: spec must be false, true, a number of seconds or a table "
      .. "{ delay =, max =, factor =, attempts =, jitter = }, got nil", "raises", "Give `true` or `false`." },
    { "client:set_reconnect { delay = 0 }",
      "client:set_reconnect: reconnect.delay must be a number of seconds, 0.001..1e8, got 0", "raises",
      "Give seconds." },
    { 'client:wait "ready"', 'client:wait: state must be "connected" or "disconnected", got \'ready\'', "raises",
      "Wait for one of these two." },
    { 'client:wait("connected", "1")', "client:wait: timeout must be a number of seconds, 0..1e8, got '1'" .. TEXT,
      "raises", "Give a number, or nothing for no limit." },
    { "client:flush(-1)", "client:flush: timeout must be a number of seconds, 0..1e8, got -1", "raises",
      "Give a number, or nothing for no limit." },
    { "client:receive(-1)", "client:receive: timeout must be a number of seconds, 0..1e8, got -1", "raises",
      "Give a number, or nothing to look without waiting." },
    { "client:receive()", "client:receive: messages go to the message handler; take it away with "
      .. 'client:on("message", nil)', "raises", "Use the handler or receive, not both.",
      when = "with a message handler",
      given = new { on = { message = print } } },
    { "client:read(1)", 'client:read: only for clients made with framing = "raw"; with another framing, client:receive '
      .. "returns the messages", "raises", 'Make the client with `framing = "raw"`, or call `client:receive`.' },
    { 'client:read "n"', "client:read: what must be a number of bytes, \"l\" (a line), \"L\" (with its end), \"a\" "
      .. "(all) or { delimiter = \"...\" }, got 'n'", "raises", "Give one of these.", when = 'with `framing = "raw"`',
      given = new { framing = "raw" } },
    { "client:read(1)", "client:read: messages go to the message handler; take it away with "
      .. 'client:on("message", nil)', "raises", "Use the handler or read, not both.",
      when = 'with `framing = "raw"` and a message handler',
      given = new { framing = "raw", on = { message = print } } },
    { "client:read(1)", "client:read: client:set_framing is in force, so client:receive returns the messages; "
      .. 'client:set_framing("raw") ends that', "raises", "Call `client:receive`.", when = "after client:set_framing",
      given = framed },
    { 'client:on("message", print)', "client:on: client:set_framing is in force, so messages come by receive: call "
      .. 'client:set_framing("raw") first', "raises", "Call `client:receive`.", when = "after client:set_framing",
      given = framed },
    { 'client:set_framing "u8"', 'client:set_framing: only for clients made with framing = "raw"', "raises",
      "Give the framing to sidewire.new, unless it changes within a connection." },
    { 'client:set_framing "u8"', 'client:set_framing: only for clients made with retain = "none": another connection, '
      .. "which begins raw, must not send again what was framed for this one", "raises",
      'Make the client with `retain = "none"`.', when = 'with `framing = "raw"`', given = new { framing = "raw" } },
    { "client:disconnect(-1)", "client:disconnect: linger must be a number of seconds, 0..1e8, got -1", "raises",
      "0 waits for nothing." },
    { "client:close(-1)", "client:close: linger must be a number of seconds, 0..1e8, got -1", "raises",
      "0 waits for nothing." },
    { "client:poll(-1)", "client:poll: max_events must be a whole number, 0 or more, got -1", "raises",
      "Give nothing for no limit." },
    { "sidewire.poll(client)",
      "sidewire.poll: poll is a function of the module and serves all clients: sidewire.poll()", "raises",
      "Write `sidewire.poll()`, or `client:poll()` for this client only." },
    { "sidewire.poll(1.5)", "sidewire.poll: max_events must be a whole number, 0 or more, got 1.5", "raises",
      "Give nothing for no limit." },
    { "sidewire.poll(nil, -1)", "sidewire.poll: max_seconds must be a number of seconds, 0..1e8, got -1", "raises",
      "Give nothing for no limit." },
    { "sidewire.wait(-1)", "sidewire.wait: timeout must be a number of seconds, 0..1e8, got -1", "raises",
      "Give nothing for no limit." },
    { "sidewire.stop(-1)", "sidewire.stop: timeout must be a number of seconds, 0..1e8, got -1", "raises",
      "Give nothing to give the clients their linger." },
    { "sidewire.poll()",
      "sidewire.poll: too many polls within handlers of polls, 16 at most: a handler that waits for an answer should "
        .. "return, and another handler take it", "raises",
      "Let the handler return. What is queued stays for the next `poll`.",
      when = "in a handler of the 16th poll within another", get = deep_poll },
    { "sidewire.set_policy { max_client = 1 }",
      "sidewire.set_policy: unknown option 'max_client' (valid: allow, deny, tls_library, tls_verify, "
        .. "max_clients, max_queue, max_inbox, max_linger, max_lookups, files)",
      "raises", "Check the spelling; the policy stays as it was." },
    { 'sidewire.set_policy { allow = { "10.0.0.1/8" } }',
      "sidewire.set_policy: allow[1] '10.0.0.1/8': the address has bits behind those that \"/\" counts; write the "
        .. "network's first address", "raises", "Write `10.0.0.0/8`, or `10.0.0.1` for one address." },
    { 'sidewire.set_policy { allow = { "tcp://example.org:443" } }',
      "sidewire.set_policy: allow[1] 'tcp://example.org:443': it is a URL: write the host and the port only, as "
        .. '"example.org:443"', "raises", "Rules are about hosts and ports, whatever is spoken there." },
    { "sidewire.on_error(5)", "sidewire.on_error: fn must be a function, got 5", "raises", "Give a function, or nil." },
    { "client:state()", "client:state: this client was collected", "raises",
      "Do not use a client in finalizers of objects that die with it.", when = "after the script called its `__gc`",
      given = function(case)
        case:new()
        debug.getmetatable(case.client).__gc(case.client)
      end },
  },
  {
    title = "Sending",
    text = "From here on nothing raises: the call returns `nil, message, code`. A refused message takes no id.",
    { 'client:send "one more line"', "queue full: queue_limit is 100 bytes; send again after the drain event", "EFULL",
      "Keep the message, and send it when `drain` comes. Sending faster than the server reads fills any queue.",
      when = "with `queue_limit = 100` used up", given = full },
    { 'client:send(("x"):rep(200))',
      "message too big: it has 200 bytes, which with its framing exceeds queue_limit (100)",
      "ETOOBIG", "Raise queue_limit, or send less at a time; this one never fits.", when = "with `queue_limit = 100`",
      given = new { queue_limit = 100 } },
    { 'client:send(("x"):rep(300))',
      "message too big: it has 300 bytes, and the framing's length prefix says 255 at most",
      "ETOOBIG", "Send less at a time, or take a wider prefix on both sides.", when = 'with `framing = "u8"`',
      given = new { framing = "u8" } },
    { 'client:send "two\\nlines"', 'the framing "line" adds the "\\n" itself: a message must not hold one, '
      .. 'nor end in "\\r", which framing = { delimiter = "\\n" } carries', "EFRAME",
      'Send one line at a time, without its end: `send "hello"`, not `send "hello\\n"`.' },
    { 'client:send "a--b"', "the framing adds its delimiter itself: a message must not hold it, nor form one with it",
      "EFRAME",
      "Leave it out at the end, escape it, or take another framing.", when = 'with `framing = { delimiter = "--" }`',
      given = new { framing = { delimiter = "--" } } },
    { 'client:send "x"', "the framing { fixed = 4 } carries messages of just that size, and this one has 1 bytes",
      "EFRAME",
      "Pad it.", when = "with `framing = { fixed = 4 }`", given = new { framing = { fixed = 4 } } },
    { 'client:send ""', 'the framing "raw" cannot carry an empty message', "EFRAME", "Do not send it.",
      when = 'with `framing = "raw"`', given = new { framing = "raw" } },
    { 'client:send ""', 'the framing { length = "u24le", adjustment = 1 } carries messages of at least 1 bytes, and '
      .. "this one has 0", "EFRAME", "Send also the bytes that the length does not count.",
      when = 'with `framing = { length = "u24le", adjustment = 1 }`',
      given = new { framing = { length = "u24le", adjustment = 1 } } },
    { 'client:send "Q\\0\\0\\0\\5xy"', 'the framing { length = "u32be", offset = 1, adjustment = -4 } carries exactly '
      .. "one frame as a message: expected its end at byte 7, where the frame is complete", "EFRAME",
      "Correct the length, or send one frame at a time; `write` looks at nothing.",
      when = 'with `framing = { length = "u32be", offset = 1, adjustment = -4 }`',
      given = new { framing = { length = "u32be", offset = 1, adjustment = -4 } } },
    { 'client:send "Q\\0\\0\\0\\9x"', 'the framing { length = "u32be", offset = 1, adjustment = -4 } carries exactly '
      .. "one frame as a message: expected at least 10 bytes, as it says at byte 5, and it has 6", "EFRAME",
      "The same.",  when = 'with `framing = { length = "u32be", offset = 1, adjustment = -4 }`',
      given = new { framing = { length = "u32be", offset = 1, adjustment = -4 } } },
    { 'client:send "PING"', 'the framing "resp" carries exactly one value as a message: expected the type of a value, '
      .. "one of +-:$*_#,(!=%~>| at byte 1", "EFRAME", "Send a value: `*1\\r\\n$4\\r\\nPING\\r\\n`.",
      when = 'with `framing = "resp"`', given = new { framing = "resp" } },
    { 'client:send "$4\\r\\nPING"', 'the framing "resp" carries exactly one value as a message: expected at least 10 '
      .. "bytes, as it says at byte 4, and it has 8", "EFRAME", "Send all of it.",
      when = 'with `framing = "resp"`', given = new { framing = "resp" } },
    { 'client:write ""', "bytes must not be empty", "EFRAME", "Do not write it." },
    { 'client:send_once "x"', "not connected: call client:connect first", "ENOTCONN",
      "Connect, and wait for the event `connect`. `send` takes a message at any time.",
      when = "before `client:connect()`", names = "client:connect" },
    { 'client:send_once "x"', 'not connected yet: wait for the connect event, or for client:wait("connected")',
      "ENOTCONN", "Send it in the handler of `connect`, for example.",
      when = "after `client:connect()`, before its `connect` event", given = connecting },
    { 'client:send_once "x"', "the connection to 127.0.0.1 port 4000 that the message is for has ended: wait for the "
      .. 'next connect event, or for client:wait("connected")', "ENOTCONN",
      "The message was not queued: decide at the next `connect` whether it still makes sense.",
      when = "when the connection has ended", given = function(case)
        case:connect_to("silent", { reconnect = 60 })
        assert(case.client:wait("connected", util.DEADLINE))
        case.peer:command "finish"
        case:wait_until(function() return not case.client:is_connected() end)
      end },
    { 'client:send "x"', "client:shutdown has ended sending: call client:connect first", "ENOTCONN",
      "Half-close only after the last message.", when = "after `client:shutdown()`", names = "client:shutdown",
      given = function(case)
        case:connect_to "silent"
        assert(case.client:shutdown())
      end },
    { "client:shutdown()", "not connected: there is nothing to shut down", "ENOTCONN",
      "Nothing: there is no connection whose sending could end.", when = "before `client:connect()`",
      names = "shut down" },
    { "client:confirm(7)", "there is no message 7: the newest is 2", "EINVAL",
      "Look where the number comes from: is it an id of this process?",
      when = 'with `retain = "unconfirmed"`, after two messages', given = unconfirmed(2) },
    { "client:confirm(7)", "there is no message 7: none was sent yet", "EINVAL", "The same.",
      when = 'with `retain = "unconfirmed"`', given = unconfirmed(0) },
    { "client:confirm(-1)", "there is no message -1: ids begin at 1", "EINVAL", "The same.",
      when = 'with `retain = "unconfirmed"`', given = unconfirmed(0) },
    { "client:confirm(2)", "message 2 was never handed over, so it cannot be confirmed", "EINVAL",
      "No connection was given it: the other program cannot have it.",
      when = 'with `retain = "unconfirmed"`, after two messages, before a connection', given = unconfirmed(2) },
    { 'client:send "x"', "the client of 127.0.0.1 port 4000 is closed: make a new one", "ECLOSED",
      "`close` is for good; `disconnect` is not.", when = "after `client:close()`", given = closed },
    { 'client:send "x"', "this client is closed: make a new one", "ECLOSED", "The same, for a client without a server.",
      when = "after `client:close()`", given = function(case)
        case:new { host = false, port = false }
        case.client:close()
      end },
  },
  {
    title = "Connections",
    text = "`connect` returns at once, so these come with an event: `error` where there is no further attempt, `retry` "
      .. "before each one that there is, `disconnect` when a connection ended. `wait`, "
      .. "`flush` and `receive` return the same message when nothing more can come.",
    { "client:connect()", "cannot connect to 127.0.0.1 port 4000: connection refused", "ECONNREFUSED",
      "Is the server running, and on that port?", when = "no server listens there", given = on_closed_port,
      event = "error" },
    { "client:connect()", "cannot connect to 127.0.0.1 port 4000: connection refused", "ECONNREFUSED",
      "Nothing: the next attempt follows by itself.", when = "the same, with `reconnect = 1`", event = "retry",
      given = function(case) case:new { port = ports.closed(), reconnect = 1 } end },
    { "client:connect()", "cannot connect to 127.0.0.1 port 4000: connection timed out", "ETIMEDOUT",
      "A firewall, a wrong address, or a server that is stuck; `connect_timeout` says how long it is tried.",
      when = "nothing answers", given = on_mute_server, event = "error" },
    { "client:connect()", "cannot connect to unix:/run/game/sock: there is no such file: is the server running, and is "
      .. "the path right?", "ENOENT", "Start the server, or correct the path.", when = "there is no such unix socket",
      given = on_unix_socket "unix:/run/game/sock", event = "error" },
    { "client:connect()", "cannot connect to unix:/dev/null: the file is there, but nothing listens on it: the server "
      .. "has ended and left its socket behind (start it again), or the file is no socket", "ECONNREFUSED",
      "Start the server again: most remove the old file themselves.", when = "a file that no server listens on",
      given = on_unix_socket "unix:/dev/null", event = "error" },
    { "client:connect()", "cannot connect to unix:@game: nothing listens on this abstract name: is the server running, "
      .. "in the same network namespace?", "ECONNREFUSED", "A container has names of its own: use a path there.",
      when = "no server has that abstract name", given = on_unix_socket "unix:@game", event = "error" },
    { "client:connect()", "cannot connect to unix:/run/game.sock: permission denied: this user needs write permission "
      .. "for the socket's file, and search permission for each directory of its path", "EACCES",
      "Have the server make the file for a group that both users are in.", when = "of another user",
      not_here = "spec/connect/unix_spec.lua" },
    { "client:connect()", "cannot connect to unix:/run/game.sock: its backlog is full: the server runs, but does not "
      .. "accept connections", "EAGAIN", "The server is stuck, or too slow. It was tried again for `connect_timeout`.",
      when = "more clients than the server accepts", not_here = "spec/connect/unix_spec.lua" },
    { 'client:connect("no-such-host.invalid", 4000)', "cannot resolve no-such-host.invalid: host name not found",
      "ENOTFOUND", "Is the name spelled right?", when = "no such host", given = new { reconnect = false },
      event = "error", or_else = { "cannot resolve no-such-host.invalid: name service does not answer",
        "cannot resolve no-such-host.invalid: name service cannot be reached, or reports a failure of its own",
        code = "EAI_AGAIN" } },
    { 'client:connect("example.org", 4000)', "cannot resolve example.org: name service does not answer", "EAI_AGAIN",
      "Is there a network? With `reconnect` on it is asked again.", when = "no name service",
      not_here = "the network decides; spec/connect/name_service_spec.lua" },
    { 'client:connect("example.org", 4000)', "cannot resolve example.org: name service cannot be reached, or reports a "
      .. "failure of its own", "EAI_AGAIN", "Is there a network, and does the name server in /etc/resolv.conf "
      .. "work? With `reconnect` on it is asked again.", when = "it said so within a second",
      not_here = "the network decides; spec/connect/name_service_spec.lua" },
    { 'client:connect("example.org", 4000)', "cannot resolve example.org: the name exists, but has no address",
      "ENOTFOUND", "Is it the right name? It has entries of another kind, perhaps for mail.", when = "no address of it",
      not_here = "the network decides; spec/connect/name_service_spec.lua" },
    { "client:connect()", "cannot connect to example.org port 4000: 192.0.2.1: connection refused; 2001:db8::1: "
      .. "network is unreachable", "ECONNREFUSED",
      "Each address has its own reason; `detail.causes` has them one by one.",
      when = "a name has several addresses", not_here = "spec/connect/race_spec.lua" },
    { "client:connect()", "cannot connect to example.org port 4000: 192.0.2.1: connection timed out; 192.0.2.2: not "
      .. "tried, because connect_timeout was over", "ETIMEDOUT", "Raise `connect_timeout`.",
      when = "a name has several addresses", not_here = "spec/connect/race_spec.lua" },
    { "client:connect()", "cannot connect to 127.0.0.1 port 4000: the server has no address of the family (IPv4, IPv6) "
      .. "of bind", "EAFNOSUPPORT", "Bind to an address of the server's family.", when = 'with `bind = "::1"`',
      given = new { bind = "::1", reconnect = false }, event = "error" },
    { "client:connect()", "cannot connect to 127.0.0.1 port 4000: no interface of this machine has the address of bind",
      "EADDRNOTAVAIL", "See which addresses the machine has (`ip address`).", when = 'with `bind = "192.0.2.7"`',
      given = new { bind = "192.0.2.7", reconnect = false }, event = "error" },
    { "client:connect()", "cannot connect to 127.0.0.1 port 4000: another socket has the port of bind", "EADDRINUSE",
      "Take another port, or none.", when = "with a port in `bind` at which a program listens",
      not_here = "spec/connect/bind_spec.lua" },
    { "client:connect()", "cannot connect to 127.0.0.1 port 4000: this process may not use the port of bind", "EACCES",
      "Take a port above 1023, or none.", when = "with `bind = { port = 80 }`", not_here = "a superuser may use it" },
    { "client:connect()", "cannot connect to 127.0.0.1 port 4000: bind leaves no port: such a connection exists or "
      .. "ended just now", "EADDRNOTAVAIL", "Bind without a port, or let the next attempt follow.",
      when = "with a port in `bind`, twice", not_here = "spec/connect/bind_spec.lua" },
    { "client:connect()", "cannot connect to 127.0.0.1 port 4000: connected to itself, because no server "
      .. "listens there", "ESELF", "Is the server running? With `reconnect` on the next attempt follows by itself.",
      when = "the system gave the connection its own port",
      not_here = "chance decides; spec/connect/connect_spec.lua" },
    { "client:connect()", "sidewire's background thread failed: too many open files", "EMFILE",
      "Close what is open, or raise the limit (`ulimit -n`).", when = "the process has no descriptors left",
      not_here = "spec/injected/refusal_spec.lua" },
    { "client:connect()", "connection to 127.0.0.1 port 4000 ended: the other side ended it", "EPEER",
      "The server closed it, or its program ended, or was killed with nothing unread. With `reconnect` on the next "
      .. "attempt follows by itself.", when = "later the server's system ends it (a FIN)",
      given = told("finish", { reconnect = false }), event = "disconnect" },
    { "client:connect()", "connection to 127.0.0.1 port 4000 ended: connection reset by peer", "ECONNRESET",
      "The server closed it, ended or was killed while something that you sent was unread, or its machine started "
      .. "anew, or something on the way dropped the connection. Look at `lost`.", when = "later it is reset",
      given = told("reset", { reconnect = false }), event = "disconnect" },
    { "client:connect()", "sending to 127.0.0.1 port 4000 failed: connection reset by peer", "ECONNRESET",
      "The same, found while sending.", when = "later it is reset", event = "disconnect",
      not_here = "chance decides whether sending or receiving finds it; spec/send/flush_spec.lua" },
    { "client:connect()", "sending to 127.0.0.1 port 4000 failed: broken pipe", "EPIPE",
      "The same: an earlier reset, or the server's end, was not seen before, as with a full inbox. Look at `lost`.",
      when = "later it is reset", event = "disconnect",
      not_here = "chance decides whether sending or receiving finds it; spec/send/flush_spec.lua" },
    { "client:connect()", 'connection to 127.0.0.1 port 4000 ended: framing "line": the message that begins at byte 1 '
      .. 'of the connection is longer than max_message (10): "0123456789 "', "EFRAME",
      "Raise max_message, or see whether both sides speak the same framing.",
      when = "with `max_message = 10`, and a longer one comes",
      given = sent("0123456789 and more\n", { max_message = 10 }), event = "disconnect" },
    { "client:connect()", 'connection to 127.0.0.1 port 4000 ended: framing "u32be": the message that begins at byte 1 '
      .. 'of the connection claims 1213486160 bytes, more than max_message (16777216): "HTTP"', "EFRAME", "The same.",
      when = 'with `framing = "u32be"`, and text comes', given = sent("HTTP/1.1", { framing = "u32be" }),
      event = "disconnect" },
    { "client:connect()", 'connection to 127.0.0.1 port 4000 ended: framing "netstring": expected a digit or ":" at '
      .. 'byte 3 of the message that begins at byte 9 of the connection: "12x"', "EFRAME",
      "See whether both sides speak the same framing, and what the server has sent there.",
      when = 'with `framing = "netstring"`, and something else comes',
      given = sent("5:hello,12x", { framing = "netstring" }), event = "disconnect" },
    { "client:disconnect()", "closed", "ECLOSED", "Nothing: you asked for it.", when = "connected",
      given = connected_to "silent", event = "disconnect", names = false },
    { "client:connect()", "the client of 127.0.0.1 port 4000 is closed: make a new one", "ECLOSED",
      "Make a new client.",
      when = "after `client:close()`", given = closed },
    { "client:disconnect()", "the client of 127.0.0.1 port 4000 is closed: make a new one", "ECLOSED", "Nothing.",
      when = "after `client:close()`", given = closed },
    { "client:set_reconnect(1)", "the client of 127.0.0.1 port 4000 is closed: make a new one", "ECLOSED",
      "Make a new client.", when = "after `client:close()`", given = closed },
    { 'client:set_server("127.0.0.1", 4000)', "the client of 127.0.0.1 port 4000 is closed: make a new one", "ECLOSED",
      "Make a new client.", when = "after `client:close()`", given = closed },
  },
  {
    title = "Waiting",
    text = "A time-out harms nothing: what was waited for goes on, and the next call waits on.",
    { 'client:wait("connected", 0.01)', "timed out: not connected to 127.0.0.1 port 4000 yet; it has not answered",
      "ETIMEDOUT", "Wait again, or go on without.", when = "nothing answers", given = connecting },
    { 'client:wait("connected", 0.01)', "timed out: not connected to 127.0.0.1 port 4000 yet; last attempt: connection "
      .. "refused; next attempt in 60 s", "ETIMEDOUT", "Start the server; `client:connect()` tries at once.",
      when = "with `reconnect = 60`, and nobody listens there", given = waiting_for_next },
    { 'client:wait("connected", 0)', "timed out: not connected to no-such-host.invalid port 4000 yet; still looking up "
      .. "no-such-host.invalid", "ETIMEDOUT", "Wait again.", when = "the name service takes its time",
      not_here = "the name service decides; spec/connect/timeout_spec.lua" },
    { 'client:wait("disconnected", 0.01)', "timed out: the connection to 127.0.0.1 port 4000 has not ended yet: "
      .. "neither client:disconnect nor the other side ended it", "ETIMEDOUT",
      "Call `client:disconnect()`, or wait again.", when = "connected", given = connected_to "silent" },
    { 'client:wait("disconnected", 0.01)', "timed out: the connection to 127.0.0.1 port 4000 has not ended yet: "
      .. "the other side has not acknowledged everything, or not ended it", "ETIMEDOUT",
      "Wait again; the linger of `client:disconnect` bounds it.", when = "after `client:disconnect(9)`",
      given = function(case)
        case:connect_to("silent", { linger = 0 })
        case.client:disconnect(9)
      end },
    { 'client:wait("disconnected", 0.01)', "timed out: there is no connection to 127.0.0.1 port 4000, and the client "
      .. "goes on connecting: call client:disconnect first; last attempt: connection refused; next attempt in 60 s",
      "ETIMEDOUT", "Call `client:disconnect()`; only then does it stay disconnected.",
      when = "with `reconnect = 60`, and nobody listens there", given = waiting_for_next },
    { 'client:wait("disconnected", 0.01)', "timed out: the connection to 127.0.0.1 port 4000 has ended, and the client "
      .. "connects again: call client:disconnect first; last connection: the other side ended it; next attempt in "
      .. "60 s", "ETIMEDOUT", "The same.", when = "with `reconnect = 60`, and the server ended it",
      given = function(case)
        told("finish", { reconnect = 60 })(case)
        case:wait_until(function() return case.client:state() == "waiting" end)
      end },
    { "client:flush(0.01)", "timed out: 1 message is not sent to 127.0.0.1 port 4000 yet: not connected; it has not "
      .. "answered", "ETIMEDOUT", "Wait again; nothing is lost.", when = "nothing answers", given = function(case)
        connecting(case)
        case.client:send "x"
      end },
    { "client:receive()", "no message from 127.0.0.1 port 4000 yet", "ETIMEDOUT", "Ask again later.",
      when = "connected",
      given = connected_to "silent" },
    { "client:receive()", "no message from 127.0.0.1 port 4000 yet: not connected; last attempt: connection refused; "
      .. "next attempt in 60 s", "ETIMEDOUT", "Start the server; messages come once there is a connection.",
      when = "with `reconnect = 60`, and nobody listens there", given = waiting_for_next },
    { "client:read(16)", "not yet 16 bytes from 127.0.0.1 port 4000, 0 bytes are unread", "ETIMEDOUT",
      "Ask again later; what has come stays.", when = 'connected, with `framing = "raw"`',
      given = connected_to("silent", { framing = "raw" }) },
    { "client:read(1000)", "1000 bytes are more than max_read (100): read them in parts, or give the client a larger "
      .. "max_read", "EFRAME", "Do so.", when = 'with `framing = "raw"`, `max_read = 100`',
      given = connected_to("silent", { framing = "raw", max_read = 100 }) },
    { 'client:read "l"', "the end of a line has not come within max_read (100 bytes), and 101 bytes are unread: read "
      .. "them by their number, or give the client a larger max_read", "EFRAME",
      "Nothing was consumed. If the other side should send no such line, disconnect.",
      when = 'with `framing = "raw"`, `max_read = 100`', given = function(case)
        case:connect_to("silent", { framing = "raw", max_read = 100 })
        case.peer:command("send " .. Peer.hex(("x"):rep(101)))
        case:wait_until(function() return case.client:stats().received_bytes == 101 end)
      end },
    { "client:read(16, 1)", "connection to 127.0.0.1 port 4000 ended: the other side ended it", "EPEER",
      "The first result is what had come, nil if nothing had; connect again.",
      when = 'with `framing = "raw"`: the server ended it',
      given = told("finish", { framing = "raw", reconnect = false }) },
    { 'client:set_framing "u8"', "not connected: call client:connect first", "ENOTCONN", "Connect first.",
      when = 'with `framing = "raw"`, `retain = "none"`', given = new { framing = "raw", retain = "none" },
      names = "client:connect" },
    { 'client:send "x"', "the connection to 127.0.0.1 port 4000 that the message is for has ended: wait for the next "
      .. 'connect event, or for client:wait("connected")', "ENOTCONN", "What was framed belonged to that connection.",
      when = "after client:set_framing, when the connection has ended", given = function(case)
        framed(case)
        case.peer:command "finish"
        case:wait_until(function() return not case.client:is_connected() end)
      end },
    { "sidewire.wait(0.01)", "timed out: nothing came", "ETIMEDOUT", "Nothing.", when = "connected",
      given = function(case)
        case:connect_to "silent"
        case.sidewire.poll()
      end, names = "nothing came" },
    { "sidewire.wait(0.01)", "timed out: nothing came; no client was ever connected; call client:connect first",
      "ETIMEDOUT", "Connect first.", get = function(case)
        return case:run_apart "REPORT(require 'sidewire'.wait(0.01))"
      end, names = "client:connect" },
    { "sidewire.wait()", "nothing to wait for: no client was ever connected; call client:connect first", "ECLOSED",
      "Connect first: this would wait for ever.", get = function(case)
        return case:run_apart "REPORT(require 'sidewire'.wait())"
      end, names = "client:connect" },
    { "sidewire.wait()", "nothing to wait for: no client is connected or connecting (client:state says why); call "
      .. "client:connect first", "ECLOSED", "Connect again, or leave the loop: this would wait for ever.",
      when = "after `client:disconnect()`, with no other client", given = function(case)
        case:connect_to "silent"
        case.sidewire.poll()
        case.client:disconnect(0)
      end, names = "client:connect" },
    { "sidewire.wait(1)", "cannot wait: poll(2) failed: invalid argument", "EINVAL",
      "Allow the process more descriptors: RLIMIT_NOFILE (`ulimit -n`) is below what poll(2) asks for.",
      when = "connected, with `ulimit -n 0`", names = "poll(2)", get = function(case)
        return case:run_script("wait_without_descriptors", case:serve "silent")
      end },
    { "sidewire.notifier()", "cannot open the notifier's descriptor: too many open files", "EMFILE",
      "Close what is open, or raise the limit (`ulimit -n`), and ask again.",
      when = "the process has no descriptors left", names = "descriptor",
      get = function(case) return case:run_script "notifier_without_descriptors" end },
    { 'client:wait "connected"', "not connected: call client:connect first", "ENOTCONN", "Call connect.",
      names = "client:connect" },
    { 'client:wait "connected"', "not connected: client:disconnect ended the connection", "ECLOSED",
      "Call connect again.", when = "after `client:disconnect()`", given = function(case)
        case:connect_to "silent"
        case.client:disconnect()
        case.client:wait "disconnected"
      end, names = "client:disconnect" },
    { 'client:wait "connected"', "cannot connect to 127.0.0.1 port 4000: connection refused", "ECONNREFUSED",
      "As for the event.", when = "no server listens there", given = function(case)
        on_closed_port(case)
        case.client:connect()
      end },
    { 'client:wait "disconnected"', "inbox full: poll first", "EFULL",
      "Call `sidewire.poll` or `receive`: while the inbox is full, the end of the connection cannot be seen.",
      when = "with more than inbox_limit of unread messages", given = flooded, names = "inbox" },
    { "client:receive(1)", "connection to 127.0.0.1 port 4000 ended: the other side ended it", "EPEER",
      "All messages have been received; connect again.", when = "the server ended it",
      given = told("finish", { reconnect = false }) },
    { "client:receive(1)", "the connection before this one has ended: by client:disconnect, or by client:connect to "
      .. "another server", "ECLOSED", "Nothing: you asked for it. `receive` returns the end of each connection once; "
      .. "call it again for the messages of this one.", when = "after `client:connect(host, port)` to another server",
      given = function(case)
        case:connect_to "silent"
        case.client:connect("127.0.0.1", case:keep(ports.black_hole()).port)
      end, names = "client:disconnect" },
    { 'client:wait "connected"', "the client of 127.0.0.1 port 4000 is closed: make a new one", "ECLOSED",
      "Make a new client.", when = "after `client:close()`", given = closed },
    { 'client:wait("disconnected", 9)', "interrupted", "EINTR", "Handle what the signal is about, then wait again.",
      when = "a signal comes", get = function(case)
        return case:run_script("wait_interrupted", case:serve "silent")
      end, names = false },
    { "sidewire.stop(0)", "the background thread did not end in time; it ends by itself", "ETIMEDOUT",
      "Nothing, or give it more time.", when = "the machine is too busy", not_here = "the scheduler decides" },
  },
  {
    title = "RESP values",
    text = "What `sidewire.resp` refuses. A test of every message that decode has: spec/receive/resp_spec.lua.",
    { 'sidewire.resp.encode("GET", nil)',
      "sidewire.resp.encode: argument 2 must be a string or a number, got nil", "raises",
      "A command has strings and numbers only." },
    { "sidewire.resp.encode()", "sidewire.resp.encode: a command needs a name", "raises", "Give the command." },
    { "sidewire.resp.encode_value(print)", "sidewire.resp.encode_value: a value must be a string, a number, a boolean, "
      .. "a table or sidewire.resp.null, got a function", "raises", "Give one of these." },
    { "sidewire.resp.encode_value { a = 1 }", "sidewire.resp.encode_value: a list has nothing but the values 1, 2, 3 "
      .. 'and so on (a table of other keys: sidewire.resp.as("map", t); no value: sidewire.resp.null)', "raises",
      "Say that the table is a map, or fill its holes." },
    { "sidewire.resp.encode_value(t)",
      "sidewire.resp.encode_value: tables are nested more than 64 levels deep", "raises",
      "Put it somewhere else than into itself.", when = "a table that is in itself", get = encode_circle },
    { 'sidewire.resp.encode_value(sidewire.resp.as("simple", "a\\nb"))',
      "sidewire.resp.encode_value: a simple string cannot have \\r or \\n in it", "raises", "Give a plain string." },
    { 'sidewire.resp.encode_value(sidewire.resp.as("big", "1.5"))',
      "sidewire.resp.encode_value: a big number must be decimal digits", "raises", "Give a number for a double." },
    { 'sidewire.resp.as("list", {})', 'sidewire.resp.as: kind must be "set", "map", "push", "error", "simple", '
      .. '"verbatim", "big" or "double", got \'list\'', "raises", "A plain table is an array." },
    { 'sidewire.resp.as("map", 5)',
      "sidewire.resp.as: value must be a table without a metatable of its own, got 5", "raises", "Give a table." },
    { "sidewire.resp.decode(5)", "sidewire.resp.decode: bytes must be a string, got 5", "raises",
      "Give the message." },
    { 'sidewire.resp.decode "*2\\r\\n:1\\r\\n"',
      "not a RESP value: expected 2 value(s) at byte 5, got only 4 bytes", "EFRAME",
      'Was the message cut? With `framing = "resp"` it is whole.' },
    { 'sidewire.resp.decode "$?\\r\\n"', "not a RESP value: expected a digit at byte 2, got \"?\\r\\n\"", "EFRAME",
      "Streamed values are not supported; no version of Redis sends them.", names = "RESP value" },
  },
  {
    title = "Settings files",
    text = "The file is left as it was, whatever is wrong.",
    { "sidewire.settings.load(5)", "sidewire.settings.load: path must be the name of a file, got '5'", "raises",
      "Give a name." },
    { 'sidewire.settings.save("net.ini", 5)',
      "sidewire.settings.save: values must be a table { host =, port =, server =, reconnect = }", "raises",
      "Give a table." },
    { 'sidewire.settings.save("net.ini", { prot = 4000 })',
      "sidewire.settings.save: unknown key 'prot' (valid: host, port, server, reconnect)", "raises",
      "Correct the name." },
    { 'sidewire.settings.save("net.ini", { server = "unix:/run/my game" })',
      "sidewire.settings.save: server 'unix:/run/my game' cannot be saved: it holds a blank or a control character",
      "raises", "Give the socket a path without blanks." },
    { 'sidewire.settings.save("net.ini", { port = 0 })',
      "sidewire.settings.save: port must be a whole number, 1..65535, got 0", "raises", "Give a port." },
    { 'sidewire.settings.load "net.ini"', "net.ini, line 2: port must be a whole number, 1..65535, got 'x'",
      "ESETTINGS",
      "Correct the line. A broken file is never overwritten.", when = "the file says `port = x`",
      given = file_with "host = example.org\nport = x\n" },
    { 'sidewire.settings.load "net.ini"',
      "net.ini, line 1: reconnect must be off, on or a number of seconds, got 'yes'",
      "ESETTINGS", "Correct the line.", when = "the file says `reconnect = yes`",
      given = file_with "reconnect = yes\n" },
    { 'sidewire.settings.load "net.ini"',
      "net.ini, line 1: invalid host name 'http://x': it is a URL or a path; only the "
      .. "host name is wanted, as in example.org; the option server takes a URL", "ESETTINGS", "Correct the line.",
      when = "the file says `host = http://x`", given = file_with "host = http://x\n" },
    { 'sidewire.new { settings = "net.ini" }',
      "net.ini, line 1: 'example.org 4000' is no 'key = value', no [section] and "
      .. "no comment", "ESETTINGS", "Write `host = example.org` and `port = 4000`, each on a line.",
      when = "the file says `example.org 4000`", given = file_with "example.org 4000\n" },
    { 'sidewire.new { settings = "net.ini", port = 4000 }', "cannot write net.ini: no such file or directory", "ENOENT",
      "Make the folder.", when = "there is no such folder", given = in_no_folder, or_else = {
        "cannot read net.ini: not a directory", code = "ENOTDIR" } },
    { 'sidewire.settings.load "net.ini"', "cannot read net.ini: is a directory", "EISDIR", "Give the file's name.",
      when = "it is a folder", given = function(case) case.path = case.folder end },
    { 'client:set_server("127.0.0.1", 4000)', "done, but not saved: cannot write net.ini: no space left on device",
      "ENOSPC", "The client goes there; only the file does not say so. It is saved with the next setting.",
      when = "the disk is full", not_here = "spec/settings/failing_save_spec.lua" },
  },
  {
    title = "The host's policy",
    text = "A program that runs scripts of others may limit them: [Embedding](embedding.md#opening-it).",
    { "sidewire.new { queue_limit = 2^20 }",
      "sidewire.new: queue_limit 1048576 exceeds the host's policy: max_queue is 1000", "EPOLICY",
      "Ask for less, or leave the option out: then it is what the policy allows.", when = "under `max_queue = 1000`",
      get = under_policy("max_queue = 1000", "sidewire.new { queue_limit = 2^20 }") },
    { "sidewire.new { inbox_limit = 2^20 }",
      "sidewire.new: inbox_limit 1048576 exceeds the host's policy: max_inbox is 1000", "EPOLICY", "The same.",
      when = "under `max_inbox = 1000`",
      get = under_policy("max_inbox = 1000", "sidewire.new { inbox_limit = 2^20 }") },
    { "sidewire.new { max_message = 2^20 }",
      "sidewire.new: max_message 1048576 exceeds the host's policy: max_inbox is 1000", "EPOLICY", "The same.",
      when = "under `max_inbox = 1000`",
      get = under_policy("max_inbox = 1000", "sidewire.new { max_message = 2^20 }") },
    { "sidewire.new { linger = 60 }", "sidewire.new: linger 60.0 s exceeds the host's policy: max_linger is 0.5 s",
      "EPOLICY", "The same.", when = "under `max_linger = 0.5`",
      get = under_policy("max_linger = 0.5", "sidewire.new { linger = 60 }") },
    { "sidewire.new()", "sidewire.new: the host's policy allows no more clients: max_clients is 1, and a client counts "
      .. "until it is closed and its socket gone", "EPOLICY", "Close a client first.", when = "under `max_clients = 1`",
      get = under_policy("max_clients = 1", "sidewire.new()") },
    { "client:disconnect(60)", "client:disconnect: linger 60.0 s exceeds the host's policy: max_linger is 0.5 s",
      "EPOLICY", "Give less time; nothing was done.", when = "under `max_linger = 0.5`",
      get = under_policy("max_linger = 0.5", "client:disconnect(60)") },
    { "client:close(60)", "client:close: linger 60.0 s exceeds the host's policy: max_linger is 0.5 s",
      "EPOLICY", "Nothing: it is closed, with the longest linger that is allowed.", when = "under `max_linger = 0.5`",
      get = under_policy("max_linger = 0.5", "client:close(60)") },
    { "sidewire.stop(60)", "sidewire.stop: timeout 60.0 s exceeds the host's policy: max_linger is 0.5 s",
      "EPOLICY", "Give less time; nothing was done.", when = "under `max_linger = 0.5`",
      get = under_policy("max_linger = 0.5", "sidewire.stop(60)") },
    { 'sidewire.settings.load "net.ini"', "cannot open net.ini: the host's policy allows no files (files is false)",
      "EPOLICY", "Ask the host's makers; `settings` as an option of `sidewire.new` gives the same.",
      when = "under `files = false`", get = under_policy("files = false", "sidewire.settings.load 'net.ini'") },
    { 'client:connect("10.0.0.1", 80)', "client:connect: the host's policy does not allow tcp://10.0.0.1:80: no rule "
      .. "of allow admits it (valid: *.example.org:443, unix:/run/game/*)", "EPOLICY",
      "Connect to what is listed, or ask the host's makers.",
      when = 'under `allow = { "*.example.org:443", "unix:/run/game/*" }`',
      get = under_policy('allow = { "*.example.org:443", "unix:/run/game/*" }', 'client:connect("10.0.0.1", 80)') },
    { "sidewire.new { server = 'tcp://10.0.0.1:80' }",
      "sidewire.new: the host's policy does not allow tcp://10.0.0.1:80: rule 1 of deny, 10.0.0.0/8", "EPOLICY",
      "The same.", when = 'under `deny = { "10.0.0.0/8" }`',
      get = under_policy('deny = { "10.0.0.0/8" }', "sidewire.new { server = 'tcp://10.0.0.1:80' }") },
    { "sidewire.set_policy {}", "sidewire.set_policy: the host's policy is locked", "EPOLICY",
      "Nothing: there is no way back.", when = "after `sidewire.lock_policy()`",
      get = under_policy("max_clients = 9", "(sidewire.lock_policy() and sidewire.set_policy)({})") },
  },
  {
    title = "Processes and Lua states",
    text = "",
    { 'client:send "x"', "not usable after fork: this client is the parent process's; make one with "
      .. "sidewire.new here", "EFORKED",
      "The parent's clients are the parent's; every method of theirs answers so. Make new ones in the child.",
      when = "in the child of a fork",
      get = function(case)
        return case:run_script("send_in_child", case:serve "silent")
      end, names = "fork" },
    { "sidewire.wait()", "nothing to wait for: no client was ever connected; call client:connect first", "ECLOSED",
      "Connect a client in the child: those of the parent do not count.", when = "in the child of a fork",
      get = function(case)
        return case:run_apart([[
          local sidewire = require "sidewire"
          local client = sidewire.new { host = "127.0.0.1", port = tonumber(...) }
          client:connect()
          client:wait "connected"
          local child = embed.fork()
          if child == 0 then REPORT(sidewire.wait()) else embed.reap(child) end
        ]], case:serve "silent")
      end, names = "client" },
    { 'require "sidewire"', "build/release/sidewire/core.so was built for Lua 5.4, and this is Lua 5.1: install it for "
      .. "this one (luarocks --lua-version=5.1), or use the file that `make LUA=5.1` builds, "
      .. "build/release-5.1/sidewire/core.so", "raises", "Do so; each version of Lua needs a module of its own.",
      when = "with a Lua other than the one built for", get = load_elsewhere, lacks = lacks_other_lua,
      names = "Lua 5.1" },
    { 'require "sidewire"', "undefined symbol: lua_pushfstring", "raises",
      "Link the program with `-rdynamic`, or with Lua as a shared library: modules take the functions of Lua from the "
      .. "program. The text is the dynamic linker's, and another function may be named.",
      when = "in a C program with Lua linked in as a static library", names = "lua_",
      not_here = "the program's build decides" },
    { "sidewire.new {}", "this Lua state is closing", "ECLOSED", "Do not make clients in finalizers at the end.",
      when = "in a finalizer, while the Lua state closes", get = function(case)
        return case:run_script "new_at_the_end"
      end, names = "Lua state" },
  },
}

-- --- provoking ---

local Case = {}
Case.__index = Case

-- An idle client; false takes host or port away.
function Case:new(options)
  local complete = { host = "127.0.0.1", port = self.port }
  for name, value in pairs(options or {}) do
    complete[name] = value
    if value == false and name ~= "reconnect" then complete[name] = nil end
  end
  self.port = complete.port
  self.client = sidewire.new(complete)
end

function Case:serve(mode)
  self.peer = Peer.start { mode = mode }
  self.port = self.peer.port
  return self.port
end

function Case:connect_to(mode, options)
  self:serve(mode)
  self:new(options)
  assert(self.client:connect())
  assert(self.client:wait("connected", util.DEADLINE))
  assert(self.peer:wait_accepted(1, util.DEADLINE))
end

-- Keeps a socket until the case is over.
function Case:keep(one)
  self.sockets[#self.sockets + 1] = one
  return assert(one)
end

function Case:wait_until(predicate) -- luacheck: ignore 212
  assert(util.wait_until(predicate))
end

function Case:write(text)
  files.write(self.path, text)
end

-- Runs a text in a process of its own, a C host; returns what it gave to REPORT, without the nil.
function Case:run_apart(text, ...) -- luacheck: ignore 212
  local report = [[local function REPORT(_, message, code) print(("report <%s> <%s>"):format(message, code)) end ]]
  local said = host.run_text("embed run", report .. text, ...)
  local message, code = said:match "report <(.-)> <(.-)>\n"
  return assert(message, said), code
end

-- The same with a function of spec/documents/scripts/errors.lua.
function Case:run_script(name, ...)
  return self:run_apart(("require('spec.documents.scripts.errors')[%q](REPORT, ...)"):format(name), ...)
end

-- Calls; returns the message and its code, or "raises".
local function call(case, row)
  local source = row[1]:gsub("net%.ini", case.path)
  local environment = { sidewire = sidewire, client = case.client, print = print }
  -- Not `return source`: as a tail call, the function has no name in 5.1.
  local text = ("local first, message, code = %s return first, message, code"):format(source)
  local f = assert(engine.load(text, source, environment))
  local results = engine.pack(pcall(f))
  if results[1] then return results[3], results[4] end
  return results[2]:gsub("^%[string [^\n]*%]:1: ", ""), "raises"
end

local function call_for_event(case, row)
  local message, code
  case.client:on(row.event, function(_, ...)
    local arguments = { ... }
    if row.event == "retry" then table.remove(arguments, 1) table.remove(arguments, 1) end
    message, code = arguments[1], arguments[2]
  end)
  call(case, row)
  assert(util.poll_until(function() return message end))
  return message, code
end

-- As it stands in the table: with the port, the seconds and the file of the table.
local function as_written(case, message)
  message = message:gsub("port " .. tostring(case.port) .. "%f[%D]", "port 4000")
  message = message:gsub("next attempt in [%d.]+ s", "next attempt in 60 s")
  local first, last = message:find(case.path, 1, true)
  if first then message = message:sub(1, first - 1) .. "net.ini" .. message:sub(last + 1) end
  return message
end

--- Makes the circumstances of a row and does what it says.
-- @treturn string message, as it stands in the table
-- @treturn string code, or "raises"
function errors.provoke(row)
  local folder = Peer.tempdir()
  local case = setmetatable({ sidewire = sidewire, port = 4000, sockets = {}, folder = folder }, Case)
  case.path = folder .. "/net.ini"
  case:new()
  if row.given then row.given(case) end
  local act = row.get and function() return row.get(case) end or row.event and call_for_event or call
  local message, code = act(case, row)
  for _, one in ipairs(case.sockets) do one:close() end
  Peer.remove(folder)
  message = tostring(message):gsub("^%./spec/support/errors%.lua:%d+: ", "")
  return as_written(case, message), code
end

-- --- writing ---

local HEAD = [[
# Errors

What you did, what you get, and what to do about it. Misuse (a wrong type, an unknown option, an impossible value)
raises an error; everything that can go wrong while a correct program runs comes as `nil, message, code`, or as
`message, code` with an event. `code` is for programs, the message for people.

Raised errors begin with the file and line of the call, or of the `pcall` around it; behind `return`, where Lua forgets
the call, with that of the next one that it knows. They are left out here, but for two rows that are about them. In
these messages 127.0.0.1 port 4000 stands for the server, 60 s for the time until the next attempt, and net.ini for the
settings file. Each row is provoked by a test, except those marked with *, which depend on the machine or the network.

Beside the codes of this page the system's own may come, by their errno names, as in `EHOSTUNREACH`, `ENETUNREACH`,
`EACCES` or `ENOMEM`; the message then has the system's text. A code that has no name here is `ESYSTEM`, with the
number in the text.
]]

local function cell(text)
  return (text:gsub("|", "\\|"))
end

local function write_row(row)
  local call_text = "`" .. row[1] .. "`"
  local did = row.when and ("%s, %s"):format(call_text, row.when) or call_text
  local got = row.event and (" (%s)"):format(row.event) or ""
  local mark = row.not_here and " *" or ""
  return ("| %s%s | `%s` | %s%s | %s |"):format(cell(did), mark, cell(row[2]), row[3], got, cell(row[4]))
end

--- The text of docs/errors.md.
function errors.write()
  local lines = { HEAD }
  for _, section in ipairs(errors.sections) do
    lines[#lines + 1] = "## " .. section.title .. "\n"
    if section.text ~= "" then lines[#lines + 1] = section.text .. "\n" end
    lines[#lines + 1] = "| you wrote | message | code | what to do |\n|---|---|---|---|"
    for _, row in ipairs(section) do lines[#lines + 1] = write_row(row) end
    lines[#lines + 1] = ""
  end
  return (table.concat(lines, "\n"):gsub("\n+$", "\n"))
end

return errors
