/* Names that other libraries have for what has another name here, or what does not exist here. A script that uses one
 * is told what to write; for any other unknown name, errors list the valid ones.
 */
#ifndef SW_HOST_FOREIGN_H
#define SW_HOST_FOREIGN_H

#include "host/luacompat.h"

/* What to write instead of an unknown option of sidewire.new, or an unknown field of its option tls. NULL, also for
 * NULL: it is no name that is known elsewhere. */
const char *sw_foreign_option(const char *name);
const char *sw_foreign_tls_field(const char *name);

/* The `__index` of the module's table and of the table of a client's methods, for names that these do not have: raises
 * for a name of LuaSocket and the like, or gives nil, so that a script can ask whether a method exists. */
int sw_foreign_function(lua_State *L);
int sw_foreign_method(lua_State *L);

/* The `__concat` of a client: raises. */
int sw_foreign_concat(lua_State *L);

#endif
