#include "base/tls_reason.h"

static const char *const words[] = {
#define ROW(name, text) [SW_TLS_REASON_##name] = (text),
    SW_TLS_REASONS(ROW)
#undef ROW
};

const char *sw_tls_reason_text(enum sw_tls_reason reason) { return words[reason]; }
