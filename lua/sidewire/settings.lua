--- Settings files: server and reconnect policy in a small text file that people may edit.
--
--     ; the game server
--     host = example.org
--     port = "4000"          # quotes and spaces are optional
--     reconnect = 2.5        # off, on, or the seconds between two attempts
--
--     [video]                ; sections of other programs are ignored
--     port = hdmi
--
-- `server = tcp://example.org:4000 tcp://example.net:4000` names one or more servers by their URLs, with spaces between
-- them. It counts more than host and port.
--
-- Lines `key = value` are read before the first section and in the section `[sidewire]`. If a key occurs twice, the
-- last one wins. Keys, off and on are not case-sensitive. `#` and `;` begin a comment, also after a value. The file
-- may have a byte order mark, CRLF line ends, and a last line without a line end. Unknown keys and other sections are
-- ignored. Any other text is an error, whose message names the line; so is a value that `sidewire.new` would refuse,
-- a zero byte, and a file of more than 1 MiB. A file with an error is never overwritten.
--
-- Saving changes only the bytes of changed values; if no value changes, it writes nothing. A missing key is added
-- after the last of these keys that the file has. Without such a key, it is added at the end of `[sidewire]`, or at
-- the end of the file, in a new `[sidewire]` if the file has other sections. The text is written to a new file in the
-- same folder, which is then renamed. So the path always has the complete old file or the complete new one. This
-- needs write permission for the folder, and has these effects:
--
-- * The new file's mode depends on the umask, and its owner is the process, because plain Lua can set neither. Do not
--   store secrets in the file, or use umask 077.
-- * A symbolic link is replaced by a file, and its target does not change. Pass the path of the target instead.
-- * The path must be that of a regular file, not of a device. A relative path is resolved at every call.
-- * Plain Lua cannot flush a file to the disk. After a power failure, the file system determines whether the old
--   file, the new one or an empty one exists. ext4 and btrfs flush the new file before such a rename.
--
-- The functions block while they read or write the file.
-- @module sidewire.settings
local raise = require "sidewire.raise"
local settings_text = require "sidewire.settings_text"

-- Returns a function of the core, even if a script has replaced it in the core's table or has changed package.loaded:
-- to load the core again restores its functions.
local function original_core_function(name)
  local loaded = package.loaded["sidewire.core"]
  package.loaded["sidewire.core"] = nil
  local core = require "sidewire.core"
  package.loaded["sidewire.core"] = loaded or core
  return rawget(core, name)
end

local check_file = original_core_function "check_file"

local settings = {}

local LIMIT = 2 ^ 20 -- bytes of a settings file, at most
local CHUNK = 4096 -- bytes of a read

-- --- failures ---

local ENOENT = 2

-- Names of the errno values that file operations return; Lua returns only the numbers. Numbers up to 32 are the same
-- on Linux, the BSDs and macOS (errno.h). A larger number in this table means the named error on one of these
-- systems; on the others it is an error that no file operation returns.
local ERRNO_NAMES = {
  [1] = "EPERM", [2] = "ENOENT", [4] = "EINTR", [5] = "EIO", [6] = "ENXIO", [12] = "ENOMEM", [13] = "EACCES",
  [16] = "EBUSY", [17] = "EEXIST", [18] = "EXDEV", [19] = "ENODEV", [20] = "ENOTDIR", [21] = "EISDIR", [22] = "EINVAL",
  [23] = "ENFILE", [24] = "EMFILE", [26] = "ETXTBSY", [27] = "EFBIG", [28] = "ENOSPC", [29] = "ESPIPE", [30] = "EROFS",
  [31] = "EMLINK", [36] = "ENAMETOOLONG", [40] = "ELOOP", [116] = "ESTALE", [122] = "EDQUOT", -- Linux
  [63] = "ENAMETOOLONG", [62] = "ELOOP", [70] = "ESTALE", [69] = "EDQUOT", -- the BSDs, macOS
}

-- Turns a message and errno of io or os about the file `name` into nil, message, code. Some messages begin with the
-- name, which is removed. `action` is "read" or "write".
local function system_failure(action, path, name, message, number)
  if number == "EPOLICY" then return nil, message, number end
  local prefix = name .. ": "
  if message:sub(1, #prefix) == prefix then message = message:sub(#prefix + 1) end
  local reason = message:gsub("^%u%l", string.lower)
  return nil, ("cannot %s %s: %s"):format(action, path, reason), ERRNO_NAMES[number] or "ESYSTEM"
end

-- Returns nil, message, ESETTINGS. `problem` may quote the file, so its control characters are replaced, and it is
-- shortened.
local function broken(path, problem)
  problem = problem:gsub("%c", "?")
  if #problem > 300 then problem = problem:sub(1, 300) .. "..." end
  return nil, path .. ", " .. problem, "ESETTINGS"
end

local function check_path(where, path)
  if type(path) == "string" and path ~= "" and not path:find("\0", 1, true) then return end
  raise.misuse(("sidewire.settings.%s: path must be the name of a file, got '%s'"):format(where, tostring(path)), 3)
end

-- --- reading ---

-- Reads the whole file, but stops once it has more than LIMIT bytes. Returns the text, or nil, message, number.
local function read_bounded(file)
  local pieces, size = {}, 0
  repeat
    local piece, message, number = file:read(CHUNK)
    if number then return nil, message, number end -- without a number it is the end of the file
    pieces[#pieces + 1] = piece
    size = size + (piece and #piece or 0)
  until not piece or size > LIMIT
  return table.concat(pieces)
end

-- Returns the text of a file ("" if there is no file), or nil, message, errno or code.
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

-- Returns the document of a file (settings_text.parse), or nil, message, code.
local function read_document(path)
  local text, message, number = read_file(path)
  if not text then return system_failure("read", path, path, message, number) end
  if #text > LIMIT then return broken(path, "it is longer than 1 MiB") end
  local document, problem = settings_text.parse(text)
  if not document then return broken(path, problem) end
  return document
end

-- --- writing ---

local written = { count = 0 }
local ADDRESS = tostring(written):match "%x*$" -- different in each Lua state of the process

-- Returns a file name in the same folder that no other writer uses. It does not use math.random, which would change
-- the sequence of random numbers of the script.
local function new_name(path)
  written.count = written.count + 1
  local processor_time = math.floor(os.clock() * 1e6)
  return ("%s.%s-%x-%x-%d.tmp"):format(path, ADDRESS, os.time(), processor_time, written.count)
end

-- Returns true, or nil, message, number. A write may also fail when close flushes the buffer.
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
-- @treturn[1] table of the values that the file has: host (string), port (integer), server (a URL or a list of URLs),
--   reconnect (false, true or seconds); empty if there is no file
-- @treturn[2] nil
-- @treturn[2] string message
-- @treturn[2] string code: ESETTINGS (the file has an error: the message names the line and the error), an errno name
--   (EACCES, EISDIR, ...) if the file cannot be read, or EPOLICY (the host's policy allows no files)
-- @raise path is not a file name
function settings.load(path)
  raise.refuse_colon("sidewire.settings.load", path, settings.load)
  check_path("load", path)
  local document, message, code = read_document(path)
  if not document then return nil, message, code end
  return document.values
end

--- Writes values into a settings file, or makes the file. Keys that are not given, and all other bytes of the file,
-- do not change.
-- @tparam string path
-- @tparam table values host (string), port (number) or server (a URL or a list of URLs), and reconnect, each optional.
--   If the file has the key server, host and port are saved as that. reconnect is false (off), true (on), seconds, or a
--   policy as get_reconnect returns it: a policy with a fixed delay, without jitter and without attempts, is saved as
--   seconds, any other policy as on
-- @treturn[1] boolean true
-- @treturn[2] nil
-- @treturn[2] string message
-- @treturn[2] string code: ESETTINGS (the file has an error), an errno name (ENOSPC, EROFS, EACCES, ...), or EPOLICY.
--   The file is then unchanged, and no other file remains
-- @raise path is not a file name; an unknown key; an invalid value
function settings.save(path, values)
  raise.refuse_colon("sidewire.settings.save", path, settings.save)
  check_path("save", path)
  local wanted, misuse = settings_text.check(values)
  if not wanted then raise.misuse("sidewire.settings.save: " .. misuse, 2) end
  local document, message, code = read_document(path)
  if not document then return nil, message, code end
  local text, problem = settings_text.change(document, wanted)
  if not text then return broken(path, problem) end
  if text == document.text then return true end
  if #text > LIMIT then return broken(path, "it would become longer than 1 MiB") end
  return replace_file(path, text)
end

return settings
