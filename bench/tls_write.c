/* The smallest program that sends much through TLS: blocking SSL_write of 16 KiB again and again. bench/tls.lua compares
 * sidewire with it.
 *
 *     tls_write HOST PORT BYTES
 *
 * Verifies nothing. Ends when the bytes are written and the peer has ended, too. Prints the cipher and the seconds from the
 * end of the handshake.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

enum { PIECE = 16384 };

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

static int give_up(const char *what) {
    (void)fprintf(stderr, "tls_write: %s: %s\n", what, strerror(errno));
    return 1;
}

static int connect_to(const char *host, const char *port) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)strtoul(port, NULL, 10))};
    const int one = 1;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0 || inet_pton(AF_INET, host, &address.sin_addr) != 1) return -1;
    if (connect(fd, (struct sockaddr *)&address, sizeof address) != 0) return -1;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    return fd;
}

int main(int count, char **words) {
    static char piece[PIECE];
    if (count != 4) {
        (void)fputs("usage: tls_write HOST PORT BYTES\n", stderr);
        return 2;
    }
    memset(piece, 'x', sizeof piece);
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    SSL *ssl = SSL_new(context);
    int fd = connect_to(words[1], words[2]);
    if (fd < 0) return give_up("connect");
    SSL_set_fd(ssl, fd);
    if (SSL_connect(ssl) != 1) return give_up("SSL_connect");
    double began = now();
    for (long long left = strtoll(words[3], NULL, 10); left > 0; left -= PIECE)
        if (SSL_write(ssl, piece, PIECE) != PIECE) return give_up("SSL_write");
    SSL_shutdown(ssl);
    shutdown(fd, SHUT_WR);
    while (SSL_read(ssl, piece, PIECE) > 0) {
    }
    printf("%s %.6f\n", SSL_get_cipher(ssl), now() - began);
    SSL_free(ssl);
    SSL_CTX_free(context);
    return 0;
}
