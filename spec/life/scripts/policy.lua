-- What spec/life/policy_spec.lua runs in `embed`.

local build = require "spec.support.build"
local engine = require "spec.support.engine"
local session = require "spec.support.session"
local sidewire = require "sidewire"

local connected = session.connected

local scripts = {}

local function try_new(options)
  return sidewire.new(session.options(options))
end

-- A refusal says what was asked, and names the rule.
local function refused(rule, asked, result, message, code)
  assert(result == nil and code == "EPOLICY", tostring(message))
  assert(message:find(rule, 1, true), message)
  assert(message:find(asked, 1, true), message)
  assert(message:find("the host's policy", 1, true), message)
end

local function set(rules) assert(sidewire.set_policy(rules) == true) end

function scripts.bounds_queues()
  set { max_queue = 1000 }
  refused("max_queue is 1000", "queue_limit 1001", try_new { queue_limit = 1001 })
  assert(try_new { queue_limit = 1000 })
  local client = try_new()
  assert(select(3, client:send(("x"):rep(1000))) == "ETOOBIG")
  assert(client:send(("x"):rep(999)) == 1)
end

function scripts.bounds_inboxes()
  set { max_inbox = 1000 }
  refused("max_inbox is 1000", "inbox_limit 1001", try_new { inbox_limit = 1001 })
  refused("max_inbox is 1000", "max_message 1001", try_new { max_message = 1001 })
  refused("max_inbox is 1000", "max_message 1001", try_new { framing = "u32be", max_message = 1001 })
  refused("max_inbox is 1000", "framing.fixed 1001", try_new { framing = { fixed = 1001 } })
  assert(try_new { inbox_limit = 1000, max_message = 1000 } and try_new { framing = { fixed = 1000 } })
  local client = connected { reconnect = false }
  client:send(("x"):rep(1001))
  client:wait("disconnected", 30)
  assert(select(3, client:receive()) == "EFRAME") -- the message that came back is longer than max_message
end

function scripts.bounds_lingers()
  set { max_linger = 0.3 }
  refused("max_linger is 0.3", "linger 0.5", try_new { linger = 0.5 })
  local client = try_new { linger = 0.3 }
  refused("max_linger is 0.3", engine.as_written "linger 1.0", client:disconnect(1))
  refused("max_linger is 0.3", engine.as_written "linger 100000000.0", client:close(1e8))
  assert(client:state() == "closed") -- all the same
  refused("max_linger is 0.3", engine.as_written "timeout 2.0", sidewire.stop(2))
  local stuck = connected { port = session.silent }
  for _ = 1, 200 do stuck:send(("x"):rep(60000)) end
  refused("max_linger is 0.3", engine.as_written "linger 60.0", stuck:disconnect(60))
  assert(stuck:state() == "connected") -- nothing was done
  refused("max_linger is 0.3", engine.as_written "linger 60.0", stuck:close(60))
  assert(sidewire.stop() == true)
  stuck = connected { port = session.silent }
  for _ = 1, 200 do stuck:send(("x"):rep(60000)) end
end

function scripts.leaves_clients()
  local before = try_new { queue_limit = 5000, linger = 5 }
  set { max_queue = 10, max_linger = 0, max_clients = 0 }
  assert(before:send(("x"):rep(4000)))
  assert(before:close() == true)
  refused("max_clients is 0", "no more clients", try_new())
end

function scripts.counts_clients()
  set { max_clients = 2 }
  local a, b = connected {}, connected { port = session.silent, linger = 0.4 }
  refused("max_clients is 2", "no more clients", try_new())
  a:close()
  assert(a:wait("disconnected", 30))
  local c = assert(try_new())
  for _ = 1, 200 do b:send(("x"):rep(60000)) end
  b:close() -- which lingers
  refused("max_clients is 2", "no more clients", try_new())
  assert(b:wait("disconnected", 30))
  local d = assert(try_new())
  refused("max_clients is 2", "no more clients", try_new())
  c:close(0) -- never connected
  c = assert(try_new()) -- luacheck: ignore 311
  c = nil -- luacheck: ignore 311
  collectgarbage()
  assert(try_new())
  for _ = 1, 10000 do
    local client = try_new()
    if client then client:close(0) end
  end
  d:close(0)
end

function scripts.counts_clients_of_finalizers()
  set { max_clients = 1 }
  local clients, is_armed = {}, true
  local function arm()
    engine.finalizer(function()
      if not is_armed then return end
      clients[#clients + 1] = try_new()
      arm()
    end)
  end
  engine.collect_often(4)
  for _ = 1, 200 do
    collectgarbage()
    arm()
    local open = 0
    clients[#clients + 1] = try_new()
    for _, client in ipairs(clients) do
      if client:state() ~= "closed" then open = open + 1 end
    end
    assert(open <= 1, open)
    for _, client in ipairs(clients) do client:close(0) end
    clients = {}
  end
  is_armed = false
end

function scripts.bounds_what_piles_up()
  -- KiB; a sanitizer keeps what is freed for a while: there, leaks are its own business.
  local slack = build.choose(20, 400) * 1024
  set { max_clients = 1, max_queue = 2 ^ 20 }
  local greeting = ("x"):rep(1000000)
  local function make()
    for _ = 1, 100 do
      local client = try_new { greeting = greeting }
      client:send(greeting)
      client:close(0)
    end
    collectgarbage()
    collectgarbage()
    return select(3, embed.census())
  end
  local before = make()
  local after = make()
  assert(after < before + slack, before .. " " .. after)
end

function scripts.refuses_files()
  local path = os.tmpname()
  local client = assert(try_new { settings = path })
  set { files = false }
  refused("files is false", path, try_new { settings = path })
  refused("files is false", path, sidewire.settings.load(path))
  refused("files is false", path, sidewire.settings.save(path, { port = 1 }))
  refused("files is false", path, client:set_server("127.0.0.1", 1))
  refused("files is false", path, client:set_reconnect(false))
  assert(client:set_server("127.0.0.1", 1) == nil and select(2, client:get_server()) == 1) -- done, but not saved
  refused("files is false", "/etc/passwd", sidewire.settings.load "/etc/passwd")
  set {}
  assert(sidewire.settings.load(path).port == session.port)
  os.remove(path)
end

function scripts.is_replaced_and_locked()
  set { max_queue = 10 }
  set { max_clients = 3 }
  assert(try_new { queue_limit = 2^30 })
  assert(sidewire.lock_policy() == true and sidewire.lock_policy() == true)
  refused("locked", "set_policy", sidewire.set_policy { max_clients = 100 })
  refused("locked", "set_policy", sidewire.set_policy {})
  local a, b = try_new(), try_new() -- luacheck: ignore 211
  refused("max_clients is 3", "no more clients", try_new())
end

function scripts.raises()
  set { max_clients = 1 }
  local function raises(rules, text)
    local ok, message = pcall(sidewire.set_policy, rules)
    assert(not ok and message:find(text, 1, true), message)
  end
  raises(nil, "rules must be a table")
  raises({ max_client = 1 },
    "unknown option 'max_client' (valid: allow, deny, tls_library, tls_verify, "
    .. "max_clients, max_queue, max_inbox, max_linger, max_lookups, files)")
  raises({ max_clients = -1 }, "max_clients must be a whole number, 0 or more, got -1")
  raises({ max_queue = 0 }, "max_queue must be a whole number, 1 or more, got 0")
  raises({ max_inbox = 1.5 }, "max_inbox must be")
  raises({ max_linger = -1 }, "max_linger must be a number of seconds")
  raises({ files = 1 }, "files must be true or false")
  local client = try_new() -- luacheck: ignore 211
  refused("max_clients is 1", "no more clients", try_new())
end

function scripts.survives_attacks()
  local path = os.tmpname()
  set { max_clients = 2, max_queue = 1000, files = false }
  sidewire.lock_policy()
  local MODULES = { "sidewire", "sidewire.core", "sidewire.settings", "sidewire.settings_text" }
  local function holds(module)
    refused("max_queue is 1000", "queue_limit", module.new { queue_limit = 1000000 })
    refused("locked", "set_policy", module.set_policy {})
    if module.settings then refused("files is false", path, module.settings.load(path)) end
  end
  holds(sidewire)
  for _ = 1, 100 do -- reload
    for _, name in ipairs(MODULES) do package.loaded[name] = nil end
    local again = require "sidewire"
    holds(again)
    holds(require "sidewire.core")
  end
  holds(assert(package.loadlib(engine.searchpath("sidewire.core", package.cpath), "luaopen_sidewire_core"))())
  coroutine.wrap(function() holds(require "sidewire") end)() -- coroutines
  local reached
  engine.finalizer(function() reached = pcall(holds, sidewire) end)
  collectgarbage()
  assert(reached)
  local fake = setmetatable({}, { __index = _G, __newindex = function() error "no" end }) -- environments
  assert(engine.load("return ...", "chunk", fake))(holds)(sidewire)
  for _, name in ipairs(MODULES) do package.loaded[name] = nil end
  local mine = require "sidewire.core" -- what the tables hold is the script's, what it does is not
  local set_policy, check_file = mine.set_policy, mine.check_file
  mine.set_policy, mine.lock_policy = function() return true end, nil
  refused("locked", "set_policy", set_policy { files = true })
  local settings = sidewire.settings
  mine.check_file = function() return true end
  refused("files is false", path, settings.load(path)) -- it keeps the function that it began with
  for _, attack in ipairs {
    function() rawset(mine, "check_file", function() return true end) end,
    function()
      mine.check_file = nil
      local function yes() return true end
      setmetatable(mine, { __index = function() return yes end, __newindex = yes })
    end,
  } do
    attack()
    package.loaded["sidewire.settings"] = nil
    package.loaded["sidewire.core"] = mine
    refused("files is false", path, require "sidewire.settings".load(path)) -- one that is loaded now, too
  end
  setmetatable(mine, nil)
  mine.check_file = check_file
  local meta = { __index = { files = true }, __pairs = function() return next, { files = true } end }
  local rules = setmetatable({}, meta)
  refused("locked", "set_policy", set_policy(rules)) -- metatables
  assert(not pcall(setmetatable, try_new(), {}))
  assert(type(getmetatable(try_new())) == "string")
  os.remove(path)
end

function scripts.locks()
  set { max_queue = 1 }
  sidewire.lock_policy()
end

return scripts
