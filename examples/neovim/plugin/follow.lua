-- :Follow HOST PORT         follows what the server says, in a buffer of its own; reconnects until :FollowStop
-- :FollowSend TEXT          sends it a line; :'<,'>FollowSend sends lines of the buffer
-- :FollowStop
--
-- This folder has to be in 'runtimepath' or below 'packpath', with sidewire's files in lua/sidewire. To try it, after
-- `make LUA=luajit`:
--
--     tools/run release-luajit nvim --cmd "set runtimepath^=examples/neovim"

local command = vim.api.nvim_create_user_command

command("Follow", function(given)
  require("follow").connect(unpack(given.fargs))
end, { nargs = "+" })

command("FollowSend", function(given)
  local lines = { given.args }
  if given.range > 0 then lines = vim.api.nvim_buf_get_lines(0, given.line1 - 1, given.line2, false) end
  require("follow").send(lines)
end, { nargs = "*", range = true })

command("FollowStop", function()
  require("follow").disconnect()
end, {})
