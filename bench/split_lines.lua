--- For libraries that give chunks: cuts them into lines.
-- @tparam function on_line called with each line, without its end
-- @treturn function takes the next chunk
return function(on_line)
  local rest = ""
  return function(chunk)
    local data, from = rest .. chunk, 1
    while true do
      local newline = data:find("\n", from, true)
      if not newline then break end
      on_line(data:sub(from, newline - 1))
      from = newline + 1
    end
    rest = data:sub(from)
  end
end
