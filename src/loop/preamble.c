#include "loop/preamble.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/options.h"

static enum stage_status start(struct stage_run *run) {
    struct sw_slice preamble = run->channel->options->preamble;
    assert(run->opening == NULL); /* it is the first stage */
    if (preamble.size == 0) return STAGE_DONE;
    run->opening = sw_greeting_new(preamble.size);
    if (run->opening == NULL) return sw_stage_fail(run, sw_error_system(ENOMEM, SW_STAGE_CONNECT));
    memcpy(run->opening->bytes, preamble.data, preamble.size);
    return STAGE_DONE;
}

const struct stage sw_preamble_stage = {start, NULL, NULL};
