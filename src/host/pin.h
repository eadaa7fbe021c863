/* Strings that the loop reads where they lie.
 *
 * A large message is not copied into the send queue: its string is kept in a table of the context userdata, under a number
 * that travels with its pages, until the loop is done with it and gives the pages back. Lua never moves a string.
 */
#ifndef SW_HOST_PIN_H
#define SW_HOST_PIN_H

#include <lua.h>
#include <stddef.h>

#include "base/tunables.h"
#include "buffer/page.h"

/* Keeps the string at index; its number. Raises where there is no memory. */
int sw_pin_make(lua_State *L, int index);

/* It need be kept no more. */
void sw_pin_end(lua_State *L, int pin);

/* Pushes the table of the pinned strings. Raises where a script has damaged the calling function; so it comes before pages
 * are taken that only sw_pins_end frees. */
void sw_pins_push(lua_State *L);

/* The same as sw_pin_end for all pages that came back; frees these. Pops the table. Raises nothing. */
void sw_pins_end(lua_State *L, struct sw_pages *completions);

#endif
