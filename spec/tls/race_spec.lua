-- Names with several addresses, and servers with TLS at them (src/loop/race.h).

local Peer = require "spec.support.peer"
local host = require "spec.support.host"
local ports = require "spec.support.ports"
local shell = require "spec.support.shell"
local tls = require "spec.support.tls"
local util = require "spec.support.util"

local embed = host.embedder "spec.tls.scripts.race"

-- At 127.0.0.1 there is a server with a good certificate.
local function start()
  tls.needs(pending)
  local good, leaf = tls.start "leaf"
  return good, leaf
end

describe("TLS to a name with two addresses", function()
  before_each(host.begin)
  after_each(function()
    ports.close_all()
    util.finish()
  end)

  it("goes on with the second when the first ends the connection in the handshake", function()
    local good, leaf = start()
    local bad = Peer.start { host = "127.0.0.2", port = good.port }
    bad:command "close-on-accept on"
    embed("connects_to_the_second", good.port, leaf.ca)
  end)

  it("goes on with the second when the first does not speak TLS", function()
    local good, leaf = start()
    Peer.start { host = "127.0.0.2", port = good.port, mode = "echo" }
    embed("connects_to_the_second", good.port, leaf.ca)
  end)

  it("tells the reason of each when there is no TLS at any", function()
    local one = Peer.start { mode = "echo" }
    Peer.start { host = "127.0.0.2", port = one.port, mode = "echo" }
    local _, leaf = start()
    embed("tells_each_reason", one.port, leaf.ca)
  end)

  it("tells of the one that has no TLS rather than of the one that refuses", function()
    local one = Peer.start { mode = "echo" }
    local _, leaf = start()
    embed("tells_the_handshake", one.port, leaf.ca)
  end)

  it("ends at a certificate that is not accepted", function()
    local good, leaf = start()
    tls.start("expired", nil, { host = "127.0.0.2", port = good.port })
    embed("ends_at_the_certificate", good.port, leaf.ca)
    assert.equal(0, good:tls().handshakes)
  end)

  it("tells the reason of the address before, too, when it ends at a certificate", function()
    tls.needs(pending)
    local _, leaf = tls.start "leaf"
    local bad = tls.start "expired"
    embed("ends_at_the_second_certificate", bad.port, leaf.ca)
  end)

  it("tries the other one first after a handshake that took too long", function()
    local good, leaf = start()
    Peer.start { host = "127.0.0.2", port = good.port, mode = "silent" }
    embed("tries_the_other_next", good.port, leaf.ca, util.choose(0.4, 4)) -- of each attempt
  end)

  it("leaves a handshake alone that takes longer than the delay between addresses", function()
    local good, leaf = start()
    local slow = tls.start("leaf", nil, { host = "127.0.0.2", port = good.port })
    shell.execute("kill -STOP " .. slow.pid)
    shell.execute(("(sleep 0.8; kill -CONT %d) >/dev/null 2>&1 &"):format(slow.pid))
    embed("connects_to_the_first", good.port, leaf.ca)
    assert.equal(0, good:tls().handshakes)
  end)

  it("closes an address that was still being tried when another had a connection", function()
    local good, leaf = start()
    ports.black_hole("127.0.0.2", good.port)
    embed("closes_the_losers", good.port, leaf.ca)
  end)
end)
