-- docs/framing.md: each line of its table of protocols, run with frames of the protocol.

local engine = require "spec.support.engine"
local Peer = require "spec.support.peer"
local files = require "spec.support.files"
local framings = require "spec.support.framings"
local protocols = require "spec.support.protocols"
local util = require "spec.support.util"

local PAGE = files.read "docs/framing.md"

-- The rows of the table: the protocol's name, and what it says behind `framing =`.
local rows = {}
for name, text in PAGE:match "| protocol | `framing =` |.-\n\n":gmatch "\n| ([^|]-) | `([^|]-)` |" do
  rows[#rows + 1] = { name = name, text = text, framing = engine.load("return " .. text, text, {})() }
end

local function both(list)
  local wire, messages = {}, {}
  for i, pair in ipairs(list) do wire[i], messages[i] = pair[1], pair[2] end
  return table.concat(wire), messages
end

describe("docs/framing.md", function()
  before_each(util.begin)
  after_each(util.finish)

  local function receive(framing, command, wire)
    local peer = Peer.start { mode = "silent" }
    local client = util.connected(peer, { framing = framing, reconnect = false })
    local events = util.collect(client)
    peer:command(command .. " " .. Peer.hex(wire))
    assert(util.wait_received(client, #wire))
    peer:command "finish"
    local disconnect = assert(events:wait "disconnect")
    return events:all "message", disconnect[3], disconnect[4].partial
  end

  local function sent(framing, messages)
    local dir = Peer.tempdir()
    local peer = Peer.start { mode = "sink", record = dir }
    local client = util.connected(peer, { framing = framing })
    for _, message in ipairs(messages) do assert(client:send(message)) end
    client:disconnect(util.DEADLINE)
    assert(util.poll_until(function() return client:state() == "idle" end))
    local stream = Peer.streams(dir)[1].data
    Peer.remove(dir)
    return stream
  end

  it("has a table of protocols", function()
    local names = {}
    for _, row in ipairs(rows) do names[row.name] = true end
    for name in pairs(protocols) do assert(names[name], name .. " has no line") end
    assert(#rows >= 25, #rows .. " rows")
  end)

  for _, row in ipairs(rows) do
    describe(row.name .. ", " .. row.text .. ":", function()
      local wire, messages = both(assert(protocols[row.name], row.name .. " has no frames"))

      for _, command in ipairs { "send", "send-slow" } do
        it(command == "send" and "receives its messages [F46]" or "receives the same byte by byte [F46]", function()
          local got, code, partial = receive(row.framing, command, wire)
          framings.assert_messages(messages, got)
          assert.same({ "EPEER", "" }, { code, partial })
        end)
      end

      it("sends what it receives", function()
        framings.assert_messages({ wire }, { sent(row.framing, messages) })
      end)
    end)
  end
end)
