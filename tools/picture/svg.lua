--- Screens (screen.lua) as an SVG picture: plain text elements, one for each run of a colour.

local svg = {}

local WIDTH, HEIGHT, SIZE = 8.4, 19, 14 -- of a character in pixels, and the size of its font
local MARGIN, GAP = 18, 14 -- around the text, between two screens
local GROUND, INK = "#161a22", "#d6dbe5"

-- The colours of the live view by their numbers; 2 is dim, 1 bold.
local STYLES = {
  [32] = 'fill="#6cc173"', [33] = 'fill="#e3b341"', [31] = 'fill="#f0716c"', [2] = 'fill="#5d6678"',
  [1] = 'font-weight="bold"',
}

local ESCAPES = { ["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;" }

-- The runs of a line: { column =, text =, colour = }. Two blanks end one too, since a viewer may draw them as one.
local function runs_of(line)
  local list, run = {}, nil
  for column, cell in ipairs(line) do
    local is_gap = cell[1] == " " and (line[column + 1] or cell)[1] == " "
    if is_gap then
      run = nil
    elseif run and run.colour == cell[2] then
      run.text = run.text .. cell[1]
    else
      run = { column = column, text = cell[1], colour = cell[2] }
      list[#list + 1] = run
    end
  end
  return list
end

-- `textLength` keeps columns below each other, whichever font there is.
local function add_run(parts, run, y)
  local blank, text = run.text:match "^( ?)(.-) ?$"
  if text == "" then return end
  local style = STYLES[run.colour] and " " .. STYLES[run.colour] or ""
  parts[#parts + 1] = ('<text x="%.1f" y="%d" textLength="%.1f"%s>%s</text>'):format(
    MARGIN + (run.column - 1 + #blank) * WIDTH, y, #text * WIDTH, style, (text:gsub("[&<>]", ESCAPES)))
end

--- Draws screens below each other, with a line between them.
-- @tparam string title what the picture shows, for those who cannot see it
-- @tparam table screens a list of lists of lines
-- @treturn string the file
function svg.write(title, screens)
  local parts, y, columns = {}, MARGIN, 0
  for i, lines in ipairs(screens) do
    if i > 1 then
      parts[#parts + 1] = ('<path d="M0 %dH10000" stroke="#39414f"/>'):format(y + GAP)
      y = y + 2 * GAP
    end
    for _, line in ipairs(lines) do
      columns = math.max(columns, #line)
      for _, run in ipairs(runs_of(line)) do add_run(parts, run, y + SIZE) end
      y = y + HEIGHT
    end
  end
  local width, height = math.ceil(2 * MARGIN + columns * WIDTH), y + MARGIN
  return ([[
<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %d %d">
<title>%s</title>
<rect width="%d" height="%d" rx="6" fill="%s"/>
<g font-family="DejaVu Sans Mono, Menlo, Consolas, monospace" font-size="%d" fill="%s">
%s
</g>
</svg>
]]):format(width, height, width, height,
    (title:gsub("[&<>]", ESCAPES)), width, height, GROUND, SIZE, INK, table.concat(parts, "\n"))
end

return svg
