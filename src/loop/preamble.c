#include "loop/preamble.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/options.h"

static struct sw_error start(struct sw_channel *channel, struct stage_result *result) {
    struct sw_slice preamble = channel->options->preamble;
    assert(result->opening == NULL); /* it is the first stage */
    if (preamble.size == 0) return sw_error_make(SW_OK, SW_STAGE_CONNECT);
    result->opening = sw_greeting_new(preamble.size);
    if (result->opening == NULL) return sw_error_system(ENOMEM, SW_STAGE_CONNECT);
    memcpy(result->opening->bytes, preamble.data, preamble.size);
    return sw_error_make(SW_OK, SW_STAGE_CONNECT);
}

const struct stage sw_preamble_stage = {start};
