-- The examples, run as a user would.

local build = require "spec.support.build"
local engine = require "spec.support.engine"
local files = require "spec.support.files"

local Peer = require "spec.support.peer"
local Program = require "spec.support.program"
local shell = require "spec.support.shell"
local tls = require "spec.support.tls"
local util = require "spec.support.util"

describe("examples/", function()
  before_each(util.begin)
  after_each(function()
    Program.stop_all()
    util.finish()
  end)

  it("echo.lua sends back every line, until the server ends", function()
    local dir = Peer.tempdir()
    local peer = Peer.start { record = dir }
    local program = Program.start("examples/echo.lua", peer.host, peer.port)
    assert(peer:wait_connections(1, util.DEADLINE))
    peer:command "send-line one"
    peer:command "send-line two"
    assert(peer:wait_bytes(#"one\ntwo\n", util.DEADLINE))
    peer:command "finish"
    local output, status = program:finish()
    assert.same({ 0, 1 }, { status, #files.lines_of(output) }, output)
    assert.equal("one\ntwo\n", Peer.streams(dir)[1].data)
    Peer.remove(dir)
  end)

  it("echo.lua says why there is no server", function()
    local peer = Peer.start()
    peer:stop()
    local output, status = Program.run("examples/echo.lua", peer.host, peer.port)
    assert.equal(1, status, output)
    assert(output:find("refused", 1, true), output)
  end)

  local function url_of(peer) return ("tcp://%s:%d"):format(peer.host, peer.port) end

  it("connect.lua tells what the seconds of a connection were spent on", function()
    local peer = Peer.start()
    local output, status = Program.run("examples/connect.lua", url_of(peer))
    assert.equal(0, status, output)
    local ms = "%d+%.%d%d%d ms"
    assert.matches(("\nconnected to 127.0.0.1 port %d in %s\n"):format(peer.port, ms), output)
    assert.matches(("\n  name lookup  0.000 ms %%(0.000 ms of it waiting for its turn%%)\n  TCP          %s\n"
      .. "  stages       %s\n"):format(ms, ms), output)
  end)

  it("connect.lua tells why there is none, for each address", function()
    local peer = Peer.start()
    peer:stop()
    local output, status = Program.run("examples/connect.lua", url_of(peer))
    assert.equal(1, status, output)
    assert.matches(("\n  127.0.0.1 port %d: connection refused %%(ECONNREFUSED%%) after %%d"):format(peer.port), output)
    output, status = Program.run("examples/connect.lua", "--bind", "::1", url_of(peer))
    assert.equal(1, status, output)
    assert.matches("of bind %(EAFNOSUPPORT%)", output)
  end)

  it("connect.lua tells of each URL that fails, until one works", function()
    local bad, good = Peer.start(), Peer.start()
    bad:stop()
    local output, status = Program.run("examples/connect.lua", url_of(bad), url_of(good))
    assert.equal(0, status, output)
    assert.matches(("\n  127.0.0.1 port %d: connection refused .*\nconnected to 127.0.0.1 port %d in "):format(bad.port,
      good.port), output)
  end)

  it("connect.lua tells what TLS has agreed on, and whose certificate the server has", function()
    tls.needs(pending)
    local peer, leaf = tls.start("leaf", { version = "1.3" })
    local output, status = Program.run("SSL_CERT_FILE=" .. leaf.ca, "examples/connect.lua",
      ("tls://127.0.0.1:%d"):format(peer.port))
    assert.equal(0, status, output)
    local date = "%d%d%d%d%-%d%d%-%d%d %d%d:%d%d UTC"
    local ms, version, cipher, names, expiry = output:match(
      "\n  of it TLS    ([%d.]+) ms: (%S+), (%S+); certificate of (.-), until (" .. date .. ")\n")
    assert(tonumber(ms), output)
    assert.same({ "TLSv1.3", peer:tls().cipher, "localhost, 127.0.0.1, ::1" }, { version, cipher, names })
    local told = shell.output("date -u '+%Y-%m-%d %H:%M UTC' -d " .. shell.quote(shell.output(
      "openssl x509 -noout -enddate -in " .. leaf.alone):match "=(.*)\n"))
    assert.equal(told, expiry .. "\n")
  end)

  it("connect.lua tells why a certificate is not accepted", function()
    tls.needs(pending)
    local peer, certificate = tls.start "wrong_name"
    local output, status = Program.run("SSL_CERT_FILE=" .. certificate.ca, "examples/connect.lua",
      ("tls://127.0.0.1:%d"):format(peer.port))
    assert.equal(1, status, output)
    assert(output:find(("  127.0.0.1 port %d: its certificate is for other.example.test, another.example.test, "
      .. "192.0.2.1, and not for 127.0.0.1 (ETLS) after "):format(peer.port), 1, true), output)
  end)

  it("connect.lua wants a URL", function()
    local output, status = Program.run "examples/connect.lua"
    assert.equal(2, status, output)
    assert.matches("^usage:", output)
  end)

  it("frame_loop.lua prints a line a second and ends by itself", function()
    local peer = Peer.start { mode = "lines" }
    local output, status = Program.run("examples/frame_loop.lua", peer.host, peer.port, 2)
    assert.equal(0, status, output)
    local lines = files.lines_of(output)
    assert.equal(2, #lines, output)
    assert(lines[2]:find "^2 s  connected   received %d+  worst frame %d+%.%d%d ms$", output)
    assert.equal(120, peer:stats().lines) -- one message a frame, all of them sent before it ended
  end)

  it("frame_loop.lua goes on without a server, and says why there is none", function()
    local peer = Peer.start()
    peer:stop()
    local output, status = Program.run("examples/frame_loop.lua", peer.host, peer.port, 1)
    assert.equal(1, status, output)
    assert.matches("^1 s  %a+ +received 0  worst frame [^\n]* connection refused", output)
  end)

  -- Runs a file of spec/examples/scripts in examples/embed.c, for so many frames; returns what it printed, and its exit
  -- status.
  local function embed(name, peer, frames)
    local program = ("timeout 60 tools/run %s %s/examples/embed"):format(build.KIND, build.PATH)
    return shell.run(("%s spec/examples/scripts/%s.lua %s %d %d"):format(program, name, peer.host, peer.port, frames))
  end

  it("embed.c runs a script, frame by frame, and ends with what it queued delivered", function()
    local peer = Peer.start { mode = "echo" }
    local said, status = embed("answers", peer, 30)
    assert.same({ 0, "got hello" }, { status, said:match "[^\n]*" }, said)
    assert(peer:wait_bytes(#"hello\nlast\n", util.DEADLINE))
  end)

  it("embed.lua is a script for embed.c", function()
    local peer = Peer.start { mode = "echo" }
    local said, status = shell.run(("timeout 60 tools/run %s %s/examples/embed examples/embed.lua %s %d 30"):format(
      build.KIND, build.PATH, peer.host, peer.port))
    assert.same({ "connected to 127.0.0.1\nreceived hello\n", 0 }, { said, status })
  end)

  it("embed.c lets no script do what it does not allow [F60]", function()
    local peer = Peer.start { mode = "echo" }
    local said, status = embed("forbidden", peer, 30)
    assert.equal(0, status, said)
    local reports = "script: [^\n]*on purpose\n" -- on stderr, so perhaps before what the script printed
    assert.matches(reports, said)
    said = said:gsub(reports, "")
    assert.same({ "nil\tnil\tnil\tnil\tnil\tnil\tnil", "EPOLICY\tEPOLICY", "8\tEPOLICY" },
      { engine.unpack(files.lines_of(said), 1, 3) })
  end)
end)
