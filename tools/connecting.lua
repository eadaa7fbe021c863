-- Writes docs/connecting.md from real runs (spec/support/connecting.lua), where there are network namespaces.
--
--     tools/run release lua tools/connecting.lua
require "spec.support.usage".no_more(0)
local connecting = require "spec.support.connecting"
local files = require "spec.support.files"
local netns = require "spec.support.netns"

local missing = netns.missing()
if missing then
  print("docs/connecting.md is left as it is: " .. missing)
else
  files.write("docs/connecting.md", connecting.write())
end
