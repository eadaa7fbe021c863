---@meta _
-- What the functions of sidewire take and give, for editors; see ../sidewire.lua.
--
-- A field's text gives the unit and, after "Default:", what holds without it.

-- --- words ---

---What a client does at one moment.
---@alias sidewire.State
---| "idle" # nothing, until `connect`
---| "resolving" # looks the name up
---| "connecting" # makes a TCP connection
---| "connected"
---| "waiting" # until the next attempt
---| "closing" # sends the rest, and ends the connection
---| "closed" # forever

---What a client was doing when it failed.
---@alias sidewire.Stage
---| "none"
---| "start" # starting the background thread, or keeping it alive
---| "resolve" # looking the name up
---| "connect" # opening a socket, connecting it
---| "send"
---| "receive"
---| "close" # the client ended the connection itself

---What a lost message may have become.
---@alias sidewire.Fate
---| "unsent" # it certainly did not arrive whole
---| "unknown" # it may have arrived

---@alias sidewire.LogLevel "info"|"warning"|"error"

---Why a call failed, or a connection ended.
---@alias sidewire.Code sidewire.OwnCode|sidewire.SystemCode

---The codes that sidewire defines.
---@alias sidewire.OwnCode
---| "ESYSTEM" # a system error without a name here; the message has its number
---| "EFULL" # the queue is full, a `drain` event follows; of a wait: the inbox is full, poll first
---| "ETOOBIG" # the message is too large for queue_limit, or for the length in front of it
---| "ECLOSED" # the client or the Lua state is closed, or nothing can come any more
---| "EFORKED" # the client belongs to the parent process
---| "ENOTFOUND" # the host name does not exist, or has no address
---| "EAI_AGAIN" # the name service does not answer, or fails
---| "EFRAME" # the framing cannot carry the message; received: it does not allow it, or it is longer than max_message
---| "ESELF" # the client connected to itself
---| "EPEER" # the other side ended the connection
---| "EPOLICY" # the host's policy does not allow it
---| "ESETTINGS" # the settings file has an error; the message names the line

---Names of errno(3).
---@alias sidewire.SystemCode
---| "E2BIG" | "EACCES" | "EADDRINUSE" | "EADDRNOTAVAIL" | "EAFNOSUPPORT" | "EAGAIN" | "EALREADY" | "EBADF"
---| "EBADMSG" | "EBUSY" | "ECANCELED" | "ECHILD" | "ECONNABORTED" | "ECONNREFUSED" | "ECONNRESET" | "EDEADLK"
---| "EDESTADDRREQ" | "EDOM" | "EDQUOT" | "EEXIST" | "EFAULT" | "EFBIG" | "EHOSTUNREACH" | "EIDRM" | "EILSEQ"
---| "EINPROGRESS" | "EINTR" | "EINVAL" | "EIO" | "EISCONN" | "EISDIR" | "ELOOP" | "EMFILE" | "EMLINK" | "EMSGSIZE"
---| "ENAMETOOLONG" | "ENETDOWN" | "ENETRESET" | "ENETUNREACH" | "ENFILE" | "ENOBUFS" | "ENODEV" | "ENOENT"
---| "ENOEXEC" | "ENOLCK" | "ENOMEM" | "ENOMSG" | "ENOPROTOOPT" | "ENOSPC" | "ENOSYS" | "ENOTCONN" | "ENOTDIR"
---| "ENOTEMPTY" | "ENOTSOCK" | "ENOTTY" | "ENXIO" | "EOPNOTSUPP" | "ENOTSUP" | "EOVERFLOW" | "EPERM" | "EPIPE"
---| "EPROTO" | "EPROTONOSUPPORT" | "EPROTOTYPE" | "ERANGE" | "EROFS" | "ESPIPE" | "ESRCH" | "ESTALE" | "ETIMEDOUT"
---| "ETXTBSY" | "EWOULDBLOCK" | "EXDEV" | "ECOMM" | "EHOSTDOWN" | "EMULTIHOP" | "ENODATA" | "ENOLINK" | "ENONET"
---| "ENOTRECOVERABLE" | "EOWNERDEAD" | "EPFNOSUPPORT" | "EREMOTEIO" | "ERFKILL" | "ESHUTDOWN" | "ESOCKTNOSUPPORT"
---| "ETIME" | "ETOOMANYREFS" | "EUSERS"

-- --- options ---

---Which messages a new connection sends again.
---@alias sidewire.Retain
---| "none" # no message
---| "unsent" # those that the system has not taken whole
---| "unacked" # those that the other side's TCP has not acknowledged whole
---| "unconfirmed" # those that the script has not confirmed by `client:confirm`

---How message boundaries are marked in the stream, in both directions.
---@alias sidewire.FramingWord
---| "line" # "\n" ends a message; a received "\r\n" too
---| "raw" # no boundaries: what comes at once is a message
---| "netstring" # "5:hello,"
---| "content-length" # headers, one of them Content-Length, and an empty line in front (LSP, DAP)
---| "resp" # one value of Redis' protocol, RESP2 or RESP3; the message is all its bytes

---What `client:read` reads, as `file:read`: a number of bytes; "l": a line; "L": a line with its end; "a": all, to the
---end of the connection; a table: up to a delimiter, without it.
---@alias sidewire.What integer|"l"|"L"|"a"|"*l"|"*L"|"*a"|sidewire.Delimited

---@class sidewire.Delimited
---@field delimiter string 1 to 32 bytes

---The length in front of a message, in binary.
---@alias sidewire.LengthWord
---| "u8" # 1 byte
---| "u16be" # 2 bytes, big-endian
---| "u16le" # 2 bytes, little-endian
---| "u24be" # 3 bytes, big-endian
---| "u24le" # 3 bytes, little-endian
---| "u32be" # 4 bytes, big-endian
---| "u32le" # 4 bytes, little-endian
---| "u64be" # 8 bytes, big-endian
---| "u64le" # 8 bytes, little-endian
---| "varint" # 1 to 10 bytes, 7 bits in each, the lowest first (LEB128)

---A framing with parameters: exactly one of delimiter, fixed and length.
---@class sidewire.FramingTable
---@field delimiter? string 1 to 32 bytes that end a message
---@field fixed? integer bytes of every message, 1 to 2^30
---@field length? sidewire.LengthWord
---@field offset? integer with length: bytes of a frame in front of it, 0 to 65535. Default: 0
---@field adjustment? integer with length: bytes behind it that it does not count; negative: counts too much. Default: 0
---@field keep? boolean with length: the message is the whole frame. Default: true with an offset

---false: never; true: the last policy; seconds: after always the same time; a table: a policy.
---@alias sidewire.ReconnectSpec boolean|number|sidewire.Reconnect

---When to try again. It holds for failed attempts and for lost connections.
---@class sidewire.Reconnect
---@field delay? number seconds before the second attempt. Default: 0.1 s
---@field max? number seconds of the longest delay, before jitter. Default: 10 s
---@field factor? number growth of the delay with each failure. Default: 2
---@field jitter? boolean changes each delay at random by -25 to +50 %. Default: true
---@field attempts? integer failed rounds in a row (an attempt at each server) after which to give up. Default: no limit

---TCP's own probes of a connection without traffic.
---@class sidewire.Keepalive
---@field idle? integer seconds without traffic before the first probe. Default: 15
---@field interval? integer seconds between two probes. Default: 5
---@field count? integer unanswered probes after which the connection ends. Default: 3

---The local end of a connection.
---@class sidewire.Bind
---@field host? string a numeric address of this machine; addresses of the server of the other family are left out
---@field port? integer 1 to 65535

---A URL such as "tcp://example.org:4000", "unix:/run/game.sock" or "unix:@name" (abstract, Linux), or a list of 1 to
---16 URLs.
---@alias sidewire.Server string|string[]

---The options of `sidewire.core.new`.
---@class sidewire.core.Options
---@field host? string a name or a numeric address
---@field port? integer 1 to 65535
---@field server? sidewire.Server instead of host and port
---@field order? "given"|"random" in which several servers are tried. Default: "given"
---@field framing? sidewire.FramingWord|sidewire.LengthWord|sidewire.FramingTable Default: "line"
---@field max_message? integer bytes of the longest received message. Default: 64 KiB; 16 MiB with a length in front
---@field bind? string|sidewire.Bind the local end of the connections. Default: the system chooses it
---@field connect_timeout? number seconds for one attempt, with its name lookup. Default: 10 s
---@field reconnect? sidewire.ReconnectSpec what follows a failure. Default: true
---@field queue_limit? integer bytes of unfinished messages above which `send` refuses. Default: 16 MiB
---@field inbox_limit? integer bytes of undelivered messages above which reading pauses. Default: 8 MiB
---@field max_read? integer bytes of one `client:read`. Default: 16 MiB
---@field retain? sidewire.Retain Default: "unsent"
---@field preamble? string bytes that are sent as they are, first on every new connection: a PROXY protocol header
---@field greeting? string|string[] messages that are sent first on every new connection
---@field linger? number seconds that all of an end may take, in the background. Default: 1 s
---@field nodelay? boolean TCP_NODELAY: small messages leave at once. Default: true
---@field keepalive? false|sidewire.Keepalive false: no probes
---@field stall_timeout? number seconds without an acknowledgement that end a connection; 0: never. Default: 30 s
---@field spin? integer microseconds of busy-waiting after traffic, for quick answers. Default: 0
---@field on? sidewire.Handlers handlers by event; see `client:on`

---Limits for the scripts of a Lua state. A rule that is not given is unlimited.
---@class sidewire.Policy
---@field allow? string[] the only servers that scripts may name: "*.example.org:443", "10.0.0.0/8", "unix:/run/game/*"
---@field deny? string[] servers that scripts may not name, and addresses to which no name may lead
---@field max_clients? integer clients at the same time. Default: no limit
---@field max_queue? integer bytes; bounds queue_limit. Default: no limit
---@field max_inbox? integer bytes; bounds inbox_limit and max_message. Default: no limit
---@field max_linger? number seconds; bounds every linger, and the timeout of `stop`. Default: no limit
---@field max_lookups? integer names looked up at a time, 1 to 16; others wait for their turn. Default: 16
---@field files? boolean false: no function opens a file. Default: true

---What `check_options` returns.
---@class sidewire.Checked
---@field host? string
---@field port? integer
---@field server? string[] URLs; nil if the host or the port is missing
---@field reconnect false|sidewire.Reconnect

-- --- events ---

---@alias sidewire.Event
---| "connect" # the connection is ready
---| "message" # a whole message came
---| "drain" # after a refused send: there is room again
---| "acked" # messages were acknowledged by the other side's TCP
---| "lost" # messages will not be sent (again)
---| "disconnect" # a connection ended
---| "retry" # before each further attempt
---| "error" # no connection, and no further attempt
---| "log" # what the thread does, in words
---| "close" # the last event ever

---Handlers by event. `message = false` discards messages.
---@class sidewire.Handlers
---@field connect? sidewire.ConnectHandler
---@field message? sidewire.MessageHandler|false
---@field drain? sidewire.DrainHandler
---@field acked? sidewire.AckedHandler
---@field lost? sidewire.LostHandler
---@field disconnect? sidewire.DisconnectHandler
---@field retry? sidewire.RetryHandler
---@field error? sidewire.ErrorHandler
---@field log? sidewire.LogHandler
---@field close? sidewire.CloseHandler

---@alias sidewire.ConnectHandler
---| fun(client: sidewire.Client, info: sidewire.ConnectInfo)
---@alias sidewire.MessageHandler
---| fun(client: sidewire.Client, message: string)
---@alias sidewire.DrainHandler
---| fun(client: sidewire.Client)

---Each message up to this id is acknowledged, or no longer open: lost or confirmed.
---@alias sidewire.AckedHandler
---| fun(client: sidewire.Client, id: integer)

---The messages from the first to the last id will not be sent (again).
---@alias sidewire.LostHandler
---| fun(client: sidewire.Client, first: integer, last: integer, fate: sidewire.Fate)

---@alias sidewire.DisconnectHandler
---| fun(client: sidewire.Client, message: string, code: sidewire.Code, detail: sidewire.EndDetail)

---The number of the further attempt; the seconds until then; why the last attempt or connection ended.
---@alias sidewire.RetryHandler
---| fun(client: sidewire.Client, try: integer, delay: number, why: string, code: sidewire.Code, detail: sidewire.Retry)

---@alias sidewire.ErrorHandler
---| fun(client: sidewire.Client, message: string, code: sidewire.Code, detail: sidewire.EndDetail)
---@alias sidewire.LogHandler
---| fun(client: sidewire.Client, level: sidewire.LogLevel, text: string)
---@alias sidewire.CloseHandler
---| fun(client: sidewire.Client)

---The new connection.
---@class sidewire.ConnectInfo
---@field address? string the numeric address; nil: a unix socket
---@field port? integer nil: a unix socket
---@field attempt integer the number of this attempt: 1 is the first
---@field seconds number that the attempt took
---@field timeline sidewire.Timeline what the seconds were spent on
---@field first integer the id of the first message that it carries
---@field merged integer earlier connections whose events were merged into this one, because nobody polled

---The seconds of an attempt: dns + tcp + stages.
---@class sidewire.Timeline
---@field dns number for the name lookup, with `turn`; 0: the address is numeric
---@field turn number of dns, in which the lookup waited for its turn
---@field tcp number from the addresses to a TCP connection, with the addresses that failed
---@field stages number from the TCP connection until the connection was ready

---Why an attempt did not connect to one address.
---@class sidewire.Cause
---@field address string the numeric address
---@field port integer
---@field code sidewire.Code
---@field message string
---@field seconds number spent on this address; 0: it was not tried, because connect_timeout was over

---What came before a further attempt.
---@class sidewire.Retry
---@field causes? sidewire.Cause[] each address of a failed attempt; empty: none was tried; nil: no room for it

---How a connection or an attempt ended.
---@class sidewire.EndDetail
---@field stage sidewire.Stage
---@field unsent integer messages that the system has not taken whole
---@field unacked integer messages that were handed over and not acknowledged
---@field partial? string the beginning of a message that did not come whole; nil: there was no memory for it
---@field once_lost integer messages of `send_once` that were not handed over whole
---@field merged integer earlier ends that were merged into this one, because nobody polled
---@field will_retry boolean
---@field causes? sidewire.Cause[] of an `error` event, as in `sidewire.Retry`

---Counters and gauges of one moment. In messages: accepted = queued + in_flight + finished + lost.
---@class sidewire.Stats
---@field state sidewire.State
---@field accepted integer messages that `send` and `write` took
---@field queued integer messages that are not handed over to the system whole
---@field in_flight integer messages that are handed over and not finished
---@field finished integer messages that are acknowledged; with retain = "unconfirmed": confirmed
---@field lost integer messages: lost_unsent + lost_unknown
---@field lost_unsent integer messages that certainly did not arrive whole
---@field lost_unknown integer messages that may have arrived
---@field once integer messages of `send_once`, which are in none of these groups
---@field queue_bytes integer bytes that count against queue_limit
---@field inbox_bytes integer bytes that count against inbox_limit
---@field sent_bytes integer bytes that the system has taken
---@field received_bytes integer bytes that came in, framing included
---@field received integer messages that were delivered
---@field connects integer connections
---@field failures integer failures in a row
---@field paused boolean true: reading waits until events are delivered
