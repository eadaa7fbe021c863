-- The demo: what it shows while it runs, and a short run of the whole.

local socket = require "socket"
local engine = require "spec.support.engine"
local Program = require "spec.support.program"
local View = require "examples.demo.view"
local build = require "spec.support.build"
local shell = require "spec.support.shell"
local util = require "spec.support.util"

local function sample_at(seconds, changes)
  local sample = {
    seconds = seconds, state = "connected", queue_bytes = 2e6, queue_messages = 41233, queue_limit = 4e6,
    accepted = 100000 * seconds, answered = 500000, count = 1000000, frame = 0.01, worst = 0.0125,
  }
  for name, value in pairs(changes or {}) do sample[name] = value end
  return sample
end

local function without_codes(text)
  return (text:gsub("\27%[[%d?]*%a", ""))
end

-- What a view writes, as a list of pieces of output.
local function new_out()
  local out = { pieces = {}, text = "" }
  function out.write(_, ...) out.text = out.text .. table.concat { ... } end
  function out.flush() out.pieces[#out.pieces + 1], out.text = out.text, "" end
  return out
end

describe("a bar of the demo", function()
  local function bar(...)
    local full, rest = View.bar(...)
    return full .. "/" .. rest
  end

  it("is always as long as asked for, and full only when all is done", function()
    assert.equal("/----------", bar(0, 10))
    assert.equal("=====/-----", bar(0.5, 10))
    assert.equal("=========/-", bar(0.999, 10))
    assert.equal("==========/", bar(1, 10))
  end)

  it("is cut where a value is out of its range", function()
    assert.equal("/----------", bar(-1, 10))
    assert.equal("==========/", bar(7, 10))
  end)

  it("shows its mark before and behind the value", function()
    assert.equal("==/------|-", bar(0.2, 10, 0.8))
    assert.equal("========|=/", bar(1, 10, 0.8))
  end)
end)

describe("a line of the demo", function()
  it("is cut by what is visible, not by its codes", function()
    assert.equal("ab\27[31mcd\27[0m", View.fit({ { "ab" }, { "cd", 31 } }, 4))
    assert.equal("ab\27[31mc\27[0m", View.fit({ { "ab" }, { "cd", 31 } }, 3))
    assert.equal("ab", View.fit({ { "ab" }, { "cd", 31 } }, 2))
    assert.equal("", View.fit({ { "ab" }, { "cd", 31 } }, 0))
  end)

  it("leaves a column free at any width", function()
    for columns = 2, 200 do
      for _, line in ipairs(View.lines(sample_at(5), 1234567, columns)) do
        assert(#without_codes(line) < columns, ("%d columns: %s"):format(columns, line))
      end
    end
  end)

  it("is whole at 80 columns, with the largest numbers of the demo", function()
    local sample = sample_at(11.5, { queue_bytes = 4e6, queue_messages = 123456, answered = 999999 })
    local lines = View.lines(sample, 123456.7, 80)
    for i, line in ipairs(lines) do lines[i] = without_codes(line) end
    assert.same({
      "connected     11.5 s     123,456 messages/s",
      "answered  [===============================-]  999,999 of 1,000,000",
      "queue     [================================]  4.00 of 4.00 MB, 123,456 messages",
      "frame     [================----------|-----]  10.00 ms of 16.7, longest 12.50",
    }, lines)
  end)

  it("has a longer bar at 120 columns", function()
    local queue = without_codes(View.lines(sample_at(5), 0, 120)[3])
    assert.equal(72, #queue:match "%[(.-)%]")
  end)
end)

describe("the live view of the demo", function()
  local out, view

  before_each(function()
    out = new_out()
    view = View.live(out, 80)
  end)

  it("draws over its lines, each time in one piece of output", function()
    view:show(sample_at(1))
    view:show(sample_at(1.1))
    assert.equal(2, #out.pieces)
    assert.falsy(out.pieces[1]:find "\27%[%d+A")
    assert(out.pieces[2]:find "\r\27%[3A")
    assert.falsy(out.pieces[2]:find "\27%[J")
    assert.equal(3, select(2, out.pieces[2]:gsub("\n", "")))
  end)

  it("puts an event above its lines", function()
    view:show(sample_at(1))
    view:say(1.1, "something")
    assert.equal("  1.1 s  -- something\nconnected", without_codes(out.pieces[2]):match "\r(.-\n%a+)")
  end)

  it("gives the rate of the last second", function()
    for i = 0, 10 do view:show(sample_at(i / 10)) end
    assert(out.pieces[11]:find "100,000 messages/s")
    for i = 11, 21 do view:show(sample_at(i / 10, { accepted = 100000 })) end
    assert(out.pieces[22]:find " 0 messages/s")
  end)

  it("erases its lines and shows the cursor when it is closed, once", function()
    view:show(sample_at(1))
    view:close()
    view:close()
    assert.equal(2, #out.pieces)
    assert(out.pieces[1]:find("\27[?25l", 1, true))
    assert.equal("\r\27[3A\27[J\27[?25h", out.pieces[2])
  end)
end)

describe("the plain view of the demo", function()
  it("writes lines without escape codes", function()
    local out = new_out()
    local view = View.plain(out)
    view:say(0.5, "something")
    view:show(sample_at(1))
    view:close()
    assert.same({
      "  0.5 s  -- something\n",
      "  1.0 s  connected   queue   2.00 MB,  41233 messages   100,000 messages/s  worst frame 12.50 ms\n",
    }, out.pieces)
  end)
end)

describe("examples/demo.lua", function()
  before_each(util.begin)
  after_each(function()
    Program.stop_all()
    util.finish()
  end)

  local EVENTS = {
    "connected to", "the server stops reading", "the server reads again", "the server gets stuck",
    "the server is killed", "the server is started again", "connected to",
  }

  local function assert_events(output)
    local at = 1
    for _, event in ipairs(EVENTS) do
      at = assert(output:find(" s  -- " .. event, at, true), event .. "\n" .. output) + 1
    end
  end

  local function assert_account(output)
    for _, row in ipairs { "duplicated", "out of order", "altered", "unaccounted for" } do
      assert(output:find("\n  " .. row .. " +0 "), row .. "\n" .. output)
    end
    assert(output:find "\nsend %+ poll per frame, p50 +%d+%.%d%d ms", output)
  end

  it("ends with an account of every message, in plain lines when there is no terminal", function()
    local output, status = Program.run("examples/demo.lua", 4, 4)
    assert.equal(0, status, output)
    assert.falsy(output:find("\27", 1, true))
    assert_events(output)
    assert_account(output)
  end)

  -- `script` gives the program a terminal, of 0 columns: taken for 80.
  local function run_in_terminal(environment)
    local command = "env -u NO_COLOR TERM=xterm %s script -qec '%s examples/demo.lua 4 4' /dev/null </dev/null"
    local began = socket.gettime()
    local said, status = shell.run(command:format(environment, build.LUA))
    local text = said:gsub("\r\n", "\n")
    if text:find "failed to create pseudo%-terminal" then pending "this machine has no pseudo-terminals" end
    assert.equal(0, status, text)
    return text, socket.gettime() - began
  end

  it("draws in a terminal, and leaves the table and the cursor", function()
    local text, seconds = run_in_terminal ""
    local drawn, account = text:match "^(.*\27%[J\27%[%?25h)(.-)$"
    assert(drawn, text)
    assert_events(drawn)
    assert_account(account)
    assert.falsy(account:find("\27", 1, true))
    local _, count = drawn:gsub("\nframe     %[", "")
    assert(count > 4 and count <= 10 * seconds + 5, count .. " drawings in " .. seconds .. " s") -- 10 a second
  end)

  it("prints plain lines in a terminal with NO_COLOR", function()
    local text = run_in_terminal "NO_COLOR=1"
    assert.falsy(text:find("\27", 1, true))
    assert_account(text)
  end)

  it("says so when it is interrupted, and fails", function()
    local program = Program.start("examples/demo.lua", 10, 4)
    program:wait_for "connected to"
    program:signal "INT"
    local output, status = program:finish()
    assert.same({ "interrupted", 1 }, { output:match "(%C+)\n$", status }, output)
  end)

  it("refuses arguments that are no numbers, or too many", function()
    for _, words in ipairs { { "x" }, { 4, "x" }, { 0.5 }, { 4, 4, 4 } } do
      local output, status = Program.run("examples/demo.lua", engine.unpack(words))
      assert.equal(2, status)
      assert(output:find("^usage: "), output)
    end
  end)
end)
