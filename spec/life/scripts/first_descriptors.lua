-- first_descriptors.lua PORT FILE: connects, and writes to FILE what descriptors 0, 1 and 2 of this process are.

local shell = require "spec.support.shell"
local client = require "sidewire.core".new { host = "127.0.0.1", port = tonumber((...)) }
assert(client:connect() and client:wait("connected", 30))
local links = "readlink /proc/$PPID/fd/0 /proc/$PPID/fd/1 /proc/$PPID/fd/2 >"
shell.execute(links .. select(2, ...))
assert(client:close(0) and client:wait("disconnected", 30))
