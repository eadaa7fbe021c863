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

/* The same for those of pages that came back; frees these. */
void sw_pins_end(lua_State *L, struct sw_pages *completions);

#endif
