-- What spec/tls/library_spec.lua runs in processes of their own, and in `embed`.

local engine = require "spec.support.engine"
local files = require "spec.support.files"
local forks = require "spec.life.scripts.forks"
local session = require "spec.support.session"
local sidewire = require "sidewire.core"

local done, in_child, succeeded = forks.done, forks.in_child, forks.succeeded

local scripts = {}

-- Reads all that a client gets until one event of these names comes; returns that event.
local function wait_for(client, ...)
  local wanted = {}
  for _, name in ipairs { ... } do wanted[name] = true end
  local deadline = os.time() + 60
  repeat
    sidewire.wait(0.1)
    for who, name, a, b, c in sidewire.events() do
      if who == client and wanted[name] then return { name, a, b, c } end
    end
  until os.time() > deadline
  error "nothing came"
end

local function tls_options(port, ca, more)
  local options = { host = "127.0.0.1", port = tonumber(port), tls = { ca = ca }, reconnect = false }
  for name, value in pairs(more or {}) do options[name] = value end
  return options
end

local function round_trip(client, message)
  assert(client:send(message))
  assert(client:receive(30) == message)
end

local function connected(port, ca, more)
  local client = assert(sidewire.new(tls_options(port, ca, more)))
  assert(client:connect())
  local ok, why = client:wait("connected", 30)
  assert(ok, why)
  return client
end

-- A whole life with TLS.
local function use(port, ca)
  local client = connected(port, ca)
  round_trip(client, "hello")
  assert(client:close())
  assert(client:wait("disconnected", 30))
end

-- The files of OpenSSL that the process has loaded.
local function loaded()
  local found, list = {}, {}
  for path in files.read "/proc/self/maps":gmatch "(/[^\n]*lib[sc][sr][ly][^/\n]*%.so[^/\n]*)" do
    if not found[path] then list[#list + 1] = path end
    found[path] = true
  end
  table.sort(list)
  return table.concat(list, " ")
end

--- Prints how an attempt with TLS ends: the code and the text of its event, and the code that a wait has.
function scripts.attempts(port, ca)
  local client = assert(sidewire.new(tls_options(port, ca)))
  assert(client:connect())
  local _, _, code = client:wait("connected", 30)
  local event = wait_for(client, "connect", "error")
  print(code or "connected")
  print(event[1], event[3], event[2])
end

--- The same, with a file that the policy names.
function scripts.attempts_by_policy(port, ca, file)
  assert(sidewire.set_policy { tls_library = file })
  scripts.attempts(port, ca)
end

--- Without TLS all works, before an attempt with it and after.
function scripts.works_without(port, ca, plain)
  local function use_plain()
    local client = assert(sidewire.new { host = "localhost", port = tonumber(plain) })
    assert(client:connect())
    assert(client:wait("connected", 30))
    for n = 1, 100 do round_trip(client, "message " .. n) end
    return client
  end
  local client = use_plain()
  scripts.attempts(port, ca)
  round_trip(client, "still")
  use_plain()
  print("loaded:" .. loaded())
end

--- Beside luaossl, which is loaded before or after.
function scripts.beside_luaossl(port, ca, order)
  local digest, context
  local function load_it()
    digest, context = require "openssl.digest", require "openssl.ssl.context"
    assert(#digest.new("sha256"):final "x" == 32)
  end
  if order == "before" then load_it() end
  local before = loaded()
  local kept = connected(port, ca)
  if order == "after" then load_it() end
  for n = 1, 5 do
    use(port, ca)
    assert(#digest.new("sha256"):final("x" .. n) == 32)
    assert(context.new "TLS")
    collectgarbage()
    round_trip(kept, "message " .. n)
  end
  assert(sidewire.stop())
  assert(#digest.new("sha256"):final "x" == 32)
  local _, count = loaded():gsub("libssl", "")
  print(("%d libssl, %s"):format(count, order == "before" and before == loaded() and "the same" or "-"))
end

--- Loads a library that looks at OpenSSL when the process ends, uses TLS, and ends the process with connections open.
function scripts.exits(port, ca, watcher, status, closes)
  assert(package.loadlib(watcher, "watch"))()
  local client = connected(port, ca)
  round_trip(client, "hello")
  engine.kept = { client, connected(port, ca) }
  os.exit(tonumber(status), closes == "true" or nil)
end

-- --- in embed ---

-- The peer that echoes speaks TLS here.
local function tls(options)
  options = options or {}
  options.tls = { ca = scripts.ca }
  return options
end

--- Connections in many states are left to lua_close.
function scripts.is_busy(ca)
  scripts.ca = ca
  local clients = {}
  for i = 1, 3 do clients[i] = session.connected(tls { on = { message = function() end } }) end
  for i = 1, 30 do assert(clients[1 + i % 3]:send(("busy %d"):format(i))) end
  clients.shaking = session.connect(tls())
  clients.cut = session.connect(tls { port = session.silent }) -- a server that does not answer
  clients.shared = session.connected { tls = { ca = ca, min_version = "1.3" } } -- another context
  sidewire.poll()
end

function scripts.forks_with_connections(ca)
  scripts.ca = ca
  local client, others = session.connected(tls()), {}
  for i = 1, 3 do others[i] = session.connected(tls()) end
  round_trip(client, "before")
  local children = {}
  for i = 1, 3 do
    children[i] = in_child(function()
      local result, _, code = client:send "x"
      assert(result == nil and code == "EFORKED")
      for n = 1, 3 do
        local own = session.connected(tls())
        round_trip(own, "child " .. n)
        if n > 1 then assert(own:close()) end
      end
      collectgarbage()
    end)
    round_trip(client, "meanwhile " .. i)
  end
  for i = 1, 3 do succeeded(children[i]) end
  for i = 1, 3 do round_trip(others[i], "after") end
  round_trip(client, "after")
  use(session.port, ca)
end

--- Forks while a helper thread loads the library and reads the files: a little later each time.
function scripts.forks_while_building(ca, delay)
  scripts.ca = ca
  local client = session.connect(tls())
  embed.sleep(tonumber(delay) / 1e6)
  local child = in_child(function()
    local own = session.connected(tls())
    round_trip(own, "child")
  end)
  assert(client:wait("connected", 30))
  round_trip(client, "parent")
  succeeded(child)
end

local function end_child(problem)
  return problem == done and problem or debug.traceback(problem)
end

for _, name in ipairs { "forks_with_connections", "forks_while_building" } do
  local script = scripts[name]
  scripts[name] = function(...)
    local ok, problem = engine.xpcall(script, end_child, ...)
    assert(ok or problem == done, problem)
  end
end

return scripts
