--- The names that the tests' own name server knows (spec/support/netns.lua). Nobody is at the first address of
-- two.example.
return { ["good.example"] = "10.77.0.2", ["two.example"] = "10.77.0.3,10.77.0.2" }
