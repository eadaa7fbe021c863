/* sidewire.resp.encode: commands. */
#include <stddef.h>

#include "base/decimal.h"
#include "base/real.h"
#include "host/check.h"
#include "host/functions.h"
#include "host/luacompat.h"
#include "host/raise.h"
#include "host/resp.h"
#include "host/resp_writer.h"

static void add_number(struct sw_resp_writer *writer, int index) {
    if (sw_resp_is_integer(writer->L, index)) {
        char buffer[SW_DECIMAL_SIZE];
        struct sw_slice digits = sw_decimal(sw_to_integer(writer->L, index, NULL), buffer);
        sw_resp_add_bulk(writer, '$', "", digits.data, digits.size);
    } else {
        char text[SW_REAL_SIZE];
        sw_resp_add_bulk(writer, '$', "", text, sw_real_write(lua_tonumber(writer->L, index), text));
    }
}

static void add_argument(struct sw_resp_writer *writer, int index) {
    lua_State *L = writer->L;
    size_t size;
    if (!sw_is_text(L, index)) {
        const char *field = lua_pushfstring(L, "argument %d", index);
        sw_misuse(L, (struct sw_spot){"sidewire.resp.encode", field}, index, "a string or a number");
    }
    if (lua_type(L, index) == LUA_TNUMBER)
        add_number(writer, index);
    else {
        const char *text = lua_tolstring(L, index, &size);
        sw_resp_add_bulk(writer, '$', "", text, size);
    }
}

/***
 * @module sidewire.core
 */

/*** Makes a command of Redis: an array of bulk strings. Numbers become decimal text, which a script reads back as the
 * same number; whole ones have no ".0" and no exponent.
 * @function resp.encode
 * @tparam string|number ... the name of the command, and its arguments
 * @treturn string its bytes, a message for `framing = "resp"`
 * @raise misuse, not enough memory
 */
int sw_module_resp_encode(lua_State *L) {
    sw_refuse_colon(L, "sidewire.resp.encode");
    struct sw_resp_writer writer;
    int count = lua_gettop(L);
    luaL_checkstack(L, 10, "sidewire.resp.encode");
    if (count == 0) sw_raise(L, "sidewire.resp.encode: a command needs a name");
    sw_resp_begin(&writer, L);
    sw_resp_add_head(&writer, '*', count);
    for (int i = 1; i <= count; i++) add_argument(&writer, i);
    sw_resp_push_bytes(&writer);
    return 1;
}
