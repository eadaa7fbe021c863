-- The rockspec names files one by one, the Makefile by folder: they must mean the same ones. `make rock` installs it.
local PATH = "rockspec/sidewire-scm-1.rockspec"

local function load_rockspec()
  local rockspec = {}
  assert(loadfile(PATH, "t", rockspec))()
  return rockspec
end

local function sorted(list)
  table.sort(list)
  return list
end

local function lines_of(command)
  local lines = {}
  local output <close> = assert(io.popen("unset LD_PRELOAD; " .. command))
  for line in output:lines() do lines[#lines + 1] = line end
  return lines
end

-- The value of a variable of the Makefile.
local function words_of(variable)
  local rule = ("'say: ; @echo $(%s)'"):format(variable)
  local words = {}
  for word in lines_of("make -s --no-print-directory --eval=" .. rule .. " say")[1]:gmatch "%S+" do
    words[#words + 1] = word
  end
  return words
end

describe("the rockspec", function()
  local modules = load_rockspec().build.modules
  local core = modules["sidewire.core"]

  it("compiles the Makefile's sources, each once", function()
    local expected = words_of "ROOM_SOURCES"
    for _, source in ipairs(words_of "HOST_SOURCES") do expected[#expected + 1] = source end
    assert(#expected > 30, "only " .. #expected .. " sources")
    assert.same(sorted(expected), sorted { table.unpack(core.sources) })
  end)

  it("installs the Lua modules of the tree, under their names", function()
    local expected = {}
    for _, path in ipairs(lines_of "find lua -name '*.lua'") do
      expected[path:match "^lua/(.*)%.lua$":gsub("/", "."):gsub("%.init$", "")] = path
    end
    local named = {}
    for name, module in pairs(modules) do
      if type(module) == "string" then named[name] = module end
    end
    assert.same(expected, named)
  end)

  it("defines on Linux what the Makefile defines", function()
    local expected = {}
    for _, word in ipairs(words_of "FEATURES") do expected[#expected + 1] = word:match "^%-D(.*)" end
    for _, word in ipairs(words_of "CFLAGS_release") do expected[#expected + 1] = word:match "^%-D(.*)" end
    local linux = load_rockspec().build.platforms.linux.modules["sidewire.core"]
    assert.same(sorted(expected), sorted { table.unpack(linux.defines) })
  end)
end)
