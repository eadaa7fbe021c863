std = "lua54"
max_line_length = 120
files["spec"].std = "lua54+busted"
-- What runs in a C host of spec/support finds its functions; a script of examples/embed.c finds sidewire, host and port.
files["spec/*/scripts"].read_globals = { "embed", "neighbour", "frail" }
-- Declarations for editors, which no program loads.
files["library"] = { std = "min", unused = false }
