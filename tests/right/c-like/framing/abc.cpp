// abc in another style: C with a C++ compiler. Plain functions, one fixed buffer that is large
// enough for the largest frame, poll for every wait, read and write. It uses nothing of the kit.

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define USAGE "usage: abc [-h] [-t SECONDS] [-m TEXT] [HOST [PORT]]\n"

enum { prefix_size = 4, max_message = 1 << 20 }; // bytes

static unsigned char frame[prefix_size + max_message]; // first the request, then the response
static char server_name[300];
static int timeout = 5; // seconds of silence, 0 = none

static void print_escaped(FILE *stream, const void *bytes, size_t size) {
    for (size_t i = 0; i < size; i++) {
        const unsigned char byte = ((const unsigned char *)bytes)[i];
        if (byte == '\n') fputs("\\n", stream);
        else if (byte == '\r') fputs("\\r", stream);
        else if (byte == '\t') fputs("\\t", stream);
        else if (byte == '\\') fputs("\\\\", stream);
        else if (byte < ' ' || byte > '~') fprintf(stream, "\\x%02x", byte);
        else fputc(byte, stream);
    }
}

// Ends the program after a line such as "abc: no response from 127.0.0.1:8888: why".
static void fail(const char *what, const char *name, const char *why) {
    fprintf(stderr, "abc: %s ", what);
    print_escaped(stderr, name, strlen(name));
    fprintf(stderr, "%s%s\n", *why ? ": " : "", why);
    exit(1);
}

static void usage_error(const char *what, const char *text) {
    fprintf(stderr, "abc: %s", what);
    print_escaped(stderr, text, strlen(text));
    fprintf(stderr, "\n" USAGE);
    exit(2);
}

// A whole decimal number up to `most`; -1 if `text` is none.
static int number(const char *text, int most) {
    int value = 0;
    const char *c = text;
    for (; *c >= '0' && *c <= '9' && value <= most; c++) value = 10 * value + (*c - '0');
    return c > text && *c == '\0' && value <= most ? value : -1;
}

// Waits until the server is ready for `events`. False when it was silent for too long.
static bool wait_for(int server, short events) {
    for (;;) {
        struct pollfd source = {server, events, 0};
        const int ready = poll(&source, 1, timeout == 0 ? -1 : 1000 * timeout);
        if (ready >= 0 || errno != EINTR) {
            errno = ETIMEDOUT; // what a caller reports if it was not ready
            return ready > 0;
        }
    }
}

// A socket, which does not block, connected to the first address that takes the connection.
static int open_connection(const char *host, const char *port) {
    struct addrinfo hints = {}, *list = NULL;
    hints.ai_socktype = SOCK_STREAM;
    const int error = getaddrinfo(host, port, &hints, &list);
    if (error) fail("cannot resolve", host, gai_strerror(error));
    int server = -1, reason = EADDRNOTAVAIL;
    for (const struct addrinfo *one = list; one && server < 0; one = one->ai_next) {
        server = socket(one->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        int failed = -1;
        do failed = connect(server, one->ai_addr, one->ai_addrlen);
        while (failed && errno == EINTR);
        reason = failed ? errno : 0;
        socklen_t size = sizeof reason;
        if (reason == EINPROGRESS || reason == EALREADY) {
            if (!wait_for(server, POLLOUT)) reason = ETIMEDOUT;
            else getsockopt(server, SOL_SOCKET, SO_ERROR, &reason, &size);
        }
        if (reason == 0) continue;
        if (server >= 0) close(server);
        server = -1;
    }
    freeaddrinfo(list);
    if (server < 0) fail("cannot connect to", server_name, strerror(reason));
    return server;
}

static void send_all(int server, size_t size) {
    for (size_t done = 0; done < size;) {
        if (!wait_for(server, POLLOUT)) fail("cannot send to", server_name, strerror(errno));
        const ssize_t sent = write(server, frame + done, size - done);
        if (sent > 0) done += (size_t)sent;
        else if (sent < 0 && errno != EAGAIN && errno != EINTR)
            fail("cannot send to", server_name, strerror(errno));
    }
}

// Receives until the first `size` bytes of the response are there; `done` of them are already.
static void receive_up_to(int server, size_t done, size_t size) {
    while (done < size) {
        if (!wait_for(server, POLLIN)) fail("no response from", server_name, strerror(errno));
        const ssize_t received = read(server, frame + done, size - done);
        if (received == 0) fail("no complete response from", server_name, "connection closed");
        if (received > 0) done += (size_t)received;
        else if (errno != EAGAIN && errno != EINTR)
            fail("no response from", server_name, strerror(errno));
    }
}

int main(int argc, char *argv[]) {
    for (int i = 0; i <= 2; i++) // or the socket would become standard output
        if (fcntl(i, F_GETFD) < 0) open("/dev/null", O_RDWR);
    signal(SIGPIPE, SIG_IGN);
    const char *message = "Hello, Server!";
    opterr = 0;
    for (int letter; (letter = getopt(argc, argv, "+:ht:m:")) != -1;) {
        const char option[2] = {(char)optopt, '\0'};
        if (letter == 'h') {
            printf(USAGE "\nTCP client that sends a frame with a length prefix.\n\n"
                         "  -h           print this text\n"
                         "  -t SECONDS   give up on a silent server then, 0 = never (5)\n"
                         "  -m TEXT      the message to send (Hello, Server!)\n"
                         "  HOST         name, IPv4 or IPv6 address (127.0.0.1)\n"
                         "  PORT         1 to 65535 (8888)\n\n"
                         "example: ./framing/abc -m Hello 127.0.0.1 8000\n");
            return 0;
        }
        if (letter == ':') usage_error("no value for option -", option);
        if (letter == '?') usage_error("unknown option -", option);
        if (letter == 'm') message = optarg;
        if (letter == 't') timeout = number(optarg, 86400);
        if (timeout < 0) usage_error("-t must be a number from 0 to 86400, not ", optarg);
    }
    const char *host = optind < argc ? argv[optind] : "127.0.0.1";
    const char *port = optind + 1 < argc ? argv[optind + 1] : "8888";
    if (optind + 2 < argc) usage_error("surplus argument ", argv[optind + 2]);
    if (number(port, 65535) < 1) usage_error("PORT must be a number from 1 to 65535, not ", port);
    const size_t size = strlen(message);
    if (size > max_message) usage_error("the message must have at most 1048576 bytes", "");
    snprintf(server_name, sizeof server_name, strchr(host, ':') ? "[%s]:%s" : "%s:%s", host, port);

    for (int i = 0; i < prefix_size; i++) frame[i] = (unsigned char)(size >> 8 * (3 - i));
    memcpy(frame + prefix_size, message, size);
    const int server = open_connection(host, port);
    send_all(server, prefix_size + size);
    receive_up_to(server, 0, prefix_size);
    size_t length = 0;
    for (int i = 0; i < prefix_size; i++) length = length << 8 | frame[i];
    if (length > max_message) fail("response too long from", server_name, "");
    receive_up_to(server, prefix_size, prefix_size + length);
    fputs("Received response: ", stdout);
    print_escaped(stdout, frame + prefix_size, length);
    putchar('\n');
    if (fflush(stdout) != 0) fail("cannot print", "the response", strerror(errno));
    close(server);
    return 0;
}
