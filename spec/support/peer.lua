--- Starts and drives the test server (peer.c, where the modes and the control commands are described).
--
--     local Peer = require "spec.support.peer"
--     local peer = Peer.start { mode = "lines" }
--     ... connect to peer.host, peer.port ...
--     assert(peer:wait_accepted(1, 5))
--     peer:command "reset"
--     peer:stop()                      -- or Peer.stop_all() in after_each
--
-- host = "unix:/path" or "unix:@name" (abstract): it listens on a unix socket, and `port` is 0.
--
-- With `tls` it is build/KIND/peer-tls, the same server with TLS (spec.support.certificates makes what it needs):
--
--     local peer = Peer.start { mode = "echo", tls = { cert = leaf.cert, key = leaf.key, version = "1.3" } }
--     assert(peer:wait_handshakes(1))
--     peer:tls().name                  -- the server name that the client sent
--
-- Failures raise, except those of the waits: these return nil and what was reached instead.

local socket = require "socket"
local engine = require "spec.support.engine"
local files = require "spec.support.files"
local shell = require "spec.support.shell"

local Peer = { program = os.getenv "SIDEWIRE_PEER" or "build/release/peer" }
Peer.__index = Peer
Peer.__name = "sidewire.peer"

local ANSWER_TIMEOUT = 10 -- seconds; generous, since only a hung server meets it
local REBIND_TIMEOUT = 2

-- Signal 2 is Ctrl-C in the terminal, which reaches the server as it reaches the program that started it.
local EXPECTED_ENDS = { ["exit 0"] = true, ["signal 2"] = true, ["signal 9"] = true, ["signal 15"] = true }

-- Option -> how it is written on the command line.
local OPTIONS = {
  port = "--port %s", host = "--host %s", mode = "--mode %s", record = "--record %s",
  backlog = "--backlog %s", framing = "--framing %s", linger_with_parent = "--linger-with-parent",
}

-- The same for the fields of `tls`, besides cert and key; alpn is a list.
local TLS_OPTIONS = {
  ca = "--tls-ca %s", version = "--tls-version %s", alpn = "--tls-alpn %s", ciphers = "--tls-ciphers %s",
  tickets = "--tls-tickets %s",
}

local running = {} -- the started and not yet stopped ones: peer -> true
local holders = {} -- of the ports of killed ones: peer -> socket
local records = {} -- directories of Peer.start_recorded
local tempdirs = {} -- made by Peer.tempdir and not yet removed: path -> true

local function copy_options(options)
  local copy = {}
  for name, value in pairs(options or {}) do
    if not OPTIONS[name] and name ~= "tls" then error("peer: unknown option '" .. tostring(name) .. "'", 3) end
    copy[name] = value
  end
  return copy
end

local function add_words(words, formats, options)
  for name, value in pairs(options) do
    if type(value) == "table" then value = table.concat(value, ",") end
    if value == true then
      words[#words + 1] = formats[name]
    elseif value ~= false and formats[name] then
      words[#words + 1] = formats[name]:format(shell.quote(value))
    end
  end
end

local function tls_words(words, tls)
  assert(tls.cert and tls.key, "peer: tls needs cert and key")
  for name in pairs(tls) do
    assert(TLS_OPTIONS[name] or name == "cert" or name == "key", "peer: unknown option 'tls." .. tostring(name) .. "'")
  end
  words[#words + 1] = "--tls " .. shell.words(tls.cert, tls.key)
  add_words(words, TLS_OPTIONS, tls)
end

local function command_line(options)
  local tls = options.tls
  local words = { "exec", shell.quote(tls and Peer.program .. "-tls" or Peer.program) }
  if tls then tls_words(words, tls) end
  add_words(words, OPTIONS, options)
  return table.concat(words, " ")
end

--- Skips the rest of a test, loudly, when the servers with TLS are not built.
-- @param pending the test's own, which busted gives only to files of tests
function Peer.needs_tls(pending)
  if not files.try_read(Peer.program .. "-tls") then pending "the C headers of OpenSSL are missing (make setup)" end
end

local function connect_control(port)
  local control = assert(socket.tcp())
  control:settimeout(ANSWER_TIMEOUT)
  assert(control:connect("127.0.0.1", port))
  return control
end

-- Waits until the process is gone. Whatever it had to say on stderr is returned, with its way to end; in Lua 5.1 and
-- LuaJIT a pipe does not tell that, so these see only what the process said.
local function reap(self)
  running[self] = nil
  self.control:close()
  local said = self.output:read "*a"
  local _, how, code = self.output:close()
  return said, how, code
end

-- Returns nil and the reason when the program does not start.
local function launch(self, port)
  local options = copy_options(self.options)
  options.port = port
  local command = command_line(options)
  local output = shell.start(command) -- stderr too: it says why it failed
  local line = output:read "*l" or "no output"
  local pid, data_port, control_port = line:match "^peer pid=(%d+) port=(%d+) control=(%d+)$"
  if not pid then
    line = line .. "\n" .. output:read "*a"
    output:close()
    return nil, command .. ": " .. line
  end
  self.pid, self.port = tonumber(pid), tonumber(data_port)
  self.output, self.control = output, connect_control(tonumber(control_port))
  self.is_paused = false
  running[self] = true
  -- Finalizers run in reverse order of creation: this one before those of the two above, which must not wait
  -- for a process that was not told to end.
  self.guard = engine.finalizer(function(guard)
    if self.guard == guard then self:stop() end
  end)
  return self
end

--- Starts a server.
-- @tparam[opt] table options port, host, mode (with its argument: "flood 1000"), record, backlog, framing,
-- linger_with_parent; tls = { cert =, key =, ca =, version = "1.2" or "1.3", alpn = { ... }, ciphers =,
-- tickets = "off" or "once" }: cert, key and ca are paths of PEM files, with ca a client must have a certificate
-- @return the peer: `host`, `port`, `pid`
function Peer.start(options)
  local self = setmetatable({ options = copy_options(options) }, Peer)
  self.host = self.options.host or "127.0.0.1"
  local ok, why = launch(self, self.options.port or 0)
  if not ok then error("peer did not start: " .. why, 2) end
  return self
end

--- Starts a server that records, for Peer.streams, in a directory that Peer.stop_all removes.
-- @return the peer, and the directory
function Peer.start_recorded(options)
  local dir = Peer.tempdir()
  records[#records + 1] = dir
  options = copy_options(options)
  options.record = dir
  return Peer.start(options), dir
end

--- Is it started and not yet stopped or killed?
function Peer:is_running()
  return running[self] ~= nil
end

-- The text after `ok`; or nil and the text after `error`, or what went wrong with the control connection.
local function ask(self, command, timeout)
  if not self:is_running() then return nil, "not running" end
  self.control:settimeout(timeout)
  local sent, why = self.control:send(command .. "\n")
  if not sent then return nil, why end
  local line
  line, why = self.control:receive "*l"
  if not line then
    self.control:close() -- a late answer must not be taken for the next one
    return nil, why
  end
  local verdict, text = line:match "^(%l+) ?(.*)$"
  if verdict == "ok" then return text end
  return nil, text or line
end

--- Gives a control command.
-- @treturn string what follows `ok` in the answer
function Peer:command(command)
  local text, why = ask(self, command, ANSWER_TIMEOUT)
  if why == "closed" then why = "it ended: " .. reap(self) end
  if not text then error(("peer: %s: %s"):format(command:sub(1, 200), why), 2) end
  return text
end

--- Counters since the start or `reset-stats`.
-- @treturn table connections, accepted, bytes, sent, lines, ends, errors; digest, a string
function Peer:stats()
  local stats = {}
  for name, value in self:command("stats"):gmatch "(%w+)=(%w+)" do
    stats[name] = name == "digest" and value or tonumber(value)
  end
  return stats
end

--- What TCP has received of all connections since the start, whether it was read or not.
-- @treturn table arrived, bytes, encrypted if there is TLS; whole, bytes of plaintext in whole records
function Peer:wire()
  local arrived, whole = self:command("wire"):match "^arrived=(%d+) whole=(%d+)$"
  return { arrived = tonumber(arrived), whole = tonumber(whole) }
end

local TLS_NUMBERS = { handshakes = true, resumed = true, offered = true, failed = true, truncated = true }

--- What a server with TLS has seen since its start.
-- @treturn table the numbers handshakes (done), resumed (of these), offered (clients that came with a session's
-- ticket), failed, truncated (ends without close_notify); of the last handshake name (the server name that the client
-- sent), alpn, version ("TLSv1.3"), cipher, client (the name in the client's certificate); alert, the last one that
-- came; error, why a handshake failed last. A text is "" when there is none.
function Peer:tls()
  local facts = {}
  for name, value in (self:command "tls" .. "\t"):gmatch "(%l+)=([^\t]*)\t" do
    facts[name] = TLS_NUMBERS[name] and tonumber(value) or value
  end
  return facts
end

local function wait(self, what, number, seconds)
  seconds = seconds or 5
  local command = ("wait-%s %d %.3f"):format(what, number, seconds)
  local text, why = ask(self, command, seconds + ANSWER_TIMEOUT)
  if not text then return nil, ("peer: %s: %s"):format(command, why) end
  return true
end

--- Waits until at least so many bytes were read in total.
-- @treturn[1] boolean true
-- @return[2] nil
-- @treturn[2] string what was reached
function Peer:wait_bytes(number, seconds)
  return wait(self, "bytes", number, seconds)
end

--- Waits until exactly so many data connections are open.
function Peer:wait_connections(number, seconds)
  return wait(self, "connections", number, seconds)
end

--- Waits until at least so many data connections were accepted in total.
function Peer:wait_accepted(number, seconds)
  return wait(self, "accepted", number, seconds)
end

--- Waits until at least so many TLS handshakes were done in total.
function Peer:wait_handshakes(number, seconds)
  return wait(self, "handshakes", number, seconds)
end

--- Sends the process a signal: "STOP", "CONT", "TERM", ...
function Peer:signal(name)
  assert(self:is_running(), "peer: not running")
  shell.signal(self.pid, name)
  if name == "STOP" or name == "CONT" then self.is_paused = name == "STOP" end
end

--- Has it killed (SIGKILL) in so many seconds, at a moment that nothing here chooses. Peer:kill must follow.
function Peer:kill_in(seconds)
  assert(self:is_running(), "peer: not running")
  shell.execute(("(sleep %.3f; kill -KILL %d) >/dev/null 2>&1 &"):format(seconds, self.pid))
end

-- Keeps the port until start_again, and refuses connections: or a peer of another test, which runs at the same time,
-- gets the port from the system, and the client its bytes.
local function reserve_port(self)
  if self.port == 0 then return end -- a unix socket's name belongs to its test
  local holder = assert(self.host:find(":", 1, true) and socket.tcp6() or socket.tcp4())
  assert(holder:setoption("reuseaddr", true))
  if holder:bind(self.host, self.port) then holders[self] = holder else holder:close() end
end

local function free_port(self)
  if holders[self] then holders[self]:close() end
  holders[self] = nil
end

--- SIGKILL; returns when the process is gone.
function Peer:kill()
  if not self:is_running() then return end
  self:signal "KILL"
  io.stderr:write((reap(self)))
  reserve_port(self)
end

--- Starts it again with the same options, as a new process on the same port.
function Peer:start_again()
  assert(not self:is_running(), "peer: still running")
  local deadline = socket.gettime() + REBIND_TIMEOUT
  repeat
    local ok, why = launch(self, self.port)
    if ok then
      free_port(self)
      return self
    end
    if not why:find("in use", 1, true) or socket.gettime() > deadline then
      error("peer did not start again: " .. why, 2)
    end
    socket.sleep(0.02)
  until false
end

--- kill and start_again.
function Peer:restart()
  self:kill()
  return self:start_again()
end

--- Ends it in order; does nothing when it is not running. Raises when it failed, as under a sanitizer.
function Peer:stop()
  if not self:is_running() then return end
  if self.is_paused or not ask(self, "exit", ANSWER_TIMEOUT) then self:signal "KILL" end
  local said, how, code = reap(self)
  if how and not EXPECTED_ENDS[how .. " " .. code] then
    error(("peer ended by %s %d: %s"):format(how, code, said), 2)
  end
  io.stderr:write(said)
end

--- Stops whatever is still running, and removes what was recorded for Peer.start_recorded.
function Peer.stop_all()
  local failure
  for peer in pairs(running) do
    local ok, why = pcall(Peer.stop, peer)
    if not ok then failure = why end
  end
  for peer in pairs(holders) do free_port(peer) end
  while records[1] do Peer.remove(table.remove(records)) end
  if failure then error(failure, 0) end
end

local HEX = {} -- character -> its two digits
for byte = 0, 255 do HEX[string.char(byte)] = ("%02x"):format(byte) end

--- Bytes as the `send` commands take them.
function Peer.hex(bytes)
  return (bytes:gsub(".", HEX))
end

--- Iterates over the recorded streams, one for each connection, in order of acceptance; one at a time is in memory.
-- @return an iterator of { name =, data = }
function Peer.each_stream(dir)
  local names = {}
  for name in shell.output("ls -1 " .. shell.quote(dir)):gmatch "[^\n]+" do
    if name:find "%.stream$" then names[#names + 1] = name end
  end
  table.sort(names)
  local i = 0
  return function()
    i = i + 1
    return names[i] and { name = names[i], data = files.read(dir .. "/" .. names[i]) }
  end
end

--- The same as a list.
function Peer.streams(dir)
  local streams = {}
  for stream in Peer.each_stream(dir) do streams[#streams + 1] = stream end
  return streams
end

--- A fresh directory, for Peer.remove.
function Peer.tempdir()
  local dir = shell.output("mktemp -d -t sidewire.XXXXXX"):match "[^\n]+"
  tempdirs[dir] = true
  return dir
end

--- Removes a directory that came from Peer.tempdir, with what is in it.
function Peer.remove(dir)
  assert(tempdirs[dir], "not from Peer.tempdir")
  tempdirs[dir] = nil
  shell.execute("rm -rf " .. shell.quote(dir))
end

return Peer
