/* What a client says first on every new connection, framed and ready for the wire: logins, subscriptions.
 *
 * Made by the host thread, never changed, counted: by the channel, and by the connection that is sending it, so that
 * the script may set another meanwhile.
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

/* One of `size` bytes, to be filled, with one reference; NULL: no memory. */
struct sw_greeting *sw_greeting_new(size_t size);

/* Both take NULL. */
struct sw_greeting *sw_greeting_ref(struct sw_greeting *greeting);
void sw_greeting_unref(struct sw_greeting *greeting);

#endif
