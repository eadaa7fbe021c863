-- sidewire in WeeChat (Lua 5.3), without a terminal.

local Peer = require "spec.support.peer"
local files = require "spec.support.files"
local hosts = require "spec.support.hosts"
local shell = require "spec.support.shell"
local util = require "spec.support.util"

describe("WeeChat", function()
  local missing = hosts.missing("5.3", "weechat-headless")
  if missing then return pending(missing) end

  after_each(hosts.finish)

  it("shows a server's lines and sends it lines; only the notifier makes it poll", function()
    local peer, record = Peer.start_recorded()
    local dir = hosts.copy_example("weechat", "5.3")
    shell.execute(("mkdir %s/lua && mv %s/bridge.lua %s/sidewire %s/lua"):format(dir, dir, dir, dir))
    local commands = {
      "/set logger.file.flush_delay 0",
      "/set plugins.var.lua.bridge.port " .. peer.port,
      "/lua load bridge.lua",
      "/bridge hello",
    }
    for i, command in ipairs(commands) do commands[i] = "-r " .. shell.quote(command) end
    local chat = hosts.start(("weechat-headless -d %s %s"):format(dir, table.concat(commands, " ")))
    local function log() return files.try_read(dir .. "/logs/core.weechat.weechatlog") or "" end

    hosts.wait_received(record, "hello\n")
    peer:command "send-line good morning"
    util.wait_until(function() return log():find("good morning", 1, true) end)
    assert(log():find "bridge%s+connected.*bridge%s+good morning", log())
    chat:signal "TERM"
    local output, status = chat:finish()
    assert.equal(0, status, output)
  end)
end)
