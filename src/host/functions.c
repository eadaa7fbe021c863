#include "host/functions.h"

#include <stddef.h>

const luaL_Reg sw_module_functions[] = {
    {"new", sw_module_new},
    {"check_options", sw_module_check_options},
    {"poll", sw_module_poll},
    {"on_error", sw_module_on_error},
    {"wait", sw_module_wait},
    {"events", sw_module_events},
    {"stop", sw_module_stop},
    {"is_ip", sw_module_is_ip},
    {"is_port", sw_module_is_port},
    {"set_policy", sw_module_set_policy},
    {"lock_policy", sw_module_lock_policy},
    {"check_file", sw_module_check_file},
    {NULL, NULL},
};

const luaL_Reg sw_client_methods[] = {
    {"on", sw_method_on},
    {"set_greeting", sw_method_set_greeting},
    {"close", sw_method_close},
    {"connect", sw_method_connect},
    {"disconnect", sw_method_disconnect},
    {"set_reconnect", sw_method_set_reconnect},
    {"get_reconnect", sw_method_get_reconnect},
    {"set_server", sw_method_set_server},
    {"get_server", sw_method_get_server},
    {"send", sw_method_send},
    {"write", sw_method_write},
    {"confirm", sw_method_confirm},
    {"state", sw_method_state},
    {"is_connected", sw_method_is_connected},
    {"pending", sw_method_pending},
    {"stats", sw_method_stats},
    {"poll", sw_method_poll},
    {"wait", sw_method_wait},
    {"flush", sw_method_flush},
    {"receive", sw_method_receive},
    {"unfinished", sw_method_unfinished},
    {NULL, NULL},
};

const luaL_Reg sw_client_metamethods[] = {
    {"__close", sw_method_end_of_scope},
    {"__tostring", sw_method_tostring},
    {NULL, NULL},
};
