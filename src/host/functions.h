/* All functions and methods that scripts call, with the files that define them. src/sidewire.c puts them into the
 * module and into the metatables.
 */
#ifndef SW_HOST_FUNCTIONS_H
#define SW_HOST_FUNCTIONS_H

#include "host/luacompat.h"

extern const luaL_Reg sw_handle_metamethods[], sw_keeper_metamethods[]; /* handle.c */

/* --- functions of the module --- */

/* client.c */
int sw_module_new(lua_State *L);
int sw_module_check_options(lua_State *L);
/* poll.c */
int sw_module_poll(lua_State *L);
int sw_module_on_error(lua_State *L);
/* wait.c */
int sw_module_wait(lua_State *L);
/* events.c */
int sw_module_events(lua_State *L);
/* notifier.c */
int sw_module_notifier(lua_State *L);
/* module.c */
int sw_module_stop(lua_State *L);
int sw_module_is_ip(lua_State *L);
int sw_module_is_port(lua_State *L);
int sw_module_set_policy(lua_State *L);
int sw_module_lock_policy(lua_State *L);
int sw_module_check_file(lua_State *L);

/* resp_encode.c, resp_encode_value.c, resp_decode.c, resp.c */
int sw_module_resp_encode(lua_State *L);
int sw_module_resp_encode_value(lua_State *L);
int sw_module_resp_decode(lua_State *L);
int sw_module_resp_as(lua_State *L);
int sw_module_resp_kind(lua_State *L);

/* --- methods of clients --- */

/* client.c */
int sw_method_on(lua_State *L);
int sw_method_set_greeting(lua_State *L);
int sw_method_close(lua_State *L);
/* connecting.c */
int sw_method_connect(lua_State *L);
int sw_method_disconnect(lua_State *L);
int sw_method_shutdown(lua_State *L);
int sw_method_set_reconnect(lua_State *L);
int sw_method_get_reconnect(lua_State *L);
int sw_method_set_server(lua_State *L);
int sw_method_get_server(lua_State *L);
/* send.c */
int sw_method_send(lua_State *L);
int sw_method_send_once(lua_State *L);
int sw_method_write(lua_State *L);
int sw_method_confirm(lua_State *L);
/* getters.c */
int sw_method_state(lua_State *L);
int sw_method_is_connected(lua_State *L);
int sw_method_pending(lua_State *L);
int sw_method_stats(lua_State *L);
/* poll.c */
int sw_method_poll(lua_State *L);
/* wait.c */
int sw_method_wait(lua_State *L);
int sw_method_flush(lua_State *L);
/* receive.c */
int sw_method_receive(lua_State *L);
/* read.c */
int sw_method_read(lua_State *L);
/* set_framing.c */
int sw_method_set_framing(lua_State *L);
/* unfinished.c */
int sw_method_unfinished(lua_State *L);
/* client.c */
int sw_method_end_of_scope(lua_State *L);
int sw_method_set_field(lua_State *L);
int sw_method_tostring(lua_State *L);

#endif
