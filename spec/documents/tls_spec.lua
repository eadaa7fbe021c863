-- docs/tls.md: the certificates, the server and the client of "A test server", as they stand there.

local Peer = require "spec.support.peer"
local Program = require "spec.support.program"
local Server = require "spec.support.server"
local certificates = require "spec.support.certificates"
local files = require "spec.support.files"
local shell = require "spec.support.shell"
local util = require "spec.support.util"

local SECTION = files.read("docs/tls.md"):match "\n## A test server\n(.-)\n## "

describe("docs/tls.md", function()
  local dir
  before_each(function()
    util.begin()
    dir = Peer.tempdir()
  end)
  after_each(function()
    Program.finish_all()
    Server.stop_all()
    Peer.remove(dir)
  end)

  it("makes an authority and a server that its client trusts", function()
    certificates.needs(pending)
    local making, serving = SECTION:match "```sh\n(.-\n)(openssl s_server.-)\n```"
    shell.execute(("cd %s && set -e\n%s"):format(dir, making))
    local server = Server.new("openssl", function(server)
      local words, count = serving:gsub("^openssl ", ""):gsub("%-accept 4433", ("-accept %s:%d"):format(server.host,
        server.port))
      assert.equal(1, count)
      return (words:gsub("server%.", dir .. "/server.")) .. " </dev/null"
    end)
    server:start()
    server:wait_until_listening()
    local program, count = SECTION:match "```lua\n(.-)```":gsub("4433", tostring(server.port))
    assert.equal(1, count)
    program, count = program:gsub('"ca%.pem"', ("%q"):format(dir .. "/ca.pem"))
    assert.equal(1, count)
    files.write(dir .. "/program.lua", program)
    assert.same({ "olleh\n", 0 }, { Program.start(dir .. "/program.lua"):finish() })
  end)
end)
