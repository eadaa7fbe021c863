-- Every mistake and failure of spec/support/errors.lua, provoked row by row.

local sidewire = require "sidewire"
local engine = require "spec.support.engine"
local errors = require "spec.support.errors"
local files = require "spec.support.files"
local util = require "spec.support.util"

local function title(row)
  return row.when and ("%s, %s"):format(row[1], row.when) or row[1]
end

local function each_row(visit)
  for _, section in ipairs(errors.sections) do
    for _, row in ipairs(section) do visit(row, section) end
  end
end

-- What is at fault, as the message must name it: the call, the file or the server, unless the row says otherwise.
local function names_the_culprit(row)
  if row.names == false then return true end
  if row.names then return row[2]:find(row.names, 1, true) ~= nil end
  local called = row[1]:match "^%w+[.:][%w_.]+"
  for _, culprit in ipairs { called, "port 4000", "net.ini", "no-such-host.invalid", "example.org", "client", "message",
    "queue_limit", "framing", "bytes", "itself", "thread", "host", called:match "[%w_]+$" } do
    if row[2]:find(culprit, 1, true) then return true end
  end
  return false
end

-- Is it what another system answers?
local function is_other_answer(row, message)
  for _, other in ipairs(row.or_else or {}) do
    if message == other then return true end
  end
end

for _, section in ipairs(errors.sections) do
  describe(section.title .. ":", function()
    before_each(util.begin)
    after_each(util.finish)

    for _, row in ipairs(section) do
      if row.here or not row.not_here then
        it(title(row), function()
          local reason = row.lacks and row.lacks()
          if reason then return pending(reason) end
          local message, code = errors.provoke(row)
          if is_other_answer(row, message) then
            assert.equal(row.or_else.code, code)
          else
            assert.same({ engine.as_written(row[2]), row[3] }, { message, code })
          end
        end)
      end
    end
  end)
end

describe("the messages", function()
  it("name what is at fault", function()
    each_row(function(row) assert(names_the_culprit(row), row[2]) end)
  end)

  it("say what is valid, where an argument is not", function()
    each_row(function(row)
      if row[3] ~= "raises" or not row[2]:find "got" then return end
      assert(row[2]:find " must be .*, got " or row[2]:find "expected, got", row[2])
    end)
  end)

  it("say nothing that only the writer of the code understands", function()
    each_row(function(row)
      assert.falsy(row[2]:find "0x%x" or row[2]:find "userdata" or row[2]:find "%.c:" or row[2]:find "sw_", row[2])
      assert(#row[2] < 280, row[2])
    end)
  end)

  it("are there for every option of sidewire.new, and every method that takes an argument", function()
    local calls = {}
    each_row(function(row) calls[#calls + 1] = row[1] end)
    local all = table.concat(calls, "\n")
    local options = select(2, pcall(sidewire.new, { nonsense = 1 })):match "%(valid: (.*)%)"
    for name in options:gmatch "[%w_]+" do
      assert(all:find("sidewire.new { " .. name .. " =", 1, true), name .. " has no row")
    end
    for _, name in ipairs { "send", "write", "on", "connect", "set_server", "set_reconnect", "wait", "flush", "receive",
      "disconnect", "close", "poll" } do
      assert(all:find("client:" .. name, 1, true), name .. " has no row")
    end
  end)
end)

describe("docs/errors.md", function()
  it("says what the table says (`make pages` writes it)", function()
    assert(files.read "docs/errors.md" == errors.write(), "docs/errors.md is stale: run `make pages`")
  end)
end)
