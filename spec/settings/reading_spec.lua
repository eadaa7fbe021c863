-- Settings files that are read, or refused as broken.

local sidewire = require "sidewire"
local engine = require "spec.support.engine"
local ini = require "spec.support.ini"

local settings = sidewire.settings
local assert_failure, assert_save_fails = ini.assert_failure, ini.assert_save_fails
local names_in, write, read = ini.names_in, ini.write, ini.read

local path, folder

local function begin()
  path, folder = ini.begin()
end

describe("a settings file is read:", function()
  before_each(begin)
  after_each(ini.finish)

  it("one that is not there: an empty table, and none is made", function()
    assert.same({}, settings.load(path))
    assert.same({}, names_in(folder))
  end)

  local READINGS = { -- title, text, values
    { "an empty one", "", {} },
    { "nothing but comments and blank lines", "# a\n; b\n\n   \t\n  # host = c\n", {} },
    { "every key", "host = example.org\nport = 4000\nreconnect = 2.5\n",
      { host = "example.org", port = 4000, reconnect = 2.5 } },
    { "spaces and tabs around everything", "\t host\t =  a.b \t\n   port=1\nreconnect   =on  \n",
      { host = "a.b", port = 1, reconnect = true } },
    { "no spaces, no final newline", "host=a\nport=65535\nreconnect=off",
      { host = "a", port = 65535, reconnect = false } },
    { "quotes of both kinds", "host = '127.0.0.1'\nport = \"80\" \nreconnect = 'off'",
      { host = "127.0.0.1", port = 80, reconnect = false } },
    { "comments behind values", "host = a # the best; really\nport = 1;2\nreconnect = 'on' # off\n",
      { host = "a", port = 1, reconnect = true } },
    { "CRLF line ends", "host = a\r\n\r\nport = 1\r\n", { host = "a", port = 1 } },
    { "a byte order mark", "\239\187\191host = a\n", { host = "a" } },
    { "nothing but a byte order mark", "\239\187\191", {} },
    { "the last of equal keys", "port = 1\nhost = a\nport = 2\n", { host = "a", port = 2 } },
    { "keys and words in capitals", "HOST = a\nPort = 1\nRECONNECT = Off\n[SideWire]\nreconnect = ON\n",
      { host = "a", port = 1, reconnect = true } },
    { "unknown keys, whatever their values",
      "name = 'x\nhost = a\nhosts = \nü = \"\nport.old = 1\nname == x\n", { host = "a" } },
    { "sections: ours and what stands before the first",
      "host = a\n[video]\nport = hdmi\nno pair\n= 3\n[ sidewire ] ; us\nport = 9\n",
      { host = "a", port = 9 } },
    { "sections of others only", "[video]\nhost = 3\nport = x\n[[list]]\nreconnect\n", {} },
    { "IPv6, with a zone", "host = fe80::1%eth0 ; link\n", { host = "fe80::1%eth0" } },
    { "seconds as people write them", "reconnect = 1.\nreconnect = .5\n", { reconnect = 0.5 } },
    { "leading zeros", "port = 0080\nreconnect = 007\n", { port = 80, reconnect = 7 } },
  }

  for _, reading in ipairs(READINGS) do
    it(reading[1], function()
      write(reading[2])
      assert.same(reading[3], settings.load(path))
      assert.equal(reading[2], read())
    end)
  end

  it("the port is an integer, as the core wants it", function()
    write "port = 80"
    assert(engine.is_integer(settings.load(path).port))
  end)

  it("what cannot be read is a value: a folder, a file for a folder, a name too long", function()
    assert_failure("EISDIR", "cannot read " .. folder .. ": is a directory", settings.load(folder))
    write "x"
    assert_failure("ENOTDIR", "not a directory", settings.load(path .. "/a"))
    assert_failure("ENAMETOOLONG", "too long", settings.load(folder .. "/" .. ("x"):rep(300)))
  end)

  it("what is endless or of a program is not read to its end", function()
    assert_failure("ESETTINGS", "longer than 1 MiB", settings.load "/dev/zero")
  end)
end)

describe("a broken settings file is an error that names the line, and is never overwritten:", function()
  before_each(begin)
  after_each(ini.finish)

  local BROKEN = { -- text, line, what is wrong
    { "host\n", 1, "'host' is no 'key = value'" },
    { "# fine\n\nhost = a\n  port 4000  \n", 4, "'port 4000' is no 'key = value'" },
    { "host = a\r\n\r\nport : 1\r\n", 3, "'port : 1'" },
    { "\239\187\191x", 1, "'x' is no" },
    { "= a\n", 1, "no key before the '='" },
    { "host =\n", 1, "host: the value is missing" },
    { "host = # a\n", 1, "host: the value is missing" },
    { "host = ''\n", 1, "it is empty" },
    { "host = 'a\n", 1, "host: the closing ' is missing" },
    { "x = 1\nhost = \"a'\n", 2, "host: the closing \" is missing" },
    { "port = '1' 2\n", 1, "port: only a comment may follow the closing '" },
    { "host = a b\n", 1, "invalid host name 'a b': it holds a space" },
    { "host = ' a'\n", 1, "it holds a space" },
    { "host = http://a\n", 1, "URL" },
    { "host = a:80\n", 1, "the port is a separate argument" },
    { "host = a\rport = 1\r", 1, "control character" },
    { "port = x\n", 1, "port must be a whole number, 1..65535, got 'x'" },
    { "port = 0\n", 1, "port must be a whole number, 1..65535, got 0" },
    { "port = 65536\n", 1, "got 65536" },
    { "port = 99999999999999999999999\n", 1, "port must be a whole number, 1..65535" },
    { "port = 1.5\n", 1, "got '1.5'" },
    { "port = -1\n", 1, "got '-1'" },
    { "port = 0x50\n", 1, "got '0x50'" },
    { "reconnect = maybe\n", 1, "reconnect must be off, on or a number of seconds, got 'maybe'" },
    { "reconnect = 2,5\n", 1, "off, on or a number of seconds" },
    { "reconnect = true\n", 1, "off, on or a number of seconds" },
    { "reconnect = -1\n", 1, "off, on or a number of seconds" },
    { "reconnect = inf\n", 1, "off, on or a number of seconds" },
    { "reconnect = 1e3\n", 1, "off, on or a number of seconds" },
    { "reconnect = 0\n", 1, "0.001..1e8" },
    { "reconnect = 1000000000\n", 1, "0.001..1e8" },
    { "port = x\nport = 1\n", 1, "port must be" }, -- though the second one would win
    { "[sidewire\nhost = a\n", 1, "the ']' of the section '[sidewire' is missing" },
    { "[video]\nx\n[sidewire\n", 3, "the ']'" },
    { "[sidewire] host = a\n", 1, "only a comment may follow the ']'" },
    { "[video]\nx\n[sidewire]\nx\n", 4, "'x' is no" },
    { "host = a\n\0\n", 2, "zero byte" },
    { "# \0\n", 1, "zero byte" },
    { "[video]\n\0\n", 2, "zero byte" },
    { "\255\254h\0o\0s\0t\0=\0a\0\n\0", 1, "zero byte" }, -- UTF-16
  }

  for _, case in ipairs(BROKEN) do
    local text, line, problem = engine.unpack(case)
    it(("%q"):format(text):gsub("\\\n", "\\n"), function()
      write(text)
      local start = ("%s, line %d: "):format(path, line)
      assert_failure("ESETTINGS", start, settings.load(path))
      assert_failure("ESETTINGS", problem, settings.load(path))
      assert_save_fails("ESETTINGS", start, path, { host = "b" })
      assert_failure("ESETTINGS", start, sidewire.new { settings = path })
      assert_failure("ESETTINGS", start, sidewire.new { settings = path, host = "b", port = 1, reconnect = false })
      assert.equal(text, read())
    end)
  end

  it("the message is one short line without control characters, whatever the file holds", function()
    write("host = \27[31m\7" .. ("x"):rep(100000))
    local _, message = settings.load(path)
    assert(#message < 400)
    assert.is_nil(message:find "%c")
  end)
end)
