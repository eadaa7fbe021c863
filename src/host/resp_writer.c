#include "host/resp_writer.h"

#include "base/decimal.h"
#include "host/raise.h"

void sw_resp_begin(struct sw_resp_writer *writer, lua_State *L) {
    lua_pushnil(L);
    writer->L = L;
    writer->index = lua_gettop(L);
    writer->bytes = writer->first;
    writer->used = 0;
    writer->room = sizeof writer->first;
}

void sw_resp_grow(struct sw_resp_writer *writer, size_t size) {
    size_t room = writer->used + size;
    if (room < size) sw_raise(writer->L, "sidewire.resp: not enough memory");
    if (room < 2 * writer->room) room = 2 * writer->room;
    char *bytes = lua_newuserdatauv(writer->L, room, 0);
    memcpy(bytes, writer->bytes, writer->used);
    lua_replace(writer->L, writer->index);
    writer->bytes = bytes;
    writer->room = room;
}

void sw_resp_add_line(struct sw_resp_writer *writer, char type, const char *text, size_t size) {
    sw_resp_add(writer, &type, 1);
    sw_resp_add(writer, text, size);
    sw_resp_add(writer, "\r\n", 2);
}

void sw_resp_add_head(struct sw_resp_writer *writer, char type, int64_t number) {
    char buffer[SW_DECIMAL_SIZE];
    struct sw_slice digits = sw_decimal(number, buffer);
    sw_resp_add_line(writer, type, digits.data, digits.size);
}

void sw_resp_add_bulk(struct sw_resp_writer *writer, char type, const char *format, const char *text, size_t size) {
    size_t format_size = strlen(format);
    sw_resp_add_head(writer, type, (int64_t)(format_size + size));
    sw_resp_add(writer, format, format_size);
    sw_resp_add(writer, text, size);
    sw_resp_add(writer, "\r\n", 2);
}

void sw_resp_push_bytes(const struct sw_resp_writer *writer) {
    lua_pushlstring(writer->L, writer->bytes, writer->used);
}
