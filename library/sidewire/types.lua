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
---| "handshaking" # agrees on TLS
---| "connected" # messages go and come
---| "waiting" # until the next attempt
---| "closing" # sends the rest, and ends the connection
---| "closed" # forever

---What a client was doing when it failed.
---@alias sidewire.Stage
---| "none" # nothing yet
---| "start" # starting the background thread, or keeping it alive
---| "resolve" # looking the name up
---| "connect" # opening a socket, connecting it
---| "tls" # the TLS handshake, and what it needs
---| "send" # handing bytes to the system, or waiting for the other side to acknowledge them
---| "receive" # reading; also the end that the other side makes
---| "close" # the client ended the connection itself

---What a lost message may have become.
---@alias sidewire.Fate
---| "unsent" # it certainly did not arrive whole
---| "unknown" # it may have arrived

---How much a `log` event matters.
---@alias sidewire.LogLevel
---| "info" # connecting, connected, reconnected, when it tries again, an attempt that was given up because of a call
---| "warning" # a connection ended
---| "error" # no connection, and no further attempt

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
---| "ETLS" # TLS failed; the message says how: a certificate, a version, what the other side sent
---| "ENOTLS" # there is no TLS library that can be used; the message says what was tried
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
---@field length? sidewire.LengthWord the kind of the length
---@field offset? integer with length: bytes of a frame in front of it, 0 to 65535. Default: 0
---@field adjustment? integer with length: bytes behind it that it does not count; negative: counts too much. Default: 0
---@field keep? boolean with length: the message is the whole frame. Default: true with an offset

---false: never; true: the last policy; seconds: after always the same time; a table: a policy.
---@alias sidewire.ReconnectSpec boolean|number|sidewire.Reconnect

---When to try again. It holds for failed attempts and for lost connections.
---
---The delay before each further attempt is `factor` times the one before it, at most `max`. It begins at `delay` again
---after a connection that held 5 s, and when `connect` names another server. A connection that ended sooner counts as a
---failed attempt, so that a server which accepts and ends at once is tried more and more rarely.
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

---A URL such as "tcp://example.org:4000", "tls://example.org:443", "unix:/run/game.sock" or "unix:@name" (abstract,
---Linux), or a list of 1 to 16 URLs.
---@alias sidewire.Server string|string[]

---TLS of a client's connections. What is left out has its default.
---@class sidewire.Tls
---@field ca? string authorities to trust: the path of a PEM file, or PEM text. Default: those of the system
---@field cert? string the client's own certificate, with those between it and the authority: a path or PEM text
---@field key? string its private key, without a password: a path or PEM text
---@field server_name? string the name or address in the certificate. Default: the server's host
---@field alpn? string[] protocols in the order of preference (RFC 7301); the server must choose one
---@field min_version? "1.2"|"1.3" the oldest version of TLS. Default: "1.2"
---@field verify? boolean false: any certificate is taken, and anybody on the way can read all. Default: true
---@field pin? string|string[] "sha256//BASE64" of a public key that the server must have, in place of a trusted chain

---The options of `sidewire.core.new`.
---@class sidewire.core.Options
---A name is looked up in the background, at each attempt. `connect` and `set_server` can give it later.
---@field host? string a name or a numeric address
---@field port? integer 1 to 65535
---A URL `"tcp://example.org:4000"`, `"tls://example.org:443"`, `"unix:/run/game.sock"` or `"unix:@name"` (abstract,
---Linux; see [unix sockets](../delivery.md#unix-sockets)), or a list of 1 to 16 of them. After a failure the next one
---is tried at once; `reconnect` counts and delays rounds over all of them. A connection that lasts makes its server
---the first of the next round.
---@field server? sidewire.Server instead of host and port, one or several
---`"random"`: each client has an order of its own, so that many clients spread over the servers.
---@field order? "given"|"random" in which several servers are tried. Default: "given"
---In both directions: [Framings](framings.md) lists them, [Framing](../framing.md) says
---which fits which protocol.
---@field framing? sidewire.FramingWord|sidewire.LengthWord|sidewire.FramingTable where a message ends. Default: "line"
---A longer one ends the connection with `EFRAME`. Headers and digits in front of a message count, too. With
---`framing = "raw"` it is the size of the largest piece.
---@field max_message? integer bytes of the longest received message. Default: 64 KiB; 16 MiB with a length in front
---`true`, or a table whose fields stand [below](#fields-of-tls). A server `"tls://example.org:443"` has TLS without
---it. Chain and name are verified: see [TLS](../tls.md).
---@field tls? boolean|sidewire.Tls whether connections are encrypted, and how. Default: false
---A numeric address of this machine, or a table with `host` and `port`. Addresses of the other family are left out.
---Without a port the system chooses one when it connects, so that connections to different servers may share it. With
---a port the client can take it again at once after a connection that it has ended itself (`SO_REUSEADDR`); whether
---the system then makes the same connection again within its TIME-WAIT is up to it: Linux does on the loopback,
---elsewhere if `tcp_tw_reuse` is 1. Else the attempt fails with `EADDRNOTAVAIL` and is tried again.
---@field bind? string|sidewire.Bind the local end of the connections. Default: the system chooses it
---@field connect_timeout? number seconds for one attempt, with its name lookup. Default: 10 s
---`false`: it stays as it is. `true`: the default policy. A number: after always so many seconds. A table: a policy,
---whose fields stand [below](#fields-of-reconnect).
---@field reconnect? sidewire.ReconnectSpec what follows a failure. Default: true
---A message counts 8 bytes more than it has, framing included; an empty queue takes any that is no larger than the
---limit. A refused `send` returns `nil, message, "EFULL"`, and `drain` follows when there is room.
---@field queue_limit? integer bytes of unfinished messages above which `send` refuses. Default: 16 MiB
---The other side then feels that nobody reads. A message that has begun to come is always taken.
---@field inbox_limit? integer bytes of undelivered messages above which reading pauses. Default: 8 MiB
---Beyond it `client:read` returns `nil, message, "EFRAME"`, and consumes nothing.
---@field max_read? integer bytes of one `client:read`. Default: 16 MiB
---What a new connection sends again of what the old one did not finish: see [Delivery](../delivery.md).
---@field retain? sidewire.Retain which messages a new connection sends again. Default: "unsent"
---They go out before the greeting, without framing.
---@field preamble? string bytes that are sent as they are, first on every new connection: a PROXY protocol header
---A login, a list of subscriptions. They have the client's framing, take no ids, and no counter includes them.
---`client:set_greeting` changes them.
---@field greeting? string|string[] messages that are sent first on every new connection
---It holds for `close`, `disconnect`, `stop` and the end of the Lua state: sending the rest, over a connection that
---is still to be made if need be, and waiting for the other side's acknowledgement and end.
---@field linger? number seconds that all of an end may take, in the background. Default: 1 s
---@field nodelay? boolean TCP_NODELAY: small messages leave at once. Default: true
---The fields of the table stand [below](#fields-of-keepalive). Without traffic, a dead connection is noticed after
---idle + interval * count seconds.
---@field keepalive? false|sidewire.Keepalive TCP's own probes of an idle connection; false: none
---It ends a connection on which bytes wait to be acknowledged, and none is for so long. See
---[Delivery](../delivery.md#stall_timeout).
---@field stall_timeout? number seconds without an acknowledgement that end a connection; 0: never. Default: 30 s
---The background thread looks out for more so long after traffic of this client, and a wait of the script for what it
---waits for, instead of sleeping at once: quick answers, at the price of busy processors meanwhile. Where two sides
---take turns in less than 50 us, the background thread does so by itself.
---@field spin? integer microseconds of busy-waiting after traffic, for quick answers. Default: 0
---`on = { message = f }` is `client:on { message = f }`. `message = false` discards what comes.
---@field on? sidewire.Handlers handlers by event; see `client:on`

---Limits for the scripts of a Lua state. A rule that is not given is unlimited.
---@class sidewire.Policy
---At most 256 rules: [Embedding](../embedding.md#opening-it) says how they are written. Once there is `allow`, no
---name leads to an inside address of the machine, unless an address rule of `allow` lists it.
---@field allow? string[] the only servers that scripts may name: `"*.example.org:443"`, `"10.0.0.0/8"`, `"unix:/run/*"`
---It comes before `allow`.
---@field deny? string[] servers that scripts may not name, and addresses to which no name may lead
---For machines whose OpenSSL is in no usual place.
---@field tls_library? string the path of the TLS library. Default: the one that the process has, or the usual one
---A public key that is pinned is a proof, too.
---@field tls_verify? boolean true: `tls.verify = false` is refused. Default: false
---One counts until it is closed and its socket is gone.
---@field max_clients? integer clients at the same time. Default: no limit
---@field max_queue? integer bytes; bounds queue_limit. Default: no limit
---@field max_inbox? integer bytes; bounds inbox_limit, max_message and max_read. Default: no limit
---@field max_linger? number seconds; bounds every linger, and the timeout of `stop`. Default: no limit
---@field max_lookups? integer names looked up at a time, 1 to 16; others wait for their turn. Default: 16
---@field files? boolean false: no function opens a file. Default: true

---What `check_options` returns.
---@class sidewire.Checked
---@field host? string that was given
---@field port? integer that was given
---@field server? string[] URLs; nil if the host or the port is missing
---@field reconnect false|sidewire.Reconnect the policy, with all its defaults

-- --- events ---

---@alias sidewire.Event
---| "connect" # the connection is ready
---| "message" # a whole message came
---| "drain" # after a refused send: there is room again
---| "acked" # messages were acknowledged by the other side's TCP
---| "lost" # messages will not be sent (again)
---| "disconnect" # a connection ended
---| "retry" # an attempt failed or a connection ended: when the client tries again
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

---`info` tells of the connection; its fields stand [below](#fields-of-info). Each call of `connect` that starts
---something leads to one `connect`, `error` or `close` event, and each `connect` event to one `disconnect` or
---`close`.
---@alias sidewire.ConnectHandler
---| fun(client: sidewire.Client, info: sidewire.ConnectInfo)
---It comes without what the framing puts around it. `on = { message = false }` discards
---messages. Without a handler they wait for `client:receive`, `client:read` or `sidewire.events`.
---@alias sidewire.MessageHandler
---| fun(client: sidewire.Client, message: string)
---It comes once after a `send` that was refused with `EFULL`, when half of `queue_limit` is free, and room for the
---refused message.
---@alias sidewire.DrainHandler
---| fun(client: sidewire.Client)

---The other side's TCP has acknowledged message `id`, and all before it that were sent on the same connection. Older
---ones were acknowledged, lost or confirmed before. Only a client with such a handler gets the event. Where the system
---does not count acknowledgements, setting it raises ([Delivery](../delivery.md#on-other-systems)). That the other
---side's system has acknowledged a message does not prove that its program has read it.
---@alias sidewire.AckedHandler
---| fun(client: sidewire.Client, id: integer)

---`first` and `last` are the ids of the first and the last of them, with all between. [The fate](#fates) says what
---they may have become. It comes before the event of the end that lost them.
---@alias sidewire.LostHandler
---| fun(client: sidewire.Client, first: integer, last: integer, fate: sidewire.Fate)

---`message` says how, for people, `code` for programs ([Error codes](codes.md)): `"EPEER"` where the other side ended
---it in order, `"ECLOSED"` after `client:disconnect`. [The fields of `detail`](#fields-of-detail) say what it left
---behind, and whether the client tries again.
---@alias sidewire.DisconnectHandler
---| fun(client: sidewire.Client, message: string, code: sidewire.Code, detail: sidewire.EndDetail)

---It comes when an attempt failed or a connection ended, and the client is going to try again. `try` is the number of
---the next attempt: 2 after the first failure. It begins in `delay` seconds. `why` and `code` say what failed. With
---several causes `why` names them all, and `code` is the most telling one;
---[`detail.causes`](#fields-of-detail-of-retry) lists them.
---@alias sidewire.RetryHandler
---| fun(client: sidewire.Client, try: integer, delay: number, why: string, code: sidewire.Code, detail: sidewire.Retry)

---The client is idle until `client:connect` is called again.
---`message` and `code` as of `retry`; [`detail`](#fields-of-detail) as of `disconnect`, with `causes`. What is
---retained waits in the queue.
---@alias sidewire.ErrorHandler
---| fun(client: sidewire.Client, message: string, code: sidewire.Code, detail: sidewire.EndDetail)
---For a console or a log file: the text is for people, and may change. It comes to a client with such a handler only.
---When the inbox is full, these events are dropped. [The levels](#levels-of-log) say how much it matters.
---@alias sidewire.LogHandler
---| fun(client: sidewire.Client, level: sidewire.LogLevel, text: string)
---After `client:close`, when the socket is gone. Of what was queued only `lost` events come before it.
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
---@field tls? sidewire.TlsInfo what the TLS handshake has agreed on; nil: there was none

---What a TLS handshake has agreed on. It is empty if the inbox had no room for it.
---@class sidewire.TlsInfo
---@field version string "TLSv1.2" or "TLSv1.3"
---@field cipher string the cipher suite, as OpenSSL names it
---@field alpn? string the protocol that the server has chosen; nil: `alpn` was not given
---@field names string[] names and addresses of the server's certificate
---@field expires? integer when that certificate expires, as `os.time` counts
---@field verified boolean the server has proved who it is: by its chain and name, or by a pinned key
---@field resumed boolean by the session of an earlier connection of this client

---The seconds of an attempt: dns + tcp + stages.
---@class sidewire.Timeline
---@field dns number for the name lookup, with `turn`; 0: the address is numeric
---@field turn number of dns, in which the lookup waited for its turn
---@field tcp number from the addresses to a TCP connection, with the addresses that failed
---@field stages number from the TCP connection until the connection was ready
---@field tls? number of stages, for the TLS handshake; nil: there was none

---Why an attempt did not connect to one address.
---@class sidewire.Cause
---@field address string the numeric address
---@field port integer the server's port
---@field code sidewire.Code why, for programs
---@field message string why, for people
---@field seconds number spent on this address; 0: it was not tried, because connect_timeout was over

---What came before a further attempt.
---@class sidewire.Retry
---@field causes? sidewire.Cause[] each address of a failed attempt; empty: none was tried; nil: no room for it

---How a connection or an attempt ended.
---@class sidewire.EndDetail
---@field stage sidewire.Stage what the client was doing
---@field unsent integer messages that the system has not taken whole
---@field unacked integer messages that were handed over and not acknowledged
---@field partial? string what came of a message that did not end, as a last line without "\n"; nil: no memory for it
---@field once_lost integer of `disconnect`: messages of `send_once` that were not handed over whole
---@field merged integer earlier ends that were merged into this one, because nobody polled
---@field will_retry boolean true: the client tries again by itself, and a `retry` event follows
---@field causes? sidewire.Cause[] of an `error` event: each address of the attempt; as that of `retry`

---Counters and gauges of one moment. In messages: accepted = queued + in_flight + finished + lost.
---@class sidewire.Stats
---@field state sidewire.State as `client:state` returns it
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
