---@meta sidewire.core
-- Types of `require "sidewire.core"` for editors; see ../sidewire.lua.
--
-- A function that can fail returns nil, a message and a code. Misuse (a wrong type, an unknown option, a value out of
-- range) raises an error that says what is valid. Times are seconds.
--
-- Every function of a parent's client fails in the child of a fork, and some functions fail while the Lua state closes.
-- A function that fails only then is typed as if it never failed. So is `new`. Otherwise editors would ask for a check
-- of each result.

---@class sidewire.core
---@field _NAME "sidewire" the name of the module
---@field _VERSION string the version, as "0.1.0"
---@field resp sidewire.Resp the values of RESP, for clients with `framing = "resp"`
local core = {}

---Stores settings for a layer: called with the client and nil when the client is made, later with what has changed.
---@alias sidewire.Saver fun(client: sidewire.Client, changes: sidewire.SettingsValues?): true?, string?, string?

---Makes a client. Touches no network and starts no thread. Codes: `EPOLICY`, `ECLOSED`, `ENOMEM`, or the saver's.
---@param options? sidewire.core.Options
---@param saver? sidewire.Saver
---@return sidewire.Client client nil, a message and a code if no client was made
---@return string? message
---@return sidewire.Code? code
function core.new(options, saver) end

---Checks options as `new` does, and makes nothing. Raises an error if they are not valid.
---@param options? sidewire.core.Options
---@return sidewire.Checked checked the host, port and reconnect policy of a client with these options
function core.check_options(options) end

---Calls the handlers for the events of all clients that are there; never waits. Codes: `ECLOSED`, `ENOMEM`.
---@param max_events? integer handlers to call at most. Default: no limit
---@param max_seconds? number seconds after which no further handler is called. Default: no limit
---@return integer handlers called
---@return boolean more true: more can be delivered now
function core.poll(max_events, max_seconds) end

---Sets a function that gets the errors that handlers raise; `poll` then goes on. nil: errors leave `poll`.
---@param fn? fun(traceback: string, client: sidewire.Client, event: sidewire.Event)
function core.on_error(fn) end

---Waits until there is something to take; calls no handlers. Without a timeout it also ends, with `ECLOSED`, when
---nothing can come any more. Codes: `ETIMEDOUT`, `EINTR` (a signal came), `ECLOSED`, `EFORKED`, `ENOMEM`.
---@param timeout? number seconds. Default: no limit
---@return true? ready
---@return string? message
---@return sidewire.Code? code
function core.wait(timeout) end

---Gives the client, the name of the event, and what its handler would get; nil at the end.
---@alias sidewire.EventIterator fun(): sidewire.Client, sidewire.Event, any, any, any, any

---Iterates over the events of all clients, without handlers; never waits:
---`for client, event, a, b, c, d in sidewire.events() do`. The values behind the event are those that its handler would
---get. Codes: `ECLOSED`, `ENOMEM`.
---@return sidewire.EventIterator iterator
function core.events() end

---Returns the object by which an event loop waits for what `poll`, `events` or `receive` has to take. It is always the
---same one. Codes: `EMFILE` or `ENFILE` (no descriptor is left), `ECLOSED`, `ENOMEM`.
---@return sidewire.Notifier? notifier
---@return string? message
---@return sidewire.Code? code
function core.notifier() end

---Closes all clients, waits until their sockets are closed, and ends the background thread. Lost events may still wait
---for `poll`: true does not mean that all was sent.
---Codes: `ETIMEDOUT`, `EPOLICY`, `ECLOSED`, `ENOMEM`.
---@param timeout? number seconds. Default: the longest linger, and half a second
---@return true? stopped
---@return string? message
---@return sidewire.Code? code
function core.stop(timeout) end

---Tells whether a value is a numeric address.
---@param s any
---@return "ipv4"|"ipv6"|nil kind
function core.is_ip(s) end

---Tells whether a value is a TCP port, 1 to 65535.
---@param n any
---@param registered_only? boolean true: only 1024 to 32767. Default: false
---@return boolean
function core.is_port(n, registered_only) end

---Sets limits for the scripts of this Lua state, and replaces all earlier ones. Codes: `EPOLICY` (it is locked),
---`ECLOSED`, `ENOMEM`.
---@param rules sidewire.Policy
---@return true? set
---@return string? message
---@return sidewire.Code? code
function core.set_policy(rules) end

---Makes the policy unchangeable until the Lua state ends. Codes: `ECLOSED`, `ENOMEM`.
---@return true locked
function core.lock_policy() end

---Tells whether the policy allows to open a file, for layers that do. Code: `EPOLICY`.
---@param path string
---@return true? allowed
---@return string? message
---@return sidewire.Code? code
function core.check_file(path) end

---What event loops wait for. Made by `sidewire.notifier`.
---@class sidewire.Notifier
local Notifier = {}

---Returns the descriptor, for luv, Neovim, GLib and epoll. It is readable while there is something to take. Codes:
---`ECLOSED`, `ENOMEM`, `EMFILE`, `ENFILE`.
---@return integer? descriptor
---@return string? message
---@return sidewire.Code? code
function Notifier:fd() end

---The same, for LuaSocket: `socket.select({ notifier })`. Codes: `ECLOSED`, `ENOMEM`, `EMFILE`, `ENFILE`.
---@return integer? descriptor
---@return string? message
---@return sidewire.Code? code
function Notifier:getfd() end

---The same, for cqueues: `cqueues.poll(notifier)`. Codes: `ECLOSED`, `ENOMEM`, `EMFILE`, `ENFILE`.
---@return integer? descriptor
---@return string? message
---@return sidewire.Code? code
function Notifier:pollfd() end

---Tells LuaSocket whether there is something to take that need not be waited for. Codes: `ECLOSED`, `ENOMEM`.
---@return boolean
function Notifier:dirty() end

---Tells cqueues what to wait for.
---@return "r"
function Notifier:events() end

---Tells cqueues how long to wait.
---@return nil no_limit
function Notifier:timeout() end

---A client: at most one connection at a time, and what is sent over it. Made by `sidewire.new`.
---@class sidewire.Client
local Client = {}

---Sets one handler, or several by a table. nil takes a handler away; false for message discards messages.
---Code: `EFORKED`.
---@overload fun(self, event: "connect", handler?: sidewire.ConnectHandler): sidewire.Client
---@overload fun(self, event: "message", handler?: sidewire.MessageHandler|false): sidewire.Client
---@overload fun(self, event: "drain", handler?: sidewire.DrainHandler): sidewire.Client
---@overload fun(self, event: "acked", handler?: sidewire.AckedHandler): sidewire.Client
---@overload fun(self, event: "lost", handler?: sidewire.LostHandler): sidewire.Client
---@overload fun(self, event: "disconnect", handler?: sidewire.DisconnectHandler): sidewire.Client
---@overload fun(self, event: "retry", handler?: sidewire.RetryHandler): sidewire.Client
---@overload fun(self, event: "error", handler?: sidewire.ErrorHandler): sidewire.Client
---@overload fun(self, event: "log", handler?: sidewire.LogHandler): sidewire.Client
---@overload fun(self, event: "close", handler?: sidewire.CloseHandler): sidewire.Client
---@param event sidewire.Handlers
---@param handler? nil
---@return sidewire.Client client
function Client:on(event, handler) end

---Sets messages that are sent first on every new connection. They take no ids. The current connection is not affected.
---What is queued does not wait for the answers to them.
---Codes: `ECLOSED`, `EFORKED`.
---@param greeting string|string[]|nil
---@return true? set
---@return string? message
---@return sidewire.Code? code
function Client:set_greeting(greeting) end

---Closes the client forever: only lost and close events follow, no disconnect event. The state is closed at once, while
---what was accepted is still delivered in the background, for at most linger. The close event tells that this is over,
---and a lost event before it what was not delivered. Codes: `EPOLICY`, `EFORKED`.
---@param linger? number seconds that all of the end may take, in the background. Default: the option linger
---@return true? closed
---@return string? message
---@return sidewire.Code? code
function Client:close(linger) end

---Connects, and connects again by the reconnect policy. Returns at once; the result is an event: connect, error or
---close. Codes: `EPOLICY`, `ECLOSED`, `EFORKED`, `ENOMEM`, a system error, or the saver's.
---@param host? string|string[] from now on, or a URL, or a list of URLs. Default: as before
---@param port? integer from now on. Default: as before. With a URL none
---@return true? begun
---@return string? message
---@return sidewire.Code? code
function Client:connect(host, port) end

---Delivers the messages accepted so far, as far as linger allows, ends the connection and stops reconnecting. Returns
---at once. A disconnect event tells of the end of a connection; while there was none, an error event of code `ECLOSED`
---does; of an idle client no event comes. What is not delivered in time waits in the queue for the next `connect`, as
---retain says. Until then, attempts go on every 0.1 to 1 second, whatever reconnect says, with retry events.
---A later call with a shorter linger shortens it: disconnect(0) ends at once what disconnect(5) has begun. With
---retain = "unconfirmed" it does not wait for confirmations, and a connection that ends meanwhile is not made again for
---them; without a connection, messages that are not confirmed are messages to deliver.
---Codes: `EPOLICY`, `ECLOSED`, `EFORKED`, `ENOMEM`.
---@param linger? number seconds that all of the end may take, in the background. Default: the option linger
---@return true? begun
---@return string? message
---@return sidewire.Code? code
function Client:disconnect(linger) end

---Ends sending (a TCP half-close) after all that was accepted; receiving goes on until the other side ends, too.
---Codes: `ENOTCONN`, `ECLOSED`, `EFORKED`, `ENOMEM`.
---@return true? begun
---@return string? message
---@return sidewire.Code? code
function Client:shutdown() end

---Sets what happens after a failed attempt or a lost connection; applies at once.
---Codes: `ECLOSED`, `EFORKED`, or the saver's.
---@param spec sidewire.ReconnectSpec
---@return true? set
---@return string? message
---@return sidewire.Code? code
function Client:set_reconnect(spec) end

---Returns the present reconnect policy; false: it does not reconnect. Code: `EFORKED`.
---@return false|sidewire.Reconnect policy
function Client:get_reconnect() end

---Sets the server of the next attempt, or several. Codes: `EPOLICY`, `ECLOSED`, `EFORKED`, `ENOMEM`, or
---the saver's.
---@param host string|string[] or a URL, or a list of URLs
---@param port? integer of the host; with a URL none
---@return true? set
---@return string? message
---@return sidewire.Code? code
function Client:set_server(host, port) end

---Returns the server of the connection or of the newest attempt, or else the first one. Code: `EFORKED`.
---@return string? host nil: none is set
---@return integer? port nil: none is set
---@return string? url nil: host or port is missing
function Client:get_server() end

---Queues one message; never waits. It works at any time before `close`, also without a connection. Ids are 1, 2, 3 and
---so on; a refused message takes none.
---Codes: `EFULL` (a drain event follows), `ETOOBIG`, `EFRAME`, `ENOTCONN`, `ECLOSED`, `EFORKED`, `ENOMEM`.
---@param ... string|number pieces that together form the message; the framing is added
---@return integer? id
---@return string? message
---@return sidewire.Code? code
function Client:send(...) end

---Queues one message for the present connection only: an acknowledgement, a ping. It takes no id and is never sent
---again. Codes: `ENOTCONN`, `EFULL` (a drain event follows), `ETOOBIG`, `EFRAME`, `ECLOSED`, `EFORKED`, `ENOMEM`.
---@param ... string|number pieces that together form the message; the framing is added
---@return true? queued
---@return string? message
---@return sidewire.Code? code
function Client:send_once(...) end

---Queues bytes as they are, without framing.
---Codes: `EFULL` (a drain event follows), `ETOOBIG`, `EFRAME` (no bytes), `ENOTCONN`, `ECLOSED`, `EFORKED`, `ENOMEM`.
---@param bytes string
---@return integer? id
---@return string? message
---@return sidewire.Code? code
function Client:write(bytes) end

---Confirms messages up to the id: the other program has them. For retain = "unconfirmed".
---Codes: `EINVAL` (no connection was given this message), `ECLOSED`, `EFORKED`.
---@param id integer|string
---@return true? confirmed
---@return string? message
---@return sidewire.Code? code
function Client:confirm(id) end

---Returns the state at this moment, why there is no connection, and when the next attempt begins. Code: `EFORKED`.
---@return sidewire.State state
---@return string? cause why the last connection or attempt ended; nil while connected
---@return number? delay seconds until the next attempt; nil: it does not wait for one
function Client:state() end

---Tells whether the client is connected at this moment. Code: `EFORKED`.
---@return boolean connected
function Client:is_connected() end

---Returns what counts against queue_limit. Code: `EFORKED`.
---@return integer bytes framing included
---@return integer messages
function Client:pending() end

---Returns counters and gauges of one moment. Code: `EFORKED`.
---@return sidewire.Stats stats
function Client:stats() end

---Like `sidewire.poll`, for this client only. Code: `EFORKED`.
---@param max_events? integer handlers to call at most. Default: no limit
---@param max_seconds? number seconds after which no further handler is called. Default: no limit
---@return integer handlers called
---@return boolean more true: more can be delivered now
function Client:poll(max_events, max_seconds) end

---Waits for a state; calls no handlers. "connected" waits through retries; "disconnected" means idle, or closed.
---Codes: `ETIMEDOUT`, `EINTR` (a signal came), `EFULL` (poll first), `ENOTCONN`, `ECLOSED`, `EFORKED`, or why the last
---attempt failed.
---@param state "connected"|"disconnected"
---@param timeout? number seconds. Default: no limit
---@return true? reached
---@return string? message
---@return sidewire.Code? code
function Client:wait(state, timeout) end

---Waits until the system has taken all messages that were accepted before the call; calls no handlers.
---Codes: `ETIMEDOUT`, `EINTR`, `EFULL` (poll first), `ENOTCONN`, `ECLOSED`, `EFORKED`, or why messages were lost.
---@param timeout? number seconds. Default: no limit
---@return true? flushed
---@return string? message
---@return sidewire.Code? code
function Client:flush(timeout) end

---Returns the next message, for a client without a message handler; calls no handlers. Returns the end of each
---connection once, in its place. With raw framing the rest of a chunk that `read` has begun is a message.
---Codes: `ETIMEDOUT` (no message), `EINTR`, `EFULL` (poll first), `ENOTCONN`, `ECLOSED`, `EFORKED`, `EFRAME` (after
---`set_framing`), `ENOMEM`, or how the connection ended.
---@param timeout? number seconds. Default: 0
---@return string? message nil: there is none
---@return string? reason
---@return sidewire.Code? code
function Client:receive(timeout) end

---Reads from the byte stream as `file:read` does, for a client with framing = "raw" and without a message handler;
---calls no handlers. What is not enough stays, also after a time-out. Never joins two connections: where one has ended,
---returns the rest of its bytes (or nil; or "" to "a") with the reason and the code, once.
---Codes: `ETIMEDOUT` (too little has come), `EFRAME` (more than max_read; nothing was consumed), `EINTR`, `EFULL` (poll
---first), `ENOTCONN`, `ECLOSED`, `EFORKED`, `ENOMEM`, or how the connection ended.
---@param what sidewire.What
---@param timeout? number seconds. Default: 0
---@return string? bytes
---@return string? reason nil: the bytes are all that was asked for
---@return sidewire.Code? code
function Client:read(what, timeout) end

---Changes the framing of the present connection: `receive` decodes the bytes that are not read yet, and `send` frames.
---It ends with the connection; then it is raw again. For clients with framing = "raw", retain = "none" and without a
---message handler. Codes: `ENOTCONN` and others (there is no connection), `ECLOSED`, `EFORKED`, `EPOLICY`, `ENOMEM`.
---@param framing sidewire.FramingWord|sidewire.LengthWord|sidewire.FramingTable
---@param max_message? integer Default: that of the framing
---@return true? done
---@return string? message
---@return sidewire.Code? code
function Client:set_framing(framing, max_message) end

---Gives the id, the message without framing, and true if `write` has queued it; nil at the end.
---@alias sidewire.UnfinishedIterator fun(state: userdata): integer?, string?, boolean?

---Iterates over copies of all messages that are not finished:
---`for id, message, written in assert(client:unfinished()) do`. Codes: `ECLOSED`, `EFORKED`, `EINTR`, `ENOMEM`.
---@return sidewire.UnfinishedIterator? iterator
---@return userdata|string|nil state after nil: the message
---@return sidewire.Code? code
function Client:unfinished() end

-- --- RESP ---

---Values of RESP2 and RESP3, the protocol of Redis.
---@class sidewire.Resp
---@field null lightuserdata the value that stands for null; true as a condition
local resp = {}

---What an error of RESP becomes. `tostring` returns the message.
---@class sidewire.RespError
---@field message string all of it
---@field code string the first word of the message

---@alias sidewire.RespKind
---| "string" | "integer" | "double" | "boolean" | "null" | "big" | "array" | "set" | "map" | "push" | "error"
---| "simple" | "verbatim" # only of what `as` has made

---Makes a command of Redis: an array of bulk strings.
---@param ... string|number the name of the command, and its arguments
---@return string bytes
function resp.encode(...) end

---Makes the bytes of any RESP value, for servers and tests.
---@param value any
---@return string bytes
function resp.encode_value(value) end

---Reads one whole RESP value. Code: `EFRAME`.
---@param bytes string
---@return any? value nil: the bytes are none
---@return string? kind a `sidewire.RespKind`; after nil: the message
---@return table|string|nil attributes after nil: the code
function resp.decode(bytes) end

---Says as what kind of RESP value `encode_value` encodes a Lua value.
---@param kind string "set", "map", "push", "error", "simple", "verbatim", "big" or "double"
---@param value table|string|number
---@return table marked the value itself if it is a table
function resp.as(kind, value) end

---Tells which kind of RESP value a Lua value stands for.
---@param value any
---@return string? kind a `sidewire.RespKind`; nil: none
function resp.kind(value) end

return core
