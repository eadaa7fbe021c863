-- Who a client with TLS connects to, and who not: certificates, pins, names, its own certificate, protocols, versions.

local Peer = require "spec.support.peer"
local Program = require "spec.support.program"
local certificates = require "spec.support.certificates"
local files = require "spec.support.files"
local shell = require "spec.support.shell"
local tls = require "spec.support.tls"
local util = require "spec.support.util"

local get, pin = certificates.get, certificates.pin
local VERSIONS = { "1.2", "1.3" }
local UNTRUSTED = "the authority of its certificate, '%s', is not trusted here, or the server does not send the "
  .. "intermediate certificate"
local CN_ONLY = "its certificate has no names (subjectAltName), only the common name 'localhost', which does not count "
  .. "(RFC 9525, 2)"
local WEAK = "its certificate has a key or a signature that is too weak"

local function start(...)
  tls.needs(pending)
  return tls.start(...)
end

-- --- texts with times ---

local function now() return os.date "!%Y-%m-%d %H:%M UTC" end

local MONTHS = { Jan = 1, Feb = 2, Mar = 3, Apr = 4, May = 5, Jun = 6, Jul = 7, Aug = 8, Sep = 9, Oct = 10, Nov = 11,
  Dec = 12 }

-- Month, day, time and year of a limit of a certificate: "notAfter=Nov 27 10:19:03 2026 GMT".
local function limit(path, which)
  local line = shell.output(("openssl x509 -noout -%s -in %s"):format(which, shell.quote(path)))
  local month, day, time, year = line:match "=(%a+)%s+(%d+) ([%d:]+) (%d+) GMT"
  return tonumber(year), MONTHS[month], tonumber(day), time
end

local function limit_text(path, which)
  local year, month, day, time = limit(path, which)
  return ("%04d-%02d-%02d %s UTC (the clock here says NOW)"):format(year, month, day, time:sub(1, 5))
end

-- Replaces what the clock says by NOW, if that is so.
local function without_clock(text, before)
  local told = text:match "the clock here says (.-)%)"
  if not told then return text end
  assert(told == before or told == now(), text)
  return (text:gsub("(the clock here says ).-%)", "%1NOW)"))
end

-- --- refusals ---

-- What the sentence says behind the reason: what to do about a certificate that nothing vouches for.
local function advice(reason, ca)
  local is_own = reason:find("self-signed", 1, true)
  if not is_own and not reason:find("is not trusted here", 1, true) then return "" end
  if not ca then
    return is_own and "; if you trust it, give it as tls.ca"
      or "; if you trust that authority, give its certificate as tls.ca"
  end
  local file = ca:find "BEGIN" and "" or (" ('%s')"):format(ca)
  return ("; %s is not in tls.ca%s"):format(is_own and "it" or "that authority", file)
end

-- The client refuses the server, or the other way round, for this reason; nothing of the message was sent.
local function refused(peer, options, reason)
  local before = now()
  local client, events = tls.try(peer, options)
  assert.same({ "error" }, events:names())
  local host = options.host or peer.host
  local message, code, detail = events[1][2], events[1][3], events[1][4]
  local ca = type(options.tls) == "table" and options.tls.ca
  assert.equal(("cannot connect to %s port %d by TLS: %s%s"):format(host, peer.port, reason, advice(reason, ca)),
    without_clock(message, before))
  assert.same({ nil, message, code }, { client:wait("connected", util.DEADLINE) })
  assert.equal(message, select(2, client:state()))
  assert.same({ "ETLS", "tls" }, { code, detail.stage })
  assert.equal(1, #detail.causes)
  local cause = detail.causes[1]
  assert.equal(reason, without_clock(cause.message, before))
  assert.same({ host, peer.port, "ETLS" }, { cause.address, cause.port, cause.code })
  assert.same({ "idle", 1, 0 }, { (client:state()), client:stats().queued, client:stats().in_flight })
  assert(util.wait_until(function() return peer:tls().failed == 1 end))
  assert.same({ 0, 0 }, { peer:tls().handshakes, peer:stats().bytes })
end

local function contents(certificate)
  local text = {}
  for _, field in ipairs { "ca", "cert", "key" } do text[field] = files.read(certificate[field]) end
  return text
end

-- Kind -> the reason, or a function that returns it.
local BAD = {
  expired = function() return "its certificate has expired on " .. limit_text(get("expired").alone, "enddate") end,
  not_yet_valid = function()
    return "its certificate is not valid before " .. limit_text(get("not_yet_valid").alone, "startdate")
  end,
  wrong_name = "its certificate is for other.example.test, another.example.test, 192.0.2.1, and not for localhost",
  cn_only = CN_ONLY,
  self_signed = "its certificate is self-signed: no authority vouches for it",
  unknown_issuer = UNTRUSTED:format "another test CA",
  no_intermediate = UNTRUSTED:format "sidewire test intermediate",
  under_expired = function()
    return "the certificate of its authority, 'expired test intermediate', has expired on "
      .. limit_text(get("expired_intermediate").alone, "enddate")
  end,
  under_no_ca = "one of its certificates is signed by one that is no authority",
  under_constrained = "the authority of its certificate may not vouch for this name",
  wrong_purpose = "its certificate is not meant for servers",
  client = "its certificate is not meant for servers",
  weak_key = WEAK,
  sha1 = WEAK,
  md5 = WEAK,
}
local GOOD = { "leaf", "chain", "ip_only", "wildcard", "rsa", "ed25519", "hundred_names" }

describe("the certificate of a server", function()
  before_each(util.begin)
  after_each(util.finish)

  for _, version in ipairs(VERSIONS) do
    for _, form in ipairs { "path", "PEM text" } do
      local function authority(certificate)
        return form == "path" and certificate.ca or files.read(certificate.ca)
      end

      for _, kind in ipairs(GOOD) do
        it(("[F62] %s is accepted, TLS %s, ca as %s"):format(kind, version, form), function()
          local peer, certificate = start(kind, { version = version })
          local info = tls.accepted(peer, { tls = { ca = authority(certificate), server_name = certificate.host } })
          assert.same({ true, "TLSv" .. version }, { info.verified, info.version })
        end)
      end

      for kind, reason in pairs(BAD) do
        it(("[F62] %s is refused with its own text, and nothing is sent, TLS %s, ca as %s"):format(kind, version,
          form), function()
          local peer, certificate = start(kind, { version = version })
          if type(reason) == "function" then reason = reason() end
          refused(peer, { tls = { ca = authority(certificate), server_name = "localhost" } }, reason)
        end)
      end
    end

    it("[F62] is not that of an authority that nobody has named, TLS " .. version, function()
      local peer = start("leaf", { version = version })
      refused(peer, { tls = { ca = get("other_ca").cert } }, UNTRUSTED:format "sidewire test CA")
    end)

    it("is refused when its key is too weak even for a signature, TLS " .. version, function()
      local peer, certificate = start("weaker_key", { version = version })
      refused(peer, { tls = { ca = certificate.ca } },
        version == "1.2" and WEAK or "it refuses the handshake: no cipher in common, or it wants something else")
    end)
  end

  it("[F62] is refused when the server also sends an authority that nobody has named", function()
    tls.needs(pending)
    local certificate, dir = get "unknown_issuer", Peer.tempdir()
    files.write(dir .. "/chain", files.read(certificate.alone) .. files.read(get("other_ca").cert))
    local peer = Peer.start { mode = "echo", tls = { cert = dir .. "/chain", key = certificate.key } }
    refused(peer, { tls = { ca = certificate.ca } },
      "the authority of its certificate, 'another test CA', is not trusted here")
    Peer.remove(dir)
  end)

  it("is accepted when ca names one of several authorities, in any order", function()
    local peer, leaf = start "leaf"
    local texts = { files.read(get("other_ca").cert), files.read(leaf.ca), files.read(get("rsa_ca").cert) }
    tls.accepted(peer, { tls = { ca = table.concat(texts) } })
    tls.accepted(peer, { tls = { ca = texts[3] .. "\nsome words\n" .. texts[2] .. texts[1] } })
  end)

  for _, case in ipairs {
    { "a self-signed certificate", "self_signed", "self_signed" }, { "an intermediate one", "chain", "intermediate" },
    { "the server's own, which another has signed", "leaf", "leaf" },
  } do
    it("is accepted when ca names " .. case[1], function()
      local peer = start(case[2])
      assert.is_true(tls.accepted(peer, { tls = { ca = get(case[3]).alone } }).verified)
    end)
  end

  it("is still checked for its name when ca names itself", function()
    local peer = start "self_signed"
    refused(peer, { tls = { ca = get("self_signed").alone, server_name = "example.test" } },
      "its certificate is for localhost, 127.0.0.1, ::1, and not for example.test")
  end)

  local PROGRAM = [[
    local sidewire = require "sidewire.core"
    local client = sidewire.new { host = "127.0.0.1", port = tonumber(arg[1]), tls = true, reconnect = false, on = {
      error = function(_, message) print(message) end, connect = function() print "connected" end } }
    client:connect()
    client:wait("connected", 30)
    sidewire.poll()
  ]]

  it("is accepted by tls = true when the machine trusts its authority (SSL_CERT_FILE)", function()
    local peer, leaf = start "leaf"
    local dir = Peer.tempdir()
    files.write(dir .. "/program.lua", PROGRAM)
    local trusting, status = Program.run("SSL_CERT_FILE=" .. leaf.ca, dir .. "/program.lua", peer.port)
    local other = Program.run("SSL_CERT_FILE=" .. get("other_ca").cert, dir .. "/program.lua", peer.port)
    Peer.remove(dir)
    assert.same({ "connected\n", 0 }, { trusting, status })
    local reason = UNTRUSTED:format "sidewire test CA"
    assert.equal(("cannot connect to 127.0.0.1 port %d by TLS: %s%s\n"):format(peer.port, reason, advice(reason)),
      other)
  end)
end)

describe("tls.pin", function()
  before_each(util.begin)
  after_each(util.finish)

  for _, version in ipairs(VERSIONS) do
    it("[F62] takes the place of chain, name and time, TLS " .. version, function()
      for _, kind in ipairs { "leaf", "self_signed", "expired", "wrong_name", "unknown_issuer", "weak_key" } do
        local peer, certificate = start(kind, { version = version })
        local info = tls.accepted(peer, { tls = { pin = pin(certificate.cert) } })
        assert.is_true(info.verified, kind)
      end
    end)

    it("[F62] refuses every other key, also where the chain is good, TLS " .. version, function()
      local wrong = pin((function() tls.needs(pending) return get "rsa" end)().cert)
      for _, options in ipairs { { pin = wrong }, { pin = wrong, verify = false }, { pin = { wrong, wrong } } } do
        local peer, leaf = start("leaf", { version = version })
        options.ca = leaf.ca
        refused(peer, { tls = options }, "its public key is none of those in pin")
      end
    end)
  end

  it("may be one of several", function()
    local peer, leaf = start "self_signed"
    tls.accepted(peer, { tls = { pin = { pin(get("rsa").cert), pin(leaf.cert) } } })
  end)
end)

describe("tls.verify = false", function()
  before_each(util.begin)
  after_each(util.finish)

  for _, version in ipairs(VERSIONS) do
    it("accepts every certificate, and info.tls says that none was verified, TLS " .. version, function()
      tls.needs(pending)
      for kind in pairs(BAD) do
        local peer = start(kind, { version = version })
        assert.is_false(tls.accepted(peer, { tls = { verify = false } }).verified, kind)
        peer:stop()
      end
    end)
  end
end)

describe("the name of a server", function()
  before_each(util.begin)
  after_each(util.finish)

  it("is the client's host, and the server hears it (SNI)", function()
    local peer, leaf = start "leaf"
    tls.accepted(peer, { host = "localhost", tls = { ca = leaf.ca } })
    assert.equal("localhost", peer:tls().name)
  end)

  it("is server_name, if that is given, and the server hears that", function()
    local peer, leaf = start "wildcard"
    tls.accepted(peer, { tls = { ca = leaf.ca, server_name = "a.example.test" } })
    assert.equal("a.example.test", peer:tls().name)
  end)

  it("counts in any case, and with a dot behind it, of which the server hears nothing", function()
    local peer, leaf = start "wildcard"
    tls.accepted(peer, { tls = { ca = leaf.ca, server_name = "A.EXAMPLE.test" } })
    tls.accepted(peer, { tls = { ca = leaf.ca, server_name = "a.example.test." } })
    assert.equal("a.example.test", peer:tls().name)
  end)

  it("[F62] is covered by a wildcard for one part, not for none or two", function()
    for _, name in ipairs { "a.b.example.test", "example.test" } do
      local peer, leaf = start "wildcard"
      refused(peer, { tls = { ca = leaf.ca, server_name = name } },
        "its certificate is for *.example.test, and not for " .. name)
    end
  end)

  it("[F62] may be an IPv4 address, of which the server hears nothing", function()
    local peer, leaf = start "leaf"
    tls.accepted(peer, { tls = { ca = leaf.ca } })
    assert.equal("", peer:tls().name)
    peer = start "wildcard"
    refused(peer, { tls = { ca = leaf.ca } }, "its certificate is for *.example.test, and not for 127.0.0.1")
  end)

  it("[F62] may be an IPv6 address", function()
    local ok, peer, leaf = pcall(start, "leaf", nil, { host = "::1" })
    if not ok then return pending("this machine has no ::1: " .. tostring(peer)) end
    tls.accepted(peer, { tls = { ca = leaf.ca } })
    tls.accepted(peer, { tls = { ca = leaf.ca, server_name = "0:0:0:0:0:0:0:1" } })
    assert.equal("", peer:tls().name)
    peer = start("ip_only", nil, { host = "::1" })
    refused(peer, { tls = { ca = leaf.ca } }, "its certificate is for 127.0.0.1, and not for ::1")
  end)

  it("is missing among many: the error names the first of these", function()
    local peer, certificate = start "hundred_names"
    local names = {}
    for i = 1, 9 do names[i] = ("host%d.example.test"):format(i) end
    refused(peer, { tls = { ca = certificate.ca } },
      ("its certificate is for %s, ..., and not for 127.0.0.1"):format(table.concat(names, ", ")))
  end)
end)

describe("the certificate of a client", function()
  before_each(util.begin)
  after_each(util.finish)

  -- A server that wants one, and the options of a client that verifies that server.
  local function demanding(version)
    tls.needs(pending)
    local authority = get("ca").cert
    return start("leaf", { version = version, ca = authority }), { ca = authority }
  end

  for _, version in ipairs(VERSIONS) do
    it("is shown by path and by text, TLS " .. version, function()
      local peer, options = demanding(version)
      local client = get "client"
      options.cert, options.key = client.cert, client.key
      tls.accepted(peer, { tls = options })
      assert.equal("/CN=test client", peer:tls().client)
      local texts = contents(client)
      tls.accepted(peer, { tls = texts })
      texts.cert = texts.key .. texts.cert -- both in one
      texts.key = texts.cert
      tls.accepted(peer, { tls = texts })
      assert.same({ 3, 0 }, { peer:tls().handshakes, peer:tls().failed })
    end)

    it("is not shown to a server that does not ask, TLS " .. version, function()
      local peer, leaf = start("leaf", { version = version })
      tls.accepted(peer, { tls = { ca = leaf.ca, cert = get("client").cert, key = get("client").key } })
      assert.equal("", peer:tls().client)
    end)
  end

  local WANTED = "it wants a certificate of the client: give cert and key"
  local UNWANTED = "it does not accept the client's certificate"

  for _, case in ipairs { { "missing", nil, WANTED }, { "of an unknown authority", "unknown_client", UNWANTED },
    { "that is one for servers", "rsa", UNWANTED } } do
    local function with_certificate(options)
      if case[2] then options.cert, options.key = get(case[2]).cert, get(case[2]).key end
      return { tls = options }
    end

    it(case[1] .. ": the server ends the handshake, TLS 1.2", function()
      local peer, options = demanding "1.2"
      refused(peer, with_certificate(options), case[3])
    end)

    it(case[1] .. ": the server ends the connection after the client's part of the handshake, TLS 1.3", function()
      local peer, options = demanding "1.3"
      local client, events = tls.try(peer, with_certificate(options))
      local last = events:last "disconnect"
      assert.same({ events[1], last }, { events:last "connect", events[#events] })
      assert.same({ ("connection to 127.0.0.1 port %d ended: %s"):format(peer.port, case[3]), "ETLS", "receive" },
        { last[2], last[3], last[4].stage })
      assert.same({ 0, 0 }, { peer:tls().handshakes, peer:stats().bytes })
      local stats = client:stats() -- the peer's TCP may have acknowledged the message, which no program reads
      assert.equal(1, stats.queued + stats.in_flight + stats.finished + stats.lost)
    end)
  end

  -- Each with what tls has besides ca, and the reason, in which DIR stands for a folder.
  local function broken(options, reason)
    return function()
      tls.needs(pending)
      local dir = Peer.tempdir()
      local peer, leaf = start "leaf"
      options = options(dir)
      options.ca = options.ca or leaf.ca
      refused(peer, { tls = options }, (reason:gsub("DIR", function() return dir end)))
      Peer.remove(dir)
    end
  end

  local function own(key, cert)
    return { cert = cert or get("client").cert, key = key }
  end

  it("[F62] with an encrypted key is refused here, and nobody is asked for a password", broken(function()
    return own(get("encrypted_client").key, get("encrypted_client").cert)
  end, "tls.key: it is encrypted with a password: give it without one"))

  it("with the key of another is refused here", broken(function()
    return own(get("unknown_client").key)
  end, "tls.key: it does not belong to the certificate in tls.cert"))

  it("with a key of another kind is refused here", broken(function()
    return own(get("rsa").key)
  end, "tls.key: it does not belong to the certificate in tls.cert"))

  it("with a key file that has none is refused here", broken(function()
    return own(get("client").cert)
  end, "tls.key: there is no private key in it (PEM)"))

  it("with a broken key is refused here, and the text has nothing of it", broken(function()
    return own "-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----\n"
  end, "tls.key: there is no private key in it (PEM)"))

  it("whose key file is not there is refused here", broken(function(dir)
    return own(dir .. "/key")
  end, "tls.key: cannot read the file that it names: no such file or directory"))

  it("whose file is not there is refused here", broken(function(dir)
    return own(get("client").key, dir .. "/cert")
  end, "tls.cert: cannot read 'DIR/cert': no such file or directory"))

  it("whose file has none is refused here", broken(function()
    return own(get("client").key, get("client").key)
  end, "tls.cert: there is no certificate in it (PEM, \"-----BEGIN CERTIFICATE-----\")"))

  it("that is too weak is refused here", broken(function()
    return own(get("weaker_key").key, get("weaker_key").cert)
  end, "tls.cert: certificate 1 cannot be used: ee key too small"))

  describe("and its authority:", function()
    it("a file that is not there", broken(function(dir)
      return { ca = dir .. "/ca" }
    end, "tls.ca: cannot read 'DIR/ca': no such file or directory"))

    it("a folder", broken(function(dir) return { ca = dir } end, "tls.ca: cannot read 'DIR': is a directory"))

    it("a file without a certificate", broken(function()
      return { ca = get("client").key }
    end, "tls.ca: there is no certificate in it (PEM, \"-----BEGIN CERTIFICATE-----\")"))

    it("a file that is too large", broken(function(dir)
      files.write(dir .. "/large", ("x"):rep(2 ^ 20 + 1))
      return { ca = dir .. "/large" }
    end, "tls.ca: cannot read 'DIR/large': file too large"))

    it("a text whose second certificate is cut", function()
      local peer, leaf = start "leaf"
      local text = files.read(leaf.ca)
      for _, cut in ipairs { text:sub(1, -100), text:sub(1, 200) .. "!" .. text:sub(202) } do
        local _, events = tls.try(peer, { tls = { ca = text .. cut } })
        assert.matches("by TLS: tls.ca: certificate 2 cannot be read: .", assert(events:last "error")[2])
      end
    end)
  end)

  it("is read again at the next attempt, if it could not be read", function()
    local peer, leaf = start "leaf"
    local dir = Peer.tempdir()
    local client = util.client(peer, { tls = { ca = dir .. "/ca" }, reconnect = 0.02 })
    local events = util.collect(client)
    assert(client:connect())
    local retry = assert(events:wait("retry", 2))
    assert.same({ ("cannot connect to 127.0.0.1 port %d by TLS: tls.ca: cannot read '%s/ca': no such file or directory")
      :format(peer.port, dir), "ETLS" }, { retry[4], retry[5] })
    files.write(dir .. "/ca", files.read(leaf.ca))
    assert(events:wait "connect")
    Peer.remove(dir) -- what it held is kept
    peer:command "close"
    assert(events:wait("connect", 2))
  end)
end)

describe("tls.alpn", function()
  before_each(util.begin)
  after_each(util.finish)

  for _, version in ipairs(VERSIONS) do
    it("is agreed on, and info.tls tells what, TLS " .. version, function()
      local peer, leaf = start("leaf", { version = version, alpn = { "b", "c" } })
      assert.equal("b", tls.accepted(peer, { tls = { ca = leaf.ca, alpn = { "a", "b" } } }).alpn)
      assert.equal("b", peer:tls().alpn)
    end)

    it("refuses a server that speaks none of the protocols, TLS " .. version, function()
      local peer, leaf = start("leaf", { version = version, alpn = { "c" } })
      refused(peer, { tls = { ca = leaf.ca, alpn = { "a", "b" } } }, "it speaks none of the protocols in alpn")
    end)

    it("refuses a server that ignores the list, and sends it nothing, TLS " .. version, function()
      local peer, leaf = start("leaf", { version = version })
      local _, events = tls.try(peer, { tls = { ca = leaf.ca, alpn = { "a" } } })
      assert.same({ "error" }, events:names())
      assert.same({ ("cannot connect to 127.0.0.1 port %d by TLS: it speaks none of the protocols in alpn"):format(
        peer.port), "ETLS" }, { events[1][2], events[1][3] })
      assert(peer:wait_connections(0, util.DEADLINE))
      assert.equal(0, peer:stats().bytes)
    end)

    it("may be left out, whatever the server speaks, TLS " .. version, function()
      local peer, leaf = start("leaf", { version = version, alpn = { "c" } })
      assert.is_nil(tls.accepted(peer, { tls = { ca = leaf.ca } }).alpn)
    end)
  end
end)

describe("tls.min_version", function()
  before_each(util.begin)
  after_each(util.finish)

  it("\"1.3\" refuses a server that speaks 1.2 alone", function()
    local peer, leaf = start("leaf", { version = "1.2" })
    refused(peer, { tls = { ca = leaf.ca, min_version = "1.3" } },
      "it speaks no TLS version that this client accepts")
  end)

  it("is 1.2 unless it is set, and the newest version is used", function()
    for version, used in pairs { ["1.2"] = "TLSv1.2", ["1.3"] = "TLSv1.3", both = "TLSv1.3" } do
      local peer, leaf = start("leaf", { version = version ~= "both" and version or nil })
      for _, least in ipairs { false, "1.2", "1.3" } do
        if not (least == "1.3" and version == "1.2") then
          local info = tls.accepted(peer, { tls = { ca = leaf.ca, min_version = least or nil } })
          assert.equal(used, info.version)
        end
      end
    end
  end)
end)
