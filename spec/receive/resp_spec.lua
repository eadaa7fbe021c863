-- sidewire.resp: values of RESP2 and RESP3 as Lua values, and back.

local core = require "sidewire.core"
local sidewire = require "sidewire"
local engine = require "spec.support.engine"
local Peer = require "spec.support.peer"
local build = require "spec.support.build"
local misuse = require "spec.support.misuse"
local shell = require "spec.support.shell"

local resp = sidewire.resp
local null = resp.null

-- The value with the kind of each of its parts, for comparison: metatables do not count in assert.same.
local function explained(value)
  if type(value) ~= "table" then return value end
  local list = { kind = resp.kind(value) }
  for key, element in pairs(value) do list[#list + 1] = { explained(key), explained(element) } end
  table.sort(list, function(a, b) return tostring(a[1]) < tostring(b[1]) end)
  return list
end

local function same(expected, value)
  assert.same(explained(expected), explained(value))
end

local function map(t) return resp.as("map", t) end
local function failure(text) return resp.as("error", text) end

-- { bytes, value, kind, attributes }: every example of the specification (redis.io, "Redis serialization protocol
-- specification"), and of what Redis itself sends.
local EXAMPLES = {
  { "+OK\r\n", "OK", "string" },
  { "-Error message\r\n", failure "Error message", "error" },
  { "-ERR unknown command 'asdf'\r\n", failure "ERR unknown command 'asdf'", "error" },
  { "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n",
    failure "WRONGTYPE Operation against a key holding the wrong kind of value", "error" },
  { ":0\r\n", 0, "integer" },
  { ":1000\r\n", 1000, "integer" },
  { ":-1\r\n", -1, "integer" },
  { ":+7\r\n", 7, "integer" },
  { "$5\r\nhello\r\n", "hello", "string" },
  { "$0\r\n\r\n", "", "string" },
  { "$4\r\n\r\n\0\255\r\n", "\r\n\0\255", "string" },
  { "$-1\r\n", null, "null" },
  { "*0\r\n", {}, "array" },
  { "*2\r\n$5\r\nhello\r\n$5\r\nworld\r\n", { "hello", "world" }, "array" },
  { "*3\r\n:1\r\n:2\r\n:3\r\n", { 1, 2, 3 }, "array" },
  { "*5\r\n:1\r\n:2\r\n:3\r\n:4\r\n$5\r\nhello\r\n", { 1, 2, 3, 4, "hello" }, "array" },
  { "*2\r\n*3\r\n:1\r\n:2\r\n:3\r\n*2\r\n+Hello\r\n-World\r\n",
    { { 1, 2, 3 }, { "Hello", failure "World" } }, "array" },
  { "*-1\r\n", null, "null" },
  { "*3\r\n$5\r\nhello\r\n$-1\r\n$5\r\nworld\r\n", { "hello", null, "world" }, "array" },
  { "_\r\n", null, "null" },
  { "#t\r\n", true, "boolean" },
  { "#f\r\n", false, "boolean" },
  { ",1.23\r\n", 1.23, "double" },
  { ":10\r\n", 10, "integer" },
  { ",10\r\n", 10.0, "double" },
  { ",-1.5e-3\r\n", -0.0015, "double" },
  { ",1E+2\r\n", 100.0, "double" },
  { ",inf\r\n", math.huge, "double" },
  { ",-inf\r\n", -math.huge, "double" },
  { "(3492890328409238509324850943850943825024385\r\n", "3492890328409238509324850943850943825024385", "big" },
  { "(-12\r\n", "-12", "big" },
  { "!21\r\nSYNTAX invalid syntax\r\n", failure "SYNTAX invalid syntax", "error" },
  { "=15\r\ntxt:Some string\r\n", "Some string", "string" },
  { "%2\r\n+first\r\n:1\r\n+second\r\n:2\r\n", map { first = 1, second = 2 }, "map" },
  { "%0\r\n", map {}, "map" },
  { "~3\r\n+orange\r\n+apple\r\n#t\r\n", resp.as("set", { "orange", "apple", true }), "set" },
  { ">3\r\n+message\r\n+somechannel\r\n+this is the message\r\n",
    resp.as("push", { "message", "somechannel", "this is the message" }), "push" },
  { "|1\r\n+key-popularity\r\n%2\r\n$1\r\na\r\n,0.1923\r\n$1\r\nb\r\n,0.0012\r\n*2\r\n:2039123\r\n:9543892\r\n",
    { 2039123, 9543892 }, "array", { ["key-popularity"] = map { a = 0.1923, b = 0.0012 } } },
  { "*3\r\n:1\r\n:2\r\n|1\r\n+ttl\r\n:3600\r\n:3\r\n", { 1, 2, 3 }, "array" },
  { "|0\r\n|1\r\n+a\r\n|1\r\n+b\r\n:1\r\n:2\r\n:3\r\n", 3, "integer", { a = 2 } },
  { "-NOPROTO sorry, this protocol version is not supported.\r\n",
    failure "NOPROTO sorry, this protocol version is not supported.", "error" },
  { "%3\r\n$6\r\nserver\r\n$5\r\nredis\r\n$5\r\nproto\r\n:3\r\n$7\r\nmodules\r\n*0\r\n",
    map { server = "redis", proto = 3, modules = {} }, "map" },
  { "*2\r\n$4\r\nLLEN\r\n$6\r\nmylist\r\n", { "LLEN", "mylist" }, "array" },
  { "*1\r\n$7\r\nCOMMAND\r\n", { "COMMAND" }, "array" },
}

-- { bytes, what the message says }
local MALFORMED = {
  { "", "expected a value, which begins with one of + - : $ * _ # , ( ! = % | ~ > at byte 1, got the end" },
  { "OK\r\n", "at byte 1, got \"OK\\r\\n\"" },
  { "+a\nb\r\n", "expected a text without \\n, and \\r\\n at byte 3, got \"\\nb\\r\\n\"" },
  { "+OK\rx", "expected \\n after \\r at byte 5, got \"x\"" },
  { "+OK\r\n ", "expected the end at byte 6, got \" \"" },
  { ":\r\n", "expected a digit at byte 2" },
  { ":-\r\n", "expected a digit at byte 3" },
  { ":1x\r\n", "expected a digit at byte 3, got \"x\\r\\n\"" },
  { ":9223372036854775808\r\n", "expected a number of 64 bits at byte 2" },
  { ":-9223372036854775809\r\n", "expected a number of 64 bits at byte 2" },
  { "$-2\r\n", "expected a length, or -1 at byte 2" },
  { "$+1\r\na\r\n", "expected a digit at byte 2" },
  { "$1\r\nab\r\n", "expected \\r\\n at byte 6, got \"b\\r\\n\"" },
  { "$9\r\nab\r\n", "expected 9 bytes of a string at byte 5, got only 4 bytes" },
  { "$9223372036854775807\r\nab\r\n", "expected 9223372036854775807 bytes of a string" },
  { "$?\r\n;0\r\n", "expected a digit at byte 2, got \"?" },
  { "*?\r\n:1\r\n.\r\n", "expected a digit at byte 2" },
  { "*3\r\n:1\r\n", "expected 3 value(s) at byte 5, got only 4 bytes" },
  { "*9223372036854775807\r\n", "expected 9223372036854775807 value(s)" },
  { "%9223372036854775807\r\n", "expected 9223372036854775807 value(s)" },
  { "*2\r\n*2\r\n:1\r\n:2\r\n", "expected 3 value(s) at byte 9, got only 8 bytes" },
  { "*2\r\n:1\r\n:22", "expected \\r\\n at byte 12, got the end" },
  { "%-1\r\n", "expected a length at byte 2" },
  { "#x\r\n", "expected t or f, and \\r\\n at byte 2" },
  { "#tt\r\n", "at byte 3" },
  { "_x\r\n", "expected \\r\\n at byte 2" },
  { ",\r\n", "expected a digit, inf or nan at byte 2" },
  { ",1.5x\r\n", "expected a digit or \\r\\n at byte 5" },
  { ",1e\r\n", "expected a digit at byte 4" },
  { ",0x10\r\n", "expected a digit or \\r\\n at byte 3" },
  { ",infinity\r\n", "expected a digit, inf or nan at byte 2" },
  { "(12a\r\n", "expected a digit at byte 4" },
  { "(\r\n", "expected a digit at byte 2" },
  { "=3\r\ntxt\r\n", "expected a format of three bytes and a colon at byte 5" },
  { "|1\r\n+a\r\n:1\r\n", "expected 3 value(s) at byte 5, got only 8 bytes" },
}

local function refused(bytes)
  local value, message, code = resp.decode(bytes)
  assert.is_nil(value, bytes)
  assert.equal("EFRAME", code)
  assert(message:find "^not a RESP value: expected ", message)
  return message
end

describe("sidewire.resp.decode", function()
  it("reads every example of the specification", function()
    for _, example in ipairs(EXAMPLES) do
      local value, kind, attributes = resp.decode(example[1])
      same(example[2], value)
      assert.equal(example[3], kind, example[1])
      assert.same(example[4], attributes, example[1])
    end
    local value, kind = resp.decode ",nan\r\n"
    assert.same({ true, "double" }, { value ~= value, kind })
  end)

  it("refuses each of them when it is cut at any byte", function()
    for _, example in ipairs(EXAMPLES) do
      for size = 0, #example[1] - 1 do refused(example[1]:sub(1, size)) end
    end
  end)

  it("refuses what follows a value", function()
    for _, example in ipairs(EXAMPLES) do
      assert.matches(("the end at byte %d, got \"%%+\""):format(#example[1] + 1), refused(example[1] .. "+"))
    end
  end)

  it("says what it expected and where", function()
    for _, row in ipairs(MALFORMED) do
      local message = refused(row[1])
      assert(message:find(row[2], 1, true), ("%q: %s"):format(row[1], message))
    end
  end)

  it("gives errors a message and a code, and tells them from tables", function()
    local reply = resp.decode "*2\r\n-WRONGTYPE no list\r\n*0\r\n"
    assert.same({ "WRONGTYPE", "WRONGTYPE no list", "WRONGTYPE no list" },
      { reply[1].code, reply[1].message, tostring(reply[1]) })
    assert.same({ "error", "array" }, { resp.kind(reply[1]), resp.kind(reply[2]) })
    assert.equal("OOM", resp.decode("-OOM\r\n").code)
  end)

  it("keeps integers of 64 bits exact: where Lua has only floats, as their digits", function()
    for _, digits in ipairs { "9007199254740993", "-9007199254740993", "9223372036854775807",
      "-9223372036854775808" } do
      local value, kind = resp.decode(":" .. digits .. "\r\n")
      assert.equal("integer", kind)
      assert.equal(engine.has_integers and "number" or "string", type(value))
      assert.equal(digits, engine.has_integers and ("%d"):format(value) or value)
    end
    assert.equal(2 ^ 53, resp.decode ":9007199254740992\r\n")
    assert.equal("number", type(resp.decode ":9007199254740992\r\n"))
  end)

  it("takes any value as the key of a map", function()
    local value = resp.decode "%4\r\n,nan\r\n:1\r\n_\r\n:2\r\n*1\r\n:5\r\n:3\r\n:4\r\n_\r\n"
    assert.same({ 1, 2, null }, { value.nan, value[null], value[4] })
    local count = 0
    for key in pairs(value) do
      if type(key) == "table" then count = count + key[1] end
    end
    assert.equal(5, count)
  end)

  it("reads 64 levels, and no more", function()
    for _, head in ipairs { "*1\r\n", "~1\r\n", ">1\r\n", "%1\r\n+k\r\n" } do
      local value = resp.decode(head:rep(64) .. ":7\r\n")
      for _ = 1, 64 do value = value[1] or value.k end
      assert.equal(7, value)
      local message = refused(head:rep(65) .. ":7\r\n")
      assert.matches(("64 levels deep at byte %d, got"):format(64 * #head + 1), message)
    end
    assert(resp.decode(("*1\r\n"):rep(64) .. "*0\r\n"))
    refused(("*1\r\n"):rep(100000) .. ":7\r\n")
    refused(("|1\r\n"):rep(100000) .. ":7\r\n")
    assert.equal(1, resp.decode(("|0\r\n"):rep(100000) .. ":1\r\n"))
  end)

  it("makes nothing of a length that is only claimed", function()
    local before = collectgarbage "count"
    for _, head in ipairs { "*1000000000\r\n", "%1000000000\r\n", "$1000000000\r\n", "~99999999999999\r\n" } do
      refused(head)
      refused("*1\r\n" .. head)
      refused(head .. (":1\r\n"):rep(100))
    end
    assert(collectgarbage "count" - before < 100)
  end)

  it("does not crash on random bytes", function()
    local symbols = { "+", "-", ":", "$", "*", "_", "#", ",", "(", "!", "=", "%", "|", "~", ">", "\r\n", "\r\n", "\r\n",
      "0", "1", "2", "3", "t", "f", "-1", "a", "inf", ".", "\r", "\n", "\0", "\r\n", "$1\r\na\r\n", "*2\r\n", "%1\r\n" }
    local read = 0
    for _ = 1, 20000 do
      local list = {}
      for i = 1, math.random(12) do list[i] = symbols[math.random(#symbols)] end
      local value, message, code = resp.decode(table.concat(list))
      if value ~= nil then read = read + 1 else assert.same({ "string", "EFRAME" }, { type(message), code }) end
    end
    assert(read > 100, read)
  end)

  it("reads a large value", function()
    local text = ("\r\n"):rep(2 ^ 19)
    assert.equal(text, resp.decode(("$%d\r\n%s\r\n"):format(#text, text)))
    local list = resp.decode("*100000\r\n" .. (":1\r\n"):rep(100000))
    assert.equal(100000, #list)
  end)

  it("wants a string", function()
    for _, value in ipairs(misuse.NO_STRINGS) do
      misuse.refused({ "sidewire.resp.decode: bytes must be a string, got" }, resp.decode, value)
    end
    misuse.refused({ "got no value" }, resp.decode)
  end)
end)

-- --- encoding ---

local function command(...)
  local bytes = resp.encode(...)
  local words, kind = resp.decode(bytes)
  assert.equal("array", kind)
  return words
end

describe("sidewire.resp.encode", function()
  it("makes a command of strings and numbers", function()
    assert.equal("*2\r\n$4\r\nLLEN\r\n$6\r\nmylist\r\n", resp.encode("LLEN", "mylist"))
    assert.same({ "SET", "\r\n\0", "", "-7" }, command("SET", "\r\n\0", "", -7))
  end)

  it("writes whole numbers without a point, and floats so that they read back the same", function()
    assert.same({ "x", "3", "9007199254740992", "1000000000000000", "100000000000000000", "0.1", "1e+300", "inf",
      "-inf", "nan", "-2.5" }, command("x", 3.0, 2 ^ 53, 1e15, 1e17, 0.1, 1e300, math.huge, -math.huge, 0 / 0, -2.5))
    for _ = 1, 1000 do
      local number = (math.random() - 0.5) * 10 ^ math.random(-300, 300)
      assert.equal(number, tonumber(command("x", number)[2]))
    end
    if engine.has_integers then
      assert.equal("-9223372036854775808", command("x", -engine.MAX_INTEGER - 1)[2])
      assert.equal("9223372036854775807", command("x", engine.MAX_INTEGER)[2])
    end
  end)

  it("takes many arguments, and large ones", function()
    local words = {}
    for i = 1, 5000 do words[i] = "word " .. i end
    assert.same(words, command(engine.unpack(words)))
    local large = ("\r\n$5"):rep(2 ^ 18)
    assert.same({ "SET", "k", large }, command("SET", "k", large))
  end)

  it("refuses what a command cannot have", function()
    for _, value in ipairs { true, {}, misuse.nothing, null, io.stdout } do
      misuse.refused({ "sidewire.resp.encode: argument 2 must be a string or a number, got" }, resp.encode, "GET",
        value)
    end
    misuse.refused({ "argument 2", "got nil" }, resp.encode, "GET", nil)
    misuse.refused({ "sidewire.resp.encode: a command needs a name" }, resp.encode)
  end)
end)

describe("sidewire.resp.encode_value", function()
  local random = math.random

  local makers = {
    function() return ("x"):rep(random(0, 5)) .. "\r\n" .. random(100) end,
    function() return random(-1000, 1000) end,
    function() return random() end,
    function() return random() < 0.5 end,
    function() return null end,
    function() return failure("ERR " .. random(100)) end,
    function() return failure "ERR two\r\nlines" end,
  }

  local function any(depth)
    local choice = random(#makers + (depth > 0 and 4 or 0))
    if makers[choice] then return makers[choice]() end
    local value = {}
    if choice == #makers + 1 then
      for _ = 1, random(0, 3) do value[any(0)] = any(depth - 1) end
      return map(value)
    end
    for i = 1, random(0, 4) do value[i] = any(depth - 1) end
    if choice == #makers + 2 then return resp.as("set", value) end
    return choice == #makers + 3 and resp.as("push", value) or value
  end

  -- The errors that are keys of maps have no order.
  local function size_of(value)
    if type(value) ~= "table" then return 1 end
    local count = 1
    for key, element in pairs(value) do count = count + size_of(key) + size_of(element) end
    return count
  end

  it("gives decode the same value back", function()
    for _ = 1, 3000 do
      local value = any(4)
      local bytes = resp.encode_value(value)
      local again, kind = resp.decode(bytes)
      assert.equal(resp.kind(value), kind)
      assert.equal(size_of(value), size_of(again))
      assert.equal(#bytes, #resp.encode_value(again))
      if not bytes:find "%%" then
        same(value, again)
        assert.equal(bytes, resp.encode_value(again))
      end
    end
  end)

  it("makes each kind", function()
    for value, bytes in pairs {
      ["a\r\n"] = "$3\r\na\r\n\r\n", [5] = ":5\r\n", [-0.5] = ",-0.5\r\n", [true] = "#t\r\n", [false] = "#f\r\n",
      [null] = "_\r\n", [math.huge] = ",inf\r\n", [failure "ERR x"] = "-ERR x\r\n", [failure "a\nb"] = "!3\r\na\nb\r\n",
      [resp.as("simple", "OK")] = "+OK\r\n", [resp.as("verbatim", "a\nb")] = "=7\r\ntxt:a\nb\r\n",
      [resp.as("big", "-123")] = "(-123\r\n", [resp.as("double", 3)] = ",3\r\n", [{ 1, { 2 }, "3" }] =
      "*3\r\n:1\r\n*1\r\n:2\r\n$1\r\n3\r\n", [resp.as("push", { "a" })] = ">1\r\n$1\r\na\r\n",
      [resp.as("set", { 1 })] = "~1\r\n:1\r\n", [map { k = { 1 } }] = "%1\r\n$1\r\nk\r\n*1\r\n:1\r\n",
    } do assert.equal(bytes, resp.encode_value(value)) end
  end)

  it("encodes 64 levels, and no more, so no circle either", function()
    local value = {}
    for _ = 2, 64 do value = { value } end
    assert.equal(("*1\r\n"):rep(63) .. "*0\r\n", resp.encode_value(value))
    misuse.refused({ "sidewire.resp.encode_value: tables are nested more than 64 levels deep" }, resp.encode_value,
      { value })
    local circle = {}
    circle[1] = circle
    misuse.refused({ "64 levels" }, resp.encode_value, circle)
  end)

  it("refuses what has no RESP value", function()
    for _, value in ipairs { misuse.nothing, io.stdout, coroutine.create(misuse.nothing) } do
      misuse.refused({ "sidewire.resp.encode_value: a value must be", "got a " .. type(value) }, resp.encode_value,
        value)
      misuse.refused({ "a value must be" }, resp.encode_value, { { value } })
    end
    misuse.refused({ "got nil" }, resp.encode_value, nil)
    for _, value in ipairs { { a = 1 }, { 1, a = 2 }, { [2] = 1 }, { [0] = 1 } } do
      misuse.refused({ "a list has nothing but the values 1, 2, 3" }, resp.encode_value, value)
    end
    misuse.refused({ "simple string" }, resp.encode_value, resp.as("simple", "a\nb"))
    for _, digits in ipairs { "", "-", "1.5", "x", "1 " } do
      misuse.refused({ "decimal digits" }, resp.encode_value, resp.as("big", digits))
    end
    local changed = failure "ERR"
    changed.message = 5
    misuse.refused({ "a script has changed" }, resp.encode_value, changed)
    assert.equal("error", tostring(changed))
  end)

  it("says what a table is by resp.as, which returns it", function()
    local list = {}
    assert.equal(list, resp.as("set", list))
    assert.equal("push", resp.kind(resp.as("push", list))) -- changed its mind
    misuse.refused({ "sidewire.resp.as: kind must be", '"set"', '"double"', "got 'array'" }, resp.as, "array", {})
    misuse.refused({ "sidewire.resp.as: value must be a table without a metatable of its own" }, resp.as, "map",
      setmetatable({}, {}))
    misuse.refused({ "value must be a table" }, resp.as, "map", "x")
    misuse.refused({ "value must be a string" }, resp.as, "error", 5)
    misuse.refused({ "value must be a string of digits" }, resp.as, "big", 5)
    misuse.refused({ "value must be a number" }, resp.as, "double", "5")
  end)

  it("tells the kind of any Lua value", function()
    assert.same({ "string", "integer", "double", "boolean", "array", "null" }, { resp.kind "", resp.kind(1),
      resp.kind(0.5), resp.kind(false), resp.kind {}, resp.kind(null) })
    assert.same({ "simple", "verbatim", "big", "double" }, { resp.kind(resp.as("simple", "")),
      resp.kind(resp.as("verbatim", "")), resp.kind(resp.as("big", "1")), resp.kind(resp.as("double", 1)) })
    assert.is_nil(resp.kind(nil))
    assert.is_nil(resp.kind(misuse.nothing))
    assert.is_nil(resp.kind(io.stdout))
    assert.equal("array", resp.kind(setmetatable({}, {})))
  end)

  it("survives finalizers that change the tables that it encodes", function()
    local value = { map {}, {} }
    for i = 1, 200 do value[1][i], value[2][i] = ("x"):rep(100), i end
    local function change()
      value[1][math.random(300)] = math.random() < 0.5 and {} or nil
      value[2][math.random(200)] = nil
      value[2][#value[2] + 1] = 1
    end
    engine.collect_always(1)
    for _ = 1, 200 do
      engine.finalizer(change)
      local ok, bytes = pcall(resp.encode_value, value)
      if ok then assert(resp.decode(bytes)) else assert.is_string(bytes) end
    end
    engine.collect_as_usual()
  end)

  it("is a part of the core alone", function()
    assert.equal(core.resp, sidewire.resp)
  end)

  -- In another process, because the locale belongs to all of one.
  it("writes and reads a dot whatever the locale", function()
    local folder = Peer.tempdir()
    finally(function() Peer.remove(folder) end)
    local _, status = shell.run(("localedef -i de_DE -f UTF-8 %s/comma"):format(folder))
    if status ~= 0 then
      print "NOT TESTED: a decimal comma, because localedef or the source of the locale de_DE is missing"
      return pending "there is no German locale"
    end
    local script = [[assert(os.setlocale "comma") local r = require "sidewire.core".resp
      print(("%.1f"):format(0.5), (r.encode("x", 0.5):gsub("\r\n", " ")), r.decode ",2.5e1\r\n" == 25,
        r.decode ",1\r\n" == 1)]]
    local formatted = engine.is_jit and "0.5" or "0,5" -- LuaJIT formats numbers by itself
    assert.equal(formatted .. "\t*2 $1 x $3 0.5 \ttrue\ttrue\n",
      shell.output(("LOCPATH=%s %s -e %s"):format(folder, build.LUA, shell.quote(script))))
  end)
end)
