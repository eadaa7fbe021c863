--- Two machines on one: a Lua function runs on the near one, a peer on the far one, with a wire between them that can
-- be cut.
--
--     local netns = require "spec.support.netns"
--     local missing = netns.missing()             -- nil, or why there can be none here
--     local said = netns.run("spec.ends.scripts.wire", "is_cut", 2)
--
--     netns.run({ delay = 0.15 }, "spec...", ...)  -- each packet takes so many seconds, each way
--
-- That function then does
--
--     local client = sidewire.new { host = netns.HOST, port = netns.PORT }
--     netns.cut()                               -- packets vanish in both directions, neither end is told
--     netns.mend()
--     netns.execute "ip netns exec far ..."     -- anything else
--
-- With `names`, a table of names and their addresses, a name server (spec/support/nameserver.lua) runs on the far
-- machine, and after ask_names the near one asks no other:
--
--     netns.run({ names = { ["two.example"] = "10.77.0.3,10.77.0.2" } }, "spec...", ...)
--     netns.ask_names(1)                        -- there, first: the system waits a second for an answer
--
-- Network namespaces joined by veth, or by spec/support/delay.c, which delays. They are private to the processes of
-- one run, and go with the last of these, whatever happens: nothing is to be cleaned up, and the machine's own network
-- never changes. Users other than root need a system that lets them have user namespaces.

local Peer = require "spec.support.peer"
local Server = require "spec.support.server" -- to find programs
local build = require "spec.support.build"
local files = require "spec.support.files"
local shell = require "spec.support.shell"
local sidewire = require "sidewire.core"
local util = require "spec.support.util"

local netns = {
  HOST = "10.77.0.2", PORT = 4000, -- of the peer, in mode `lines`
  RECORD = "/run/record", -- its streams, for Peer.streams, while the run lasts
}

local LIMIT = 60 -- seconds, for what hangs

-- The command that starts a name server, or "".
local function name_server(names)
  if not names then return "" end
  local words = { build.PROGRAM, "spec/support/nameserver.lua", netns.HOST }
  for name, addresses in pairs(names) do words[#words + 1] = name .. "=" .. addresses end
  return table.concat(words, " ")
end

-- Runs spec/support/netns.sh, with a command for the near machine.
local function unshare(options, ...)
  local root = shell.output "id -u" == "0\n"
  local namespaces = ("unshare %s --net --mount"):format(root and "" or "--map-root-user")
  local delay = options.delay and ("%s/delay wire far %g"):format(build.PATH, options.delay * 1000) or ""
  local words = shell.words(netns.HOST, netns.PORT, netns.RECORD, Peer.program, options.peer or "", delay,
    name_server(options.names), ...)
  return shell.run(("PATH=$PATH:/usr/sbin:/sbin timeout -k 5 %d %s sh spec/support/netns.sh %s"):format(
    options.limit or LIMIT, namespaces, words))
end

--- Why there are no namespaces here, or none that are joined as the options say: a sentence, or nil when there are.
-- @tparam[opt] table options those of netns.run
function netns.missing(options)
  for _, program in ipairs { "ip", "nft", "unshare" } do
    if not Server.find(program) then return ("%s is not installed (`make setup`)"):format(program) end
  end
  local said, status = unshare(options or {})
  if status ~= 0 then return "this system gives us no such network namespaces: " .. said:match "^%s*(.-)%s*$" end
end

--- Calls a function of a module on the near machine with arguments, numbers, while a peer records on the far one.
-- @tparam[opt] table options delay, seconds that a packet takes each way; peer, more arguments of its command line;
-- limit, seconds for what hangs; names, for a name server; host, a C host of spec/support that runs it instead of Lua,
-- with its arguments
-- @return what it printed; raises when it fails
function netns.run(options, ...)
  if type(options) == "string" then return netns.run({}, options, ...) end
  local module, name = ...
  local call = ("require(%q)[%q](%s)"):format(module, name, table.concat({ select(3, ...) }, ", "))
  return netns.run_text(options, call)
end

--- The same for a text.
function netns.run_text(options, text)
  local lua = options.host and ("tools/run %s %s/%s"):format(build.KIND, build.PATH, options.host) or build.LUA .. " -e"
  local said, status = unshare(options, ("exec %s %s"):format(lua, shell.quote(text)))
  if status ~= 0 then error(("exit status %d\n%s"):format(status, said), 2) end
  return said
end

-- --- on the near machine ---

--- A command of the shell; raises when it fails.
function netns.execute(command)
  shell.execute("PATH=$PATH:/usr/sbin:/sbin; " .. command)
end

--- Begins to connect to the other machine's server, or where the options say. Returns the client and its events.
function netns.dial(options)
  options.host, options.port = options.host or netns.HOST, options.port or netns.PORT
  options.linger = 0
  local client = sidewire.new(options)
  local events = util.collect(client)
  assert(client:connect())
  return client, events
end

local function on_both(command)
  netns.execute(("%s && ip netns exec far %s"):format(command, command))
end

-- Returns false when nothing delays.
local function tell_delay(signal, answer)
  local pid = files.try_read "/run/delay.pid"
  if not pid then return false end
  netns.execute(("kill -%s %d; until tail -n 1 /run/delay | grep -qx %s; do sleep 0.005; done"):format(signal,
    tonumber(pid), answer))
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

--- Puts a text in the place of a file of the near machine, such as /etc/hosts. Again: another text.
function netns.replace(path, text)
  local own = "/run/" .. path:gsub("/", "-")
  local is_new = not files.try_read(own)
  files.write(own, text)
  if is_new then netns.execute(("mount --bind %s $(readlink -f %s)"):format(own, path)) end
end

--- From now on names are asked of the name server on the far machine, once, for so many seconds (1 to 30).
function netns.ask_names(seconds)
  netns.replace("/etc/resolv.conf", ("nameserver %s\nsearch .\noptions timeout:%d attempts:1\n"):format(netns.HOST,
    seconds))
end

--- The names that it was asked for so far, a line for each question.
function netns.asked_names()
  return (files.read "/run/names":gsub("^ready\n", ""))
end

--- On the far machine, from now on the packets that a rule of nft describes are dropped, or what the verdict says.
function netns.drop(rule, verdict)
  local rules = "table inet rules { chain arriving { type filter hook input priority 0; %s %s; }; }"
  netns.execute("ip netns exec far nft " .. shell.quote(rules:format(rule, verdict or "drop")))
end

--- Ends what netns.drop began.
function netns.undrop()
  netns.execute "ip netns exec far nft delete table inet rules"
end

return netns
