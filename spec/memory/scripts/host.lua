-- What spec/memory/host_spec.lua runs in `embed`.

local build = require "spec.support.build"
local engine = require "spec.support.engine"
local session = require "spec.support.session"
local sidewire = require "sidewire.core"

local new, connect, connected = session.new, session.connect, session.connected

local scripts = {}

-- KiB that the process has more after `make`, KiB that Lua has more, and what `make` returned.
local function measure(make)
  collectgarbage()
  collectgarbage()
  local _, _, before = embed.census()
  local lua = collectgarbage "count"
  local kept = make()
  collectgarbage()
  collectgarbage()
  local _, _, after = embed.census()
  return after - before, collectgarbage "count" - lua, kept
end

function scripts.sends_small_messages()
  local client = new { queue_limit = 2^25 }
  local line = ("x"):rep(1000)
  local resident, lua = measure(function() for _ = 1, 16 * 1024 do assert(client:send(line)) end end)
  assert((build.is_sanitized or resident > 15 * 1024) and lua < 100, resident .. " " .. lua)
end

function scripts.copies_unfinished()
  local policy = { max_clients = 1, max_queue = 2^20, max_inbox = 1000, max_linger = 0, files = false }
  assert(sidewire.set_policy(policy) and sidewire.lock_policy())
  local client = new()
  for _ = 1, 1000 do assert(client:send(("x"):rep(1000))) end
  local function copies(n)
    local kept = {}
    for i = 1, n do kept[i] = { assert(client:unfinished()) } end
    return kept
  end
  local resident, lua = measure(function() return copies(30) end)
  assert((build.is_sanitized or resident > 25 * 1000) and lua < 100, resident .. " " .. lua)
  for _ = 1, 10 do copies(30) collectgarbage() end
  resident = measure(function() copies(10) end)
  assert(build.is_sanitized or resident < 8 * 1000, resident .. " more after they were collected")
end

function scripts.connects_many()
  connected()
  local resident = measure(function()
    local clients = {}
    for i = 1, 200 do clients[i] = connect { on = { message = print } } end
    for i = 1, 200 do assert(clients[i]:wait("connected", 30)) end
    return clients
  end)
  assert(build.is_sanitized or resident / 200 < 4, resident / 200)
end

function scripts.closes_many()
  assert(sidewire.set_policy { max_clients = 2, max_queue = 1000, max_inbox = 1000, max_linger = 0, files = false })
  assert(sidewire.lock_policy())
  local function closed()
    local clients = {}
    for i = 1, 5000 do
      clients[i] = new()
      clients[i]:close()
    end
    return clients
  end
  local resident, lua = measure(closed)
  assert(build.is_sanitized or resident - lua > 2500 and resident < 5000 * 4, resident .. " " .. lua)
  resident = measure(function()
    for _ = 1, 10 do
      closed()
      collectgarbage()
      sidewire.poll()
    end
  end)
  local most = engine.has_user_values and 5000 or 12000 -- each has a table more, and goes a collection later
  assert(build.is_sanitized or resident < most, resident .. " more after they were collected")
end

return scripts
