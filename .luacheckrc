-- What Lua 5.1 to 5.4 and LuaJIT have in common; spec/support/engine.lua has the rest.
std = "min"
max_line_length = 120
files["spec"].std = "min+busted"
-- What runs in a C host of spec/support finds its functions; a script of examples/embed.c finds sidewire, host and port.
files["spec/*/scripts"].read_globals = { "embed", "neighbour", "frail" }
files["spec/support/session.lua"].read_globals = { "embed" }
-- Declarations for editors, which no program loads.
files["library"] = { std = "min", unused = false }
-- LÖVE and Neovim are LuaJIT; what they call is set in a table of theirs.
files["examples/love"].std = "luajit+love"
files["examples/love/conf.lua"].ignore = { "131/love" }
files["spec/hosts/scripts"].std = "luajit+love"
files["examples/hosts"].read_globals = { "mp", "minetest", "core", "weechat", "Listener", "box" }
files["examples/neovim"] = { std = "luajit", globals = { "vim" } }
