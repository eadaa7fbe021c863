/* Events as scripts see them: names, handlers, arguments and sentences.
 */
#ifndef SW_HOST_EVENT_H
#define SW_HOST_EVENT_H

#include <lua.h>

#include "base/error.h"
#include "base/retain.h"
#include "base/server.h"
#include "channel/report.h"

const char *sw_event_name(enum sw_event event);

/* The event with the name at index; an unknown one raises and lists the valid ones. */
enum sw_event sw_check_event(lua_State *L, const char *where, int index);

/* Checks a table of handlers (`on`). */
void sw_check_handlers(lua_State *L, const char *where, int index);

/* Pushes what a handler gets after the client (and what events() returns); returns how many values. The server is the
 * one the client is set to, to be named in sentences. */
int sw_push_report(lua_State *L, const struct sw_report *report, const struct sw_server *server);
int sw_push_loss(lua_State *L, struct sw_loss loss, const char *fate);

/* Pushes and returns "HOST port PORT". */
const char *sw_push_place(lua_State *L, const struct sw_server *server);

/* Pushes why a connection or attempt ended, as events say it. */
void sw_push_cause(lua_State *L, const struct sw_error *error, const struct sw_server *server);

/* Pushes nil, a sentence and the code for an error; returns 3. */
int sw_push_failure(lua_State *L, const struct sw_error *error, const struct sw_server *server);

/* The same for a code of ours, with the sentence given. */
int sw_push_refusal(lua_State *L, enum sw_err err, const char *sentence);

/* The usual ones. */
int sw_push_closed(lua_State *L, const struct sw_server *server);
int sw_push_no_memory(lua_State *L);

#endif
