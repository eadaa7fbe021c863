-- The pages of the documentation site, in the order of its navigation. A new page is one row here and one file below
-- docs/.
--
--     { file below docs/, title in the navigation, what it tells }
return {
  {
    group = "Guide",
    { "first.md", "First program", "connect, send, take what comes, leave" },
    { "installing.md", "Installing", "what to install, LuaRocks, a bundle for a game, types for editors" },
    { "framing.md", "Framing", "how messages are told apart, and which framing fits which protocol" },
    { "connecting.md", "Connecting", "what comes when a connection cannot be made, and after how long" },
    { "tls.md", "TLS", "encryption: what is verified, and what each failure means" },
    { "delivery.md", "Delivery", "what becomes of a message, and which `retain` to choose" },
    { "guarantees.md", "Guarantees", "what never waits, what is never lost unreported, memory, limits" },
    { "examples.md", "Examples", "programs to read and to run, and the demo" },
    { "hosts.md", "Hosts", "games, editors, event loops and other programs that run Lua" },
    { "embedding.md", "Embedding", "what a C program that embeds Lua can rely on" },
    { "migrating.md", "Migrating", "programs for LuaSocket, luv and Qt, and the same with sidewire" },
    { "errors.md", "Errors", "every message, why it comes, and what to do" },
    { "faults.md", "Faults", "what goes wrong, what happens then, and the test that shows it" },
    { "performance.md", "Performance", "measurements, beside other libraries" },
    { "internals.md", "Internals", "for those who change sidewire" },
  },
  {
    group = "Reference",
    { "reference/module.md", "Module functions", "`new`, `poll`, `events`, `wait`, `stop`, and event loops" },
    { "reference/options.md", "Options of `new`", "each option, with its default" },
    { "reference/client.md", "Client methods", "connecting, sending, receiving, waiting, ending" },
    { "reference/events.md", "Events", "what handlers get, with each field of `info` and `detail`" },
    { "reference/stats.md", "States and counters", "what `state` and `stats` return" },
    { "reference/framings.md", "Framings", "the words and tables of the option `framing`" },
    { "reference/codes.md", "Error codes", "each code, and what it means" },
    { "reference/policy.md", "Policy", "limits that a host sets for scripts" },
    { "reference/settings.md", "Settings files", "server and reconnect policy in a file" },
    { "reference/resp.md", "RESP", "commands and values of Redis" },
  },
}
