#include "loop/greet.h"

#include <errno.h>
#include <string.h>

#include "channel/loop_end.h"

/* Both parts in one. NULL: no memory. */
static struct sw_greeting *join(const struct sw_greeting *a, const struct sw_greeting *b) {
    struct sw_greeting *joined = sw_greeting_new(a->size + b->size);
    if (joined == NULL) return NULL;
    memcpy(joined->bytes, a->bytes, a->size);
    memcpy(joined->bytes + a->size, b->bytes, b->size);
    return joined;
}

/* The stream sends the greeting before the first message, in the same sendmsg if possible. The greeting counts as
 * sent bytes, not as a message. If the script sets another greeting later, the next connection sends that one. */
static enum stage_status start(struct stage_run *run) {
    struct sw_greeting *greeting = sw_channel_greeting(run->channel), *before = run->opening;
    run->opening = before == NULL ? greeting : before;
    if (greeting == NULL || before == NULL) return STAGE_DONE;
    run->opening = join(before, greeting);
    sw_greeting_unref(before);
    sw_greeting_unref(greeting);
    return run->opening != NULL ? STAGE_DONE : sw_stage_fail(run, sw_error_system(ENOMEM, SW_STAGE_CONNECT));
}

const struct stage sw_greeting_stage = {start, NULL, NULL};
