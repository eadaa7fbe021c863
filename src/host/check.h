/* Checks arguments and options. A failed check raises a Lua error that names the argument, and says what was given and
 * what is valid. So other parts need not expect values such as NaN or a negative time.
 */
#ifndef SW_HOST_CHECK_H
#define SW_HOST_CHECK_H

#include <stdbool.h>

#include "base/address.h"
#include "base/backoff.h"
#include "host/luacompat.h"

/* Names an argument in error messages. */
struct sw_spot {
    const char *where; /* the called function: "sidewire.new" */
    const char *field; /* the option or parameter; NULL: the table of options itself */
};

/* Raises "where: field must be <valid>, got <the value at index>". */
int sw_misuse(lua_State *L, struct sw_spot spot, int index, const char *valid);

/* The same with a hint behind it. */
int sw_misuse_with(lua_State *L, struct sw_spot spot, int index, const char *valid, const char *hint);

/* The same where a number is valid: says what makes one of a string such as "4000". */
int sw_misuse_number(lua_State *L, struct sw_spot spot, int index, const char *valid);

/* Raises because the value at index, the first argument of the running method, is no `object` ("client"): the method was
 * called without a colon. push_methods pushes the table of methods; what it does not have is a metamethod, and is told
 * which type it expects. */
int sw_refuse_self(lua_State *L, int index, const char *type, const char *object, void (*push_methods)(lua_State *L));

/* Pushes and returns the value at index as text for an error message; a long string is shortened. */
const char *sw_to_text(lua_State *L, int index);

/* True for a string, and for a number, which Lua converts to one. */
bool sw_is_text(lua_State *L, int index);

/* The string at index. NULL: the value is not a string, or it contains a zero byte, at which C would end it. */
const char *sw_to_word(lua_State *L, int index);

/* A number within [least, most]; `valid` says so. */
double sw_check_number(lua_State *L, struct sw_spot spot, int index, double least, double most, const char *valid);

/* Seconds within [0, 1e8]: a timeout, a linger. */
double sw_check_seconds(lua_State *L, struct sw_spot spot, int index);

/* A whole number within [least, most]; SW_SIZE_MAX as the most is no limit. `unit` is what a refusal adds to the number:
 * "", " of bytes". */
int64_t sw_check_whole(lua_State *L, struct sw_spot spot, int index, int64_t least, int64_t most, const char *unit);
int64_t sw_check_integer(lua_State *L, struct sw_spot spot, int index, int64_t least, int64_t most);

/* One of the words; which one. */
size_t sw_check_word(lua_State *L, struct sw_spot spot, int index, const char *const *words, size_t count);

bool sw_check_boolean(lua_State *L, struct sw_spot spot, int index);

/* Accepts a function, a callable table or userdata, nil, and false if may_be_false. Else raises. */
void sw_check_handler(lua_State *L, struct sw_spot spot, int index, bool may_be_false);

/* Pushes the string at index for an error message, as sw_to_text, but with *** in place of the password if it is a URL, or is
 * meant as one, that has a user. */
const char *sw_push_without_password(lua_State *L, int index);

/* is_option: it stands in a table of options, so that the message names the option to write instead. */
void sw_check_host(lua_State *L, struct sw_spot spot, int index, struct sw_endpoint *endpoint, bool is_option);
void sw_check_port(lua_State *L, struct sw_spot spot, int index, struct sw_endpoint *endpoint);

/* Pushes host and port; nil for one that is not set. */
void sw_push_endpoint(lua_State *L, const struct sw_endpoint *endpoint);

/* Reads a reconnect policy: false, true, seconds or a table. false disables and true enables *last, the present
 * policy. */
void sw_check_reconnect(lua_State *L, struct sw_spot spot, int index, const struct sw_reconnect *last,
                        struct sw_reconnect *policy);
void sw_push_reconnect(lua_State *L, const struct sw_reconnect *policy);

/* Pushes a copy of the table at index, made without metamethods. A script's table is copied before it is checked,
 * because a finalizer could change it between the check and the use. */
void sw_push_copy(lua_State *L, int index);

/* The number of fields of the table at index, without metamethods. */
size_t sw_count_fields(lua_State *L, int index);

/* Calls the parser of each option in the table at index. An unknown key raises an error that lists the valid ones; before
 * that, the parser of the entry without a name, which ends `options`, is called if there is one. It may raise an error that
 * knows what was meant; spot.field is then the key, NULL if it is no string.
 * spot.field is the option that the table belongs to; NULL: the table is the one of all options. A parser finds its
 * value on top of the stack and leaves the stack unchanged. */
struct sw_option {
    const char *name;
    void (*parse)(lua_State *L, struct sw_spot spot, void *out);
};
void sw_check_table(lua_State *L, struct sw_spot spot, int index, const struct sw_option *options, void *out);

/* A parser, and its entry, made of a row of a table of options (base/option_kinds.h): it checks the value as the row's kind
 * asks, and stores it in target->name; `target` may use `out`. */
#define SW_OPTION_PARSER(target, name, kind, least, most)                         \
    static void parse_##name(lua_State *L, struct sw_spot spot, void *out) {      \
        (target)->name = (sw_kind_##kind)(SW_CHECK_##kind(L, spot, least, most)); \
    }
#define SW_OPTION_ENTRY(name, kind, standard, least, most) {#name, parse_##name},
#define SW_OPTION_OTHER_ENTRY(name) {#name, parse_##name}, /* a row without a kind */

#define SW_CHECK_seconds(L, spot, least, most) \
    sw_check_number(L, spot, -1, least, most, "a number of seconds, " #least ".." #most)
#define SW_CHECK_factor(L, spot, least, most) sw_check_number(L, spot, -1, least, most, "a number, " #least ".." #most)
#define SW_CHECK_microseconds(L, spot, least, most) \
    (1e-6 * (double)sw_check_whole(L, spot, -1, least, most, " of microseconds"))
#define SW_CHECK_integer(L, spot, least, most) sw_check_integer(L, spot, -1, least, most)
#define SW_CHECK_size(L, spot, least, most) sw_check_integer(L, spot, -1, least, most)
#define SW_CHECK_flag(L, spot, least, most) sw_check_boolean(L, spot, -1)

#endif
