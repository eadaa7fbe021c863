-- Real servers with TLS: openssl s_server, nginx, redis-server and mosquitto.

local sidewire = require "sidewire"
local Server = require "spec.support.server"
local certificates = require "spec.support.certificates"
local util = require "spec.support.util"

local get = certificates.get
local VERSIONS = { "1.2", "1.3" }

local function finish()
  Server.stop_all()
  util.finish()
end

-- Skips the rest of a test when the server is missing.
local function needs(program)
  certificates.needs(pending)
  if not Server.find(program) then pending(program .. " is not installed (make setup)") end
end

local function connect(server, options)
  local all = { host = server.host, port = server.port, reconnect = false }
  for name, value in pairs(options) do all[name] = value end
  local client = sidewire.new(all)
  local events = util.collect(client)
  assert(client:connect())
  return client, events
end

-- The texts of the failed attempt, or connection, of one that is refused.
local function failure(server, options)
  local client, events = connect(server, options)
  assert(util.poll_until(function() return events:last "error" or events:last "disconnect" end))
  client:close(0)
  local event = events:last "error" or events:last "disconnect"
  return event[2], event[3]
end

local function by_tls(server, reason)
  return ("cannot connect to 127.0.0.1 port %d by TLS: %s"):format(server.port, reason)
end

describe("openssl s_server", function()
  before_each(util.begin)
  after_each(finish)

  -- It sends back each line, reversed.
  local function start(kind, options)
    needs "openssl"
    local certificate = get(kind)
    local server = Server.new("openssl", function(server)
      return ("s_server -accept %s:%d -cert %s -key %s -cert_chain %s -rev %s </dev/null"):format(server.host,
        server.port, certificate.alone, certificate.key, certificate.cert, options or "")
    end)
    server:start()
    server:wait_until_listening()
    return server, { ca = certificate.ca, server_name = certificate.host }
  end

  local function echoes(server, tls)
    local client, events = connect(server, { tls = tls })
    local text = ("0123456789"):rep(100)
    for _ = 1, 50 do assert(client:send(text)) end
    if not events:wait("message", 50) then error(tostring(events[1] and events[1][2]) .. "\n" .. server:log()) end
    assert.equal(text:reverse(), events:last "message"[2])
    client:close()
    assert(events:wait "close")
    return events[1][2].tls
  end

  for _, version in ipairs(VERSIONS) do
    it("answers under TLS " .. version, function()
      local server, tls = start("chain", "-tls" .. version:gsub("%.", "_"))
      assert.same({ "TLSv" .. version, true }, { echoes(server, tls).version, echoes(server, tls).verified })
    end)
  end

  for _, case in ipairs {
    { "rsa", "-tls1_2", "ECDHE-RSA-AES128-GCM-SHA256" }, { "rsa", "-tls1_2", "ECDHE-RSA-CHACHA20-POLY1305" },
    { "rsa", "-tls1_2", "ECDHE-RSA-AES256-SHA384" }, { "rsa", "-tls1_2", "DHE-RSA-AES256-GCM-SHA384" },
    { "leaf", "-tls1_2", "ECDHE-ECDSA-AES256-GCM-SHA384" },
    { "leaf", "-tls1_3", "TLS_AES_128_GCM_SHA256" }, { "leaf", "-tls1_3", "TLS_AES_256_GCM_SHA384" },
    { "leaf", "-tls1_3", "TLS_CHACHA20_POLY1305_SHA256" },
  } do
    it(("answers with the cipher %s"):format(case[3]), function()
      local option = case[2] == "-tls1_3" and "-ciphersuites" or "-cipher"
      local server, tls = start(case[1], ("%s %s %s"):format(case[2], option, case[3]))
      assert.equal(case[3], echoes(server, tls).cipher)
    end)
  end

  it("may ask for another group (HelloRetryRequest)", function()
    local server, tls = start("leaf", "-tls1_3 -groups P-384")
    assert.equal("TLSv1.3", echoes(server, tls).version)
  end)

  for _, version in ipairs { "1", "1_1" } do
    it(("is refused when it speaks no more than TLS %s"):format(version), function()
      local server, tls = start("leaf", ("-tls%s -cipher DEFAULT@SECLEVEL=0"):format(version))
      local message, code = failure(server, { tls = tls })
      assert.same({ by_tls(server, "it speaks no TLS version that this client accepts"), "ETLS" }, { message, code })
    end)
  end

  it("is refused when it has no cipher that is good enough", function()
    local server, tls = start("rsa", "-tls1_2 -cipher NULL-SHA256:@SECLEVEL=0")
    local message, code = failure(server, { tls = tls })
    assert.same({ by_tls(server, "it refuses the handshake: no cipher in common, or it wants something else"), "ETLS" },
      { message, code })
  end)

  it("agrees on a protocol (ALPN)", function()
    local server, tls = start("leaf", "-alpn mqtt,h2")
    tls.alpn = { "h2", "mqtt" }
    assert.equal("mqtt", echoes(server, tls).alpn)
    tls.alpn = { "smtp" }
    assert.equal(by_tls(server, "it speaks none of the protocols in alpn"), (failure(server, { tls = tls })))
  end)

  for _, version in ipairs(VERSIONS) do
    it("resumes sessions, under TLS " .. version, function()
      local server, tls = start("leaf", "-tls" .. version:gsub("%.", "_"))
      local client, events = connect(server, { tls = tls })
      for visit = 1, 2 do
        assert(client:send "a line")
        assert(events:wait("message", visit))
        assert.equal(visit == 2, events:last "connect"[2].tls.resumed)
        assert(client:disconnect(util.LONG))
        assert(events:wait("disconnect", visit))
        if visit == 1 then assert(client:connect()) end
      end
    end)
  end

  it("takes the certificate of a client, and refuses none and a wrong one", function()
    local server, tls = start("leaf", ("-tls1_2 -Verify 3 -verify_return_error -CAfile %s"):format(get("ca").cert))
    tls.cert, tls.key = get("client").cert, get("client").key
    echoes(server, tls)
    assert.matches("CN = test client", server:log())
    tls.cert, tls.key = get("unknown_client").cert, get("unknown_client").key
    assert.equal(by_tls(server, "it does not accept the client's certificate"), (failure(server, { tls = tls })))
    tls.cert, tls.key = nil, nil
    assert.equal(by_tls(server, "it wants a certificate of the client: give cert and key"),
      (failure(server, { tls = tls })))
  end)
end)

describe("nginx", function()
  before_each(util.begin)
  after_each(finish)

  local CONFIG = [[
daemon off;
master_process off;
pid nginx.pid;
error_log stderr;
events {}
http {
  access_log off;
  client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi; uwsgi_temp_path uwsgi;
  scgi_temp_path scgi;
  server {
    listen 127.0.0.1:%d%s;
    %s
  }
}
]]

  -- It answers with what it knows of the connection.
  local SECURE = [[
    ssl_certificate %s;
    ssl_certificate_key %s;
    ssl_protocols %s;
    ssl_client_certificate %s;
    ssl_verify_client optional;
    location / {
      default_type text/plain;
      return 200 "$ssl_protocol $ssl_session_reused $ssl_server_name $ssl_client_verify $proxy_protocol_addr\n";
    }
]]

  local function start_with(how, lines)
    local server = Server.new("nginx", function(server) return ("-p %s/ -c conf"):format(server.dir) end)
    server:write("conf", CONFIG:format(server.port, how, lines))
    server:start()
    server:wait_until_listening()
    return server
  end

  local function start(version, how)
    needs "nginx"
    local chain = get "chain"
    return start_with(" ssl" .. (how or ""), SECURE:format(chain.cert, chain.key, "TLSv" .. version, chain.ca)),
      { ca = chain.ca, server_name = "localhost" }
  end

  -- The last line of the answer to a request, and how the connection ended.
  local function ask(client, events)
    local ends = events:count "disconnect"
    assert(client:send "GET / HTTP/1.0\r\n\r\n")
    assert(events:wait("disconnect", ends + 1))
    local answer = table.concat(events:all "message")
    assert.matches("^HTTP/1.1 200 OK", answer)
    local ended = events:last "disconnect"
    events:clear()
    return answer:match "\r\n\r\n(.*)\n$", ended[3]
  end

  for _, version in ipairs(VERSIONS) do
    it("answers, hears the server's name, ends by close_notify, and resumes the session, TLS " .. version, function()
      local server, tls = start(version)
      local client, events = connect(server, { framing = "raw", tls = tls })
      for _, reused in ipairs { ".", "r" } do
        local answer, code = ask(client, events)
        assert.same({ ("TLSv%s %s localhost NONE "):format(version, reused), "EPEER" }, { answer, code })
        assert(client:connect())
      end
    end)

    it("verifies the certificate of a client, TLS " .. version, function()
      local server, tls = start(version)
      tls.cert, tls.key = get("client").cert, get("client").key
      local client, events = connect(server, { framing = "raw", tls = tls })
      assert.equal(("TLSv%s . localhost SUCCESS "):format(version), (ask(client, events)))
    end)

    it("takes a preamble for it, the PROXY protocol, which goes before the handshake, TLS " .. version, function()
      local server, tls = start(version, " proxy_protocol")
      local client, events = connect(server, { framing = "raw", tls = tls,
        preamble = "PROXY TCP4 192.0.2.7 192.0.2.8 4000 443\r\n" })
      assert.equal(("TLSv%s . localhost NONE 192.0.2.7"):format(version), (ask(client, events)))
    end)
  end

  it("says to a client without TLS that it wants that", function()
    local client, events = connect(start "1.3", { framing = "raw" })
    assert(client:send "GET / HTTP/1.0\r\n\r\n")
    assert(events:wait "disconnect")
    assert.matches("The plain HTTP request was sent to HTTPS port", table.concat(events:all "message"))
  end)

  it("is refused where it speaks without TLS", function()
    needs "nginx"
    local server = start_with("", "return 404;")
    local message, code = failure(server, { tls = true })
    assert.same({ by_tls(server, "it does not speak TLS on this port"), "ETLS" }, { message, code })
  end)
end)

describe("redis-server", function()
  before_each(util.begin)
  after_each(finish)

  local COUNT = util.choose(20000, 2000)

  local function start(version, clients)
    needs "redis-server"
    local leaf = get "leaf"
    local server = Server.new("redis-server", function(server)
      return ("--port 0 --tls-port %d --bind 127.0.0.1 --dir %s --save '' --tls-cert-file %s --tls-key-file %s "
        .. "--tls-ca-cert-file %s --tls-auth-clients %s --tls-protocols TLSv%s"):format(server.port, server.dir,
        leaf.cert, leaf.key, leaf.ca, clients, version)
    end)
    server:start()
    server:wait_until_listening()
    return server, { ca = leaf.ca }
  end

  for _, version in ipairs(VERSIONS) do
    it(("carries out %d commands, and gives a megabyte back, TLS %s"):format(COUNT, version), function()
      local server, tls = start(version, "no")
      local client, events = connect(server, { framing = "resp", tls = tls, max_message = 2 ^ 22 })
      local data = ("\r\n$5\r\n\0\255"):rep(2 ^ 17)
      for _ = 1, COUNT do assert(client:send(sidewire.resp.encode("INCR", "counter"))) end
      assert(client:send(sidewire.resp.encode("SET", "data", data)))
      assert(client:send(sidewire.resp.encode("GET", "data")))
      if not events:wait("message", COUNT + 2) then error(tostring(events[1] and events[1][2]) .. server:log()) end
      local replies = events:all "message"
      assert.equal(COUNT, sidewire.resp.decode(replies[COUNT]))
      assert.is_true(data == sidewire.resp.decode(replies[COUNT + 2]))
      assert.equal("TLSv" .. version, events:last "connect"[2].tls.version)
    end)

    it("knows a client by its certificate, TLS " .. version, function()
      local server, tls = start(version, "yes")
      local _, code = failure(server, { framing = "resp", tls = tls })
      assert.equal("ETLS", code)
      tls.cert, tls.key = get("client").cert, get("client").key
      local client, events = connect(server, { framing = "resp", tls = tls })
      assert(client:send(sidewire.resp.encode "PING"))
      assert.equal("+PONG\r\n", assert(events:wait "message")[2])
    end)
  end
end)

describe("mosquitto", function()
  before_each(util.begin)
  after_each(finish)

  local COUNT = util.choose(5000, 500)

  local function start(lines)
    needs "mosquitto"
    local leaf = get "leaf"
    local server = Server.new("mosquitto", function() return "-c conf" end)
    server:write("conf", ([[
listener %d 127.0.0.1
user root
cafile %s
certfile %s
keyfile %s
max_queued_messages 0
%s
]]):format(server.port, leaf.ca, leaf.cert, leaf.key, lines or "allow_anonymous true"))
    server:start()
    server:wait_until_listening()
    return server, { ca = leaf.ca }
  end

  local function text(s) return "\0" .. string.char(#s) .. s end
  local function packet(kind, rest) return string.char(kind, #rest) .. rest end

  local LOGIN = packet(0x10, text "MQTT" .. "\4\2\0\60" .. text "me")
  local FRAMING = { length = "varint", offset = 1 }

  it(("brings %d messages back"):format(COUNT), function()
    local server, tls = start()
    local client, events = connect(server, { framing = FRAMING, greeting = LOGIN, tls = tls })
    assert(client:send(packet(0x82, "\0\1" .. text "news" .. "\0")))
    if not events:wait("message", 2) then error(tostring(events[1] and events[1][2]) .. "\n" .. server:log()) end
    assert.same({ "\32\2\0\0", "\144\3\0\1\0" }, events:all "message")
    for i = 1, COUNT do assert(client:send(packet(0x30, text "news" .. i))) end
    assert(events:wait("message", COUNT + 2))
    local messages = events:all "message"
    for i = 1, COUNT do assert.equal(packet(0x30, text "news" .. i), messages[i + 2]) end
  end)

  it("knows a client by its certificate", function()
    local server, tls = start "require_certificate true\nuse_identity_as_username true"
    tls.cert, tls.key = get("client").cert, get("client").key
    local _, events = connect(server, { framing = FRAMING, greeting = LOGIN, tls = tls })
    assert.equal("\32\2\0\0", assert(events:wait "message")[2]) -- it is let in
    assert.matches("u'test client'", server:log())
  end)

  it("refuses a client without one by an alert, and closes: the client is told why, also if it cannot send", function()
    local server, tls = start "require_certificate true"
    for _ = 1, 20 do
      local message, code = failure(server, { framing = FRAMING, greeting = LOGIN, tls = tls })
      assert.same({ ("connection to 127.0.0.1 port %d ended: it wants a certificate of the client: give cert and key")
        :format(server.port), "ETLS" }, { message, code })
    end
  end)
end)
