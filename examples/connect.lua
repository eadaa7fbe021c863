-- Tells how a connection comes about, or why there is none: a tool for diagnosis, as `curl -v` is for HTTP.
--
--     lua examples/connect.lua [--bind ADDRESS] URL ...
--
-- A URL is tcp://HOST:PORT or tls://HOST:PORT; ADDRESS is the local one. Tries one URL after the other, until there is
-- a connection. Prints what its seconds were spent on, what TLS has agreed on and whose certificate the server has; and
-- for each attempt that fails, each address with its own reason. The exit status is 0 if there was a connection, 1 if
-- not, 2 if it was called wrong. SSL_CERT_FILE in the environment names authorities to trust, not this machine's.

local sidewire = require "sidewire"

local USAGE = "usage: lua examples/connect.lua [--bind ADDRESS] URL ...\n"
local urls, bind = {}, nil
if arg[1] == "--help" then io.write(USAGE) os.exit(0) end
for i = 1, #arg do urls[i] = arg[i] end
if urls[1] == "--bind" then
  table.remove(urls, 1)
  bind = table.remove(urls, 1)
end
if #urls == 0 then
  io.stderr:write(USAGE)
  os.exit(2)
end

local function milliseconds(seconds) return ("%.3f ms"):format(1e3 * seconds) end

local function print_tls(tls, seconds)
  local expiry = tls.expires and os.date("!%Y-%m-%d %H:%M UTC", tls.expires) or "an unknown time"
  print(("  of it TLS    %s: %s, %s; certificate of %s, until %s"):format(milliseconds(seconds), tls.version,
    tls.cipher, table.concat(tls.names, ", "), expiry))
end

local function print_connection(info)
  local timeline = info.timeline
  print(("connected to %s port %d in %s"):format(info.address, info.port, milliseconds(info.seconds)))
  print(("  name lookup  %s (%s of it waiting for its turn)"):format(milliseconds(timeline.dns),
    milliseconds(timeline.turn)))
  print("  TCP          " .. milliseconds(timeline.tcp))
  print("  stages       " .. milliseconds(timeline.stages))
  if info.tls then print_tls(info.tls, timeline.tls) end
end

local function print_failure(message, code, causes)
  print(("%s (%s)"):format(message, code))
  for _, cause in ipairs(causes or {}) do -- nil: there was no memory for them
    print(("  %s port %d: %s (%s) after %s"):format(cause.address, cause.port, cause.message, cause.code,
      milliseconds(cause.seconds)))
  end
end

local status -- nil: the attempt is under way

local made, client = pcall(sidewire.new, {
  server = urls,
  bind = bind,
  reconnect = false, -- one round over all URLs
  on = {
    log = function(_, level, text) print(("%s: %s"):format(level, text)) end,
    connect = function(_, info)
      print_connection(info)
      status = 0
    end,
    retry = function(_, _, _, message, code, detail) print_failure(message, code, detail.causes) end,
    error = function(_, message, code, detail)
      print_failure(message, code, detail.causes)
      status = 1
    end,
  },
})
if not made then io.stderr:write(client, "\n", USAGE) os.exit(2) end -- no URL, or no address

assert(client:connect())
while not status do
  sidewire.wait()
  sidewire.poll()
end
client:close()
sidewire.stop()
os.exit(status)
