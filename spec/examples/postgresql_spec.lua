-- examples/postgresql.lua against a real PostgreSQL, and against a peer that cuts an answer.

local socket = require "socket"
local engine = require "spec.support.engine"
local Peer = require "spec.support.peer"
local Program = require "spec.support.program"
local Server = require "spec.support.server"
local files = require "spec.support.files"
local shell = require "spec.support.shell"
local util = require "spec.support.util"

local EXAMPLE = "examples/postgresql.lua"
local USER, PASSWORD = "me", "secret"
local COUNT = util.choose(100000, 3000)
local ATTEMPTS = 5 -- to restart the server while the program asks; one is nearly always enough

local FOLDER = shell.run("ls -d /usr/lib/postgresql/*/bin 2>/dev/null | tail -n 1"):match "^[^\n]*"
local IS_ROOT = shell.output "id -u" == "0\n" -- PostgreSQL refuses to run as root

-- A message of the server: its type, its length, its body.
local function frame(kind, body)
  return kind .. "\0\0\0" .. string.char(#body + 4) .. body
end

local function row(text) return frame("D", "\0\1\0\0\0" .. string.char(#text) .. text) end

local function failed(code, text, severity)
  return frame("E", ("S%s\0%s\0M%s\0\0"):format(severity or "ERROR", code, text))
end

local READY = frame("Z", "I")
local LOGIN = frame("R", "\0\0\0\0") .. READY .. frame("C", "LISTEN\0") .. READY

describe(EXAMPLE, function()
  if not pcall(require, "openssl.kdf") then
    print "NOT TESTED: examples/postgresql.lua: `make setup` installs lua-luaossl, for Lua 5.1 to 5.4"
    pending "lua-luaossl is not installed"
    return
  end

  before_each(util.begin)
  after_each(Program.finish_all)

  it("says how it is called", function()
    for _, arguments in ipairs { { "127.0.0.1", "5432", "me" }, { "127.0.0.1", "0", "me", "secret" } } do
      local output, status = Program.run(EXAMPLE, engine.unpack(arguments))
      assert.same({ "usage: lua postgresql.lua HOST PORT USER PASSWORD [COUNT [BYTES]]\n", 2 }, { output, status })
    end
  end)

  local function send(peer, command, bytes)
    peer:command(command .. " " .. Peer.hex(bytes))
  end

  -- Starts the example and a peer that answers its first message.
  local function answered(bytes)
    local peer = Peer.start { mode = "sink" }
    local program = Program.start(EXAMPLE, peer.host, peer.port, USER, PASSWORD, 1, 1)
    assert(peer:wait_bytes(30, util.DEADLINE))
    send(peer, "send", bytes)
    return program, peer
  end

  it("asks again when an answer is cut in the middle", function()
    local program, peer = answered(LOGIN)
    send(peer, "send-finish", row("2"):sub(1, 8))
    assert(peer:wait_accepted(2, util.DEADLINE))
    send(peer, "send", LOGIN .. row("2") .. READY .. failed("C42703", "there is no such column") .. READY
      .. row "x" .. READY .. frame("A", "\0\0\0\1news\0bye\0"))
    local output, status = program:finish()
    assert.equal(0, status, output)
    assert.matches("port %d+ ended: .*\n1 of 1 answers are right; ERROR 42703: there is no such column\n"
      .. "1 bytes came back\nnews: bye\n$", output)
  end)

  it("sends nothing to a server that says yes without a proof that it knows the password", function()
    local output, status = answered(frame("R", "\0\0\0\10SCRAM-SHA-256\0\0") .. LOGIN):finish()
    assert.same({ "the server does not know the password\n", 1 }, { output, status })
  end)

  for code, text in pairs { C28P01 = "a wrong password", C3D000 = "no such database" } do
    it(("ends when a server in another language refuses the login: %s"):format(text), function()
      local output, status = answered(failed(code, text, "ВАЖНО")):finish()
      assert.same({ ("the login is refused: ВАЖНО %s: %s\n"):format(code:sub(2), text), 1 }, { output, status })
    end)
  end

  it("tries again when a server is not ready for logins, and says why", function()
    local program, peer = answered(failed("C57P03", "the system is starting up", "FATAL"))
    peer:command "finish"
    assert(peer:wait_accepted(2, util.DEADLINE))
    send(peer, "send", failed("C28P01", "it is over", "FATAL"))
    local output, status = program:finish()
    assert.equal(1, status, output)
    assert.matches("^FATAL 57P03: the system is starting up\nconnection to [^\n]*\n", output)
    assert.matches("\nthe login is refused: FATAL 28P01: it is over\n$", output)
  end)

  if FOLDER == "" then
    print "NOT TESTED: examples/postgresql.lua with a server: `make setup` installs postgresql"
    pending "postgresql is not installed"
    return
  end

  -- A command line that runs a program of PostgreSQL, and that as another user than root.
  local function as_user(command)
    return IS_ROOT and "setpriv --reuid nobody --clear-groups --pdeathsig KILL " .. command or command
  end

  local function start_server()
    local server = Server.new("env", function(server)
      local options = "-D %s/data -p %d -k '' -c listen_addresses=127.0.0.1 -c fsync=off"
      return as_user(("%s/postgres " .. options):format(FOLDER, server.dir, server.port))
    end)
    files.write(server.dir .. "/password", PASSWORD .. "\n")
    if IS_ROOT then shell.execute("chown -R nobody " .. server.dir) end
    local options = "-D %s/data -U %s -A scram-sha-256 --pwfile=%s/password --locale=C --no-sync >/dev/null"
    shell.execute(as_user(("%s/initdb " .. options):format(FOLDER, server.dir, USER, server.dir)))
    server:start()
    server:wait_until_listening()
    return server
  end

  local function run(server, ...)
    return Program.run(EXAMPLE, server.host, server.port, USER, ...)
  end

  it("asks, is told what is wrong with a query, receives a megabyte, and hears of news", function()
    local output, status = run(start_server(), PASSWORD)
    assert.equal(0, status, output)
    assert.matches('1000 of 1000 answers are right; ERROR 42703: column "wrong" does not exist\n'
      .. "1048576 bytes came back\nnews: all is done\n$", output)
  end)

  it("says that a password is wrong", function()
    local output, status = run(start_server(), "wrong")
    assert.equal(1, status, output)
    assert.matches("the login is refused: FATAL 28P01: password authentication failed[^\n]*\n$", output)
  end)

  it("receives an answer of 16 MiB", function()
    local output, status = run(start_server(), PASSWORD, 1, 2 ^ 24)
    assert.equal(0, status, output)
    assert.matches("\n16777216 bytes came back\n", output)
  end)

  it(("outlasts a restart of the server in %d queries"):format(COUNT), function()
    local server = start_server()
    for _ = 1, ATTEMPTS do
      local program = Program.start(EXAMPLE, server.host, server.port, USER, PASSWORD, COUNT)
      socket.sleep(0.3) -- to the middle, mostly
      server:kill "INT" -- an orderly end that does not wait for the clients
      server:start()
      local output, status = program:finish()
      assert.equal(0, status, output)
      assert.matches(("%d of %d answers are right"):format(COUNT, COUNT), output)
      assert.matches("\nnews: all is done\n$", output)
      if output:find(" ended: ", 1, true) then return end
      server:wait_until_listening()
    end
    error "the server was never restarted in the middle"
  end)
end)
