/* The unread bytes of a client that the script reads with client:read: what was moved out of the inbox, and is not read
 * yet.
 *
 * They lie in one block, so that a search and a push need one piece of memory, and reading moves just the start. The
 * block is freed when it is empty. In the client's count of messages, all unread bytes together are one message that is
 * not consumed; so poll, events() and receive see them as the rest of a chunk.
 *
 * After client:set_framing, the bytes are decoded here, in place.
 */
#ifndef SW_HOST_UNREAD_H
#define SW_HOST_UNREAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/framing.h"
#include "codec/codec.h"
#include "host/context.h"

/* What client:set_framing has set for one connection. All offsets count from the first unread byte. */
struct sw_framed {
    struct sw_framing framing;
    struct sw_decoder decoder;
    size_t scanned;        /* bytes that were decoded */
    size_t payload;        /* where the message's bytes begin ... */
    size_t size;           /* ... and how many there are so far, or all if is_whole */
    bool is_whole;         /* the message is complete, and ends at `scanned` */
    struct sw_fault fault; /* why the last decoding has failed */
    bool is_bad;           /* the framing was broken: what else the connection has brought is dropped */
    uint32_t connection;   /* its number; 0: it had ended when the framing was set */
    uint32_t seen;         /* client->seen when the framing was set: the script knows of no other connection */
};

struct sw_unread {
    unsigned char *bytes;
    size_t capacity, start, end; /* of `bytes`; unread are those from start to end */
    bool is_short;               /* the last read or receive has found too little: only more is of interest */

    /* So many bytes do not contain the delimiter, for which the last read has searched. */
    size_t searched;
    uint8_t delimiter_size;
    unsigned char delimiter[SW_DELIMITER_MAX];

    struct sw_framed *framed; /* NULL: the bytes are raw */
};

static inline size_t sw_unread_size(const struct sw_unread *unread) { return unread->end - unread->start; }

static inline bool sw_client_has_unread(const struct client *client) {
    return client->unread != NULL && client->unread->end > client->unread->start;
}

/* The framing that receive decodes and send uses. NULL: that of the options. */
static inline struct sw_framed *sw_client_framed(const struct client *client) {
    return client->unread != NULL ? client->unread->framed : NULL;
}

/* What send frames by: what set_framing has set, until the script knows that that connection has ended. */
static inline const struct sw_framed *sw_client_framed_for_send(const struct client *client) {
    const struct sw_framed *framed = sw_client_framed(client);
    return framed != NULL && framed->seen == client->seen ? framed : NULL;
}

/* Gives the client its unread bytes, none. False: no memory. */
bool sw_unread_make(struct client *client);

/* Room for `size` bytes behind the unread ones, which the caller fills before it adds `size` to `end`. NULL: no
 * memory. */
unsigned char *sw_unread_reserve(struct sw_unread *unread, size_t size);

/* Removes bytes from the start, of which there are more. */
static inline void sw_unread_pass_some(struct sw_unread *unread, size_t size) {
    unread->start += size;
    unread->searched = unread->searched > size ? unread->searched - size : 0;
}

/* Removes bytes from the start, perhaps all. */
void sw_unread_pass(struct sw_unread *unread, size_t size);

/* Searches for the delimiter. True: it begins at *at, counted from the first unread byte. */
bool sw_unread_find(struct sw_unread *unread, const unsigned char *delimiter, size_t size, size_t *at);

/* Sets a copy of the framing, for all bytes from the first unread one. NULL ends it. False: no memory. */
bool sw_unread_set_framing(struct sw_unread *unread, const struct sw_framing *framing);

/* Decodes up to the end of a message. SW_FRAME_WHOLE: it is `size` bytes from `payload` of unread->framed, and to pass
 * it is to pass `scanned` bytes. SW_FRAME_PART: its end has not come. */
enum sw_frame_status sw_unread_decode(struct sw_unread *unread);

/* Begins with the next message, after the bytes of the last one were passed. */
void sw_unread_next_frame(struct sw_framed *framed);

/* Frees the client's unread bytes. */
void sw_unread_free(struct client *client);

#endif
