-- The documentation site that `make docs` writes (tools/site): are all public names in it, and does each link lead
-- somewhere?

local sidewire = require "sidewire"
local Peer = require "spec.support.peer"
local build = require "tools.site.build"
local files = require "spec.support.files"
local html = require "tools.site.html"
local public_names = require "spec.support.public_names"
local reference = require "spec.support.reference"
local shell = require "spec.support.shell"
local site_reference = require "tools.site.reference"
local subjects = require "tools.site.subjects"
local util = require "spec.support.util"

local PAGES, NAMES = build.read()

-- What the reference has, a set by subject; functions have none. A name twice is an error.
local function documented()
  local found = { functions = {} }
  for subject in pairs(subjects) do found[subject] = {} end
  for _, entry in ipairs(NAMES) do
    local set = found[entry.subject or "functions"]
    assert.is_nil(set[entry.name], entry.name .. " stands there twice")
    set[entry.name] = true
  end
  return found
end

describe("the reference of the site", function()
  assert(sidewire.notifier()) -- it has a descriptor as long as this process runs
  before_each(util.begin)
  after_each(util.finish)

  it("has every function that scripts can call, and no other", function()
    local there = { ["sidewire.core.new"] = true }
    for _, name in ipairs(reference.functions()) do there[site_reference.full_name(name)] = true end
    assert.same(there, documented().functions)
  end)

  it("has every option, event, field, word and code of the module, and no other", function()
    local found, there = documented(), public_names.read()
    for subject in pairs(subjects) do
      assert(next(there[subject]), subject .. " has no names")
      assert.same(there[subject], found[subject], subject)
    end
    for subject in pairs(there) do assert(subjects[subject], subject .. " is not in tools/site/subjects.lua") end
  end)

  it("says something of each name", function()
    for subject, what in pairs(subjects) do
      for _, entry in ipairs(site_reference.names_of(subject)) do
        assert(what.style == "list" or entry.text ~= "", ("%s, %s"):format(subject, entry.name))
      end
    end
  end)

  it("carries out each directive", function()
    for _, page in ipairs(PAGES) do assert.is_nil(page.text:match "<!%-%- %l+: [^\n]*", page.file) end
  end)
end)

describe("the pages of the site", function()
  it("are all that stand below docs/", function()
    local listed = {}
    for _, path in ipairs(build.sources()) do listed["docs/" .. path] = true end
    for _, path in ipairs(files.lines_of(shell.output "find docs -name '*.md'")) do
      assert(listed[path], path .. " is not in tools/site/pages.lua")
    end
  end)

  if not html.version() then
    pending("are read as HTML: cmark-gfm is not installed (`make setup`)")
    return
  end

  -- File -> text, with the ids of each.
  local texts, ids, dir = {}, {}, nil
  setup(function()
    dir = Peer.tempdir()
    build.write(dir)
    for _, name in ipairs(files.lines_of(shell.output("ls " .. dir))) do
      texts[name], ids[name] = files.read(dir .. "/" .. name), {}
      if name:find "%.html$" then
        for id in texts[name]:gmatch '%sid="([^"]*)"' do
          assert(not ids[name][id], ("%s: the id %s is there twice"):format(name, id))
          ids[name][id] = true
        end
      end
    end
  end)
  teardown(function() Peer.remove(dir) end)

  local function each_page(visit)
    local count = 0
    for name, text in pairs(texts) do
      if name:find "%.html$" then
        count = count + 1
        visit(name, text)
      end
    end
    assert(count > 20, count .. " pages")
  end

  -- The parts of a page that are no code.
  local function prose(text) return (text:gsub("<pre>.-</pre>", ""):gsub("<code>.-</code>", "")) end

  it("have links that lead to a file and, in it, to an id", function()
    local links = 0
    each_page(function(name, text)
      for target in text:gmatch '%shref="([^"]*)"' do
        local file, anchor = target:match "^([^#]*)#?(.*)$"
        if file == "" then file = name end
        assert(texts[file], ("%s: %s leads nowhere"):format(name, target))
        assert(anchor == "" or ids[file][anchor], ("%s: %s is not in %s"):format(name, anchor, file))
        links = links + 1
      end
      for source in text:gmatch '%ssrc="([^"]*)"' do
        assert(texts[source], ("%s: %s is not there"):format(name, source))
      end
    end)
    assert(links > 1000, links .. " links")
  end)

  it("name the column of each cell that stands below another, and have no empty heading", function()
    each_page(function(name, text)
      for label in text:gmatch 'data%-label="([^"]*)"' do assert.is_nil(label:find "\n" or label:find "^$", name) end
      for head in text:gmatch "<thead>.-</thead>" do
        assert(head:gsub("<[^>]*>", ""):find "%S", ("%s: %s"):format(name, head))
      end
    end)
  end)

  it("link what they mention of each other", function()
    each_page(function(name, text)
      local plain = text:gsub("<pre>.-</pre>", ""):gsub("<a .-</a>", ""):gsub("<h%d.-</h%d>", "")
      for mention in plain:gmatch "docs/[%w/_]+%.md" do
        assert(not texts[mention:match "([%w_]+)%.md" .. ".html"], ("%s: %s is no link"):format(name, mention))
      end
    end)
    local function page_of(path) return path == "docs/a.md" and "a.html" or nil end
    for text, linked in pairs {
      ["see docs/a.md."] = 'see <a href="a.html">docs/a.md</a>.',
      ["<code>docs/a.md</code>"] = '<a href="a.html"><code>docs/a.md</code></a>',
      ['<a href="b">docs/a.md</a>'] = '<a href="b">docs/a.md</a>',
      ["<code>cat docs/a.md</code>"] = "<code>cat docs/a.md</code>",
      ["docs/b.md"] = "docs/b.md",
    } do
      assert.equal(linked, html.link_mentions(text, page_of))
    end
  end)

  it("say as Markdown where their entries are, if these stand in the site only", function()
    for _, path in ipairs(files.lines_of(shell.output "ls docs/reference/*.md")) do
      local name = path:match "([%w_]+)%.md$" .. ".html"
      local note = files.read(path):match "^# [^\n]*\n\n> The entries of this page are in the site(.-)\n\n"
      assert(note and note:find(name, 1, true), path)
      assert.is_nil(texts[name]:find("The entries of this page", 1, true), name)
    end
  end)

  it("are reached from each other page", function()
    each_page(function(name, text)
      for other in pairs(texts) do
        if other:find "%.html$" then assert(text:find(('href="%s"'):format(other), 1, true), name .. ": " .. other) end
      end
    end)
  end)

  it("list every public name in the index", function()
    local index = texts["names.html"]
    for _, entry in ipairs(NAMES) do
      local link = ('<a href="%s#%s"><code>%s</code></a>'):format(entry.page, entry.anchor, entry.name)
      assert(index:find(link, 1, true), entry.name)
    end
  end)

  it("show no Markdown", function()
    each_page(function(name, text)
      local plain = prose(text)
      assert.is_nil(plain:match "[^\n]*`[^\n]*", name)
      assert.is_nil(plain:match "[^\n]*%]%([^\n]*", name)
      assert.is_nil(plain:match "\n|[^\n]*", name)
      assert.is_nil(plain:match "%*%*[^\n]*", name)
    end)
  end)

  it("load nothing from a network, and fit a narrow window", function()
    each_page(function(name, text)
      assert.is_nil(text:match "<script", name)
      assert.is_nil(text:match '<link[^>]*"https?:', name)
      assert.is_nil(text:match '%ssrc="%a+:', name)
      assert(text:find('name="viewport" content="width=device-width', 1, true), name)
    end)
    assert.is_nil(texts["style.css"]:match "url%(" or texts["style.css"]:match "@import")
  end)
end)
