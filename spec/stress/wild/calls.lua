--- One call of a public function or method, with arguments, and what must be so afterwards.
--
-- Whatever the arguments, a function returns or raises; what it raises itself is a string; `nil, message, code` is just
-- that; ids grow; a closed client stays closed.

local World = require "spec.stress.wild.world"
local Values = require "spec.stress.wild.values"
local engine = require "spec.support.engine"

local Calls = {}

local random, pick, chance = math.random, World.pick, World.chance

local entries = Values.functions -- { name =, f =, waits = }
local by_name = {} -- the first entry of that name

--- All methods of clients. A method that is missing here but that clients have is called, too, with any arguments; one
--- that waits belongs into the table below.
Calls.METHODS = {
  "on", "connect", "disconnect", "shutdown", "close", "send", "send_once", "write", "confirm", "receive", "read",
  "wait", "flush", "poll", "state", "is_connected", "pending", "stats", "unfinished", "set_greeting", "set_server",
  "get_server", "set_framing", "set_reconnect", "get_reconnect",
}

-- Which argument says how long a call, or what it leaves behind, may take; its bound in seconds. A poll needs one:
-- with tens of thousands of messages, handlers that raise, and a traceback of a deep stack for each, it takes a minute.
local TIMES = {
  ["client:wait"] = { 3, 0.03 }, ["client:flush"] = { 2, 0.03 }, ["client:receive"] = { 2, 0.03 },
  ["client:read"] = { 3, 0.03 }, ["client:poll"] = { 3, 0.1 }, ["client:close"] = { 2, 0.1 },
  ["client:disconnect"] = { 2, 0.1 }, ["sidewire.poll"] = { 2, 0.1 }, ["sidewire.wait"] = { 1, 0.03 },
  ["sidewire.stop"] = { 1, 0.1 },
}

-- What handlers must not be: they would wait without a bound.
local WAITS = {
  ["client:wait"] = true, ["client:flush"] = true, ["client:receive"] = true, ["client:read"] = true,
  ["client:unfinished"] = true, ["sidewire.wait"] = true, ["sidewire.stop"] = true, ["settings.save"] = true,
}

-- Never called at random: what it does cannot be taken back.
local LEFT_OUT = { ["sidewire.lock_policy"] = true }

-- Functions whose first result may be nil without a message behind it.
local MAY_GIVE_NIL = { ["client:get_server"] = true, ["sidewire.is_ip"] = true, ["resp.kind"] = true }

-- --- arguments that make sense, client first for methods ---

local arguments = {}

arguments["sidewire.new"] = function()
  local options = Values.options()
  if World.folder and chance(0.1) then options.settings = Calls.path() end
  return options
end
arguments["sidewire.poll"] = function() return pick { 0, 1, 3, 100 }, chance(0.3) and Values.seconds() or nil end
arguments["sidewire.wait"] = function() return Values.seconds() end
arguments["sidewire.stop"] = function() return 0.05 end
arguments["sidewire.on_error"] = function() return chance(0.5) and Values.handler() or nil end
arguments["sidewire.is_ip"] = function() return Values.any() end
arguments["sidewire.is_port"] = function() return Values.number(), Values.any() end
arguments["sidewire.set_policy"] = function()
  if chance(0.7) then return {} end
  local policy = { max_clients = random(30, 100), max_queue = 2 ^ 22, max_inbox = 2 ^ 24, max_linger = 1 }
  if chance(0.2) then policy[pick { "max_clients", "max_queue", "max_inbox", "max_linger", "files" }] = Values.any() end
  if chance(0.2) then policy.files = chance(0.5) end
  return policy
end
arguments["resp.decode"] = function() return Calls.resp_bytes() end
arguments["resp.encode"] = function() return Values.pieces() end
arguments["resp.encode_value"] = function() return Calls.resp_value(4) end
arguments["resp.kind"] = function() return Calls.resp_value(1) end
arguments["resp.as"] = function()
  return pick { "set", "map", "push", "error", "simple", "verbatim", "big", "double" }, Calls.resp_value(1)
end
arguments["settings.load"] = function() return Calls.path() end
arguments["settings.save"] = function()
  local host, port = World.server()
  return Calls.path(), { host = host, port = port, reconnect = chance(0.5) }
end

arguments["client:on"] = function(client)
  if chance(0.3) then return client, Values.handlers() end
  return client, Values.event(), chance(0.8) and Values.handler() or nil
end
arguments["client:connect"] = function(client)
  if chance(0.7) then return client end
  return client, World.server()
end
arguments["client:set_server"] = function(client) return client, World.server() end
arguments["client:send"] = function(client) return client, Values.pieces() end
arguments["client:write"] = function(client) return client, chance(0.5) and Values.float() or Values.text() end
arguments["client:confirm"] = function(client) return client, random(0, 100) end
arguments["client:receive"] = function(client) return client, Values.seconds() end
arguments["client:read"] = function(client)
  return client, pick { "l", "L", "a", 0, 1, 5, 1000, { delimiter = "\r\n" } }, Values.seconds()
end
arguments["client:set_framing"] = function(client) return client, Values.framing() end
arguments["client:send_once"] = arguments["client:send"]
arguments["client:flush"] = arguments["client:receive"]
arguments["client:close"] = arguments["client:receive"]
arguments["client:disconnect"] = arguments["client:receive"]
arguments["client:wait"] = function(client)
  return client, pick { "connected", "connected", "disconnected" }, Values.seconds()
end
arguments["client:poll"] = function(client) return client, pick { 0, 1, 3, 100 } end
arguments["client:set_greeting"] = function(client) return client, chance(0.8) and Values.greeting() or nil end
arguments["client:set_reconnect"] = function(client) return client, Values.reconnect() end

--- A settings file, always within the run's folder.
function Calls.path()
  return ("%s/%d.ini"):format(World.folder, random(4))
end

--- A Lua value that mostly has a RESP value.
function Calls.resp_value(depth)
  if depth == 0 or chance(0.4) then return chance(0.1) and Values.any() or pick { Values.text, Values.float }() end
  local value = {}
  for i = 1, random(0, 5) do value[i] = Calls.resp_value(depth - 1) end
  if chance(0.5) then pcall(by_name["resp.as"].f, pick { "set", "map", "push" }, value) end
  return value
end

--- Bytes that are mostly those of a RESP value, or of the beginning of one.
function Calls.resp_bytes()
  local ok, bytes = pcall(by_name["resp.encode_value"].f, Calls.resp_value(4))
  if not ok then return Values.text() end
  return chance(0.3) and bytes:sub(1, random(0, #bytes)) or bytes
end

-- --- arguments that are harmless ---

local function bound_time(args, at, most)
  local value = args[at]
  if value ~= nil and not (type(value) == "number" and value > most) then return end
  args[at] = chance(0.5) and 0 or most
  args.n = math.max(args.n, at)
end

local function bound_path(args, at)
  local path = args[at]
  if type(path) == "number" or type(path) == "string" and not path:find("\0", 1, true) then args[at] = Calls.path() end
end

local BOUNDS = { linger = 0.1, queue_limit = 2 ^ 22, inbox_limit = 2 ^ 22, spin = 1000 }

local function bound_options(options)
  if type(options) ~= "table" then return end
  for name, most in pairs(BOUNDS) do
    local value = rawget(options, name)
    if type(value) == "number" and value > most then rawset(options, name, most) end
  end
end

-- Time-outs stay short, memory small, and files where they belong. A value of a wrong type is left as it is.
local function make_harmless(name, args)
  local time = TIMES[name]
  if time then bound_time(args, time[1], time[2]) end
  if name == "sidewire.new" then bound_options(args[1]) end
  if name == "settings.load" or name == "settings.save" then bound_path(args, 1) end
end

-- --- what must be so ---

local newest = setmetatable({}, { __mode = "k" }) -- client -> the highest id that it returned
local closed = setmetatable({}, { __mode = "k" }) -- client -> true, once close returned

local function judge_refusal(name, message, code)
  World.counts.refusals = World.counts.refusals + 1
  if type(message) == "string" and type(code) == "string" and code:find "^E[A-Z_]+$" then return end
  World.violate("%s returned nil, %s, %s", name, message, code)
end

local function judge_id(name, client, floor, id)
  if not engine.is_integer(id) then return World.violate("%s returned %s", name, id) end
  if id <= floor then World.violate("%s returned id %d after %d", name, id, floor) end
  newest[client] = math.max(id, newest[client] or 0)
end

-- The Lua layer calls what it finds in tables, so that an attack that runs in a hook may give it anything.
local function may_give_nil(name)
  return MAY_GIVE_NIL[name] or Calls.is_attacked and (name == "sidewire.new" or name:find "^settings%." ~= nil)
end

local function judge_results(call, first, ...)
  local name, client = call.name, call.client
  if first == nil and select("#", ...) > 0 and not may_give_nil(name) then return judge_refusal(name, ...) end
  if name == "client:send" or name == "client:write" then judge_id(name, client, call.floor, first) end
  if name == "client:close" then closed[client] = true end
  if name == "client:state" and call.was_closed and first ~= "closed" then
    World.violate("a closed client is in state %s", first)
  end
  if name == "sidewire.new" then World.adopt(first) end
  if first ~= nil and chance(0.05) then World.keep(first) end
  if chance(0.05) then World.keep((...)) end
end

local function judge(call, ok, first, ...)
  World.subject = call.previous
  if World.is_bent then return ok, first, ... end
  if ok then
    judge_results(call, first, ...)
  else
    World.counts.errors = World.counts.errors + 1
    if type(first) ~= "string" and not call.raises_anything and not World.is_own_error(first) then
      World.violate("%s raised a %s", call.name, type(first))
    end
  end
  return ok, first, ...
end

-- --- the functions ---


local function add(name, f)
  if LEFT_OUT[name] or type(f) ~= "function" then return end
  entries[#entries + 1] = { name = name, f = f, waits = WAITS[name] }
  by_name[name] = by_name[name] or entries[#entries]
end

-- The order must not depend on addresses.
local function sorted_names(t)
  local names = {}
  for name in pairs(t) do
    if type(name) == "string" then names[#names + 1] = name end
  end
  table.sort(names)
  return names
end

--- Learns all functions of the two modules and all methods of this client.
function Calls.learn(core, sidewire, client)
  for _, module in ipairs { core, sidewire } do
    for _, name in ipairs(sorted_names(module)) do add("sidewire." .. name, module[name]) end
  end
  for _, name in ipairs(sorted_names(sidewire.resp)) do add("resp." .. name, sidewire.resp[name]) end
  add("settings.load", sidewire.settings.load)
  add("settings.save", sidewire.settings.save)
  for _, name in ipairs(Calls.METHODS) do add("client:" .. name, client[name]) end
  local index = debug.getmetatable(client).__index
  if type(index) ~= "table" then return end
  for _, name in ipairs(sorted_names(index)) do
    if not by_name["client:" .. name] then add("client:" .. name, index[name]) end
  end
end

-- How often a name is chosen, if not once.
local WEIGHTS = {
  ["sidewire.stop"] = 0.05, ["sidewire.new"] = 2, ["client:connect"] = 2, ["client:send"] = 3, ["sidewire.poll"] = 3,
  ["client:on"] = 2, ["sidewire.is_ip"] = 0.3, ["sidewire.is_port"] = 0.3, ["client:close"] = 0.3,
}

local function choose()
  while true do
    local entry = pick(entries)
    local weight = WEIGHTS[entry.name] or 1
    if chance(weight / 3) then return entry end
  end
end

local function choose_arguments(name)
  local is_method = name:find "^client:" ~= nil
  local client
  if is_method then client = chance(0.97) and World.client() or Values.any() end
  local make = arguments[name]
  local args
  if make and chance(0.75) then
    args = engine.pack(make(client))
  else
    args = is_method and { client, n = 1 } or { n = 0 }
    for _ = 1, random(0, 3) do
      args.n = args.n + 1
      args[args.n] = Values.any()
    end
  end
  if chance(0.004) then
    args.n = pick { 25, 254, 300, 5000 }
    for i = 2, args.n do args[i] = args[i] or i end
  elseif chance(0.15) then
    local at = random(is_method and 2 or 1, args.n + 1)
    args[at] = Values.any()
    args.n = math.max(args.n, at)
  end
  return args
end

--- A call that is ready to be made: what is chosen, and what is known before it.
function Calls.prepare(name)
  local entry = name and by_name[name] or choose()
  if entry.name == "sidewire.new" and not World.has_room(by_name["client:close"].f) then entry = choose() end
  local args = choose_arguments(entry.name)
  make_harmless(entry.name, args)
  local f, client = entry.f, args[1]
  -- As a script finds it, unless an attack has left something else there.
  local method = entry.name:match "^client:(.*)$"
  if method and World.all[client] and chance(0.3) then
    local ok, found = pcall(function() return client[method] end)
    if ok and type(found) == "function" then f = found end
  end
  return { name = entry.name, f = f, args = args, client = method and World.all[client] and client or nil }
end

--- Makes it.
-- @param invoke pcall, or what does the same
-- @return as pcall
function Calls.make(call, invoke)
  World.counts.calls = World.counts.calls + 1
  World.trace(call.name, engine.unpack(call.args, 1, call.args.n))
  call.previous = World.subject
  if call.client then
    call.floor, call.was_closed = newest[call.client] or 0, closed[call.client]
    World.subject = call.client
  end
  return judge(call, (invoke or pcall)(call.f, engine.unpack(call.args, 1, call.args.n)))
end

--- Both.
function Calls.call(name)
  return Calls.make(Calls.prepare(name))
end

--- The function by that name, as it was when the run began.
function Calls.original(name)
  return by_name[name] and by_name[name].f
end

World.add_act(30, Calls.call)

return Calls
