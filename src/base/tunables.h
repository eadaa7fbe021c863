/* The numbers that can be tuned, each with what a larger or smaller value costs. The measurements behind them are in
 * docs/performance.md and docs/delivery.md. Sizes are in bytes and times in seconds, unless the comment says otherwise.
 */
#ifndef SW_BASE_TUNABLES_H
#define SW_BASE_TUNABLES_H

/* --- pages: less memory, or fewer calls of malloc and sendmsg --- */

enum {
    /* The largest page, with its header. It is a multiple of the system's memory page (4 to 64 KiB). Larger: fewer
     * pages in a sendmsg, but more unused bytes at the end of each page. */
    SW_PAGE_MAX = 64 * 1024,
    /* A page that needs more than this is made SW_PAGE_MAX large. So at most a quarter of such a page stays unused. */
    SW_PAGE_SMALL_MAX = SW_PAGE_MAX / 4 * 3,
    /* Message bytes and boundaries that the smallest page holds: with its header, the page takes 128 bytes. */
    SW_PAGE_SMALLEST = 84,
    /* A page with at most this many bytes and boundaries is copied into another one, because the copy (less than 0.1
     * us) costs less than another page. It is less than 4 % of the largest page. */
    SW_PAGE_LITTLE = 2048,
    /* If more than this is queued, new pages are SW_PAGE_MAX large: the queue is then likely to fill them. */
    SW_QUEUE_SMALL_MAX = 2048,
    /* Free pages of a client and its queue together may exceed the limit by 1 / SW_POOL_SHARE of it. A smaller number
     * allows more free pages: fewer page faults of a busy client, but more memory. */
    SW_POOL_SHARE = 4,
    /* Pages that the loop prefaults for a growing queue: 1 / SW_PREFAULT_SHARE of the pages queued, but at least
     * SW_PREFAULT_MIN (256 KiB) and at most SW_PREFAULT_MAX (1 MiB). It makes at most SW_PREFAULT_TURN at once, which
     * takes about 0.3 ms. More: fewer page faults of the host, but more memory that may stay unused. */
    SW_PREFAULT_MIN = 4,
    SW_PREFAULT_MAX = 16,
    SW_PREFAULT_SHARE = 8,
    SW_PREFAULT_TURN = 8,
    /* The cache line of most processors, and how far ahead of a copy the lines of the target page are prefetched. */
    SW_LINE = 64,
    SW_PREFETCH = 8 * SW_LINE,
    /* Strings of at least this size are pinned, not copied. A pin costs the same for every size, as much as a copy of
     * this size. */
    SW_PIN_MIN = 16 * 1024,
};

/* How often the loop frees the pool's unused pages, and closes the pools of idle clients. Longer: fewer page faults
 * with occasional traffic, but more memory of idle clients. */
#define SW_SWEEP 1.0

/* How long handshakes of TLS, of which a step takes up to a millisecond, may keep the loop from traffic that has become
 * ready meanwhile. Longer: more handshakes a second among busy connections, but later answers on these. */
#define SW_JOBS_BUDGET 0.0005

/* --- between the threads --- */

enum {
    /* How often a thread tests a held lock before it sleeps. This takes some microseconds, far longer than a running
     * thread holds the lock. */
    SW_LOCK_SPINS = 500,
    /* Nanoseconds of that sleep: about as long as it takes to wake a thread. */
    SW_LOCK_SLEEP = 50000,
    /* From SW_REPORTS_UNMERGED waiting reports on, further ones are merged (channel/reports.h). With SW_REPORTS_MAX,
     * the client starts no attempt until the host has taken some. */
    SW_REPORTS_UNMERGED = 256,
    SW_REPORTS_MAX = 16384,
    /* The host reports delivered bytes to the channel in batches of this size, because to take the lock for each
     * message would cost more than the delivery. */
    SW_CREDIT_BATCH = 64 * 1024,
};

/* --- the loop: larger numbers serve one client faster, but let the others wait longer --- */

enum {
    SW_WORK_ROUNDS = 16,           /* rounds over the engine's lists before the loop serves the sockets */
    SW_WRITE_ROUNDS = 4,           /* writes to one connection before the loop serves others */
    SW_READ_ROUNDS = 4,            /* reads from one connection before the loop serves others */
    SW_IOVECS = 64,                /* pieces of memory in a sendmsg; far below IOV_MAX (1024) */
    SW_SEND_LIMIT = 1024 * 1024,   /* bytes in a sendmsg, at most */
    SW_READ_BUFFER = 256 * 1024,   /* bytes in a read, at most */
    SW_READ_MIN = 256,             /* bytes asked for in a read, at least: fewer are not worth a system call */
    SW_COALESCE_AFTER = 16,        /* consecutive messages after which the loop expects more and coalesces them */
    SW_COALESCE_BYTES = 32 * 1024, /* this many waiting bytes are sent without delay */
    SW_ASK_BYTES = 64 * 1024,      /* with this many bytes sent, the loop asks for acknowledgements before its timer */
    /* How many bytes the system's send buffer may hold (loop/ahead.h): what the connection sends in SW_AHEAD_CARRIED
     * milliseconds, within MIN..MAX bytes. Its rate is measured over SW_AHEAD_MEASURED milliseconds. */
    SW_AHEAD_MIN = 128 * 1024,
    SW_AHEAD_MAX = 1024 * 1024,
    SW_AHEAD_MEASURED = 10,
    SW_AHEAD_CARRIED = 2,
};

/* The coalescing delay. Longer: fewer system calls, but later messages. */
#define SW_SOON 1e-4

/* How often the loop asks the system for acknowledgements: SW_ACK_INTERVAL while they arrive, and ever less often, down
 * to SW_ACK_INTERVAL_MAX, while the peer does not acknowledge. Where acknowledgements make room in the queue, the
 * shorter interval applies: with it, a queue_limit of 1 MiB still allows 200 MB/s. */
#define SW_ACK_INTERVAL 0.02
#define SW_ACK_INTERVAL_FOR_ROOM 0.005
#define SW_ACK_INTERVAL_MAX 0.5

/* The loop sleeps between turns (loop/turns.h) if they take longer than SW_TURNS_NEAR on average, because a wake-up
 * takes 3 to 20 us. The average starts at SW_TURNS_FAR, so about thirty quick turns keep the loop awake;
 * SW_TURNS_WEIGHT is the weight of the newest turn. */
#define SW_TURNS_NEAR 50e-6
#define SW_TURNS_FAR 1.0F
#define SW_TURNS_WEIGHT 0.25F

/* --- connections --- */

/* Name lookups of a process at once, and of one engine: each has a thread (loop/lookups.h). */
enum { SW_LOOKUPS_MAX = 32, SW_LOOKUPS_OF_ENGINE_MAX = SW_LOOKUPS_MAX / 2 };

/* Seconds from one address of a name to the next (RFC 8305, 8: the Connection Attempt Delay). */
#define SW_RACE_DELAY 0.25

/* Seconds after which a unix socket whose backlog is full is connected to again: no event tells when it has room. Less:
 * a shorter wait for the connection, at some microseconds of the loop each time. */
#define SW_BACKLOG_RETRY 0.02

/* Seconds after which a client that waits for its turn looks again, to show whether it still waits. Less: more work with
 * thousands of such clients. */
#define SW_TURN_CHECK 1.0

/* After a connection that lasted this long, the reconnect delay starts again at its first value. */
#define SW_GOOD_AFTER 5.0

/* After the peer's FIN, or an error, and after each acknowledgement that comes then, so long, and two round trips, for
 * further acknowledgements, before anything is called lost: enough that 600 restarts of a draining server lost nothing.
 * Longer: a reconnect waits longer. */
#define SW_ACK_WAIT 0.2

/* How often acknowledgements are asked for while a connection ends, at first and later: there is no event for them. Less:
 * the end is seen sooner, at a system call each time. */
#define SW_DRAIN_STEP 0.005
#define SW_DRAIN_STEP_MAX 0.05

/* When nobody is left to hear of it, so long for the peer's own end after it has acknowledged everything. Longer: a script
 * takes longer to end, and fewer peers that still work are reset. */
#define SW_UNHEARD_END 0.2

/* While a client ends without a connection: the delay before the first further attempt, which doubles with each, and the
 * longest. Longer: fewer attempts within the linger. */
#define SW_LAST_DELAY 0.1
#define SW_LAST_DELAY_MAX 1.0

/* --- the host --- */

enum {
    SW_EVENTS_PER_TURN = 32, /* events of one client that poll delivers before it serves the next client */
    SW_POLL_DEPTH_MAX = 16,  /* nested calls of poll, each in a handler that the outer one runs */
    SW_FRAMES_MAX = 1000,   /* frames of a call stack that are searched for functions: lua_getstack goes through all the
                           * frames above the one it gets, so that 190,000 frames would take two minutes */
    SW_UNHANDLED_SHARE = 4, /* reports without a handler end a wait when they fill inbox_limit / SW_UNHANDLED_SHARE */
    SW_PIECES_MAX = 16,     /* pieces of one message that send takes as they are; more are concatenated first */
};

/* How long stop waits for the loop thread beyond the longest linger: for the peer's FIN, with a margin. */
#define SW_STOP_MARGIN 0.5

#endif
