--- For libraries that give chunks: cuts them into lines.
-- @tparam function on_message called with nil and each line, without its end (see bench/measure.lua)
-- @treturn function takes the next chunk
return function(on_message)
  local rest = ""
  return function(chunk)
    local data, from = rest .. chunk, 1
    while true do
      local newline = data:find("\n", from, true)
      if not newline then break end
      on_message(nil, data:sub(from, newline - 1))
      from = newline + 1
    end
    rest = data:sub(from)
  end
end
