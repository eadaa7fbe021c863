-- Which servers an embedding host allows its scripts: allow, deny and max_lookups of the policy. A policy lasts as long
-- as its Lua state, so each runs in one of its own.

local host = require "spec.support.host"
local netns = require "spec.support.netns"
local shell = require "spec.support.shell"
local util = require "spec.support.util"

local embed = host.embedder "spec.connect.scripts.policy"

describe("the host's policy about servers", function()
  before_each(host.begin)
  after_each(util.finish)

  it("refuses at once what no rule of allow admits, or what deny holds, with the rule [F60]", function()
    embed "refuses_at_once"
  end)

  it("judges a server when it has both host and port [F60]", function()
    embed "waits_for_what_is_missing"
  end)

  it("lets no name lead inside: EPOLICY, with the address [F78]", function()
    embed "does_not_lead_inside"
  end)

  it("admits an inside address of a name if allow lists the address with its port [F78]", function()
    embed "lists_inside_addresses"
  end)

  it("leaves the refused addresses of a name out, and uses the others [F78]", function()
    embed "leaves_out_addresses"
  end)

  it("refuses the addresses of a name that deny holds [F78]", function()
    embed "denies_addresses_of_names"
  end)

  it("is asked again at each attempt, because a name may lead elsewhere then [F78]", function()
    embed "tries_again"
  end)

  it("leaves clients the servers that they had before [F60]", function()
    embed "leaves_clients"
  end)

  it("bounds the lookups of names at a time by max_lookups; others wait for their turn [F60]", function()
    embed "bounds_lookups"
  end)

  it("raises for what is no rule, and then changes nothing [F60]", function()
    embed "raises"
  end)

  it("keeps rules that nothing changes any more [F60]", function()
    embed "copies_rules"
  end)

  it("sends no packet to an inside address to which a name leads [F78]", function()
    local missing = netns.missing()
    if missing then pending(missing) end
    if util.is_sanitized then pending "strace and a sanitizer's leak check exclude each other" end
    assert(shell.try "command -v strace >/dev/null", "strace is missing: run tools/setup test")
    io.write(netns.run({ names = {
      ["loopback.example.org"] = "127.0.0.1", ["ten.example.org"] = "10.0.0.1,127.0.0.1",
      ["link-local.example.org"] = "169.254.169.254", ["good.example.org"] = netns.HOST,
    } }, "spec.connect.scripts.policy", "stays_outside"))
  end)
end)
