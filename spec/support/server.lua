--- Starts real servers for specs: each on a free port of 127.0.0.1, in a folder of its own, killed and removed at the
-- end.
--
--     local Server = require "spec.support.server"
--     if not Server.find "ngircd" then return pending "ngircd is not installed" end
--     local server = Server.new("ngircd", function(server) return "-n -f " .. server.dir .. "/conf" end)
--     server:write("conf", ("[Global]\nPorts = %d\n"):format(server.port))
--     server:start()
--     ... connect to server.host, server.port; reconnecting waits until it is ready ...
--     server:kill "TERM"; server:start()
--     Server.stop_all()                -- in after_each
--
-- Failures raise.

local socket = require "socket"
local engine = require "spec.support.engine"
local Peer = require "spec.support.peer" -- for its directories
local files = require "spec.support.files"
local ports = require "spec.support.ports"
local shell = require "spec.support.shell"
local util = require "spec.support.util"

local Server = { host = "127.0.0.1" }
Server.__index = Server
Server.__name = "sidewire.server"

local PLACES = (os.getenv "PATH" or "") .. ":/usr/sbin:/usr/local/sbin" -- users have no sbin in their PATH

local made = {} -- server -> true

--- The path of a program, or nil.
function Server.find(program)
  for place in PLACES:gmatch "[^:]+" do
    local path = place .. "/" .. program
    local file = io.open(path)
    if file then
      file:close()
      return path
    end
  end
end

--- A server, not yet started. `arguments(server)` returns its command line behind the program.
function Server.new(program, arguments)
  local self = setmetatable({ path = assert(Server.find(program)), arguments = arguments }, Server)
  self.port, self.dir = ports.closed(), Peer.tempdir()
  made[self] = true
  return self
end

--- Writes a file into its folder.
function Server:write(name, text)
  files.write(self.dir .. "/" .. name, text)
end

--- Starts it; does not wait until it listens. Its output goes to the file `log` of its folder.
function Server:start()
  assert(not self.pid, "it runs")
  -- It is not to outlive a spec that crashes.
  local command = ("unset LD_PRELOAD; cd %s; echo $$; exec setpriv --pdeathsig KILL %s %s >>log 2>&1"):format(
    shell.quote(self.dir), shell.quote(self.path), self.arguments(self))
  self.output = assert(io.popen(command, "r")) -- closing it waits for the end
  self.pid = assert(tonumber(self.output:read "*l"))
  -- Its finalizer runs before that of the output, which must not wait for a process that was not told to end.
  self.guard = engine.finalizer(function(guard)
    if self.guard == guard then self:kill() end
  end)
  return self
end

--- Waits until it takes connections, for clients that do not try again.
function Server:wait_until_listening()
  assert(util.wait_until(function()
    local connection = socket.connect(self.host, self.port)
    if connection then connection:close() end
    return connection
  end))
end

--- Sends a signal: "STOP", "CONT", ...
function Server:signal(name)
  shell.signal(self.pid, name)
end

--- Sends a signal, KILL if absent, and waits for the end.
function Server:kill(name)
  if not self.pid then return end
  self:signal(name or "KILL")
  self.output:close()
  self.pid, self.output = nil, nil
end

--- What it said.
function Server:log()
  return files.read(self.dir .. "/log")
end

--- Kills all, removes their folders.
function Server.stop_all()
  for server in pairs(made) do
    server:kill()
    Peer.remove(server.dir)
  end
  made = {}
end

return Server
