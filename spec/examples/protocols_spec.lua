-- The examples that read a protocol by client:read, against real servers.

local socket = require "socket"
local build = require "spec.support.build"
local Peer = require "spec.support.peer"
local Program = require "spec.support.program"
local Server = require "spec.support.server"
local ports = require "spec.support.ports"
local util = require "spec.support.util"

local NGINX = [[
daemon off; master_process off; error_log stderr; pid pid;
events {}
http {
  access_log off; default_type text/plain;
  client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi; uwsgi_temp_path uwsgi;
  scgi_temp_path scgi;
  server {
    listen 127.0.0.1:%d; root www;
    location /chunked/ { alias www/; ssi on; ssi_types *; } # of a text that it has to look through it tells no length
    location /cut { return 444; }
  }
}
]]

describe("examples/http.lua", function()
  before_each(util.begin)
  after_each(Program.finish_all)

  local function get(url) return Program.run("examples/http.lua", url) end

  it("says how it is called", function()
    local output, status = get "--help"
    assert.same({ 0, "usage: lua examples/http.lua http://HOST[:PORT][/PATH]\n" }, { status, output })
    for _, url in ipairs { "", "https://127.0.0.1/", "127.0.0.1" } do
      output, status = get("'" .. url .. "'")
      assert.equal(2, status, output)
      assert.matches("^usage:", output)
    end
  end)

  it("says why there is no server", function()
    local output, status = get(("http://127.0.0.1:%d/"):format(ports.closed()))
    assert.equal(1, status)
    assert.matches("connection refused", output)
  end)

  -- What it prints and its status when a server sends these bytes and ends the connection.
  local function answer(bytes)
    local peer = Peer.start { mode = "sink" }
    local program = Program.start("examples/http.lua", ("http://127.0.0.1:%d"):format(peer.port))
    assert(peer:wait_bytes(#"GET / HTTP/1.1"))
    peer:command("send-finish " .. Peer.hex(bytes))
    local output, status = program:finish()
    return { status, output }
  end

  -- On stderr, so perhaps before the body.
  local ENDED = "connection to 127.0.0.1 port %d+ ended: the other side ended it\n"

  it("takes a body that the end of the connection ends, and no body that is cut", function()
    assert.same({ 0, "all of it" }, answer "HTTP/1.0 200 OK\r\n\r\nall of it")
    assert.same({ 0, "x" }, answer("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
      .. "1;a=b\r\nx\r\n0\r\nTrailer: y\r\n\r\n"))
    for _, bytes in ipairs { "HTTP/1.1 200 OK", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nhalf" } do
      local result = answer(bytes)
      assert.equal(1, result[1], bytes)
      assert.matches(ENDED, result[2])
    end
    assert.same({ 1, "the server sent no chunk\n" },
      answer "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nnonsense\r\n")
  end)

  if not Server.find "nginx" then
    pending "examples/http.lua against nginx: nginx is not installed, `make setup` does it"
    return
  end

  it("gets documents from nginx, in one piece and in chunks", function()
    local server = Server.new("nginx", function(server) return ("-p %s/ -c conf"):format(server.dir) end)
    server:write("conf", NGINX:format(server.port))
    os.execute("mkdir " .. server.dir .. "/www")
    local documents = { small = "hello\n", empty = "", large = ("a line of text\r\n"):rep(util.choose(2 ^ 20, 2 ^ 16)) }
    for name, text in pairs(documents) do server:write("www/" .. name, text) end
    server:start()
    server:wait_until_listening()
    for name, text in pairs(documents) do
      for _, folder in ipairs { "", "chunked/" } do
        local output, status = get(("http://127.0.0.1:%d/%s%s"):format(server.port, folder, name))
        assert.equal(0, status)
        assert.is_true(output == text, folder .. name)
      end
    end
    local output, status = get(("http://127.0.0.1:%d/none"):format(server.port))
    assert.equal(1, status)
    assert.matches("the server answered 404\n", output)
    output, status = get(("http://127.0.0.1:%d/cut"):format(server.port))
    assert.equal(1, status)
    assert.matches(ENDED, output)
  end)
end)

describe("examples/memcached.lua", function()
  before_each(util.begin)
  after_each(Program.finish_all)

  it("says how it is called, and why there is no server", function()
    local output, status = Program.run("examples/memcached.lua", "--help")
    assert.same({ 0, "usage: lua examples/memcached.lua HOST PORT [COUNT [SIZE]]\n" }, { status, output })
    output, status = Program.run "examples/memcached.lua"
    assert.equal(2, status, output)
  end)

  it("finds a wrong value, and a reply that is cut", function()
    local peer = Peer.start { mode = "sink" }
    local program = Program.start("examples/memcached.lua", peer.host, peer.port, 1, 5)
    assert(peer:wait_bytes(#"set key1 0 0 5\r\nvalue\r\n"))
    peer:command("send " .. Peer.hex "STORED\r\n")
    assert(peer:wait_bytes(#"set key1 0 0 5\r\nvalue\r\nget key1\r\n"))
    peer:command("send-finish " .. Peer.hex "VALUE key1 0 5\r\nval")
    assert(peer:wait_bytes(#"set key1 0 0 5\r\nvalue\r\nget key1\r\nget key1\r\n")) -- on the next connection
    peer:command("send " .. Peer.hex "VALUE key1 0 5\r\nVALUE\r\nEND\r\n")
    local output, status = program:finish()
    assert.equal(1, status)
    assert.matches("set\tSTORED\t1\nlost: connection to 127.0.0.1 port %d+ ended: the other side ended it\n", output)
    assert.matches("wrong value of key 1\n", output) -- on stderr
  end)

  if not Server.find "memcached" then
    pending "examples/memcached.lua against memcached: memcached is not installed, `make setup` does it"
    return
  end

  local function start_server()
    local server = Server.new("memcached", function(server)
      return ("-u nobody -l 127.0.0.1 -p %d -U 0 -I 32m -m 256"):format(server.port)
    end)
    server:start()
    server:wait_until_listening()
    return server
  end

  local function run(server, ...)
    local output, status = Program.run("examples/memcached.lua", server.host, server.port, ...)
    assert.equal(0, status, output)
    return output
  end

  it("stores, gets and deletes values, small ones and those of a megabyte with line ends in them", function()
    local server = start_server()
    local all = "set\tSTORED\t%d\nget\tVALUE\t%d\ndelete\tDELETED\t%d\n"
    local many = build.choose(100000, 2000)
    assert.equal(all:format(many, many, many), run(server, many))
    assert.equal(all:format(20, 20, 20), run(server, 20, 1000000))
    assert.equal(all:format(1, 1, 1), run(server, 1, 16 * 2 ^ 20 - 100))
  end)

  it("goes on when the server restarts, and says what was lost", function()
    local server = start_server()
    local count = build.choose(300000, 20000)
    local program = Program.start("examples/memcached.lua", server.host, server.port, count)
    local control = assert(socket.connect(server.host, server.port))
    assert(util.wait_until(function()
      control:send "stats\r\n"
      local line, stored = control:receive "*l", nil
      while line ~= "END\r" and line ~= "END" do
        stored = stored or line:match "^STAT cmd_set ([1-9]%d*)"
        line = control:receive "*l"
      end
      return stored
    end))
    control:close()
    server:kill()
    server:start()
    local output, status = program:finish()
    assert.equal(0, status, output)
    assert.matches("lost: ", output)
    assert.matches(("set\tSTORED\t%d\n"):format(count), output)
    local counts = {}
    for reply, number in output:gmatch "get\t(%u+)\t(%d+)" do counts[reply] = tonumber(number) end
    assert.equal(count, (counts.VALUE or 0) + (counts.END or 0), output)
  end)
end)
