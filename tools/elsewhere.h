/* For `make warnings`, which compiles the code for macOS and BSD on Linux: what their headers declare besides (the values
 * are of no account). src/base/platform.h says what the code uses where.
 */
#define SO_NOSIGPIPE 0x1022
#define SO_NWRITE 0x1024
#define TCP_CONNECTION_INFO 0x106
#define FIONWRITE 0x4004667a

struct tcp_connection_info {
    unsigned tcpi_srtt;
};
