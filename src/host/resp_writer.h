/* Collects the bytes that sidewire.resp.encode and encode_value make.
 *
 * They are in the writer itself until they are too many, then in a userdata on the stack. While it grows, the collector
 * may run a finalizer, which may change the tables that are encoded, but not what is on the stack.
 */
#ifndef SW_HOST_RESP_WRITER_H
#define SW_HOST_RESP_WRITER_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "host/luacompat.h"

struct sw_resp_writer {
    lua_State *L;
    int index; /* where on the stack the userdata is; nil before */
    char *bytes;
    size_t used, room;
    char first[512];
};

/* Pushes nil, in the place of the userdata. */
void sw_resp_begin(struct sw_resp_writer *writer, lua_State *L);

/* Makes room for so many bytes more. */
void sw_resp_grow(struct sw_resp_writer *writer, size_t size);

static inline void sw_resp_add(struct sw_resp_writer *writer, const char *bytes, size_t size) {
    if (size > writer->room - writer->used) sw_resp_grow(writer, size);
    memcpy(writer->bytes + writer->used, bytes, size);
    writer->used += size;
}

/* Adds a type and a whole number. */
void sw_resp_add_head(struct sw_resp_writer *writer, char type, int64_t number);

/* Adds a type and a text without a line end. */
void sw_resp_add_line(struct sw_resp_writer *writer, char type, const char *text, size_t size);

/* Adds a type, the length of the text, and the text: first `format`, which may be empty, then the text itself. */
void sw_resp_add_bulk(struct sw_resp_writer *writer, char type, const char *format, const char *text, size_t size);

/* Pushes all bytes as a string. */
void sw_resp_push_bytes(const struct sw_resp_writer *writer);

#endif
