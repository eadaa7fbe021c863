#include "host/unix_failure.h"

#include <errno.h>
#include <stddef.h>

static const char *failure_of_path(int sys) {
    switch (sys) {
    case ENOENT: return "there is no such file: is the server running, and is the path right?";
    case ENOTDIR: return "a part of the path is not a directory: is the path right?";
    case ECONNREFUSED:
        return "the file is there, but nothing listens on it: the server has ended and left its socket behind (start "
               "it again), or the file is no socket";
    case EACCES:
        return "permission denied: this user needs write permission for the socket's file, and search permission for "
               "each directory of its path";
    default: return NULL;
    }
}

const char *sw_unix_failure(const struct sw_error *error, const char *name) {
    const char *of_path = error->err == SW_SYSTEM && name[0] != '@' ? failure_of_path(error->sys) : NULL;
    if (error->err != SW_SYSTEM || of_path != NULL) return of_path;
    switch (error->sys) {
    case ECONNREFUSED:
        return "nothing listens on this abstract name: is the server running, in the same network namespace?";
    case EAGAIN: return "its backlog is full: the server runs, but does not accept connections";
    case EPROTOTYPE: return "it is a socket of another type: the server must listen on a stream socket";
    default: return NULL;
    }
}
