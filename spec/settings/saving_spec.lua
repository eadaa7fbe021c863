local lfs = require "lfs"
local core = require "sidewire.core"
local sidewire = require "sidewire"
local engine = require "spec.support.engine"
local ini = require "spec.support.ini"

local settings = sidewire.settings
local assert_raises = ini.assert_raises
local names_in, write, read = ini.names_in, ini.write, ini.read

local path, folder

local function begin()
  path, folder = ini.begin()
end

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
    { "a byte order mark", "\239\187\191host = a", { host = "b" }, "\239\187\191host = b" },
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
    { "missing keys behind a byte order mark", "\239\187\191", { port = 9 }, "\239\187\191port = 9\n" },
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
      local _, before, values, after = engine.unpack(saving, 1, 4)
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
    local first = math.random()
    math.randomseed(7)
    assert.is_true(settings.save(path, { port = 1 }))
    assert.equal(first, math.random())
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

  it("whatever is given as a path", function()
    for _, bad in ipairs { "", "a\0b", 1, true, {}, print } do
      assert_raises({ "saving_spec.lua:", "sidewire.settings.load: path must be" },
        function() settings.load(bad) end)
      assert_raises({ "saving_spec.lua:", "sidewire.settings.save: path must be" },
        function() settings.save(bad, {}) end)
      assert_raises({ "saving_spec.lua:", "sidewire.new: settings must be", "name of a file" },
        function() sidewire.new { settings = bad } end)
    end
    assert_raises({ "sidewire.settings.load: path" }, settings.load)
    assert_raises({ "sidewire.new: settings must be" }, sidewire.new, { settings = false })
  end)

  it("whatever is given as values", function()
    local bad = {
      { nil, "values must be a table" }, { 1, "values must be a table" },
      { { hots = "a" }, "unknown key 'hots' (valid: host, port, server, reconnect)" }, { { "a" }, "unknown key '1'" },
      { { host = "a b" }, "invalid host name" }, { { host = 1 }, "host must be" },
      { { host = "a\nb" }, "control character" },
      { { port = "1" }, "port must be" }, { { port = 0 }, "port must be" },
      { { reconnect = "on" }, "reconnect must be" },
      { { reconnect = 0 }, "seconds" }, { { reconnect = { dely = 1 } }, "dely" },
    }
    for _, case in ipairs(bad) do
      assert_raises({ "saving_spec.lua:", "sidewire.settings.save: ", case[2] },
        function() settings.save(path, case[1]) end)
    end
    assert.same({}, names_in(folder))
  end)
end)
