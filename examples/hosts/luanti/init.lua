-- A mod for the server of Luanti, once called Minetest: it connects to another server, tells it what players say, and
-- carries out the chat commands that come back, a line each. They need no privilege, so it must be a server that you
-- trust.
--
-- Copy this folder to `mods/remote`, with sidewire/core.so in it (`make LUA=luajit`, or 5.1), and set in minetest.conf:
--
--     secure.trusted_mods = remote
--     remote.host = 127.0.0.1
--     remote.port = 4000

local insecure = minetest.request_insecure_environment() or error "secure.trusted_mods does not name the mod `remote`"
insecure.package.cpath = minetest.get_modpath "remote" .. "/?.so;" .. insecure.package.cpath
local sidewire = insecure.require "sidewire.core" -- local: mods that are not trusted must not reach it

local client = sidewire.new {
  host = minetest.settings:get "remote.host" or "127.0.0.1",
  port = tonumber(minetest.settings:get "remote.port") or 4000,
  linger = 1,
}

client:on {
  message = function(_, line)
    local name, parameters = line:match "^(%S*) ?(.*)$"
    local command = minetest.registered_chatcommands[name]
    local _, answer
    if command then _, answer = command.func("remote", parameters) else answer = "no such command: " .. name end
    answer = minetest.get_translated_string("en", answer or "done"):gsub("\n", " ")
    client:send(answer)
  end,
}
client:connect()

minetest.register_globalstep(function() sidewire.poll(100) end)
minetest.register_on_chat_message(function(name, text) client:send("<", name, "> ", text) end)
minetest.register_on_shutdown(function() client:close() end) -- delivers what is queued, within a second
