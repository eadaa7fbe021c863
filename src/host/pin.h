/* Pinned strings: strings of Lua that the loop reads without a copy.
 *
 * A large string is not copied into the send queue. A table of the context userdata refers to it, so Lua does not free
 * it; Lua never moves a string. Its key, a number, is stored in the page that refers to the string. The pin ends when
 * the loop has returned the page.
 */
#ifndef SW_HOST_PIN_H
#define SW_HOST_PIN_H

#include <stddef.h>

#include "base/tunables.h"
#include "buffer/page.h"
#include "host/luacompat.h"

/* Pins the string at index. Returns the pin's number. Raises if there is no memory. */
int sw_pin_make(lua_State *L, int index);

/* Ends the pin. */
void sw_pin_end(lua_State *L, int pin);

/* Pushes the table of the pinned strings. Raises where a script has damaged the calling function; so it comes before pages
 * are taken that only sw_pins_end frees. */
void sw_pins_push(lua_State *L);

/* The same as sw_pin_end for all pages that came back; frees these. Pops the table. Raises nothing. */
void sw_pins_end(lua_State *L, struct sw_pages *completions);

#endif
