/* The tables of functions that src/sidewire.c puts into the module and into the metatables of its userdata: the
 * functions of the module, and the methods of clients. Each file of the room brings its own.
 */
#ifndef SW_HOST_FUNCTIONS_H
#define SW_HOST_FUNCTIONS_H

#include <lauxlib.h>

extern const luaL_Reg sw_client_functions[], sw_client_methods[], sw_client_metamethods[];
extern const luaL_Reg sw_command_methods[], sw_send_methods[], sw_getters_methods[];
extern const luaL_Reg sw_poll_functions[], sw_poll_methods[], sw_events_functions[];
extern const luaL_Reg sw_wait_functions[], sw_wait_methods[];
extern const luaL_Reg sw_unfinished_methods[];
extern const luaL_Reg sw_module_functions[];
extern const luaL_Reg sw_handle_metamethods[], sw_keeper_metamethods[];

#endif
