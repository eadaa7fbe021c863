--- sidewire: TCP that never waits.
-- The C module is complete by itself; this layer is the place for what is pleasanter in Lua.
-- @module sidewire
return require "sidewire.core"
