-- What the calls of a host cost its thread while packets vanish, a name server is silent, and the first of two
-- addresses is dead; and how long the round trips of other connections of the same engine take meanwhile. As root, or
-- where users may have network namespaces:
--
--     tools/run release lua spec/stress/blocking.lua [ROUNDS]      (5)
--
-- Checked, exit status 1 if it is not so: no call puts the thread to sleep, unless another thread holds a lock that it
-- needs: such waits are counted, and the functions named. Printed, and to be read on a quiet machine: the worst
-- processor time of a call, which is to be below 1 ms; and the ratio of the round trips' 99th percentiles, which is to
-- be 2 at most.

local usage = require "spec.support.usage"
local rounds = usage.integer(1, "ROUNDS", 5)
usage.no_more(1)

local netns = require "spec.support.netns"
local names = require "spec.support.names"

local missing = netns.missing()
if missing then
  print("NOT TESTED: " .. missing)
  os.exit(1)
end
io.write(netns.run_text({ names = names, host = "meter", peer = "--mode echo", limit = 30 + 10 * rounds },
  ("require('spec.connect.scripts.blocking').measure(%d, 1.5)"):format(rounds)))
