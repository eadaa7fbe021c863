--- What the threads of this process do, as Linux tells it (proc(5)).

local lfs = require "lfs"
local files = require "spec.support.files"
local util = require "spec.support.util"

local threads = {}

--- The state of each thread but the first, in one string: R, S, ...
function threads.states()
  local list = {}
  for id in lfs.dir "/proc/self/task" do
    local stat = tonumber(id) and files.try_read(("/proc/self/task/%s/stat"):format(id))
    if stat then list[#list + 1] = stat:match "%) (%u)" end
  end
  return table.concat(list, "", 2)
end

--- Waits, without polling, until the loop thread has slept for a while. One that turns without progress never does.
function threads.wait_asleep()
  local looks = 0
  assert(util.wait_until(function()
    looks = threads.states():find "[^S]" and 0 or looks + 1
    return looks == 50
  end))
end

return threads
