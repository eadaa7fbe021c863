--- Runs Lua in one of the C hosts of spec/support, with what was built.
--
--     local run = host.runner "spec.life.scripts.fork"
--     before_each(host.begin)       -- util.begin, and starts two peers, which it returns: one echoes, one never reads
--     after_each(util.finish)
--     local said = run("embed run", "gives_eforked", more)
--
-- calls the function gives_eforked of spec/life/scripts/fork.lua with more arguments, which come as strings. What it
-- needs besides is in spec/support/session.lua. run raises when the host ends with another exit status than 0; what it
-- printed says why.

local Peer = require "spec.support.peer"
local build = require "spec.support.build"
local shell = require "spec.support.shell"
local util = require "spec.support.util"

local host = {}

local LIMIT = 200 -- seconds, for what hangs
local SCRIPT = "return require('spec.support.session').run(%q, %q, ...)"

local echo, silent

function host.begin()
  util.begin()
  echo, silent = Peer.start { mode = "echo" }, Peer.start { mode = "silent" }
  return echo, silent
end

local function port_of(peer)
  return peer and peer.port or 0
end

--- Starts a host with a script, Lua text, and the script's arguments; returns the pipe with what it prints, at last
-- `status N`, its exit status. The command is the host's name and its own arguments.
function host.start_text(command, text, ...)
  return shell.start(("timeout -k 5 %d tools/run %s %s/%s %s; echo status $?"):format(LIMIT, build.KIND, build.PATH,
    command, shell.words(text, ...)))
end

--- Runs a text to its end and returns what it printed.
function host.run_text(command, text, ...)
  local pipe = host.start_text(command, text, ...)
  local output, status = pipe:read("*a"):match "^(.*)status (%d+)\n$"
  pipe:close()
  if status ~= "0" then error(("%s: exit status %s\n%s"):format(command, status, output), 2) end
  return output
end

--- Starts a host that calls a function of a module.
function host.start(module, command, name, ...)
  return host.start_text(command, SCRIPT:format(module, name), port_of(echo), port_of(silent), ...)
end

--- A function that runs the functions of a module.
function host.runner(module)
  return function(command, name, ...)
    return host.run_text(command, SCRIPT:format(module, name), port_of(echo), port_of(silent), ...)
  end
end

--- The same for "embed run".
function host.embedder(module)
  local run = host.runner(module)
  return function(...) return run("embed run", ...) end
end

--- Seconds that lua_close took, from what `embed` printed.
function host.closing(said)
  return tonumber(said:match "closed in ([%d.]+) s")
end

return host
