--- docs/connecting.md: a table of what a script sees when it connects, made from real runs in network namespaces
-- (spec/connect/scripts/situations.lua).

local names = require "spec.support.names"
local netns = require "spec.support.netns"

local connecting = {}

--- The rows: the name of the situation, the event that tells, the situation in words, and what to do.
connecting.ROWS = {
  { "refused", "error", "nobody listens on the port", "Is the server running, and on that port?" },
  { "vanishes", "error", "packets vanish (a firewall drops them, or nobody has the address)",
    "Is the address right? Ask the firewall." },
  { "full_backlog", "error", "the server does not accept, and its backlog is full",
    "The server is stuck, or overloaded." },
  { "rejected", "error", "a router or firewall says no", "Is the address right? Ask the firewall." },
  { "no_route", "error", "there is no route to the address", "Is there a network, or a VPN to start?" },
  { "link_down", "error", "the own link is down", "Plug it in; `reconnect` does the rest." },
  { "not_found", "error", "there is no such name", "Is the name spelled right?" },
  { "no_address", "error", "the name exists, but not for addresses", "Is it the right name?" },
  { "name_server_fails", "error", "the name server fails (SERVFAIL)", "Try again later; ask the name server's owner." },
  { "name_server_silent", "error", "the name server is silent, and the system gives up (here after 2 s)",
    "Is there a network? See /etc/resolv.conf." },
  { "name_server_slow", "error", "the same, and `connect_timeout` is over before", "Is there a network?" },
  { "wrong_scope", "error", "a link-local address with an interface that is not there", "`ip address` lists them." },
  { "lookups_busy", "error", "16 names of the same Lua state hang", "Close clients whose names hang." },
  { "itself", "error", "no server, and the system picked the port itself as the client's own",
    "Is the server running?" },
  { "no_ports", "error", "all local ports are used up", "Close connections, or widen ip_local_port_range." },
  { "no_descriptors", "error", "the process may open no more files", "Close some, or raise `ulimit -n`." },
  { "leads_inside", "error", "the host's policy has `allow`, and the name leads into the machine's own network",
    "Connect to another server, or ask the host's makers." },
  { "first_dead", "connect", "a name with two addresses, the first one dead", "Nothing." },
  { "ends_at_once", "disconnect", "the server accepts, and ends the connection at once", "Ask the server's log." },
}

--- Runs the situation of a row.
-- @treturn table { event, code, text, seconds }
function connecting.run(row)
  local text = ("require('spec.connect.scripts.situations').run(%q, %q)"):format(row[1], row[2])
  local said = netns.run_text({ names = names }, text)
  local event, code, message, seconds = said:match "^(.-)\t(.-)\t(.-)\t([%d.]+)\n$"
  if not event then error(row[1] .. ": " .. said, 0) end
  return { event, code, message, tonumber(seconds) }
end

local HEAD = [[
# Connecting

What a script sees when it connects, situation by situation. Each row is from a real run: `make pages` makes the
situation, between two network namespaces with a name server of their own, and writes down what came.

The client is `sidewire.new { host = ..., port = 4000, connect_timeout = 1, reconnect = false }` (for the silent name
server once with a `connect_timeout` of 10). 10.77.0.2 is the server, 4000 its port, 127.0.0.1 this machine. With
`reconnect` the same text and code come with a `retry` event, and the next attempt follows by itself. No call of the
script waits for any of this: `connect` returns at once, and the events come with `poll`. [errors.md](errors.md) has
all codes.

| situation | event | code | text | after | what to do |
|---|---|---|---|---|---|
]]

local function duration(seconds)
  if seconds < 0.1 then return "at once" end
  return ("%.2f s"):format(seconds):gsub("%.?0+ s$", " s")
end

--- The cells of a row that do not depend on the machine: those before and after the time.
function connecting.cells(row, found)
  return ("| %s | %s | %s | %s | "):format(row[3], found[1], found[2] == "-" and "" or "`" .. found[2] .. "`",
    found[3]), (" | %s |"):format(row[4])
end

--- The text of docs/connecting.md, from new runs.
function connecting.write()
  local lines = {}
  for i, row in ipairs(connecting.ROWS) do
    local found = connecting.run(row)
    local before, after = connecting.cells(row, found)
    lines[i] = before .. duration(found[4]) .. after
  end
  return HEAD .. table.concat(lines, "\n") .. "\n"
end

return connecting
