local lfs = require "lfs"
local sidewire = require "sidewire"
local engine = require "spec.support.engine"
local ini = require "spec.support.ini"
local shell = require "spec.support.shell"

local settings = sidewire.settings
local assert_failure, assert_save_fails = ini.assert_failure, ini.assert_save_fails
local names_in, write, read = ini.names_in, ini.write, ini.read

local path, folder

local function begin()
  path, folder = ini.begin()
end

-- --- failing systems ---

local function skip(reason)
  print("spec/settings/failing_save_spec.lua: NOT TESTED: " .. reason)
  pending(reason)
end

-- A file system of its own; nil where one cannot be mounted (that takes root).
local function mount(options)
  local place = folder .. ".mount"
  assert(lfs.mkdir(place))
  if shell.try(("mount -t tmpfs -o %s sidewire '%s' 2>/dev/null"):format(options, place)) then return place end
  lfs.rmdir(place)
end

local function unmount(place)
  shell.execute(("umount '%s'"):format(place))
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
      local results = engine.pack(file[name](file, ...))
      if name ~= method then return engine.unpack(results, 1, results.n) end
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
      assert.same({ "c", 2, "tcp://c:2" }, { client:get_server() })
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
      shell.execute(("mount -o remount,ro '%s'"):format(place))
      assert_save_fails("EROFS", "read-only file system", file, { host = "b" })
      assert_failure("EROFS", "read-only", sidewire.new { settings = file, host = "b" })
      assert.is_true(settings.save(file, { host = "a" })) -- no change: nothing to write
      assert(sidewire.new { settings = file, host = "a" })
    end)
  end)

  it("a folder in which no file may be made", function()
    local result, message, code = settings.save("/proc/sidewire.ini", { port = 2 })
    assert.is_nil(result)
    assert(message:find("^cannot write /proc/sidewire.ini: %l"), message)
    assert(code == "ENOENT" or code == "EACCES", code)
  end)

  it("a folder without the right to write", function()
    if shell.output "id -u" == "0\n" then return skip "a folder's mode: root may write everywhere" end
    shell.execute(("chmod 555 '%s'"):format(folder))
    local ok, why = pcall(assert_save_fails, "EACCES", "permission denied", path, { port = 2 })
    shell.execute(("chmod 755 '%s'"):format(folder))
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
