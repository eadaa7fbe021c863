--- Programs that run Lua scripts of their users, as spec/hosts tries them: are they installed, and the module for their
-- Lua. `make setup-hosts` installs them.
--
--     local missing = hosts.missing("luajit", "love", "Xvfb")
--     if missing then pending(missing) return end
--     hosts.install("luajit", dir .. "/sidewire")    -- core.so and the Lua files, as a user copies them

local files = require "spec.support.files"
local Peer = require "spec.support.peer"
local Program = require "spec.support.program"
local shell = require "spec.support.shell"
local util = require "spec.support.util"

local hosts = {}
local copies = {} -- folders of hosts.copy_example

-- The specs have the variables of the build that runs them, and of the make that runs that.
local CLEAN = "env -u MAKEFLAGS -u MAKELEVEL -u MFLAGS -u LUA_PATH -u LUA_CPATH -u SIDEWIRE_BUILD "
  .. "-u SIDEWIRE_ENGINE -u SIDEWIRE_PROGRAM "

local function is_there(program)
  return select(2, shell.run("PATH=$PATH:/usr/sbin:/usr/games command -v " .. shell.quote(program))) == 0
end

--- Why a spec cannot run: a program is not installed, or not the C headers of its Lua.
-- @tparam string engine 5.1, 5.2, 5.3, 5.4 or luajit
-- @tparam string ... names of programs
-- @treturn string|nil nil: nothing is missing
function hosts.missing(engine, ...)
  for _, program in ipairs { ... } do
    if not is_there(program) then
      return ("needs %s, which is not installed: `make setup-hosts` does it"):format(program)
    end
  end
  if select(2, shell.run("tools/engine headers " .. engine)) ~= 0 then
    return ("needs the C headers of %s, which are not installed: `make setup-hosts` does it"):format(engine)
  end
end

--- Builds the module for a Lua, when it is not there or too old, and programs that are built for that Lua.
-- @treturn string the folder in which `sidewire/core.so` is
function hosts.build(engine, ...)
  -- Several specs may ask at the same time.
  local make = ("flock build/hosts.lock make -s SETUP=no KIND=release LUA=%s all"):format(engine)
  for _, program in ipairs { ... } do make = ("%s build/release-%s/%s"):format(make, engine, program) end
  local said, status = shell.run(CLEAN .. make)
  if status ~= 0 then error(said, 2) end
  return "build/release-" .. engine
end

--- Makes the bundle for a Lua, which has libev inside, and copies it to a folder that is not there yet.
function hosts.bundle(engine, dir)
  local make = ("unset KIND FAULTS LUA LUA_BIN CFLAGS LDFLAGS; make -s bundle LUA=%s"):format(engine)
  local copy = ("cp -r build/bundle-%s %s"):format(engine, shell.quote(dir))
  -- Several specs may ask at the same time.
  local said, status = shell.run(CLEAN .. "flock build/hosts.lock sh -c " .. shell.quote(make .. " && " .. copy))
  if status ~= 0 then error(said, 2) end
end

--- Puts the module for a Lua and its Lua files into a folder, as a user does who copies sidewire beside a program.
function hosts.install(engine, dir)
  local path = hosts.build(engine)
  shell.execute(("mkdir -p %s && cp %s/sidewire/core.so lua/sidewire/*.lua %s"):format(shell.quote(dir), path,
    shell.quote(dir)))
end

--- Copies an example and the module alone, as the example says.
-- @tparam string name its folder in examples/hosts
-- @treturn string a folder, which hosts.finish removes
function hosts.copy_example(name, engine)
  local path, dir = hosts.build(engine), Peer.tempdir()
  copies[#copies + 1] = dir
  shell.execute(("cp -R examples/hosts/%s/* %s && mkdir %s/sidewire"):format(name, dir, dir))
  shell.execute(("cp %s/sidewire/core.so %s/sidewire"):format(path, dir))
  return dir
end

--- Waits until a peer that records has received a text, on whichever connection.
function hosts.wait_received(record, text)
  local received
  local ok, why = util.wait_until(function()
    received = {}
    for stream in Peer.each_stream(record) do received[#received + 1] = stream.data end
    received = table.concat(received)
    return received:find(text, 1, true)
  end)
  if not ok then error(("waiting for %q: %s; so far:\n%s"):format(text, why, received), 2) end
end

--- For after_each: ends hosts and peers, and removes copies of examples.
function hosts.finish()
  Program.stop_all()
  Peer.stop_all()
  while copies[1] do Peer.remove(table.remove(copies)) end
end

--- Starts a host, by its command line; it sees nothing of the build that runs the spec.
-- @return as Program.start
function hosts.start(command)
  return Program.start_command(CLEAN .. command)
end

--- Waits until the newest stream that a peer has recorded matches a pattern: it may still be reading when a host ends.
function hosts.wait_recorded(dir, pattern)
  return util.wait_until(function()
    local streams = Peer.streams(dir)
    return streams[1] and streams[#streams].data:find(pattern)
  end)
end

--- The first program of a section of docs/hosts.md, for a server on another port.
function hosts.documented_program(section, port)
  local program = files.read("docs/hosts.md"):match("\n## " .. section .. "\n.-\n```lua\n(.-)```")
  local changed, count = program:gsub("4000", tostring(port))
  assert(count == 1, section)
  return changed
end

return hosts
