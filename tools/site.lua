-- Writes the documentation site into a folder: the pages of tools/site/pages.lua. It needs cmark-gfm.
--
--     tools/run release lua tools/site.lua build/docs
local usage = require "spec.support.usage"
usage.no_more(1)
if not arg[1] then usage.wrong "the folder is missing" end
local file = io.open(arg[1] .. "/index.html", "wb")
if not file then usage.wrong("this is no folder to write to: %s", arg[1]) end
file:close()
require "tools.site.build".write(arg[1])
