-- What the specs of TLS stand on does what it says, as the command openssl sees it: the certificates, the test server
-- with TLS, and the hostile one.

local socket = require "socket"
local Hostile = require "spec.support.hostile_tls"
local Peer = require "spec.support.peer"
local build = require "spec.support.build"
local certificates = require "spec.support.certificates"
local files = require "spec.support.files"
local shell = require "spec.support.shell"
local util = require "spec.support.util"

-- Runs s_client on a server; returns what it said. `input` is a command for its stdin, which ends it: "printf hi".
local function client(server, input, options)
  local command = "(%s) | timeout 60 openssl s_client -connect 127.0.0.1:%d -no-CApath -no-CAstore -verify_return_error"
    .. " -quiet -no_ign_eof %s 2>&1"
  return (shell.run(command:format(input, server.port, options or "")))
end

-- A command for `client` that sends a text, and waits until a file exists.
local function send_until(text, path)
  return ("printf %s; while [ ! -e %s ]; do sleep 0.01; done"):format(shell.quote(text), shell.quote(path))
end

-- Starts s_client, which says nothing until it is told to send something or to end.
local function start_client(server, options)
  local self = { dir = Peer.tempdir() }
  shell.execute(("mkfifo %s/in"):format(self.dir))
  local command = "echo $$; exec openssl s_client -connect 127.0.0.1:%d -no-CApath -no-CAstore -quiet -no_ign_eof %s"
    .. " <%s/in >%s/out 2>&1"
  command = command:format(server.port, options or "", self.dir, self.dir)
  self.pipe = shell.start_command("exec sh -c " .. shell.quote(command))
  self.pid = assert(tonumber(self.pipe:read "*l"))
  self.input = assert(io.open(self.dir .. "/in", "w"))
  function self.send(text) assert(self.input:write(text)) self.input:flush() end
  function self.said() return files.try_read(self.dir .. "/out") or "" end
  function self.finish()
    self.input:close()
    shell.finish(self.pipe)
    local said = self.said()
    Peer.remove(self.dir)
    return said
  end
  return self
end

local function trust(certificate) return "-CAfile " .. certificate.ca end

local function assert_has(text, part)
  assert.truthy(text:find(part, 1, true), ("no %q in:\n...%s"):format(part, text:sub(-1000)))
end

describe("certificates", function()
  local VERDICTS = {
    leaf = "OK", chain = "OK", ip_only = "OK", wildcard = "OK", rsa = "OK", ed25519 = "OK", hundred_names = "OK",
    expired = "certificate has expired",
    not_yet_valid = "certificate is not yet valid",
    wrong_name = "hostname mismatch",
    self_signed = "self-signed certificate",
    unknown_issuer = "unable to get local issuer certificate",
    no_intermediate = "unable to get local issuer certificate",
    under_expired = "error 10 at 1 depth lookup: certificate has expired",
    under_no_ca = "error 79 at 1 depth lookup: invalid CA certificate",
    under_constrained = "permitted subtree violation",
    wrong_purpose = "unsuitable certificate purpose",
    weak_key = "EE certificate key too weak",
    weaker_key = "EE certificate key too weak",
    sha1 = "CA signature digest algorithm too weak",
    md5 = "CA signature digest algorithm too weak",
  }

  local function verify(certificate, options)
    local command = "openssl verify -no-CApath -no-CAstore -auth_level 2 %s -CAfile %s -untrusted %s %s"
    return (shell.run(command:format(options, certificate.ca, certificate.cert, certificate.alone)))
  end

  for name, verdict in pairs(VERDICTS) do
    it(("%s: openssl says %s"):format(name, verdict), function()
      certificates.needs(pending)
      local certificate = certificates.get(name)
      local host = name == "wrong_name" and "localhost" or certificate.host
      local said = verify(certificate, ("-purpose sslserver %s %s"):format(
        host:find "^%d" and "-verify_ip" or "-verify_hostname", host))
      assert_has(said, verdict)
      assert.equal(verdict == "OK", not said:find "error", said)
    end)
  end

  it("of clients are good for clients alone", function()
    certificates.needs(pending)
    assert_has(verify(certificates.get "client", "-purpose sslclient"), ": OK")
    assert_has(verify(certificates.get "client", "-purpose sslserver"), "unsuitable certificate purpose")
    assert_has(verify(certificates.get "unknown_client", "-purpose sslclient"), "unable to get local issuer")
  end)

  it("have the keys beside them, one of them encrypted", function()
    certificates.needs(pending)
    for _, name in ipairs { "leaf", "rsa", "ed25519", "client", "encrypted_client" } do
      local certificate = certificates.get(name)
      local password = certificate.passphrase and "-passin pass:" .. shell.quote(certificate.passphrase) or ""
      local public = shell.output(("openssl pkey -in %s -pubout %s"):format(certificate.key, password))
      assert.equal(shell.output("openssl x509 -noout -pubkey -in " .. certificate.cert), public)
    end
    local _, status = shell.run(("openssl pkey -noout -passin pass:wrong -in %s"):format(
      certificates.get("encrypted_client").key))
    assert.not_equal(0, status)
  end)

  it("have no name but the one that their kind says", function()
    certificates.needs(pending)
    local show = "openssl x509 -noout -ext subjectAltName -in "
    local text = shell.output(show .. certificates.get("ip_only").cert)
    assert_has(text, "IP Address:127.0.0.1")
    assert.falsy(text:find "DNS", text)
    local cn_only = certificates.get("cn_only").cert
    assert.falsy(shell.run(show .. cn_only):find "DNS")
    assert_has(shell.output("openssl x509 -noout -subject -in " .. cn_only), "CN = localhost")
  end)

  it("have pins, which are the digest of the public key", function()
    certificates.needs(pending)
    local leaf = certificates.get "leaf"
    local command = "openssl pkey -in %s -pubout -outform DER | openssl dgst -sha256 -binary | base64"
    local base64 = shell.output(command:format(leaf.key))
    assert.equal("sha256//" .. base64:match "%S+", certificates.pin(leaf.cert))
    assert.not_equal(certificates.pin(certificates.get("rsa").cert), certificates.pin(leaf.cert))
  end)

  it("are gone when the process ends", function()
    certificates.needs(pending)
    local program = [[local certificates = require "spec.support.certificates"; certificates.get "leaf"
      print(certificates.folder())]]
    local folder = shell.output(build.LUA .. " -e " .. shell.quote(program)):match "%S+"
    assert.truthy(folder:find("sidewire.", 1, true), folder)
    assert.falsy(shell.try("test -e " .. folder))
  end)
end)

describe("the test server with TLS", function()
  after_each(Peer.stop_all)

  local function start(options)
    certificates.needs(pending)
    Peer.needs_tls(pending)
    local leaf = certificates.get "leaf"
    options.tls.cert, options.tls.key = leaf.cert, leaf.key
    return Peer.start(options), leaf
  end

  for _, version in ipairs { "1.2", "1.3" } do
    describe(version, function()
      it("echoes, and tells what the client asked for", function()
        local peer, leaf = start { mode = "echo", tls = { version = version, alpn = { "a", "b" } } }
        local dialogue = start_client(peer, trust(leaf) .. " -servername one.test -alpn b,c")
        dialogue.send "hello\n"
        assert(util.wait_until(function() return dialogue.said():find "hello\n" end))
        dialogue.finish()
        assert(peer:wait_connections(0))
        local tls, stats = peer:tls(), peer:stats()
        assert.same({ 1, 0, 0, 0, 0 }, { tls.handshakes, tls.resumed, tls.offered, tls.failed, tls.truncated })
        assert.same({ "one.test", "b", "TLSv" .. version, "", "", "" },
          { tls.name, tls.alpn, tls.version, tls.client, tls.alert, tls.error })
        assert.same({ 6, 6, 1, 0 }, { stats.bytes, stats.sent, stats.ends, stats.errors })
      end)

      it("speaks no other version", function()
        local peer = start { tls = { version = version } }
        client(peer, "true", version == "1.2" and "-tls1_3" or "-tls1_2")
        assert(peer:wait_connections(0))
        assert.equal(1, peer:tls().failed)
        assert.equal("unsupported protocol", peer:tls().error)
      end)

      it("counts the encrypted bytes that TCP has and those in whole records, also when it does not read", function()
        local peer, leaf = start { mode = "sink", tls = { version = version } }
        local dialogue = start_client(peer, trust(leaf))
        assert(peer:wait_handshakes(1))
        peer:command "stall on"
        local before = peer:wire()
        assert.equal(0, before.whole)
        dialogue.send(("x"):rep(5000))
        assert(util.wait_until(function() return peer:wire().whole == 5000 end))
        assert.truthy(peer:wire().arrived >= before.arrived + 5000 + 5 + 16)
        assert.equal(0, peer:stats().bytes)
        peer:command "stall off"
        assert(peer:wait_bytes(5000))
        assert.equal(5000, peer:wire().whole)
        dialogue.finish()
        assert(peer:wait_connections(0))
        assert.equal(5000, peer:wire().whole)
      end)

      it("ends with close_notify, or without", function()
        local peer, leaf = start { mode = "sink", tls = { version = version } }
        for command, expected in pairs { finish = false, truncate = true, ["send-finish 68690a"] = false,
          ["send-truncate 68690a"] = true } do
          local accepted = peer:stats().accepted
          local dialogue = start_client(peer, trust(leaf))
          assert(peer:wait_handshakes(accepted + 1))
          peer:command(command)
          assert(peer:wait_connections(0))
          local said = dialogue.finish()
          assert.equal(expected, said:find("unexpected eof", 1, true) ~= nil, command .. "\n" .. said)
          assert.equal(command:find "68690a" ~= nil, said:find "hi\n" ~= nil, command .. "\n" .. said)
        end
      end)

      it("resets", function()
        local peer, leaf = start { mode = "sink", tls = { version = version } }
        local dialogue = start_client(peer, trust(leaf))
        assert(peer:wait_handshakes(1))
        peer:command "reset"
        local said = dialogue.finish()
        assert.truthy(said:find("errno=104", 1, true) or said:find("errno=32", 1, true), said)
      end)

      it("tells an end without close_notify from one with it", function()
        local peer, leaf = start { mode = "sink", tls = { version = version } }
        local dialogue = start_client(peer, trust(leaf))
        assert(peer:wait_handshakes(1))
        peer:command "send-line here" -- else it dies with input unread, and its end is a reset
        assert(util.wait_until(function() return dialogue.said():find "here\n" end))
        shell.signal(dialogue.pid, "KILL")
        assert(peer:wait_connections(0))
        dialogue.finish()
        assert.equal(1, peer:tls().truncated)
        assert.equal(1, peer:stats().ends)
      end)

      it("asks for a certificate of clients", function()
        local ca, known, unknown = certificates.get "ca", certificates.get "client", certificates.get "unknown_client"
        local peer, leaf = start { mode = "sink", tls = { version = version, ca = ca.cert } }
        local function try(certificate)
          local options = certificate and (" -cert %s -key %s"):format(certificate.cert, certificate.key) or ""
          local before = peer:stats().accepted
          client(peer, "sleep 0.2", trust(leaf) .. options)
          assert(peer:wait_accepted(before + 1))
          assert(peer:wait_connections(0))
          return peer:tls()
        end
        assert.equal("peer did not return a certificate", try(nil).error)
        assert.equal("certificate verify failed", try(unknown).error)
        local tls = try(known)
        assert.same({ 2, 1, "/CN=test client" }, { tls.failed, tls.handshakes, tls.client })
      end)

      it("tells the alert by which a client refuses it", function()
        local peer = start { tls = { version = version } }
        client(peer, "true", "-CAfile " .. certificates.get("other_ca").cert)
        assert(peer:wait_connections(0))
        assert.equal("unknown CA", peer:tls().alert)
      end)

      it("reads on, floods and sends slowly as without TLS", function()
        local peer, leaf = start { mode = "echo", tls = { version = version } }
        peer:command "small-reads 100"
        local dir = Peer.tempdir()
        local said = client(peer, "head -c 100000 /dev/zero | tr '\\0' x; " .. send_until("", dir .. "/go")
          .. " & sleep 0.5; touch " .. dir .. "/go; wait", trust(leaf))
        Peer.remove(dir)
        local _, count = said:gsub("x", "")
        assert.truthy(count >= 100000, count)
        assert.equal(100000, peer:stats().bytes)
        peer:command "small-reads 0"
        peer:command "mode flood 1000"
        local dialogue = start_client(peer, trust(leaf))
        assert(util.wait_until(function() return #dialogue.said() > 1000000 end))
        peer:command "mode sink"
        peer:command "send-slow 736c6f770a"
        assert(util.wait_until(function() return dialogue.said():find "slow\n$" end))
        peer:command "finish"
        dialogue.finish()
      end)
    end)
  end

  local function come_twice(peer, leaf)
    local dir = Peer.tempdir()
    local session = dir .. "/session"
    client(peer, "sleep 0.3", ("%s -sess_out %s"):format(trust(leaf), session))
    client(peer, "sleep 0.3", ("%s -sess_in %s"):format(trust(leaf), session))
    client(peer, "sleep 0.3", ("%s -sess_in %s"):format(trust(leaf), session))
    Peer.remove(dir)
    assert(peer:wait_connections(0))
    local tls = peer:tls()
    return { tls.handshakes, tls.offered, tls.resumed }
  end

  it("counts the sessions that are offered, and resumed", function()
    assert.same({ 3, 2, 2 }, come_twice(start { tls = { version = "1.3" } }))
    assert.same({ 3, 2, 2 }, come_twice(start { tls = { version = "1.2" } }))
  end)

  it("resumes a session once, with tickets = once", function()
    assert.same({ 3, 2, 1 }, come_twice(start { tls = { version = "1.3", tickets = "once" } }))
    assert.same({ 3, 0, 1 }, come_twice(start { tls = { version = "1.2", tickets = "once" } }))
  end)

  it("gives no session, with tickets = off", function()
    local peer, leaf = start { tls = { version = "1.3", tickets = "off" } }
    client(peer, "sleep 0.1", trust(leaf) .. " -sess_out /dev/null")
    assert.same({ 1, 0 }, { peer:tls().handshakes, peer:tls().offered })
  end)

  it("is the same without --tls, and says what it lacks", function()
    local peer = Peer.start { mode = "sink" }
    assert.same({ arrived = 0, whole = 0 }, peer:wire())
    assert.error_matches(function() peer:tls() end, "no TLS")
  end)
end)

describe("the hostile TLS server", function()
  after_each(Hostile.stop_all)

  local function start(options)
    certificates.needs(pending)
    Hostile.needs(pending)
    local leaf = certificates.get "leaf"
    options.cert, options.key = leaf.cert, leaf.key
    return Hostile.start(options), leaf
  end

  local function try(options)
    local server, leaf = start(options)
    local ca = files.try_read(server.ca) and server.ca or leaf.ca
    local said = client(server, "printf 'data\\n'; sleep 0.3", "-CAfile " .. ca)
    assert(server:wait_log "1 end")
    return said, server:log()
  end

  local LINES = "hello\nafter\n"

  for _, version in ipairs { "1.2", "1.3" } do
    -- The modes that a client gets through, when they are few.
    for mode, count in pairs { segments = 0, records = 0, warnings = 3, ["empty-records"] = 20, chain = 20 } do
      it(("%s: %s, and talks"):format(version, mode), function()
        local said, log = try { mode = mode, version = version, count = count }
        assert_has(said, LINES .. "data\n")
        assert_has(log, "1 handshake TLSv" .. version .. "\n")
        assert_has(log, "1 end close_notify\n")
      end)
    end

    it(version .. ": coalesced", function()
      local said = try { mode = "coalesced", version = version, count = 500, size = 9 }
      assert_has(said, "hello\n" .. ("xxxxxxxx\n"):rep(500) .. "after\n")
    end)

    -- mode -> what s_client says, and what the server does
    for mode, expected in pairs {
      warnings = { "too many warn alerts", "1 sent 1000" },
      ["empty-records"] = { "record too small", "1 sent 1000" },
      ["cut-record"] = { "unexpected eof while reading", "1 handshake" },
      ["no-close-notify"] = { "unexpected eof while reading", "1 handshake" },
      ["oversized-record"] = { "packet length too long", "1 broken" },
      garbage = { "SSL routines", "1 seed" },
      http = { "wrong version number", "1 end" },
      ["early-warnings"] = { "too many warn alerts", "1 sent 1000" },
      ["change-cipher-specs"] = { "unexpected " .. (version == "1.2" and "message" or "ccs message"), "1 sent 1000" },
      certificate = { "excessive message size", "1 broken" },
      chain = { "certificate chain too long", "1 alert unknown CA" },
      ["big-issuer-key"] = { "certificate signature failure", "1 sent" },
    } do
      it(("%s: %s"):format(version, mode), function()
        local said, log = try { mode = mode, version = version }
        assert_has(said, expected[1])
        assert_has(log, expected[2])
      end)
    end

    it(version .. ": half a record is none, and all before it comes", function()
      local said = try { mode = "cut-record", version = version }
      assert_has(said, "hello\n")
      assert.falsy(said:find("after", 1, true), said)
    end)

    it(version .. ": silence", function()
      local server, leaf = start { mode = "silence", version = version }
      local dialogue = start_client(server, trust(leaf))
      local name = ("/proc/%d/comm"):format(dialogue.pid)
      assert(util.wait_until(function() return files.try_read(name) == "openssl\n" end))
      socket.sleep(0.2) -- an answer would come now
      assert.equal("", dialogue.said() .. server:log())
      shell.signal(dialogue.pid, "KILL")
      dialogue.finish()
      assert(server:wait_log "1 end")
    end)

    it(version .. ": a key that is too big", function()
      local server, leaf = start { mode = "big-key", version = version }
      local said = client(server, "sleep 0.1", "-servername localhost -showcerts " .. trust(leaf))
      assert_has(said, "self-signed certificate in certificate chain")
      assert_has(shell.output("openssl x509 -noout -subject -in " .. server.ca), "CN = hostile 1")
      assert(server:wait_log "1 end")
      assert(tonumber(server:log():match "1 sent (%d+)") > 16384 / 8)
    end)

    it(version .. ": reset within its first flight", function()
      local server, leaf = start { mode = "reset", version = version }
      assert_has(client(server, "sleep 1", trust(leaf)), "errno=104")
      assert_has(server:log(), "1 sent")
    end)
  end

  for _, mode in ipairs { "tickets", "key-updates", "key-update-requests" } do
    it(mode .. ", a thousand of them", function()
      local said, log = try { mode = mode }
      assert_has(said, LINES .. "data\n")
      assert_has(log, "1 handshake TLSv1.3\n1 sent 1000\n")
    end)
  end

  it("hello-requests, which a client that may not renegotiate refuses", function()
    local server, leaf = start { mode = "hello-requests", count = 3 }
    local said = client(server, "sleep 0.3", trust(leaf) .. " -no_renegotiation")
    assert_has(said, LINES)
    assert(server:wait_log "1 end")
    assert_has(server:log(), "1 alert no renegotiation\n")
  end)
end)
