/* Every number that could also be another one, with what it trades. What a number was measured by stands in
 * docs/performance.md and docs/delivery.md. Sizes are in bytes, times in seconds, where nothing else is said.
 */
#ifndef SW_BASE_TUNABLES_H
#define SW_BASE_TUNABLES_H

/* --- pages: memory against calls of malloc and system calls --- */

enum {
    /* The largest page as allocated, header included: a multiple of what systems map memory by (4 to 64 KiB). Larger:
     * fewer pages to a sendmsg, and more that stays unused at the end of each. */
    SW_PAGE_MAX = 64 * 1024,
    /* A page that would be larger than this is one of the largest size: so no more than a quarter of it stays unused. */
    SW_PAGE_SMALL_MAX = SW_PAGE_MAX / 4 * 3,
    /* What a page is made for at least: a small message, in a block of 128 bytes. */
    SW_PAGE_SMALLEST = 84,
    /* Bytes and boundaries that cost less to copy than a page costs to keep: copied in less than a tenth of a microsecond,
     * and less than four hundredths of the largest page. */
    SW_PAGE_LITTLE = 2048,
    /* What is queued beyond this goes into pages of the largest size, which waste little of it. */
    SW_QUEUE_SMALL_MAX = 2048,
    /* The share of a limit by which free pages may exceed it: a quarter. Larger: fewer page faults of a busy client. */
    SW_POOL_SHARE = 4,
    /* Pages that are prefaulted for a queue that grows: at least a frame's worth (256 KiB), at most 1 MiB, in between an
     * eighth of what is queued; and so many at once, which takes the loop some 0.3 ms. More: fewer page faults of the host,
     * and more memory that may not be needed. */
    SW_PREFAULT_MIN = 4,
    SW_PREFAULT_MAX = 16,
    SW_PREFAULT_SHARE = 8,
    SW_PREFAULT_TURN = 8,
    /* A cache line of most processors, and how far ahead of a copy the lines of a page are asked for. */
    SW_LINE = 64,
    SW_PREFETCH = 8 * SW_LINE,
    /* Strings of this size and more are pinned instead of copied: what a pin costs, whatever its size, is what so long a
     * copy does. */
    SW_PIN_MIN = 16 * 1024,
};

/* How often the pool gives up the pages that were not needed, and closes when the client is idle. Longer: fewer page faults
 * for traffic now and then, and more memory of idle clients. */
#define SW_SWEEP 1.0

/* --- the seam: waiting for the other thread against a system call --- */

enum {
    /* Looks at a lock that is held before the thread sleeps: some microseconds, far longer than it is ever held. */
    SW_LOCK_LOOKS = 500,
    /* In nanoseconds: about what a sleeping thread's way back takes. */
    SW_LOCK_SLEEP = 50000,
    /* Reports that wait are kept each for itself up to the first number; with the second, nothing more is begun. */
    SW_REPORTS_EACH = 256,
    SW_REPORTS_MAX = 16384,
    /* Delivered bytes are told to the channel in lumps: a lock for each message would cost more than the delivery. */
    SW_CREDIT_LUMP = 64 * 1024,
};

/* --- the loop: one client's speed against the others' turn --- */

enum {
    SW_WORK_ROUNDS = 16,           /* looks at the engine's lists before sockets have their turn */
    SW_WRITE_ROUNDS = 4,           /* writes for one connection before others have their turn */
    SW_READ_ROUNDS = 4,            /* reads, likewise */
    SW_IOVECS = 64,                /* pages a sendmsg; far below IOV_MAX (1024) */
    SW_SEND_LIMIT = 1024 * 1024,   /* bytes a sendmsg */
    SW_READ_BUFFER = 256 * 1024,   /* bytes a read at most ... */
    SW_READ_MIN = 256,             /* ... and at least: less is not worth a system call */
    SW_COALESCE_AFTER = 16,        /* messages in a row that make a host one that goes on sending */
    SW_COALESCE_BYTES = 32 * 1024, /* so much is worth a sendmsg at once */
    SW_ASK_BYTES = 64 * 1024, /* not known to be acknowledged, that are worth a system call before the timer makes it */
    /* What the system takes before it has sent it (loop/ahead.h), in bytes; and, in milliseconds, over how long the rate is
     * measured, and for how long a time at that rate the limit is made. */
    SW_AHEAD_MIN = 128 * 1024,
    SW_AHEAD_MAX = 1024 * 1024,
    SW_AHEAD_MEASURED = 10,
    SW_AHEAD_CARRIED = 2,
};

/* The coalescing delay: longer makes fewer system calls, and messages later. */
#define SW_SOON 1e-4

/* How often to ask for acknowledgements when nothing else gives a reason to: soon while they come, rarely when the peer is
 * stuck. Where they make room in the queue, soon is sooner: a queue_limit of 1 MiB still allows 200 MB/s then. */
#define SW_ACK_INTERVAL 0.02
#define SW_ACK_INTERVAL_FOR_ROOM 0.005
#define SW_ACK_INTERVAL_MAX 0.5

/* So long after the last acknowledgement was seen a connection is idle, and stall_timeout is taken off: traffic now and
 * then, a message a frame, does not pay for two system calls each time. With SW_ACK_INTERVAL_MAX it must be less than the
 * shortest keepalive, idle 1 s and interval 1 s, which the stall would cut short: see sw_socket_set_stall. */
#define SW_ACK_REST 1.0

/* Turns that take longer on an average are slept through (loop/turns.h): a wake-up takes 3 to 20 us. A first turn counts as
 * one of SW_TURNS_FAR, so it takes some thirty quick ones to make them usual; the newest has the weight SW_TURNS_WEIGHT. */
#define SW_TURNS_NEAR 50e-6
#define SW_TURNS_FAR 1.0F
#define SW_TURNS_WEIGHT 0.25F

/* --- connections --- */

enum { SW_LOOKUPS_MAX = 4 /* of a process at once: each is a thread */ };

/* When other lookups of this process fill all places, look again so soon. */
#define SW_LOOKUP_RETRY 0.02

/* A connection that held so long was good: the backoff starts anew. */
#define SW_GOOD_AFTER 5.0

/* After the peer's FIN, or an error, and after each acknowledgement that comes then, so long, and two round trips, for
 * (more) acknowledgements, before anything is called lost: enough that 600 restarts of a draining server lost nothing. Longer: a reconnect waits longer. */
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
    SW_TURN = 32,         /* events of one client before the next has its turn */
    SW_DEPTH_MAX = 16,    /* polls within handlers of polls */
    SW_UNHEARD_SHARE = 4, /* so large a share of inbox_limit may reports take that nobody hears, before a poll is due */
    SW_PIECES = 16,       /* of one message that are sent from where they lie; more are joined first */
};

/* Beyond the linger, what stopping the thread waits for: what a FIN's answer may take, and a margin. */
#define SW_STOP_MARGIN 0.5

#endif
