#include "rules.h"

#include <errno.h>
#include <netdb.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/error.h"

enum { RULES_MAX = 16, ERRNO_MAX = 255, WORD = 24 };

/* What a rule does, where it is not the number of an error. */
enum { CUT = 1 << 16, DELAY, RECORD };

struct rule {
    enum call call;
    int what;             /* CUT, DELAY, RECORD, or what the call fails with */
    double chance;        /* of each call, if `first` is 0 */
    uint64_t first, last; /* calls of this kind, counted from 1 */
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* of all that follows */
static uint64_t seed;
static struct rule rules[RULES_MAX];
static size_t rule_count;
static struct call_count counts[CALLS];

static const char *const names[CALLS] = {
    [CALL_SOCKET] = "socket",
    [CALL_CONNECT] = "connect",
    [CALL_SENDMSG] = "sendmsg",
    [CALL_RECV] = "recv",
    [CALL_GETSOCKOPT] = "getsockopt",
    [CALL_SETSOCKOPT] = "setsockopt",
    [CALL_EVENTFD] = "eventfd",
    [CALL_READ] = "read",
    [CALL_WRITE] = "write",
    [CALL_PTHREAD_CREATE] = "pthread_create",
    [CALL_GETADDRINFO] = "getaddrinfo",
    [CALL_MALLOC] = "malloc",
    [CALL_OPEN] = "open",
    [CALL_SEND] = "send",
    [CALL_RECEIVE] = "receive",
    [CALL_SHUT_DOWN] = "shut_down",
    [CALL_ACKED] = "acked",
};

const char *rules_call_name(enum call call) { return names[call]; }

/* --- reading rules --- */

static bool read_call(const char *word, enum call *call) {
    for (int i = 0; i < CALLS; i++) {
        *call = (enum call)i;
        if (strcmp(word, names[i]) == 0) return true;
    }
    return false;
}

static bool read_errno(const char *word, int *what) {
    for (*what = 1; *what <= ERRNO_MAX; ++*what) {
        struct sw_error error = sw_error_system(*what, SW_STAGE_NONE);
        if (strcmp(word, sw_error_code(&error)) == 0) return true;
    }
    return false;
}

static bool read_what(const char *word, int *what) {
    static const struct {
        const char *name;
        int what;
    } others[] = {
        {"cut", CUT},
        {"delay", DELAY},
        {"record", RECORD},
        {"EAI_AGAIN", EAI_AGAIN},
        {"EAI_MEMORY", EAI_MEMORY},
        {"EAI_NONAME", EAI_NONAME},
    };
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        *what = others[i].what;
        if (strcmp(word, others[i].name) == 0) return true;
    }
    return read_errno(word, what);
}

/* Is that something that can happen to this call? */
static bool fits(const struct rule *rule) {
    if (rule->what == CUT) return rule->call == CALL_SEND || rule->call == CALL_RECEIVE;
    if (rule->what == RECORD || rule->call == CALL_OPEN) return rule->what == RECORD && rule->call == CALL_OPEN;
    return rule->what > 0 || rule->call == CALL_GETADDRINFO;
}

static bool read_when(const char *word, struct rule *rule) {
    char *end;
    if (word[0] != '@') {
        rule->chance = strtod(word, &end);
        return end != word && *end == '\0' && rule->chance >= 0 && rule->chance <= 1;
    }
    rule->first = rule->last = strtoull(word + 1, &end, 10);
    if (strcmp(end, "+") == 0) rule->last = UINT64_MAX;
    return rule->first > 0 && (*end == '\0' || rule->last == UINT64_MAX);
}

static bool read_rule(const char *text) {
    char words[3][WORD + 1], rest;
    int count = sscanf(text, "%24s %24s %24s %c", words[0], words[1], words[2], &rest);
    if (count == 2 && strcmp(words[0], "seed") == 0) {
        char *end;
        seed = strtoull(words[1], &end, 10);
        return *end == '\0';
    }
    struct rule rule = {.chance = 0};
    if (count != 3 || rule_count == RULES_MAX) return false;
    if (!read_call(words[0], &rule.call) || !read_what(words[1], &rule.what) || !read_when(words[2], &rule) ||
        !fits(&rule))
        return false;
    rules[rule_count++] = rule;
    return true;
}

static bool read_rules(char *text) {
    for (char *next; text != NULL; text = next) {
        next = strchr(text, ';');
        if (next != NULL) *next++ = '\0';
        if (text[strspn(text, " ")] != '\0' && !read_rule(text)) return false;
    }
    return true;
}

bool rules_set(const char *text) {
    char copy[1024];
    pthread_mutex_lock(&lock);
    seed = 1;
    rule_count = 0;
    memset(counts, 0, sizeof counts);
    bool ok = (size_t)snprintf(copy, sizeof copy, "%s", text) < sizeof copy && read_rules(copy);
    if (!ok) rule_count = 0;
    pthread_mutex_unlock(&lock);
    return ok;
}

struct call_count rules_count(enum call call) {
    pthread_mutex_lock(&lock);
    struct call_count count = counts[call];
    pthread_mutex_unlock(&lock);
    return count;
}

/* --- judging --- */

/* A number that looks random (splitmix64's mix), the same one for the same arguments. */
static uint64_t draw(uint64_t call, uint64_t number, uint64_t purpose) {
    uint64_t mixed = seed * 0x9e3779b97f4a7c15u + (call << 56) + (purpose << 48) + number;
    mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9u;
    mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111ebu;
    return mixed ^ (mixed >> 31);
}

/* Does it decide about the call with that number? */
static bool applies(const struct rule *rule, uint64_t number) {
    if (rule->first > 0) return rule->first <= number && number <= rule->last;
    uint64_t purpose = (uint64_t)(rule - rules);
    return (double)(draw(rule->call, number, purpose) >> 11) * 0x1p-53 < rule->chance;
}

static void cut(size_t *size, enum call call, uint64_t number) {
    if (size != NULL && *size > 1) *size = 1 + (size_t)(draw(call, number, RULES_MAX) % (*size - 1));
}

/* With the lock held. */
static int decide(enum call call, size_t *size, long *delay) {
    uint64_t number = ++counts[call].calls;
    for (const struct rule *rule = rules; rule < rules + rule_count; rule++) {
        if (rule->call != call || !applies(rule, number)) continue;
        if (rule->what == DELAY) {
            *delay += (long)(draw(call, number, RULES_MAX + 1) % 2000000);
            continue;
        }
        counts[call].faults++;
        if (rule->what != CUT) return rule->what;
        cut(size, call, number);
        return 0;
    }
    return 0;
}

int rules_judge(enum call call, size_t *size) {
    long delay = 0;
    pthread_mutex_lock(&lock);
    int failed = decide(call, size, &delay);
    pthread_mutex_unlock(&lock);
    const struct timespec moment = {.tv_nsec = delay};
    if (delay > 0) nanosleep(&moment, NULL);
    return failed;
}

bool rules_refuse(enum call call) {
    int failed = rules_judge(call, NULL);
    if (failed != 0) errno = failed;
    return failed != 0;
}
