-- What spec/connect/policy_spec.lua runs: in `embed`, where each name in .test is this machine's, and names of the form
-- pair-N.test are 127.0.0.N and then 127.0.0.1; and `stays_outside` on the near one of two machines
-- (spec/support/netns.lua).

local engine = require "spec.support.engine"
local session = require "spec.support.session"
local sidewire = require "sidewire.core"

local connect, connected = session.connect, session.connected

local scripts = {}

local function set(rules) assert(sidewire.set_policy(rules) == true) end

-- A refusal at once: it says what was asked for, and why.
local function refused(asked, why, result, message, code)
  assert(result == nil and code == "EPOLICY", tostring(message))
  assert(message:find("the host's policy does not allow " .. asked, 1, true), message)
  assert(message:find(why, 1, true), message)
end

-- The address of the server is refused once the name is looked up. Returns the error's message and causes.
local function refused_later(why, options)
  local failed
  options.reconnect = false
  options.on = { error = function(_, ...) failed = { ... } end }
  local client = connect(options)
  session.poll_until(function() return failed end)
  local message, code, detail = engine.unpack(failed)
  assert(code == "EPOLICY" and detail.stage == "connect", message)
  assert(message:find(why, 1, true), message)
  client:close()
  return message, detail.causes
end

function scripts.refuses_at_once()
  set { allow = { "*.example.org:443", "127.0.0.0/30:1-65535", "unix:/run/game/*" }, deny = { "127.0.0.3" } }
  local why = "no rule of allow admits it (valid: *.example.org:443, 127.0.0.0/30:1-65535, unix:/run/game/*)"
  refused("tcp://example.org:443", why, sidewire.new { host = "example.org", port = 443 })
  refused("tcp://a.example.org:80", why, sidewire.new { server = "tcp://a.example.org:80" })
  refused("tcp://[::1]:80", why, sidewire.new { server = { "tcp://127.0.0.1:80", "tcp://[::1]:80" } })
  refused("unix:/run/game/a/b", why, sidewire.new { server = "unix:/run/game/a/b" })
  refused("unix:/run/game/../x", 'a path may not have an empty part, "." or ".."',
    sidewire.new { server = "unix:/run/game/../x" })
  refused("tcp://127.0.0.3:80", "rule 1 of deny, 127.0.0.3", sidewire.new { server = "tcp://127.0.0.3:80" })
  local client = connected()
  refused("tcp://127.0.0.4:" .. session.port, why, client:connect("127.0.0.4"))
  refused("tcp://a.example.org:80", why, client:connect("a.example.org", 80))
  refused("tcp://10.0.0.1:80", why, client:connect("tcp://10.0.0.1:80"))
  refused("tcp://10.0.0.1:80", why, client:set_server("10.0.0.1", 80))
  refused("unix:@x", why, client:set_server { "tcp://127.0.0.1:80", "unix:@x" })
  local host, port = client:get_server()
  assert(host == "127.0.0.1" and port == session.port and client:is_connected(), "the refused calls did nothing")
  assert(client:set_server("tcp://127.0.0.2:80"))
  local _, most = embed.lookups()
  assert(most == 0, "no refused name was looked up")
end

function scripts.waits_for_what_is_missing()
  set { allow = { "127.0.0.1" } }
  local client = assert(sidewire.new { port = session.port }) -- it has no host yet
  refused("tcp://localhost:" .. session.port, "no rule", client:connect("localhost"))
  assert(client:connect("127.0.0.1") and client:wait("connected", 30))
  assert(sidewire.new())
end

function scripts.does_not_lead_inside()
  set { allow = { "*.test" } }
  local message, causes = refused_later("refuses loopback addresses, unless allow lists the address itself",
    { host = "inside.test" })
  assert(message:find("cannot connect to inside.test port " .. session.port .. " (127.0.0.1): ", 1, true), message)
  assert(#causes == 1 and causes[1].address == "127.0.0.1" and causes[1].code == "EPOLICY" and causes[1].seconds == 0)
  message, causes = refused_later("127.0.0.2: the host's policy refuses", { host = "pair-2.test" })
  assert(#causes == 2 and causes[2].address == "127.0.0.1", message)
end

function scripts.lists_inside_addresses()
  set { allow = { "*.test", "127.0.0.0/8" } }
  connected { host = "inside.test" }
  set { allow = { "*.test", ("127.0.0.1:%d"):format(session.port) } }
  connected { host = "inside.test" }
  set { allow = { "*.test", ("127.0.0.1:%d"):format(session.port - 1) } } -- another port
  refused_later("refuses loopback addresses", { host = "inside.test" })
end

-- One address is refused, the other one serves; and where that one does not serve, the error has both reasons.
function scripts.leaves_out_addresses()
  set { allow = { "*.test", "127.0.0.1" } }
  connected { host = "pair-2.test" }
  local failed
  local client = connect { host = "pair-2.test", port = 1, reconnect = false,
    on = { error = function(_, ...) failed = { ... } end } }
  session.poll_until(function() return failed end)
  local message, code, detail = engine.unpack(failed)
  assert(code == "ECONNREFUSED", message)
  assert(message:find("127.0.0.2: the host's policy refuses loopback addresses", 1, true), message)
  assert(#detail.causes == 2 and detail.causes[2].code == "EPOLICY")
  client:close()
end

function scripts.denies_addresses_of_names()
  set { deny = { "10.0.0.0/8", "127.0.0.0/8:" .. session.port } }
  refused_later("refuses this address by rule 2 of deny", { host = "inside.test" })
  refused("tcp://127.0.0.9:" .. session.port, "rule 2 of deny, 127.0.0.0/8:" .. session.port,
    sidewire.new { host = "127.0.0.9", port = session.port })
  set { deny = { "inside.test" } }
  refused("tcp://INSIDE.test.:1", "rule 1 of deny, inside.test", sidewire.new { host = "INSIDE.test.", port = 1 })
  connected { host = "other.test" } -- without allow, only deny counts
end

-- The attempts go on, because a name may lead elsewhere the next time.
function scripts.tries_again()
  set { allow = { "*.test" } }
  local codes = {}
  connect { host = "inside.test", reconnect = { delay = 0.01, jitter = false },
    on = { retry = function(_, _, _, _, code) codes[#codes + 1] = code end } }
  session.poll_until(function() return #codes >= 3 end)
  for _, code in ipairs(codes) do assert(code == "EPOLICY", code) end
end

function scripts.leaves_clients()
  local before, idle = connected { host = "quick.test" }, session.new { host = "127.0.0.1" }
  set { allow = {} }
  refused("tcp://127.0.0.1:1", "no rule of allow admits it, which is empty",
    sidewire.new { host = "127.0.0.1", port = 1 })
  assert(before:is_connected())
  before:disconnect()
  assert(before:wait("disconnected", 30))
  assert(before:connect() and before:wait("connected", 30)) -- by the rules under which its server was named
  assert(idle:connect() and idle:wait("connected", 30))
  refused("tcp://127.0.0.1:" .. session.port, "no rule", before:connect("127.0.0.1"))
end

-- Names of which one is looked up at a time.
function scripts.bounds_lookups()
  set { max_lookups = 2 }
  embed.slow_lookups(0.3)
  local clients = {}
  for i = 1, 6 do clients[i] = connect { host = ("slow-%d.test"):format(i), connect_timeout = 30 } end
  for _, client in ipairs(clients) do assert(client:wait("connected", 60)) end
  local _, most = embed.lookups()
  assert(most == 2, most)
end

function scripts.raises()
  local function raises(rules, text)
    local ok, message = pcall(sidewire.set_policy, rules)
    assert(not ok and message:find(text, 1, true), message)
  end
  set { max_clients = 1, allow = { "127.0.0.1" } }
  raises({ allow = "x" }, 'allow must be a list of rules such as "*.example.org:443"')
  raises({ allow = { x = 1 } }, "allow[1] must be a rule, a string, got nil")
  raises({ deny = { "a", 5 } }, "deny[2] must be a rule, a string, got 5")
  raises({ deny = { "*x" } }, [[deny[1] '*x': "*" stands for whole labels]])
  raises({ allow = { "x:0" } }, [[allow[1] 'x:0': behind ":" stands a port, or two as "7000-7999", 1..65535]])
  raises({ allow = { "10.0.0.1/8" } }, "write the network's first address")
  raises({ allow = { "tcp://x:1" } }, "it is a URL: write the host and the port only")
  local many = {}
  for i = 1, 257 do many[i] = "a" end
  raises({ allow = many }, "allow must have at most 256 rules, got 257")
  raises({ max_lookups = 17 }, "max_lookups must be a whole number, 1..16, got 17")
  refused("tcp://127.0.0.2:1", "no rule", sidewire.new { host = "127.0.0.2", port = 1 }) -- all is as it was
  local client = session.connected() -- luacheck: ignore 211
  assert(select(3, sidewire.new()) == "EPOLICY")
end

-- What changes while it is read has no effect: a finalizer sees neither the copy nor its lists.
function scripts.copies_rules()
  local allow = { "127.0.0.1" }
  local rules = setmetatable({ allow = allow }, { __index = function() return { "*" } end })
  set(rules)
  allow[1] = "*"
  rules.allow = nil
  refused("tcp://localhost:1", "no rule", sidewire.new { host = "localhost", port = 1 })
end

-- --- between two machines ---

local INSIDE = { "loopback.example.org", "ten.example.org", "link-local.example.org" }

-- What the traced script does: it connects to each of these names and to one that is outside, with the policy or
-- without.
function scripts.dials(has_policy)
  if has_policy == 1 then
    set { allow = { "*.example.org:4000", "10.77.0.0/16:4000" } }
    assert(sidewire.lock_policy())
  end
  local codes = {}
  for _, host in ipairs(INSIDE) do
    local client = sidewire.new { host = host, port = 4000, reconnect = false, connect_timeout = 2,
      on = { error = function(_, _, code) codes[#codes + 1] = code end } }
    assert(client:connect())
  end
  local good = sidewire.new { host = "good.example.org", port = 4000 }
  assert(good:connect() and good:wait("connected", 30))
  session.poll_until(function() return #codes == #INSIDE end)
  print(table.concat(codes, " "))
end

function scripts.stays_outside()
  local build = require "spec.support.build"
  local files = require "spec.support.files"
  local netns = require "spec.support.netns"
  local shell = require "spec.support.shell"
  netns.ask_names(1)
  local function trace(has_policy)
    local path = ("/run/trace-%d"):format(has_policy)
    local text = ("require('spec.connect.scripts.policy').dials(%d)"):format(has_policy)
    local calls = "-e trace=connect,sendto,sendmsg,sendmmsg"
    local said, status = shell.run(("strace -f -qq %s -o %s %s -e %s"):format(calls, path, build.LUA,
      shell.quote(text)))
    assert(status == 0, said)
    local goals = {}
    for port, address in files.read(path):gmatch "sin_port=htons%((%d+)%), sin_addr=inet_addr%(\"([%d.]+)\"%)" do
      if port == "4000" then goals[address] = true end
    end
    return goals, said
  end
  local goals, said = trace(0)
  assert(goals["127.0.0.1"] and goals["10.0.0.1"] and goals[netns.HOST], "the trace shows what is not refused")
  print("without a policy: " .. said)
  goals, said = trace(1)
  assert(next(goals) == netns.HOST and next(goals, netns.HOST) == nil, next(goals))
  assert(said == "EPOLICY EPOLICY EPOLICY\n", said)
  print("with a policy: " .. said)
end

return scripts
