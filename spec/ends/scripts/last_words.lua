-- A script that sends and ends at once: last_words.lua PORT WAY (spec/ends/linger_spec.lua).

local sidewire = require "sidewire"

local client = sidewire.new { host = "127.0.0.1", port = tonumber(arg[1]), linger = 5 }
client:connect()
client:send "hello"
if arg[2] == "by os.exit(0, true)" then os.exit(0, true) end
if arg[2] == "by sidewire.stop(5)" then assert(sidewire.stop(5)) end
