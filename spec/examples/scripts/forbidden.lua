-- For examples/embed.c: tries what a script of it may not do.
-- luacheck: globals sidewire host port, ignore 122

print(io, os, require, load, debug, package, sidewire.settings)
print(select(3, sidewire.set_policy {}), select(3, sidewire.new { queue_limit = 2^30 }))
local clients = {}
for i = 1, 9 do clients[i] = sidewire.new { host = host, port = port } end
print(#clients, select(3, sidewire.new()))
sidewire.poll = function() print "the host's poll is another one" end
string.format = nil
clients[1]:on("message", function() error "on purpose" end)
clients[1]:connect()
clients[1]:send "x"
clients[2]:close(1e8)
