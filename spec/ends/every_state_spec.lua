-- `stop` and the end of a Lua state take no longer than the linger and half a second, in whatever state the client is,
-- and whatever the server does.

local socket = require "socket"
local sidewire = require "sidewire"
local Peer = require "spec.support.peer"
local ports = require "spec.support.ports"
local util = require "spec.support.util"

local LINGER = 0.3
local MARGIN = util.choose(2, 15) -- seconds, for machines that are busy

local function dead()
  return { host = "127.0.0.1", port = ports.closed() }
end

local function slow()
  local peer = Peer.start { mode = "echo" }
  peer:command "throttle 1000"
  return peer
end

local function silent()
  return Peer.start { mode = "silent" }
end

local SERVERS = { dead = dead, slow = slow, silent = silent, ["of no answer"] = ports.black_hole }

-- What brings a client into a state; those that need a connection are left out where there is none.
local STATES = {
  idle = function() end,
  ["connecting or waiting"] = function(client) client:connect() end,
  connected = function(client) return client:connect() and client:wait("connected", util.DEADLINE) end,
  ["shut down"] = function(client) client:connect() client:shutdown() end,
  closing = function(client) client:connect() client:disconnect(60) end,
  closed = function(client) client:connect() client:close(LINGER) end,
}

for server_name, start in pairs(SERVERS) do
  describe("with a server that is " .. server_name .. ", sidewire.stop", function()
    before_each(util.begin)
    after_each(util.finish)

    for state, prepare in pairs(STATES) do
      local has_connection = server_name == "slow" or server_name == "silent"
      if state ~= "connected" or has_connection then
        it("ends a client within its linger and half a second that is " .. state, function()
          local server = start()
          local client = sidewire.new { host = server.host, port = server.port, linger = LINGER }
          for _ = 1, 100 do client:send(("x"):rep(1000)) end
          prepare(client)
          local began = socket.gettime()
          assert(sidewire.stop(LINGER))
          assert(socket.gettime() - began < LINGER + 0.5 + MARGIN)
          local stats = client:stats()
          assert.equal(100, stats.finished + stats.lost)
          if server.close then server:close() end
        end)
      end
    end
  end)
end
