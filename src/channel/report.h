/* Reports from the loop to the host about one client: one for each event except received messages. They are plain data.
 *
 * The loop thread makes a report and puts it into the client's inbox. The host thread takes it, turns it into handler
 * arguments and texts, and frees it. The field `after` gives its place among the messages. So the host can deliver
 * messages and reports together in order, or either kind alone.
 */
#ifndef SW_CHANNEL_REPORT_H
#define SW_CHANNEL_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/address.h"
#include "base/error.h"
#include "base/retain.h"
#include "channel/bad_frame.h"
#include "channel/causes.h"
#include "channel/tls_info.h"

/* All events, in the order of the reference (library/sidewire/types.lua). Two of them have no reports: messages are in
 * pages, and lost messages are in the report of the end that caused the loss. */
#define SW_EVENT_TABLE(X)       \
    X(CONNECT, "connect")       \
    X(MESSAGE, "message")       \
    X(DRAIN, "drain")           \
    X(ACKED, "acked")           \
    X(LOST, "lost")             \
    X(DISCONNECT, "disconnect") \
    X(RETRY, "retry")           \
    X(ERROR, "error")           \
    X(LOG, "log")               \
    X(CLOSE, "close")

enum sw_event {
#define SW_EVENT_ENUM(name, text) SW_EVENT_##name,
    SW_EVENT_TABLE(SW_EVENT_ENUM)
#undef SW_EVENT_ENUM
};
enum { SW_EVENTS = SW_EVENT_CLOSE + 1 };

/* The kinds of log reports. */
enum sw_log {
    SW_LOG_CONNECTING,
    SW_LOG_CONNECTED,
    SW_LOG_DISCONNECTED,
    SW_LOG_ERROR,
    SW_LOG_WILL_RETRY,
    SW_LOG_RETRYING,
    SW_LOG_RECONNECTED,
    SW_LOG_STOPPED,    /* a disconnect command has ended the attempts */
    SW_LOG_SUPERSEDED, /* a later command, or what ended that one, has replaced a connect command */
};

/* What a connection brought of a message that it did not bring to its end. */
struct sw_partial {
    size_t size; /* without a length prefix */
    unsigned char bytes[];
};

struct sw_report {
    struct sw_report *next;
    uint64_t after; /* number of messages put into the inbox before it, over the client's life */
    enum sw_event event : 4;
    enum sw_log log : 4;    /* log */
    unsigned server : 4;    /* index of the server in question among the client's */
    bool will_retry : 1;    /* disconnect */
    bool is_embedded : 1;   /* lies in the inbox: not to be freed */
    bool lacks_partial : 1; /* disconnect, connect: there was an unfinished message, or `tls`, but no room for it */
    bool lacks_causes : 1;  /* retry, error: there were causes, but no room for them */
    union {
        uint16_t port;            /* of the peer in question; its address follows */
        struct {                  /* disconnect: the host's own notes (host/ends.h) */
            bool is_told : 1;     /* receive or read has told this end, or need not */
            bool is_credited : 1; /* it was delivered, and its room in the inbox was given back */
        };
    };
    struct sw_ip address;
    union {
        uint32_t attempt;   /* connect, retry, log: 1 is the first after a success or a command */
        uint32_t once_lost; /* disconnect: messages for this connection only that were not handed over whole */
    };
    union {
        struct sw_error error; /* disconnect, error, retry, log: why */
        struct {
            uint32_t connection; /* connect: its number ... */
            float turn;          /* ... and the seconds of `dns` in which the lookup had no turn */
        };
    };
    uint32_t merged;      /* connect, disconnect, error: how many earlier ones it stands for */
    uint32_t kept_ranges; /* in `kept` */
    union {
        double seconds;  /* connect: duration of the attempt; retry, log: delay before the attempt */
        uint64_t acked;  /* acked: newest acknowledged id */
        uint64_t unsent; /* disconnect, error: number of messages that the kernel has not taken whole */
    };
    union {
        uint64_t unacked; /* disconnect, error: handed over and not acknowledged */
        uint64_t first;   /* connect: id of the first message that the connection carries */
    };
    union {
        struct {
            float dns, tcp; /* connect: the seconds of the lookup, and those until a TCP connection was made */
        };
        struct sw_causes *causes;       /* retry, error: one reference of a posted report; NULL: none */
        struct sw_bad_frame *bad_frame; /* the same, where sw_report_is_about_frame */
    };
    union {                         /* the report's own; NULL: none */
        struct sw_partial *partial; /* disconnect */
        struct sw_tls_info *tls;    /* connect */
    };
    struct sw_loss lost_unknown, lost_unsent; /* disconnect, error, close: told as `lost` events first ... */
    struct sw_report *kept; /* ... after those of earlier reports that this one stands for: see reports.h */
};

/* True: it tells of a connection that a bad frame has ended. */
static inline bool sw_report_is_about_frame(const struct sw_report *report) {
    bool has_error = report->event == SW_EVENT_DISCONNECT || report->event == SW_EVENT_RETRY ||
                     report->event == SW_EVENT_ERROR || report->event == SW_EVENT_LOG;
    return has_error && report->error.err == SW_FRAME && report->error.stage == SW_STAGE_RECEIVE;
}

/* NULL: there is none, or there was no memory for it. */
static inline struct sw_bad_frame *sw_report_bad_frame(const struct sw_report *report) {
    return sw_report_is_about_frame(report) ? report->bad_frame : NULL;
}

/* Why each address of the attempt failed. NULL: not known, or not of interest. */
static inline struct sw_causes *sw_report_causes(const struct sw_report *report) {
    bool may_have = report->event == SW_EVENT_RETRY || report->event == SW_EVENT_ERROR;
    return may_have && !sw_report_is_about_frame(report) ? report->causes : NULL;
}

/* What it counts against inbox_limit. */
static inline size_t sw_report_cost(const struct sw_report *report) {
    size_t own = 0;
    if (report->partial != NULL) own = report->event == SW_EVENT_CONNECT ? sizeof *report->tls : report->partial->size;
    return sizeof *report + own + sw_causes_size(sw_report_causes(report)) +
           (sw_report_bad_frame(report) != NULL ? sizeof *report->bad_frame : 0);
}

/* Ranges of lost messages that it tells of, those of the reports that it keeps left aside. */
static inline unsigned sw_report_own_ranges(const struct sw_report *report) {
    return (report->lost_unknown.first != 0) + (report->lost_unsent.first != 0);
}

/* The number of ranges of lost messages in the report and in its kept reports. */
static inline unsigned sw_report_ranges(const struct sw_report *report) {
    return report->kept_ranges + sw_report_own_ranges(report);
}

#endif
