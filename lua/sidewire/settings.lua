--- Settings that outlive the program: host, port and reconnect in a small file that people may edit.
--
--     ; where the game server is
--     host = example.org
--     port = "4000"          # quotes are free, so are spaces
--     reconnect = 2.5        # off, on, or the seconds between two attempts
--
--     [video]                ; other sections belong to others
--     port = hdmi
--
-- What counts are the lines `key = value` before the first section and in `[sidewire]`; the last of two equal keys
-- wins. Keys, off and on may be written in capitals. `#` and `;` begin a comment, also behind a value. A byte order
-- mark, CRLF line ends and a last line without an end are fine. Unknown keys are left alone, and what stands in other
-- sections is not looked at. Anything else is an error that names its line, and so are a value that `sidewire.new`
-- would refuse, a zero byte, and more than 1 MiB. A file with an error is never overwritten.
--
-- Saving changes the bytes of the changed values and no others; when no value changes it writes nothing. Missing keys
-- are added behind the last one that is there, or else at the end of `[sidewire]`, or of the file (in a `[sidewire]` of
-- their own when the file has other sections). The text is written to a new file in the same folder, which is then
-- renamed, so that the file is at any moment the old one or the new one. That takes the right to write in the folder,
-- and it makes a new file:
--
-- * its mode is what the umask gives, its owner is the process, for plain Lua can set neither: keep no secrets beside
--   the settings, or run with umask 077;
-- * a symbolic link is replaced by a file, and what it pointed to stays as it was: give the real file's name instead;
-- * the path must be that of a regular file, never of a device; a relative one is looked up in the current folder at
--   every call;
-- * nothing is flushed to the disk (plain Lua cannot): after a power cut it depends on the file system whether the old
--   file, the new one or an empty one is found. ext4 and btrfs flush before such a rename.
--
-- These functions read and write a small file while the caller waits.
-- @module sidewire.settings
local settings_text = require "sidewire.settings_text"

-- A script may have put a function of its own into the core's table, or taken that out of package.loaded. To open the
-- core anew brings its functions back.
local function genuine(name)
  local loaded = package.loaded["sidewire.core"]
  package.loaded["sidewire.core"] = nil
  local core = require "sidewire.core"
  package.loaded["sidewire.core"] = loaded or core
  return rawget(core, name)
end

local check_file = genuine "check_file"

local settings = {}

local LIMIT = 2 ^ 20 -- bytes; whatever is longer was not written by hand
local CHUNK = 4096

-- --- failures ---

local ENOENT = 2

-- Names of the errors that files meet; Lua gives the numbers only. Up to 32 Linux, the BSDs and macOS agree (errno.h);
-- what has the other numbers elsewhere is nothing that a file can meet.
local ERRNO_NAMES = {
  [1] = "EPERM", [2] = "ENOENT", [4] = "EINTR", [5] = "EIO", [6] = "ENXIO", [12] = "ENOMEM", [13] = "EACCES",
  [16] = "EBUSY", [17] = "EEXIST", [18] = "EXDEV", [19] = "ENODEV", [20] = "ENOTDIR", [21] = "EISDIR", [22] = "EINVAL",
  [23] = "ENFILE", [24] = "EMFILE", [26] = "ETXTBSY", [27] = "EFBIG", [28] = "ENOSPC", [29] = "ESPIPE", [30] = "EROFS",
  [31] = "EMLINK", [36] = "ENAMETOOLONG", [40] = "ELOOP", [116] = "ESTALE", [122] = "EDQUOT", -- Linux
  [63] = "ENAMETOOLONG", [62] = "ELOOP", [70] = "ESTALE", [69] = "EDQUOT", -- the BSDs, macOS
}

-- What io and os said of `name`, as nil, message, code. Some of their messages begin with the name.
local function system_failure(deed, path, name, message, number)
  if number == "EPOLICY" then return nil, message, number end
  local prefix = name .. ": "
  if message:sub(1, #prefix) == prefix then message = message:sub(#prefix + 1) end
  local reason = message:gsub("^%u%l", string.lower)
  return nil, ("cannot %s %s: %s"):format(deed, path, reason), ERRNO_NAMES[number] or "ESYSTEM"
end

-- A file may hold anything, so what is quoted from it is made fit for a line of a log.
local function broken(path, problem)
  problem = problem:gsub("%c", "?")
  if #problem > 300 then problem = problem:sub(1, 300) .. "..." end
  return nil, path .. ", " .. problem, "ESETTINGS"
end

local function check_path(where, path)
  if type(path) == "string" and path:find "^[^\0]+$" then return end
  error(("sidewire.settings.%s: path must be the name of a file, got '%s'"):format(where, tostring(path)), 3)
end

-- --- reading ---

-- All bytes, or one chunk more than LIMIT; or nil, message, number.
local function read_bounded(file)
  local pieces, size = {}, 0
  repeat
    local piece, message, number = file:read(CHUNK)
    if number then return nil, message, number end -- without one, it is the end
    pieces[#pieces + 1] = piece
    size = size + (piece and #piece or 0)
  until not piece or size > LIMIT
  return table.concat(pieces)
end

-- The text of a file, "" when there is none; or nil, message, number or code.
local function read_file(path)
  local allowed, refusal, code = check_file(path)
  if not allowed then return nil, refusal, code end
  local file, message, number = io.open(path, "rb")
  if not file and number == ENOENT then return "" end
  if not file then return nil, message, number end
  local text
  text, message, number = read_bounded(file)
  file:close()
  return text, message, number
end

-- The document of a file, or nil, message, code.
local function read_document(path)
  local text, message, number = read_file(path)
  if not text then return system_failure("read", path, path, message, number) end
  if #text > LIMIT then return broken(path, "it is longer than 1 MiB") end
  local document, problem = settings_text.parse(text)
  if not document then return broken(path, problem) end
  return document
end

-- --- writing ---

local written = { count = 0 } -- its address tells the Lua states of a process apart

-- A name in the same folder that no other writer chooses. Not math.random: its sequence is the host's.
local function new_name(path)
  written.count = written.count + 1
  local place, moment = ("%p"):format(written):gsub("^0x", ""), math.floor(os.clock() * 1e6)
  return ("%s.%s-%x-%x-%d.tmp"):format(path, place, os.time(), moment, written.count)
end

-- true, or nil, message, number. What a buffer still held may fail as late as at the closing.
local function write_file(path, text)
  local allowed, refusal, code = check_file(path)
  if not allowed then return nil, refusal, code end
  local file, message, number = io.open(path, "wb")
  if not file then return nil, message, number end
  local written_all
  written_all, message, number = file:write(text)
  local closed, close_message, close_number = file:close()
  if not written_all then return nil, message, number end
  return closed, close_message, close_number
end

local function replace_file(path, text)
  local new = new_name(path)
  local done, message, number = write_file(new, text)
  if done then done, message, number = os.rename(new, path) end
  if done then return true end
  os.remove(new)
  return system_failure("write", path, new, message, number)
end

-- --- the module ---

--- Reads a settings file.
-- @tparam string path
-- @treturn[1] table with those of host (string), port (integer) and reconnect (false, true or seconds) that the file
--   has; empty when there is no file
-- @treturn[2] nil
-- @treturn[2] string message
-- @treturn[2] string code: ESETTINGS (broken: the message has the line and what is wrong there), or an errno name
--   (EACCES, EISDIR, ...) when it cannot be read, or EPOLICY (the host's policy allows no files)
-- @raise path is no file name
function settings.load(path)
  check_path("load", path)
  local document, message, code = read_document(path)
  if not document then return nil, message, code end
  return document.values
end

--- Writes values into a settings file, and makes it if there is none. What else is in it stays, byte for byte; so do
-- the keys that are not given.
-- @tparam string path
-- @tparam table values any of host (string), port (number), reconnect: false (off), true (on), seconds, or a policy as
--   get_reconnect gives it: a fixed delay without jitter and limit becomes seconds, any other on
-- @treturn[1] boolean true
-- @treturn[2] nil
-- @treturn[2] string message
-- @treturn[2] string code: ESETTINGS (the file is broken: it is left alone), or an errno name (ENOSPC, EROFS, EACCES,
--   ...), or EPOLICY; the old file is as it was, and no other is left behind
-- @raise path is no file name; unknown keys and invalid values
function settings.save(path, values)
  check_path("save", path)
  local wanted, misuse = settings_text.check(values)
  if not wanted then error("sidewire.settings.save: " .. misuse, 2) end
  local document, message, code = read_document(path)
  if not document then return nil, message, code end
  local text = settings_text.change(document, wanted)
  if text == document.text then return true end
  if #text > LIMIT then return broken(path, "it would become longer than 1 MiB") end
  return replace_file(path, text)
end

return settings
