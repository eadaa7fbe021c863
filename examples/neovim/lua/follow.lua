-- Follows what a server says, line by line, in a buffer. Neovim never waits for the network: its own loop looks at
-- sidewire's notifier, and calls poll when there is something to take.

local sidewire = require "sidewire"

local MAX_EVENTS = 1000 -- that are handled at a time, so that the next key is not kept waiting
local LINGER = 5 -- seconds in which an end still sends what is queued

local client = assert(sidewire.new { linger = LINGER })
local buffer
local new_lines = {} -- that the buffer does not have yet

-- The user may have wiped it out; what comes meanwhile is dropped.
local function has_buffer()
  return buffer ~= nil and vim.api.nvim_buf_is_valid(buffer)
end

local function show_status()
  if not has_buffer() then return end
  local host, port = client:get_server()
  local state, cause, retry_in = client:state()
  local place = host:find(":", 1, true) and "[%s]:%d" or "%s:%d" -- IPv6: in brackets
  local status = ("%s  %s"):format(place:format(host, port), state)
  if retry_in then status = ("%s, next attempt in %.1f s"):format(status, retry_in) end
  if cause and state ~= "connected" then status = status .. ": " .. cause end
  vim.b[buffer].follow_status = status
  vim.cmd "redrawstatus!"
end

-- Windows that show the end of the buffer go on to show the end.
local function append_lines()
  local lines = new_lines
  new_lines = {}
  if #lines == 0 or not has_buffer() then return end
  local count = vim.api.nvim_buf_line_count(buffer)
  local is_empty = count == 1 and vim.api.nvim_buf_get_lines(buffer, 0, 1, false)[1] == ""
  vim.api.nvim_buf_set_lines(buffer, is_empty and 0 or count, -1, false, lines)
  for _, window in ipairs(vim.fn.win_findbuf(buffer)) do
    if vim.api.nvim_win_get_cursor(window)[1] >= count then
      vim.api.nvim_win_set_cursor(window, { vim.api.nvim_buf_line_count(buffer), 0 })
    end
  end
end

-- A callback of the loop may not touch buffers; what vim.schedule runs may. Until that runs, which a prompt can delay,
-- the loop does not look: the descriptor stays readable, and would wake it again and again.
local watcher = vim.loop.new_poll(sidewire.notifier():fd())

local function watch()
  watcher:start("r", function()
    watcher:stop()
    vim.schedule(function()
      sidewire.poll(MAX_EVENTS)
      append_lines()
      watch()
    end)
  end)
end

local function open_buffer()
  vim.cmd "new"
  buffer = vim.api.nvim_get_current_buf()
  vim.bo.buftype, vim.bo.bufhidden, vim.bo.swapfile = "nofile", "hide", false
  vim.api.nvim_buf_set_name(buffer, "follow://" .. buffer)
  vim.wo.statusline = "%{get(b:, 'follow_status', '')}"
end

client:on {
  message = function(_, line) new_lines[#new_lines + 1] = line end,
  connect = show_status, disconnect = show_status, retry = show_status, error = show_status,
}
watch()
-- At :qa Neovim does not close its Lua state. What was sent last is delivered here, in LINGER seconds at most.
vim.api.nvim_create_autocmd("VimLeavePre", { callback = function() sidewire.stop() end })

local follow = {}

function follow.connect(host, port)
  if not has_buffer() then open_buffer() end
  assert(client:connect(host, tonumber(port)))
  show_status()
end

--- Sends lines. Those that are sent before the first connect wait for it.
function follow.send(lines)
  for _, line in ipairs(lines) do
    local id, why = client:send(line)
    if not id then return vim.notify("follow: " .. why, vim.log.levels.ERROR) end
  end
end

function follow.disconnect()
  client:disconnect()
  show_status()
end

return follow
