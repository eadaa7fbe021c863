local lfs = require "lfs"
local core = require "sidewire.core"
local sidewire = require "sidewire"
local ini = require "spec.support.ini"

local settings = sidewire.settings
local assert_failure, assert_save_fails, assert_raises = ini.assert_failure, ini.assert_save_fails, ini.assert_raises
local names_in, write, read = ini.names_in, ini.write, ini.read

local path, folder

local function begin()
  path, folder = ini.begin()
end

describe("a settings file is read:", function()
  before_each(begin)
  after_each(ini.finish)

  it("none: an empty table, and none is made", function()
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
    { "a byte order mark", "\xEF\xBB\xBFhost = a\n", { host = "a" } },
    { "nothing but a byte order mark", "\xEF\xBB\xBF", {} },
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
    assert.equal("integer", math.type(settings.load(path).port))
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
    { "\xEF\xBB\xBFx", 1, "'x' is no" },
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
    { "\xFF\xFEh\0o\0s\0t\0=\0a\0\n\0", 1, "zero byte" }, -- UTF-16
  }

  for _, case in ipairs(BROKEN) do
    local text, line, problem = table.unpack(case)
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

describe("saving changes what it must and no other byte:", function()
  before_each(begin)
  after_each(ini.finish)

  local all = { host = "new.org", port = 9, reconnect = false }

  local SAVINGS = { -- title, text before, values, text after
    { "no file: one is made", nil, all, "host = new.org\nport = 9\nreconnect = off\n" },
    { "an empty file", "", all, "host = new.org\nport = 9\nreconnect = off\n" },
    { "one key of three", "host = a\nport = 1\nreconnect = on\n", { port = 9 },
      "host = a\nport = 9\nreconnect = on\n" },
    { "spaces", "\thost  =\ta \t\n port=1\nreconnect =on", all,
      "\thost  =\tnew.org \t\n port=9\nreconnect =off" },
    { "quotes", "host='a'\nport = \"1\"\nreconnect=\"on\" \n", all,
      "host='new.org'\nport = \"9\"\nreconnect=\"off\" \n" },
    { "comments", "; top\nhost = a # b\nport = '1';c\n# reconnect = 1\nreconnect = on\t; d\n", all,
      "; top\nhost = new.org # b\nport = '9';c\n# reconnect = 1\nreconnect = off\t; d\n" },
    { "CRLF", "host = a\r\nport = 1\r\n", { host = "b" }, "host = b\r\nport = 1\r\n" },
    { "mixed line ends", "host = a\r\nport = 1\n", all, "host = new.org\r\nport = 9\nreconnect = off\n" },
    { "a byte order mark", "\xEF\xBB\xBFhost = a", { host = "b" }, "\xEF\xBB\xBFhost = b" },
    { "unknown keys and other sections", "a = host\nhost = a\nb\t=\n[x]\nhost = a\ny\n", { host = "b" },
      "a = host\nhost = b\nb\t=\n[x]\nhost = a\ny\n" },
    { "of equal keys the last", "port = 1\nport = 2\n", { port = 9 }, "port = 1\nport = 9\n" },
    { "of equal keys in two places the last", "port = 1\n[sidewire]\nport = 2\n[x]\nport = 3\n", { port = 9 },
      "port = 1\n[sidewire]\nport = 9\n[x]\nport = 3\n" },
    { "capitals", "Host = a\n", { host = "b" }, "Host = b\n" },
    { "a value written in another way is no change", "port = 0080\nreconnect = 2.50\n", { port = 80, reconnect = 2.5 },
      "port = 0080\nreconnect = 2.50\n" },
    { "longer and shorter values", "host = a\nport = 65535 ; x\n", { host = ("b"):rep(63), port = 1 },
      "host = " .. ("b"):rep(63) .. "\nport = 1 ; x\n" },
    { "a percent sign", "host = 'a' ; b\n", { host = "fe80::1%1" }, "host = 'fe80::1%1' ; b\n" },
    { "missing keys come behind the last one", "# top\nhost = a ; x\n\n# end\n", all,
      "# top\nhost = new.org ; x\nport = 9\nreconnect = off\n\n# end\n" },
    { "missing keys with CRLF", "port = 1\r\n# end\r\n", all,
      "port = 9\r\nhost = new.org\r\nreconnect = off\r\n# end\r\n" },
    { "missing keys, no final newline", "host = a", all, "host = new.org\nport = 9\nreconnect = off" },
    { "missing keys, CRLF, no final newline", "x = 1\r\nhost = a", { port = 9 }, "x = 1\r\nhost = a\r\nport = 9" },
    { "missing keys behind a byte order mark", "\xEF\xBB\xBF", { port = 9 }, "\xEF\xBB\xBFport = 9\n" },
    { "missing keys behind comments", "# mine\n\n# yours", { port = 9 }, "# mine\n\n# yours\nport = 9" },
    { "missing keys behind unknown keys", "user = me\n", { port = 9 }, "user = me\nport = 9\n" },
    { "missing keys of the part before the sections", "host = a\n\n[x]\nport = 1\n", { port = 9 },
      "host = a\nport = 9\n\n[x]\nport = 1\n" },
    { "missing keys in [sidewire]", "[sidewire]\nuser = me\n\n; about x\n[x]\n", { port = 9 },
      "[sidewire]\nuser = me\nport = 9\n\n; about x\n[x]\n" },
    { "missing keys in an empty [sidewire]", "[x]\n[sidewire]", { port = 9 }, "[x]\n[sidewire]\nport = 9" },
    { "missing keys in a file of other sections", "a = 1\n[x]\nport = 1\n", { host = "b", port = 9 },
      "a = 1\n[x]\nport = 1\n\n[sidewire]\nhost = b\nport = 9\n" },
    { "nothing to save", "host = a", {}, "host = a" },
  }

  for _, saving in ipairs(SAVINGS) do
    it(saving[1], function()
      local _, before, values, after = table.unpack(saving, 1, 4)
      if before then write(before) end
      assert.is_true(settings.save(path, values))
      assert.equal(after, read())
      assert.same({ "net.ini" }, names_in(folder))
      local loaded = settings.load(path)
      for key, value in pairs(values) do assert.equal(value, loaded[key]) end
      assert.is_true(settings.save(path, values))
      assert.equal(after, read())
    end)
  end

  it("what is no change writes nothing: not even the file's number changes", function()
    write "port = 1\n"
    local before = lfs.attributes(path, "ino")
    assert.is_true(settings.save(path, { port = 1 }))
    assert.equal(before, lfs.attributes(path, "ino"))
    assert.is_true(settings.save(folder .. "/none", {}))
    assert.same({ "net.ini" }, names_in(folder))
  end)

  it("policies: a fixed delay becomes seconds, any other on; false is off", function()
    local policies = {
      { false, "off" }, { true, "on" }, { 5, "5" }, { 2.5, "2.5" }, { 0.001, "0.001" }, { 1e8, "100000000" },
      { 0.1 + 0.2, "0.30000000000000004" }, { {}, "on" }, { { delay = 3, max = 3, jitter = false }, "3" },
      { { delay = 3, max = 3, jitter = false, attempts = 2 }, "on" }, { { delay = 3, max = 4, jitter = false }, "on" },
    }
    for _, policy in ipairs(policies) do
      write "reconnect = 77\n"
      assert.is_true(settings.save(path, { reconnect = policy[1] }))
      assert.equal(("reconnect = %s\n"):format(policy[2]), read())
      if type(policy[1]) ~= "table" then assert.equal(policy[1], settings.load(path).reconnect) end
    end
  end)

  it("a symbolic link is replaced; its target stays", function()
    write("port = 1\n", folder .. "/real")
    assert(lfs.link("real", path, true))
    assert.is_true(settings.save(path, { port = 2 }))
    assert.equal("port = 1\n", read(folder .. "/real"))
    assert.equal("port = 2\n", read())
    assert.equal("file", lfs.symlinkattributes(path, "mode"))
  end)

  it("the host's random numbers stay as they are", function()
    math.randomseed(7)
    local first = math.random(2 ^ 40)
    math.randomseed(7)
    assert.is_true(settings.save(path, { port = 1 }))
    assert.equal(first, math.random(2 ^ 40))
  end)

  it("no event comes of it", function()
    settings.save(path, all)
    settings.load(path)
    settings.save(path, { port = 10 })
    assert(core.stop())
    for _, event in core.events() do error("an event: " .. event) end
  end)
end)

describe("a misused settings function raises, and touches no file:", function()
  before_each(begin)
  after_each(ini.finish)

  it("paths", function()
    for _, bad in ipairs { "", "a\0b", 1, true, {}, print } do
      assert_raises({ "settings_spec.lua:", "sidewire.settings.load: path must be" },
        function() settings.load(bad) end)
      assert_raises({ "settings_spec.lua:", "sidewire.settings.save: path must be" },
        function() settings.save(bad, {}) end)
      assert_raises({ "settings_spec.lua:", "sidewire.new: settings must be", "name of a file" },
        function() sidewire.new { settings = bad } end)
    end
    assert_raises({ "sidewire.settings.load: path" }, settings.load)
    assert_raises({ "sidewire.new: settings must be" }, sidewire.new, { settings = false })
  end)

  it("values", function()
    local bad = {
      { nil, "values must be a table" }, { 1, "values must be a table" },
      { { hots = "a" }, "unknown key 'hots' (valid: host, port, reconnect)" }, { { "a" }, "unknown key '1'" },
      { { host = "a b" }, "invalid host name" }, { { host = 1 }, "host must be" },
      { { host = "a\nb" }, "control character" },
      { { port = "1" }, "port must be" }, { { port = 0 }, "port must be" },
      { { reconnect = "on" }, "reconnect must be" },
      { { reconnect = 0 }, "seconds" }, { { reconnect = { dely = 1 } }, "dely" },
    }
    for _, case in ipairs(bad) do
      assert_raises({ "settings_spec.lua:", "sidewire.settings.save: ", case[2] },
        function() settings.save(path, case[1]) end)
    end
    assert.same({}, names_in(folder))
  end)
end)

-- --- failing systems ---

local function skip(reason)
  print("settings_spec: NOT TESTED: " .. reason)
  pending(reason)
end

-- A file system of its own; nil where one cannot be mounted (that takes root).
local function mount(options)
  local place = folder .. ".mount"
  assert(lfs.mkdir(place))
  if os.execute(("mount -t tmpfs -o %s sidewire '%s' 2>/dev/null"):format(options, place)) then return place end
  lfs.rmdir(place)
end

local function unmount(place)
  assert(os.execute(("umount '%s'"):format(place)))
  assert(lfs.rmdir(place))
end

-- Calls f(place) with a mounted file system, whatever comes of it.
local function with_mount(options, f)
  local place = mount(options)
  if not place then return skip "cannot mount a file system (no root?)" end
  local ok, why = pcall(f, place)
  unmount(place)
  assert(ok, why)
end

local function fill(place)
  local file = assert(io.open(place .. "/filler", "wb"))
  file:setvbuf "no"
  while file:write(("x"):rep(512)) do end -- luacheck: ignore 542
  file:close()
end

-- A file whose named method fails, as on a full disk; all else is done by the real one.
local function failing_file(file, method)
  return setmetatable({}, { __index = function(_, name)
    return function(_, ...)
      local results = table.pack(file[name](file, ...))
      if name ~= method then return table.unpack(results, 1, results.n) end
      return nil, "No space left on device", 28
    end
  end })
end

describe("a save that fails leaves the old file as it was, and no other:", function()
  local open, rename = io.open, os.rename

  before_each(function()
    begin()
    write "host = a\nport = 1 ; x"
  end)

  after_each(function()
    io.open, os.rename = open, rename -- luacheck: ignore 122
    ini.finish()
  end)

  -- Makes io.open, when asked to write, return what `f` returns.
  local function when_writing(f)
    io.open = function(name, mode) -- luacheck: ignore 122
      if mode == "wb" then return f(name, mode) end
      return open(name, mode)
    end
  end

  it("a full disk (a real one)", function()
    with_mount("size=32k", function(place)
      local file = place .. "/net.ini"
      write(("host = a\n# %s\n"):format(("x"):rep(5000)), file)
      fill(place)
      assert_save_fails("ENOSPC", ("cannot write %s: no space left on device"):format(file), file, { host = "b" })
      assert_failure("ENOSPC", "no space left", sidewire.new { settings = file, host = "b" })
      local client = assert(sidewire.new { settings = file })
      assert_failure("ENOSPC", "done, but not saved: cannot write", client:set_server("c", 2))
      assert.same({ "c", 2 }, { client:get_server() })
      assert(os.remove(place .. "/filler"))
      assert.is_true(settings.save(file, { host = "b" }))
      assert.same({ host = "b" }, settings.load(file))
      assert.same({ "net.ini" }, names_in(place))
    end)
  end)

  it("a full disk (the device of that name)", function()
    when_writing(function() return open("/dev/full", "wb") end)
    assert_save_fails("ENOSPC", "no space left on device", path, { port = 2 })
  end)

  it("a read-only file system (a real one)", function()
    with_mount("size=32k", function(place)
      local file = place .. "/net.ini"
      write("host = a\n", file)
      assert(os.execute(("mount -o remount,ro '%s'"):format(place)))
      assert_save_fails("EROFS", "read-only file system", file, { host = "b" })
      assert_failure("EROFS", "read-only", sidewire.new { settings = file, host = "b" })
      assert.is_true(settings.save(file, { host = "a" })) -- no change: nothing to write
      assert(sidewire.new { settings = file, host = "a" })
    end)
  end)

  it("a folder where nobody may make files", function()
    local result, message, code = settings.save("/proc/sidewire.ini", { port = 2 })
    assert.is_nil(result)
    assert(message:find("^cannot write /proc/sidewire.ini: %l"), message)
    assert(code == "ENOENT" or code == "EACCES", code)
  end)

  it("a folder without the right to write", function()
    if io.popen("id -u"):read "n" == 0 then return skip "a folder's mode: root may write everywhere" end
    assert(os.execute(("chmod 555 '%s'"):format(folder)))
    local ok, why = pcall(assert_save_fails, "EACCES", "permission denied", path, { port = 2 })
    assert(os.execute(("chmod 755 '%s'"):format(folder)))
    assert(ok, why)
  end)

  it("a folder that is not there", function()
    assert_failure("ENOENT", "no such file or directory", settings.save(folder .. "/none/net.ini", { port = 2 }))
  end)

  it("a folder where the file should be", function()
    assert(lfs.mkdir(folder .. "/d"))
    assert_failure("EISDIR", "is a directory", settings.save(folder .. "/d", { port = 2 }))
    assert_failure("EISDIR", "is a directory", sidewire.new { settings = folder .. "/d" })
    assert.same({ "d", "net.ini" }, names_in(folder))
    assert(lfs.rmdir(folder .. "/d"))
  end)

  it("a file that cannot be read", function()
    io.open = function(name) return nil, name .. ": Permission denied", 13 end -- luacheck: ignore 122
    local results = { { settings.load(path) }, { settings.save(path, { port = 2 }) },
      { sidewire.new { settings = path } } }
    io.open = open -- luacheck: ignore 122
    for _, result in pairs(results) do
      assert.same({ nil, ("cannot read %s: permission denied"):format(path), "EACCES" }, result)
    end
  end)

  it("reading fails in the middle", function()
    io.open = function(...) return failing_file(open(...), "read") end -- luacheck: ignore 122
    local result = { settings.save(path, { port = 2 }) }
    io.open = open -- luacheck: ignore 122
    assert.same({ nil, ("cannot read %s: no space left on device"):format(path), "ENOSPC" }, result)
  end)

  it("opening, writing, closing, renaming: each of them", function()
    when_writing(function(name) return nil, name .. ": Too many open files", 24 end)
    assert_save_fails("EMFILE", ("cannot write %s: too many open files"):format(path), path, { port = 2 })
    for _, method in ipairs { "write", "close" } do
      when_writing(function(...) return failing_file(open(...), method) end)
      assert_save_fails("ENOSPC", "no space left", path, { port = 2 })
    end
    io.open = open -- luacheck: ignore 122
    os.rename = function() return nil, "Device or resource busy", 16 end -- luacheck: ignore 122
    assert_save_fails("EBUSY", "device or resource busy", path, { port = 2 })
    os.rename = function() return nil, "Something new", 9999 end -- luacheck: ignore 122
    assert_save_fails("ESYSTEM", "something new", path, { port = 2 })
  end)

  it("it would become longer than what is read", function()
    local text = "port = 1\n#" .. ("x"):rep(2 ^ 20 - 11) .. "\n"
    write(text)
    assert.same({ port = 1 }, settings.load(path))
    assert_save_fails("ESETTINGS", "longer than 1 MiB", path, { port = 22 })
  end)

  it("the new text is complete before it gets the file's name", function()
    local seen
    os.rename = function(from, to) -- luacheck: ignore 122
      seen = { read(from), from:match "^(.*)/", to }
      assert.equal("host = a\nport = 1 ; x", read())
      return rename(from, to)
    end
    assert.is_true(settings.save(path, { port = 2 }))
    assert.same({ "host = a\nport = 2 ; x", folder, path }, seen)
  end)
end)
