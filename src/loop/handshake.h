/* The TLS stage: a handshake, if the server or the client's options want TLS. What comes before it in the opening, the
 * preamble, is for a proxy on the way, and goes out unencrypted. */
#ifndef SW_LOOP_HANDSHAKE_H
#define SW_LOOP_HANDSHAKE_H

#include "loop/stage.h"

extern const struct stage sw_handshake_stage;

#endif
