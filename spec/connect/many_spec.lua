-- Many clients at once, in a process that may have the descriptors for them.

local build = require "spec.support.build"
local certificates = require "spec.support.certificates"
local shell = require "spec.support.shell"

local util = require "spec.support.util"

-- Runs a program of spec/stress for so many clients, with more arguments; returns what it printed.
local function run(program, count, more)
  local command = "ulimit -n %d || exit 42; exec %s spec/stress/%s %d %s"
  local said, status = shell.run(command:format(count + 100, build.LUA, program, count, more or ""))
  if status == 42 then pending("this process may not have that many descriptors: " .. said:gsub("\n", "")) end
  assert.equal(0, status, said)
  return said
end

describe("one engine", function()
  local CONNECTIONS, CLIENTS = util.choose(2000, 300), util.choose(1000, 300)

  it(("[F48] has %d connections: all come up, work, and are closed"):format(CONNECTIONS), function()
    assert.truthy(run("many.lua", CONNECTIONS):find(CONNECTIONS .. " connections", 1, true))
  end)

  local idle = "holds %d connections that are idle, in at most 2.5 KiB each, and a table where Lua wants one"
  it(idle:format(CONNECTIONS), function()
    if util.is_sanitized then pending "a sanitizer needs memory of its own for each block" end
    assert.truthy(run("idle.lua", CONNECTIONS):find(CONNECTIONS .. " idle connections", 1, true))
  end)

  it("holds 300 connections with TLS that are idle, in at most 64 KiB each", function()
    certificates.needs(pending)
    if util.is_sanitized then pending "a sanitizer needs memory of its own for each block" end
    assert.truthy(run("idle.lua", 300, "tls"):find("300 idle connections with TLS", 1, true))
  end)

  it(("[F29] spreads the attempts of %d clients that lose one server"):format(CLIENTS), function()
    assert.truthy(run("herd.lua", CLIENTS):find("no peak", 1, true))
  end)

  it(("[F29] has all of %d clients back when their server was away"):format(CLIENTS), function()
    assert.truthy(run("away.lua", CLIENTS, 2):find("all back", 1, true))
  end)
end)
