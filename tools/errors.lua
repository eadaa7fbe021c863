-- Writes docs/errors.md from the table of spec/support/errors.lua, which spec/documents/errors_spec.lua proves.
--
--     tools/run release lua tools/errors.lua
require "spec.support.usage".no_more(0)
local errors = require "spec.support.errors"
local files = require "spec.support.files"

files.write("docs/errors.md", errors.write())
