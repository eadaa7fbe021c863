-- sidewire in LÖVE: the example is played, on a screen that nobody sees.

local Love = require "spec.support.love"
local Peer = require "spec.support.peer"
local Program = require "spec.support.program"
local files = require "spec.support.files"
local hosts = require "spec.support.hosts"
local shell = require "spec.support.shell"

describe("LÖVE", function()
  local missing = Love.missing()
  if missing then
    pending(missing)
    return
  end

  after_each(function()
    Program.stop_all()
    Love.stop_screen()
    Peer.stop_all()
  end)

  it("draws on while the server stalls and dies, and loses no line", function()
    local peer, record = Peer.start_recorded { mode = "echo" }
    local game = Love.play(peer.host, peer.port)
    finally(function() Peer.remove(game.dir) end)
    game:order "say one"
    game:wait_for "arrived one"

    peer:signal "STOP"
    game:order "say two"
    game:wait_frame(function(frame) return frame.state == "connected" and frame.silent > 0.5 end)
    game:wait_frames(30)
    assert.falsy(game:log():find("arrived two", 1, true))
    peer:signal "CONT"
    game:wait_for "arrived two"

    peer:kill()
    game:order "say three"
    game:wait_frame(function(frame) return frame.state == "waiting" end)
    game:wait_frames(30)
    assert.falsy(game:log():find("arrived three", 1, true))
    game:order "shot dead"
    assert(tonumber(game:wait_for "shot dead (%d+)") > 100, "a blank screenshot")
    local picture = files.read(game.dir .. "/dead.png")
    assert.equal("\137PNG\r\n\26\n\0\0\0\rIHDR\0\0\3\192\0\0\2\28", picture:sub(1, 24)) -- 960 x 540
    peer:start_again()
    game:wait_for "arrived three"

    game:order "say four\nquit"
    local output, status = game:finish()
    assert.same({ 0, "" }, { status, output })
    assert.equal("quit", game:log():match "([^\n]*)\n$")
    assert(hosts.wait_recorded(record, "\nsay 4 four\n.*\n$")) -- positions follow it
    local worst = 0
    for _, frame in ipairs(game:frames()) do worst = math.max(worst, frame.cpu) end
    assert(worst > 0, "the clock stands still")
  end)

  it("runs the program of docs/hosts.md", function()
    local peer, record = Peer.start_recorded { mode = "echo" }
    local dir = Love.folder()
    finally(function() Peer.remove(dir) end)
    files.write(dir .. "/main.lua", hosts.documented_program("LÖVE", peer.port) .. [[
      local draw = love.draw
      function love.draw()
        draw()
        if heard == "nothing yet" then love.keypressed "a" else love.event.quit() end
      end
      local quit = love.quit
      function love.quit()
        client:send "last words"
        quit()
        print(heard)
      end
    ]])
    assert.same({ "key a\n", 0 }, { Love.start(dir):finish() })
    assert(hosts.wait_recorded(record, "^key a\n.*last words\n$"))
  end)

  it("has sidewire in several threads at once, each with a Lua state of its own", function()
    local peer = Peer.start { mode = "echo" }
    local dir = Love.folder()
    finally(function() Peer.remove(dir) end)
    for name, script in pairs { main = "love_threads", exchange = "love_exchange" } do
      shell.execute(("cp spec/hosts/scripts/%s.lua %s/%s.lua"):format(script, dir, name))
    end
    local output, status = Love.start(dir, peer.host, peer.port):finish()
    assert.same({ 0, "first thread 2000\nmain 2000\nsecond thread 2000\n" }, { status, output })
    assert.equal(3, peer:stats().accepted)
  end)
end)
