-- Saves and loads a number in a locale that writes it with a comma, if there is one.

local names = io.popen "locale -a"
for name in names:lines() do
  if os.setlocale(name) and ("%g"):format(2.5) == "2,5" then break end
  os.setlocale "C"
end
local path = os.tmpname()
local settings = require("sidewire").settings
assert(settings.save(path, { reconnect = 2.5 }))
print(settings.load(path).reconnect == 2.5 and io.open(path):read("*a"):match "= (.*)\n")
os.remove(path)
