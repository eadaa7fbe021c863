--- examples/ship.lua --state and examples/ship/receiver.lua, as processes that may be killed at any moment.
--
--     local shipment = Shipment.new()
--     write lines to shipment.source
--     shipment:start_receiver()
--     shipment:start()
--     shipment:kill()                                        -- SIGKILL, to ship.lua
--     shipment:start()
--     local output, status = shipment:finish()               -- when it ends by itself
--     assert.is_nil(shipment:difference())
--     shipment:stop()

local lfs = require "lfs"
local Peer = require "spec.support.peer"
local Program = require "spec.support.program"
local files = require "spec.support.files"
local util = require "spec.support.util"

local Shipment = {}
Shipment.__index = Shipment
Shipment.__name = "sidewire.shipment"

--- In a directory of its own: `source` is to be shipped, `state` and `store` are the files of the two programs.
function Shipment.new()
  local dir = Peer.tempdir()
  local self = { dir = dir, source = dir .. "/source", state = dir .. "/state", store = dir .. "/store", port = 0 }
  assert(lfs.mkdir(self.store))
  return setmetatable(self, Shipment)
end

--- Writes the source anew, or appends to it ("ab").
function Shipment:write(text, mode)
  files.write(self.source, text, mode)
end

local function kill(program, signal)
  program:signal(signal or "KILL")
  return program:finish()
end

--- Starts the receiver, on the same port each time.
function Shipment:start_receiver()
  self.receiver = Program.start("examples/ship/receiver.lua", self.store, self.port)
  self.receiver:wait_for "port"
  self.port = tonumber(self.receiver:output():match "port (%d+)")
end

function Shipment:kill_receiver()
  kill(self.receiver)
  self.receiver = nil
end

--- Starts ship.lua, with more arguments.
function Shipment:start(...)
  self.ship = Program.start("examples/ship.lua", self.source, "127.0.0.1", self.port, "--state", self.state, ...)
end

--- Ends ship.lua by SIGKILL, or by another signal ("INT").
function Shipment:kill(signal)
  kill(self.ship, signal)
  self.ship = nil
end

--- Waits until ship.lua ends by itself.
-- @return what it printed, and its exit status
function Shipment:finish()
  local ship = self.ship
  self.ship = nil
  return ship:finish()
end

--- The file that the receiver writes, once there is one.
function Shipment:received()
  for name in lfs.dir(self.store) do
    if name:find "^source%-" then return self.store .. "/" .. name end
  end
end

--- How many bytes the receiver has.
function Shipment:received_bytes()
  local path = self:received()
  return path and lfs.attributes(path, "size") or 0
end

--- Waits until it is so. Raises with what ship.lua printed.
function Shipment:wait_for(predicate)
  local ok, why = util.wait_until(predicate)
  if not ok then
    error(("%s; received: %d bytes\n%s"):format(why, self:received_bytes(), self.ship:output()), 2)
  end
end

local function describe(line)
  return line and ("%q (%d bytes)"):format(line:sub(1, 60), #line) or "nothing"
end

--- The first line in which the received file is not the source, in words; or nil.
function Shipment:difference()
  local source = files.read(self.source)
  local received = files.read(assert(self:received(), "nothing was received"))
  if source == received then return nil end
  local next_expected, next_got = source:gmatch "[^\n]*\n?", received:gmatch "[^\n]*\n?"
  local number, expected, got = 1, next_expected(), next_got()
  while expected == got do number, expected, got = number + 1, next_expected(), next_got() end
  return ("line %d is %s, should be %s"):format(number, describe(got), describe(expected))
end

--- Ends what is running, and removes the files.
function Shipment:stop()
  for _, program in pairs { ship = self.ship, receiver = self.receiver } do
    kill(program)
  end
  Peer.remove(self.dir)
end

return Shipment
