/* The preamble stage: the bytes of the option preamble go out directly after the TCP connection is made, before every
 * other stage. A proxy wants such bytes to learn for whom the connection is (the PROXY protocol). */
#ifndef SW_LOOP_PREAMBLE_H
#define SW_LOOP_PREAMBLE_H

#include "loop/stage.h"

extern const struct stage sw_preamble_stage;

#endif
