/* The greeting: messages that a client sends first on every new connection, such as a login or subscriptions.
 *
 * The host thread encodes it with its framing. It never changes and is reference-counted: the channel and the
 * connection that sends it have references, so the script can set another one at any time.
 */
#ifndef SW_CHANNEL_GREETING_H
#define SW_CHANNEL_GREETING_H

#include <stdatomic.h>
#include <stddef.h>

struct sw_greeting {
    atomic_int refs;
    size_t size;
    unsigned char bytes[];
};

/* A greeting with one reference and `size` bytes, which the caller fills. NULL: no memory. */
struct sw_greeting *sw_greeting_new(size_t size);

/* Both take NULL. */
struct sw_greeting *sw_greeting_ref(struct sw_greeting *greeting);
void sw_greeting_unref(struct sw_greeting *greeting);

#endif
