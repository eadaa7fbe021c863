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
--     netns.run(text, { delay = 0.15 })           -- each packet takes so many seconds, each way
--
-- Network namespaces joined by veth, or by spec/support/delay.c, which delays. They are private to the processes of
-- one run, and go with the last of these, whatever happens: nothing is to be cleaned up, and the machine's own network
-- never knows. Users who are not root need a system that lets them have user namespaces.

local Server = require "spec.support.server" -- to find programs

local netns = {
  HOST = "10.77.0.2", PORT = 4000, -- of the peer, in mode `lines`
  RECORD = "/run/record", -- its streams, for Peer.streams, while the run lasts
}

local LIMIT = 60 -- seconds, for what hangs

-- `far` gets a name, which `ip netns` keeps in /run; this /run is our own.
local BEGIN = [[
set -e
mount -t tmpfs none /run
mkdir %s
ip netns add far
]]

local VETH = "ip link add wire type veth peer name wire netns far\n"

-- Says what it does in the file /run/delay, and its number in /run/delay.pid.
local DELAY = [[
%s wire far %g >/run/delay &
echo $! >/run/delay.pid
until [ -s /run/delay ]; do
  kill -0 $! 2>/run/gone || exit 1
  sleep 0.01
done
]]

local ADDRESS = [[
ip address add 10.77.0.1/24 dev wire
ip -n far address add %s/24 dev wire
for link in lo wire; do
  ip link set $link up
  ip -n far link set $link up
done
ip netns exec far nft list ruleset
]]

local PEER = [[
ip netns exec far %s --host %s --port %d --mode lines --record %s --linger-with-parent %s >/run/peer &
until [ -s /run/peer ]; do sleep 0.01; done
]]

local function quote(text)
  return "'" .. text:gsub("'", "'\\''") .. "'"
end

local function build(options)
  local wire = VETH
  if options.delay then wire = DELAY:format(os.getenv "SIDEWIRE_BUILD" .. "/delay", options.delay * 1000) end
  return BEGIN:format(netns.RECORD) .. wire .. ADDRESS:format(netns.HOST)
end

local function unshare(options, script)
  local root = io.popen("id -u"):read "n" == 0
  return ("unset LD_PRELOAD; PATH=$PATH:/usr/sbin:/sbin timeout -k 5 %d unshare %s --net --mount sh -c %s 2>&1"):format(
    options.limit or LIMIT, root and "" or "--map-root-user", quote(build(options) .. script))
end

local function shell(command)
  local output = assert(io.popen(command))
  local said = output:read "a"
  local ok, how, code = output:close()
  return ok, said, how, code
end

--- Why there are no namespaces here, or none that are joined as the options say: a sentence, or nil when there are.
-- @tparam[opt] table options those of netns.run
function netns.missing(options)
  for _, program in ipairs { "ip", "nft", "unshare" } do
    if not Server.find(program) then return ("%s is not installed (`make setup`)"):format(program) end
  end
  local ok, said = shell(unshare(options or {}, ""))
  if not ok then return "this system gives us no such network namespaces: " .. said:match "^%s*(.-)%s*$" end
end

--- Runs Lua text on the near machine, while a peer records on the far one.
-- @tparam[opt] table options delay, seconds that a packet takes each way; peer, more arguments of its command line;
-- limit, seconds for what hangs
-- @return what it printed; raises when it fails
function netns.run(text, options)
  options = options or {}
  local peer = PEER:format(os.getenv "SIDEWIRE_PEER", netns.HOST, netns.PORT, netns.RECORD, options.peer or "")
  local lua = ("exec %s -e %s"):format(os.getenv "SIDEWIRE_LUA", quote(text))
  local ok, said, how, code = shell(unshare(options, peer .. lua))
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

-- Returns false when nothing delays.
local function tell_delay(signal, answer)
  local file <close> = io.open "/run/delay.pid"
  if not file then return false end
  netns.execute(("kill -%s %d; until tail -n 1 /run/delay | grep -qx %s; do sleep 0.005; done"):format(signal,
    file:read "n", answer))
  return true
end

--- From now on whatever arrives on the wire, at either end, is dropped, and so is what is on its way.
function netns.cut()
  if tell_delay("USR1", "cut") then return end
  on_both "nft 'table inet cut { chain arriving { type filter hook prerouting priority 0; iifname wire drop; }; }'"
end

--- Ends a cut.
function netns.mend()
  if tell_delay("USR2", "mended") then return end
  on_both "nft delete table inet cut"
end

return netns
