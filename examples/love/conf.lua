function love.conf(t)
  t.identity = "sidewire-fireflies"
  t.window.title = "Fireflies"
  t.window.width, t.window.height = 960, 540
end
