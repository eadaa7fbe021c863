-- What scripts that fork have in common.

local engine = require "spec.support.engine"
local forks = {}

--- Wants what a call with a client of the parent returns in the child.
function forks.refused(result, message, code)
  assert(result == nil and code == "EFORKED" and message:find "fork", tostring(code or result))
end

-- With these a method would do something else than to refuse.
local arguments = {
  wait = { "connected", 5 }, send = { "x" }, write = { "x" }, receive = { 5 }, flush = { 5 }, confirm = { 1 },
  on = { "drain", print }, set_reconnect = { 1 }, set_server = { "127.0.0.1", 1 },
}

--- Wants every method of the parent's client to refuse.
function forks.refuses_all(client)
  local count = 0
  for name, method in pairs(debug.getmetatable(client).__index) do
    local result, message, code = method(client, engine.unpack(arguments[name] or {}))
    assert(result == nil and code == "EFORKED" and message:find "fork", name .. ": " .. tostring(code or result))
    count = count + 1
  end
  assert(count >= 18)
  assert(tostring(client):find "^sidewire.client: 0x.* forked$")
end

--- Waits for a child that must end well.
function forks.succeeded(child)
  local how, status = embed.reap(child)
  assert(how == "exit" and status == 0, how .. " " .. status)
end

--- Raised in a child whose work is done: the script ends well, and `embed` closes the state.
forks.done = setmetatable({}, { __tostring = function() return "the child's work is done" end })

--- Forks; the child does f() and ends. Returns the child's number.
function forks.in_child(f)
  local child = embed.fork()
  if child == 0 then
    f()
    error(forks.done)
  end
  return child
end

return forks
