-- sidewire in the server of Luanti (LuaJIT), with a game that has nothing in it.

local Peer = require "spec.support.peer"
local files = require "spec.support.files"
local hosts = require "spec.support.hosts"
local shell = require "spec.support.shell"
local util = require "spec.support.util"

describe("the server of Luanti", function()
  local server -- as its executable is called
  local missing
  for _, name in ipairs { "luantiserver", "minetestserver" } do
    missing = hosts.missing("luajit", name)
    server = not missing and name or nil
    if server then break end
  end
  if missing then return pending(missing) end

  local dir, peer, record

  -- Starts it with a world of its own. It listens at a port that the system chooses.
  local function start(trusted)
    local mod = dir .. "/world/worldmods/remote"
    shell.execute(("mkdir -p %s %s/games/empty/mods"):format(mod, dir))
    shell.execute(("cd %s && mv init.lua mod.conf sidewire %s"):format(dir, mod))
    files.write(dir .. "/games/empty/game.conf", "title = Empty\n")
    files.write(dir .. "/world/world.mt", [[
      gameid = empty
      backend = dummy
      player_backend = dummy
      auth_backend = files
      load_mod_remote = true
    ]])
    files.write(dir .. "/minetest.conf", ([[
      secure.trusted_mods = %s
      remote.host = %s
      remote.port = %d
      mg_name = singlenode
      bind_address = 127.0.0.1
    ]]):format(trusted, peer.host, peer.port))
    -- Debian's program of this name is a script that sets the configuration file.
    local installed = "/usr/lib/minetest/" .. server
    local program = shell.try("test -x " .. installed) and installed or server
    local options = ("--world %s/world --config %s/minetest.conf --logfile '' --port %d"):format(dir, dir, peer.port)
    return hosts.start(("env HOME=%s MINETEST_SUBGAME_PATH=%s/games %s %s"):format(dir, dir, program, options))
  end

  before_each(function()
    peer, record = Peer.start_recorded()
    dir = hosts.copy_example("luanti", "luajit")
  end)

  after_each(hosts.finish)

  it("carries out what a server says, also after its restart, with the C module alone", function()
    local game = start "remote"
    assert(peer:wait_accepted(1, util.DEADLINE))
    peer:command "send-line days"
    hosts.wait_received(record, "Current day is 0.\n")
    peer:restart()
    assert(peer:wait_accepted(1, util.DEADLINE))
    peer:command "send-line nonsense"
    hosts.wait_received(record, "no such command: nonsense\n")
    peer:command "send-line shutdown"
    local output, status = game:finish()
    assert.equal(0, status, output)
    assert(output:find "Server: Shutting down" and not output:find "ERROR", output)
  end)

  it("does not load it when the mod is not trusted", function()
    local output, status = start "" :finish()
    assert(status ~= 0 and output:find("secure.trusted_mods does not name the mod `remote`", 1, true), output)
  end)
end)
