--- Two machines on one: Lua text runs on the near one, a peer on the far one, with a wire between them that can be cut.
--
--     local netns = require "spec.support.netns"
--     local missing = netns.missing()             -- nil, or why there can be none here
--     local said = netns.run [[
--       local netns = require "spec.support.netns"
--       local client = sidewire.new { host = netns.HOST, port = netns.PORT }
--       ...
--       netns.cut()                               -- packets vanish in both directions, nobody is told
--       netns.mend()
--       netns.execute "ip netns exec far ..."     -- anything else
--     ]]
--
-- Network namespaces joined by veth. They are private to the processes of one run, and go with the last of these,
-- whatever happens: nothing is to be cleaned up, and the machine's own network never knows. Users who are not root need
-- a system that lets them have user namespaces.

local Server = require "spec.support.server" -- to find programs

local netns = {
  HOST = "10.77.0.2", PORT = 4000, -- of the peer, in mode `lines`
  RECORD = "/run/record", -- its streams, for Peer.streams, while the run lasts
}

local LIMIT = 60 -- seconds, for what hangs

-- `far` gets a name, which `ip netns` keeps in /run; this /run is our own.
local BUILD = [[
set -e
mount -t tmpfs none /run
mkdir %s
ip netns add far
ip link add wire type veth peer name wire netns far
ip address add 10.77.0.1/24 dev wire
ip -n far address add %s/24 dev wire
for link in lo wire; do
  ip link set $link up
  ip -n far link set $link up
done
ip netns exec far nft list ruleset
]]

local PEER = [[
ip netns exec far %s --host %s --port %d --mode lines --record %s --linger-with-parent >/run/peer &
until [ -s /run/peer ]; do sleep 0.01; done
]]

local function quote(text)
  return "'" .. text:gsub("'", "'\\''") .. "'"
end

local function unshare(script)
  local root = io.popen("id -u"):read "n" == 0
  return ("unset LD_PRELOAD; PATH=$PATH:/usr/sbin:/sbin timeout -k 5 %d unshare %s --net --mount sh -c %s 2>&1"):format(
    LIMIT, root and "" or "--map-root-user", quote(BUILD:format(netns.RECORD, netns.HOST) .. script))
end

local function shell(command)
  local output = assert(io.popen(command))
  local said = output:read "a"
  local ok, how, code = output:close()
  return ok, said, how, code
end

--- Why there are no namespaces here: a sentence, or nil when there are.
function netns.missing()
  for _, program in ipairs { "ip", "nft", "unshare" } do
    if not Server.find(program) then return ("%s is not installed (`make setup`)"):format(program) end
  end
  local ok, said = shell(unshare "")
  if not ok then return "this system gives us no network namespaces: " .. said:match "^%s*(.-)%s*$" end
end

--- Runs Lua text on the near machine, while a peer records on the far one.
-- @return what it printed; raises when it fails
function netns.run(text)
  local peer = PEER:format(os.getenv "SIDEWIRE_PEER", netns.HOST, netns.PORT, netns.RECORD)
  local lua = ("exec %s -e %s"):format(os.getenv "SIDEWIRE_LUA", quote(text))
  local ok, said, how, code = shell(unshare(peer .. lua))
  if not ok then error(("%s %d\n%s"):format(how, code, said), 2) end
  return said
end

-- --- on the near machine ---

--- A command of the shell; raises when it fails.
function netns.execute(command)
  assert(os.execute("unset LD_PRELOAD; PATH=$PATH:/usr/sbin:/sbin; " .. command))
end

local function on_both(command)
  netns.execute(("%s && ip netns exec far %s"):format(command, command))
end

--- From now on whatever arrives on the wire, at either end, is dropped.
function netns.cut()
  on_both "nft 'table inet cut { chain arriving { type filter hook prerouting priority 0; iifname wire drop; }; }'"
end

--- Ends a cut.
function netns.mend()
  on_both "nft delete table inet cut"
end

return netns
