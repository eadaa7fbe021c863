#include "host/context.h"

#include "host/luacompat.h"
#include "host/raise.h"

const struct sw_kind sw_client_kind = {"sidewire.client"}, sw_keeper_kind = {"sidewire.keeper"};
const struct sw_kind sw_context_kind = {"sidewire.context"};

int sw_upvalue_replaced(lua_State *L) { return sw_raise(L, "sidewire: an upvalue of this function was replaced"); }

int sw_push_context_value(lua_State *L, int value) {
    sw_context(L);
    return lua_getiuservalue(L, lua_upvalueindex(UPVALUE_CONTEXT), value);
}
