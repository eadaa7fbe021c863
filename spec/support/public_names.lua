--- What scripts can name, as the running module, or the table in the sources from which it takes its names, has it: for
-- each subject of tools/site/subjects.lua a set of names. It reads neither library/ nor docs/.

local sidewire = require "sidewire"
local Peer = require "spec.support.peer"
local certificates = require "spec.support.certificates"
local files = require "spec.support.files"
local macros = require "spec.support.macros"
local ports = require "spec.support.ports"
local util = require "spec.support.util"

local public_names = {}

local function keys(from)
  local set = {}
  for name in pairs(from) do set[name] = true end
  return set
end

-- The fields that are no functions.
local function values(from)
  local set = {}
  for name, value in pairs(from) do
    if type(value) ~= "function" then set[name] = true end
  end
  return set
end

-- What a misuse lists as valid.
local function refusal(call, ...)
  local ok, why = pcall(call, ...)
  assert(not ok)
  return why
end

local function valid(...)
  local set = {}
  local why = refusal(...)
  for word in assert(why:match "%(valid: (.*)%)", why):gmatch "[%w_]+" do set[word] = true end
  return set
end

local function quoted(...)
  local set = {}
  for word in assert(refusal(...):match " must be (.*), got"):gmatch '"([^"]+)"' do set[word] = true end
  return set
end

local function add(set, more)
  for name in pairs(more) do set[name] = true end
end

-- The tables that handlers get, by subject, from a connection that comes and goes and one that does not come.
local function tables_of_events()
  local seen = { info = {}, timeline = {}, detail = {}, retry = {}, cause = {}, tls_info = {} }
  local leaf = certificates.get "leaf"
  local secure = Peer.start { mode = "silent", tls = { cert = leaf.cert, key = leaf.key, alpn = { "a" } } }
  local encrypted = util.collect(util.connected(secure, { tls = { ca = leaf.ca, alpn = { "a" } } }))
  local secure_info = assert(encrypted:wait "connect")[2]
  add(seen.info, keys(secure_info))
  add(seen.timeline, keys(secure_info.timeline))
  add(seen.tls_info, keys(secure_info.tls))
  local peer = Peer.start { mode = "silent" }
  local client = util.connected(peer, { reconnect = util.LONG })
  local events = util.collect(client)
  local info = assert(events:wait "connect")[2]
  add(seen.info, keys(info))
  add(seen.timeline, keys(info.timeline))
  peer:stop()
  add(seen.detail, keys(assert(events:wait "disconnect")[4]))
  assert(client:close(0))
  local refused = sidewire.new {
    host = "127.0.0.1", port = ports.closed(), reconnect = { delay = 0.01, attempts = 2, jitter = false },
  }
  events = util.collect(refused)
  assert(refused:connect())
  add(seen.retry, keys(assert(events:wait "retry")[6]))
  local detail = assert(events:wait "error")[4]
  add(seen.detail, keys(detail))
  add(seen.cause, keys(detail.causes[1]))
  return seen
end

local function kinds_of_resp()
  local resp = sidewire.resp
  local set = quoted(resp.as, "nonsense", "")
  for _, value in ipairs { "text", 1, 1.5, true, resp.null, {} } do set[assert(resp.kind(value))] = true end
  return set
end

local function words_in(path, pattern)
  local set = {}
  for word in files.read(path):gmatch(pattern) do set[word] = true end
  return set
end

--- A set of names by each subject. It connects to servers of its own.
function public_names.read()
  local unknown = { nonsense = 1 }
  local client = sidewire.new { framing = "raw" }
  local names = tables_of_events()
  names.module, names.option = values(sidewire), valid(sidewire.new, unknown)
  for _, option in ipairs { "reconnect", "keepalive", "bind", "tls" } do
    names[option] = valid(sidewire.new, { [option] = unknown })
  end
  names.form, names.rule = valid(sidewire.new, { framing = unknown }), valid(sidewire.set_policy, unknown)
  names.setting = valid(sidewire.settings.save, "net.ini", unknown)
  names.checked = keys(sidewire.check_options { host = "127.0.0.1", port = 1 })
  names.delimited = valid(client.read, client, unknown)
  names.event = valid(client.on, client, "nonsense", print)
  names.retain = quoted(sidewire.new, { retain = "nonsense" })
  names.length = quoted(sidewire.new, { framing = { length = "nonsense" } })
  names.framing = quoted(sidewire.new, { framing = "nonsense" })
  for name in pairs(names.length) do names.framing[name] = nil end
  names.state = macros.words_of("src/base/state.h", "SW_STATES")
  names.stage = macros.words_of("src/base/error.h", "SW_STAGES")
  names.fate = words_in("src/host/undelivered.c", '[?:] "(%l+)"')
  names.level = words_in("src/host/event.c", 'level = "(%l+)"')
  names.stats = keys(client:stats())
  names.code, names.errno = macros.codes()
  names.resp = values(sidewire.resp)
  names.resp_error = keys(sidewire.resp.decode "-ERR wrong\r\n")
  names.resp_kind = kinds_of_resp()
  return names
end

return public_names
