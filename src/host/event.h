/* Turns events and errors into what scripts see: names, handler arguments, and sentences.
 */
#ifndef SW_HOST_EVENT_H
#define SW_HOST_EVENT_H

#include "base/error.h"
#include "base/retain.h"
#include "base/server.h"
#include "base/tls_settings.h"
#include "channel/report.h"
#include "channel/tls_info.h"
#include "host/bad_frame.h"
#include "host/causes.h"
#include "host/luacompat.h"

const char *sw_event_name(enum sw_event event);

/* The name of the event that a field of another name means: "message" for "on_message", "onMessage" or "message". NULL:
 * none. */
const char *sw_event_meant(const char *field);

/* The event whose name is at index. Raises for an unknown name, and lists the valid ones. */
enum sw_event sw_check_event(lua_State *L, const char *where, int index);

/* Checks the handler at index, which is for this event. */
void sw_check_event_handler(lua_State *L, const char *where, enum sw_event event, int index);

/* Checks the table of handlers at index (the option `on`). */
void sw_check_handlers(lua_State *L, const char *where, int index);

/* What a report knows besides its own fields: of an end, why; of a connection, what its handshake has agreed on. */
struct sw_end_copy {
    struct sw_causes_copy causes;
    struct sw_bad_frame_copy frame;
    const struct sw_tls_values *wanted; /* the client's option tls */
    bool has_tls;
    struct sw_tls_info tls; /* has_tls */
};

/* Pushes the handler arguments that follow the client; events() returns the same values. Returns their number. The
 * server is the client's, which sentences name; `end` is what the report knows of the
 * end that it tells of. For a disconnect or error report, the
 * message that the connection did not bring to its end is on top, and is popped. */
int sw_push_report(lua_State *L, const struct sw_report *report, const struct sw_end_copy *end,
                   const struct sw_server *server);
int sw_push_loss(lua_State *L, struct sw_loss loss, const char *fate);

/* Pushes and returns "HOST port PORT". */
const char *sw_push_place(lua_State *L, const struct sw_server *server);

/* Pushes the sentence for an error, as events have it: why a connection or attempt ended. */
void sw_push_cause(lua_State *L, const struct sw_error *error, const struct sw_end_copy *end,
                   const struct sw_server *server);

/* Pushes "; next attempt in 0.1 s": whole seconds, or tenths for the last ten seconds. Rounds up, so that no attempt
 * comes "in 0 s". */
void sw_push_next_attempt(lua_State *L, double seconds);

/* Pushes nil, a sentence and the code for an error; returns 3. */
int sw_push_failure(lua_State *L, const struct sw_error *error, const struct sw_server *server);

/* The same for a connection whose bytes the host cannot decode. */
int sw_push_frame_failure(lua_State *L, const struct sw_bad_frame_copy *frame, const struct sw_server *server);

/* Does the same for a code of sidewire, with the caller's sentence. */
int sw_push_refusal(lua_State *L, enum sw_err err, const char *sentence);

/* Pushes nil, "WHAT: " with the text of the errno, and its code; returns 3. */
int sw_push_system_failure(lua_State *L, const char *what, int sys);

/* Pushes nil, the sentence and "ENOTCONN"; returns 3. */
int sw_push_not_connected(lua_State *L, const char *sentence);

/* The same for a closed client, and for ENOMEM. */
int sw_push_closed(lua_State *L, const struct sw_server *server);
int sw_push_no_memory(lua_State *L);

#endif
