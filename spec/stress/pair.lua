--- Two peers between which a client moves, each with a record of its own, and the troubles that they get into.
--
--     local pair = Pair.start("echo")
--     pair:frame()            -- now and then something happens to one of them; what began comes to an end
--     pair:go_away()          -- neither is to be reached for a while
--     pair:calm()             -- all troubles end; both read what there is to read
--     pair:count_connections()
--     pair:stop()             -- with their records
--
-- Some troubles destroy what the peer's kernel has acknowledged (`harsh`). With the others everything that was
-- acknowledged is read in the end.

local Peer = require "spec.support.peer"

local Pair = {}
Pair.__index = Pair

-- Each peer has an address of its own, and none has 127.0.0.1, from where clients connect: no other program can get a
-- peer's port while it is away.
local hosts = 0

local function next_host()
  hosts = hosts + 1
  return ("127.%d.%d.%d"):format(1 + math.floor(hosts / 65536), math.floor(hosts / 256) % 256, hosts % 256)
end

local CHANCE = 0.012 -- of a new trouble, a frame

local function prepare(peer)
  peer:command "digest off"
  peer:command(("rcvbuf %d"):format(peer.rcvbuf)) -- small: else its kernel takes many MB, and our queue stays empty
end

local function start_peer(options)
  local dir = Peer.tempdir()
  local peer = Peer.start { host = next_host(), record = dir, mode = options.mode, framing = options.framing }
  peer.rcvbuf = math.random(8, 128) * 1024
  peer.dir = dir
  prepare(peer)
  return peer
end

--- @tparam table options mode and framing, as for Peer.start
function Pair.start(options)
  return setmetatable({ is_harsh = false, troubles = 0, start_peer(options), start_peer(options) }, Pair)
end

-- --- troubles ---

-- A setting for a while.
local function setting(on, off, least, most)
  return {
    begin = function(peer) peer:command(on(peer)) end,
    finish = function(peer) peer:command(off) end,
    least = least, most = most, -- frames
  }
end

local function one_of(...)
  local list = { ... }
  return function() return list[math.random(#list)] end
end

local function numbered(format, least, most)
  return function() return format:format(math.random(least, most)) end
end

local function start_again(peer)
  peer:kill()
  peer:start_again()
  prepare(peer)
end

-- A restart in order, as far as the client sees it.
local AWAY = {
  begin = function(peer)
    peer:command "accept off"
    peer:command "finish"
  end,
  finish = function(peer) peer:command "accept on" end,
  least = 5, most = 30,
}

local TROUBLES = {
  AWAY,
  setting(one_of "stall on", "stall off", 5, 150),
  setting(numbered("throttle %d", 2000, 1000000), "throttle 0", 10, 150),
  setting(numbered("small-reads %d", 1, 50), "small-reads 0", 10, 100),
  setting(one_of "accept off", "accept on", 1, 60),
  setting(one_of "finish", "ping", 1, 10),
  setting(numbered("finish-after %d", 1, 100000), "finish-after 0", 5, 40),
  {
    begin = function(peer) peer:signal "STOP" end,
    finish = function(peer) peer:signal "CONT" end,
    least = 1, most = 40,
  },
}

local HARSH_TROUBLES = {
  setting(one_of("reset", "close"), "ping", 1, 10),
  setting(numbered("reset-after %d", 1, 100000), "reset-after 0", 5, 40),
  setting(numbered("close-after %d", 1, 100000), "close-after 0", 5, 40),
  setting(one_of "close-on-accept on", "close-on-accept off", 5, 40),
  {
    begin = function(peer) -- a link that flaps
      peer:command "close-on-accept on"
      peer:command "reset"
    end,
    finish = function(peer) peer:command "close-on-accept off" end,
    least = 1, most = 30,
  },
  { begin = function(peer) peer:kill() end, finish = start_again, least = 0, most = 20 },
  { begin = function(peer) peer:kill_in(math.random() * 0.03) end, finish = start_again, least = 0, most = 20 },
  {
    begin = function(peer) -- killed with something unread
      peer:command "stall on"
    end,
    finish = start_again, least = 1, most = 30,
  },
}

local function begin_trouble(self, peer, trouble)
  peer.trouble = trouble
  peer.frames_left = math.random(trouble.least, trouble.most)
  self.troubles = self.troubles + 1
  trouble.begin(peer)
end

local function choose_trouble(self)
  if not self.may_be_harsh or math.random() < 0.5 then return TROUBLES[math.random(#TROUBLES)] end
  self.is_harsh = true
  return HARSH_TROUBLES[math.random(#HARSH_TROUBLES)]
end

local function end_trouble(peer)
  local trouble = peer.trouble
  peer.trouble = nil
  trouble.finish(peer)
end

--- Call it once a frame.
function Pair:frame()
  for _, peer in ipairs(self) do
    if not peer.trouble then
      if math.random() < CHANCE then begin_trouble(self, peer, choose_trouble(self)) end
    elseif peer.frames_left == 0 then
      end_trouble(peer)
    else
      peer.frames_left = peer.frames_left - 1
    end
  end
end

--- Ends all troubles.
function Pair:calm()
  for _, peer in ipairs(self) do
    if peer.trouble then end_trouble(peer) end
  end
end

--- Both end their connections in order and accept none for some frames.
function Pair:go_away()
  self:calm()
  for _, peer in ipairs(self) do begin_trouble(self, peer, AWAY) end
end

function Pair:count_connections()
  local count = 0
  for _, peer in ipairs(self) do count = count + peer:stats().connections end
  return count
end

function Pair:stop()
  for _, peer in ipairs(self) do
    peer:stop()
    Peer.remove(peer.dir)
  end
end

return Pair
