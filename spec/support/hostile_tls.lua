--- Starts TLS servers that do what a client must withstand (hostile-tls.c, where the modes are described).
--
--     local Hostile = require "spec.support.hostile_tls"
--     local server = Hostile.start { mode = "key-updates", count = 5000, cert = leaf.cert, key = leaf.key }
--     ... connect to server.host, server.port ...
--     assert(server:wait_log "sent 5000")
--     Hostile.stop_all()               -- in after_each
--
-- Failures raise, except those of waits.

local engine = require "spec.support.engine"
local Peer = require "spec.support.peer" -- for its directories
local build = require "spec.support.build"
local files = require "spec.support.files"
local shell = require "spec.support.shell"
local socket = require "socket"

local Hostile = { program = build.PATH .. "/hostile-tls", host = "127.0.0.1" }
Hostile.__index = Hostile
Hostile.__name = "sidewire.hostile_tls"

local OPTIONS = { "mode", "cert", "key", "version", "count", "size", "pause", "window" }

local running = {} -- server -> true

--- Starts a server.
-- @tparam table options mode; cert, key, paths; version, "1.2" or "1.3", else both; count; size in bytes or bits; pause
-- in milliseconds; window, bytes that it lets come unread
-- @return the server: `host`, `port`, `pid`; `ca`, the path of what a client trusts, for the modes chain, big-key and
-- big-issuer-key, which have certificates of their own
function Hostile.start(options)
  local self = setmetatable({ dir = Peer.tempdir() }, Hostile)
  self.ca = self.dir .. "/ca.pem"
  local words = { "exec", shell.words(Hostile.program, "--log", self.dir .. "/log", "--ca", self.ca) }
  for _, name in ipairs(OPTIONS) do
    if options[name] then words[#words + 1] = ("--%s %s"):format(name, shell.quote(options[name])) end
  end
  self.output = shell.start(table.concat(words, " "))
  local line = self.output:read "*l" or "no output"
  local pid, port = line:match "^hostile%-tls pid=(%d+) port=(%d+)$"
  if not pid then
    Peer.remove(self.dir)
    error("hostile-tls did not start: " .. line, 2)
  end
  self.pid, self.port = tonumber(pid), tonumber(port)
  running[self] = true
  self.guard = engine.finalizer(function() self:stop() end)
  return self
end

--- What the connections came to so far, a line for each event: "1 handshake TLSv1.3".
function Hostile:log()
  return files.try_read(self.dir .. "/log") or ""
end

--- Waits until the log has a text.
-- @treturn[1] boolean true
-- @return[2] nil
-- @treturn[2] string the log
function Hostile:wait_log(text, seconds)
  local deadline = socket.gettime() + (seconds or build.DEADLINE)
  repeat
    if self:log():find(text, 1, true) then return true end
    socket.sleep(0.005)
  until socket.gettime() > deadline
  return nil, ("not in the log: %q\n%s"):format(text, self:log())
end

--- Ends it, and the connections that it has.
function Hostile:stop()
  if not running[self] then return end
  running[self] = nil
  shell.signal(self.pid, "KILL")
  local said = self.output:read "*a"
  self.output:close()
  Peer.remove(self.dir)
  io.stderr:write(said)
end

--- Stops whatever is still running.
function Hostile.stop_all()
  for server in pairs(running) do server:stop() end
end

--- Skips the rest of a test, loudly, when the server is not built.
-- @param pending the test's own, which busted gives only to files of tests
function Hostile.needs(pending)
  if not files.try_read(Hostile.program) then pending "the C headers of OpenSSL are missing (make setup)" end
end

return Hostile
