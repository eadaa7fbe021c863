#include "base/error.h"

#include <ctype.h>
#include <errno.h>

#include "unit.h"

static const enum sw_err own[] = {
    SW_FULL,   SW_TOOBIG,   SW_CLOSED, SW_FORKED, SW_NOTFOUND, SW_NOADDRESS,
    SW_NONAME, SW_NAMEDOWN, SW_FRAME,  SW_SELF,   SW_PEER,
};
enum { OWN = sizeof own / sizeof own[0] };

static const char *code_of(int sys) {
    struct sw_error error = sw_error_system(sys, SW_STAGE_CONNECT);
    return sw_error_code(&error);
}

static const char *own_code(enum sw_err err) {
    struct sw_error error = sw_error_make(err, SW_STAGE_NONE);
    return sw_error_code(&error);
}

/* Static storage: one text at a time. */
static const char *text_of(struct sw_error error) {
    static char buf[256];
    return sw_error_text(&error, buf, sizeof buf);
}

static void makes(void) {
    struct sw_error error = sw_error_make(SW_FRAME, SW_STAGE_RECEIVE);
    CHECK_EQ(error.err, SW_FRAME);
    CHECK_EQ(error.stage, SW_STAGE_RECEIVE);
    CHECK_EQ(error.sys, 0);
    error = sw_error_system(ECONNREFUSED, SW_STAGE_CONNECT);
    CHECK_EQ(error.err, SW_SYSTEM);
    CHECK_EQ(error.stage, SW_STAGE_CONNECT);
    CHECK_EQ(error.sys, ECONNREFUSED);
}

static void names_errno(void) {
    CHECK_EQ(code_of(ECONNREFUSED), "ECONNREFUSED");
    CHECK_EQ(code_of(ECONNRESET), "ECONNRESET");
    CHECK_EQ(code_of(ETIMEDOUT), "ETIMEDOUT");
    CHECK_EQ(code_of(EPIPE), "EPIPE");
    CHECK_EQ(code_of(EMFILE), "EMFILE");
    CHECK_EQ(code_of(ENOMEM), "ENOMEM");
    CHECK_EQ(code_of(EADDRNOTAVAIL), "EADDRNOTAVAIL");
    CHECK_EQ(code_of(EINTR), "EINTR");
    CHECK_EQ(code_of(EHOSTUNREACH), "EHOSTUNREACH");
    CHECK_EQ(code_of(EXDEV), "EXDEV");
}

static void shared_errno(void) {
    CHECK_EQ(code_of(EAGAIN), "EAGAIN");
    CHECK_EQ(code_of(EOPNOTSUPP), "EOPNOTSUPP");
}

static void names_own(void) {
    CHECK_EQ(own_code(SW_OK), "OK");
    CHECK_EQ(own_code(SW_FULL), "EFULL");
    CHECK_EQ(own_code(SW_TOOBIG), "ETOOBIG");
    CHECK_EQ(own_code(SW_CLOSED), "ECLOSED");
    CHECK_EQ(own_code(SW_FORKED), "EFORKED");
    CHECK_EQ(own_code(SW_NOTFOUND), "ENOTFOUND");
    CHECK_EQ(own_code(SW_NOADDRESS), "ENOTFOUND");
    CHECK_EQ(own_code(SW_NONAME), "EAI_AGAIN");
    CHECK_EQ(own_code(SW_NAMEDOWN), "EAI_AGAIN");
    CHECK_EQ(own_code(SW_FRAME), "EFRAME");
    CHECK_EQ(own_code(SW_SELF), "ESELF");
    CHECK_EQ(own_code(SW_PEER), "EPEER");
}

static void unknown_errno(void) {
    CHECK_EQ(code_of(123456), "ESYSTEM");
    CHECK(strstr(text_of(sw_error_system(123456, SW_STAGE_SEND)), "123456") != NULL);
    CHECK(strstr(text_of(sw_error_system(-7, SW_STAGE_SEND)), "-7") != NULL);
}

static void system_texts(void) {
    const char *text = text_of(sw_error_system(ECONNREFUSED, SW_STAGE_CONNECT));
    CHECK(strlen(text) > 0);
    CHECK(!isupper((unsigned char)text[0]));
    CHECK(strstr(text, "errno") == NULL);
#ifdef __linux__
    CHECK_EQ(text, "connection refused");
#endif
}

static void own_texts(void) {
    for (int i = 0; i < OWN; i++) {
        char text[100];
        snprintf(text, sizeof text, "%s", text_of(sw_error_make(own[i], SW_STAGE_SEND)));
        CHECK(strlen(text) > 0);
        CHECK(!isupper((unsigned char)text[0]));
        for (int k = 0; k < i; k++) CHECK(strcmp(text, text_of(sw_error_make(own[k], SW_STAGE_SEND))) != 0);
    }
}

static void directions(void) {
    CHECK_EQ(text_of(sw_error_make(SW_FULL, SW_STAGE_SEND)), "queue full");
    CHECK_EQ(text_of(sw_error_make(SW_FULL, SW_STAGE_RECEIVE)), "inbox full: poll first");
    CHECK_EQ(text_of(sw_error_make(SW_FRAME, SW_STAGE_SEND)), "framing cannot carry this message");
    CHECK_EQ(text_of(sw_error_make(SW_FRAME, SW_STAGE_RECEIVE)),
             "it sent what its framing does not allow, or a message longer than max_message");
}

static void short_buffers(void) {
    struct sw_error errors[] = {
        sw_error_make(SW_FORKED, SW_STAGE_NONE),
        sw_error_system(ECONNREFUSED, SW_STAGE_CONNECT),
        sw_error_system(123456, SW_STAGE_CONNECT),
    };
    for (int i = 0; i < 3; i++) {
        for (size_t size = 1; size < 12; size++) {
            char buf[13];
            memset(buf, '#', sizeof buf);
            CHECK(sw_error_text(&errors[i], buf, size) == buf);
            CHECK_EQ(strlen(buf), size - 1);
            CHECK_EQ(buf[size], '#');
        }
    }
}

static void stages(void) {
    CHECK_EQ(sw_stage_name(SW_STAGE_NONE), "none");
    CHECK_EQ(sw_stage_name(SW_STAGE_START), "start");
    CHECK_EQ(sw_stage_name(SW_STAGE_RESOLVE), "resolve");
    CHECK_EQ(sw_stage_name(SW_STAGE_CONNECT), "connect");
    CHECK_EQ(sw_stage_name(SW_STAGE_SEND), "send");
    CHECK_EQ(sw_stage_name(SW_STAGE_RECEIVE), "receive");
    CHECK_EQ(sw_stage_name(SW_STAGE_CLOSE), "close");
}

static const struct unit_test tests[] = {
    {"makes errors of our own codes and of errno values", makes},
    {"names errno values as the system does", names_errno},
    {"prefers the network's name where two names share an errno value", shared_errno},
    {"names our own codes as scripts compare them", names_own},
    {"calls an unknown errno ESYSTEM and tells its number", unknown_errno},
    {"describes a system error in the system's words, with a small first letter", system_texts},
    {"describes each of our own codes differently", own_texts},
    {"tells a full queue from a full inbox, a message that cannot be framed from a bad frame", directions},
    {"cuts a text that is longer than the buffer", short_buffers},
    {"names every stage", stages},
};

UNIT_MAIN(tests)
