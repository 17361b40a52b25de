// zens in another style: C with a C++ compiler. Plain functions, fixed buffers, nothing is ever
// allocated, nothing is thrown, and nothing of the kit is used. A signal shuts the sockets down, so
// that no call on them can sleep any more.

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#define USAGE "usage: zens [-h] [-q] [-t SECONDS] [HOST [PORT]]\n"

enum { max_question = 1024, line_size = 4000, name_size = 80 }; // bytes

static const char *const table[][2] = {{"Beautiful is better than?", "Ugly."},
                                       {"Explicit is better than?", "Implicit."},
                                       {"Simple is better than?", "Complex."}};
static bool quiet;
static volatile sig_atomic_t stopping, listener = -1, client = -1;

static void on_signal(int number) {
    const int before = errno;
    // A line of the log that nobody reads may keep the server in write: after 0.8 s, it ends there.
    const struct itimerval later = {{0, 0}, {0, 800000}};
    if (number == SIGALRM) _exit(0);
    if (!stopping) setitimer(ITIMER_REAL, &later, NULL);
    stopping = 1;
    if (listener >= 0) shutdown(listener, SHUT_RDWR);
    if (client >= 0) shutdown(client, SHUT_RDWR);
    errno = before;
}

// Prints a line to standard output, at once. A long one is cut, as a pipe may not take it whole.
__attribute__((format(printf, 1, 2))) static void print(const char *format, ...) {
    char line[line_size + 8];
    va_list values;
    va_start(values, format);
    const int size = vsnprintf(line, line_size, format, values);
    va_end(values);
    if (size >= line_size) strcpy(line + line_size - 1, "...");
    strcat(line, "\n");
    while (write(STDOUT_FILENO, line, strlen(line)) < 0 && errno == EINTR) continue;
}

// What happens to a client is printed unless -q was given.
#define LOG(...) (quiet ? (void)0 : print(__VA_ARGS__))

// Bytes as they may be printed: all but printable ASCII escaped. Valid until the next call.
static const char *shown(const char *bytes, size_t size) {
    static char text[4 * max_question + 1];
    char *end = text;
    for (size_t i = 0; i < size && i < max_question; i++) {
        const unsigned char byte = (unsigned char)bytes[i];
        if (byte == '\n') end += sprintf(end, "\\n");
        else if (byte == '\\') end += sprintf(end, "\\\\");
        else if (byte < ' ' || byte > '~') end += sprintf(end, "\\x%02x", byte);
        else *end++ = (char)byte;
    }
    *end = '\0';
    return text;
}

// Ends the program with a line on standard error; after status 2, the usage line.
__attribute__((format(printf, 2, 3))) static void die(int status, const char *format, ...) {
    char line[line_size];
    va_list values;
    va_start(values, format);
    vsnprintf(line, sizeof line, format, values);
    va_end(values);
    fprintf(stderr, "zens: %s\n%s", line, status == 2 ? USAGE : "");
    exit(status);
}

// A whole decimal number from 0 to most; -1 if `text` is none.
static long number(const char *text, long most) {
    long value = 0;
    const char *c = text;
    for (; *c >= '0' && *c <= '9' && value <= most; c++) value = 10 * value + (*c - '0');
    return c > text && *c == '\0' && value <= most ? value : -1;
}

static void name_address(char *name, const char *host, const char *port) {
    snprintf(name, name_size, strchr(host, ':') ? "[%s]:%s" : "%s:%s", host, port);
}

static void name_socket_address(char *name, const struct sockaddr_storage *address,
                                socklen_t size) {
    char host[INET6_ADDRSTRLEN + 16] = "?", port[8] = "?"; // with a zone: fe80::1%eth0
    getnameinfo((const struct sockaddr *)address, size, host, sizeof host, port, sizeof port,
                NI_NUMERICHOST | NI_NUMERICSERV);
    name_address(name, host, port);
}

// Whether an error says only that this machine cannot use an address, as it has no IPv6 perhaps.
static bool says_little(int error) {
    return error == EADDRNOTAVAIL || error == EAFNOSUPPORT || error == ENETUNREACH;
}

// A socket that listens on the first of the host's addresses that can be bound.
static int open_listener(const char *host, const char *port) {
    struct addrinfo hints = {}, *list = NULL;
    hints.ai_socktype = SOCK_STREAM;
    const int error = getaddrinfo(host, port, &hints, &list);
    if (error) die(1, "cannot resolve %s: %s", shown(host, strlen(host)), gai_strerror(error));
    int found = -1, reason = 0;
    for (const struct addrinfo *one = list; one && found < 0 && reason != EADDRINUSE;
         one = one->ai_next) {
        const int on = 1, candidate = socket(one->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
        setsockopt(candidate, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
        if (bind(candidate, one->ai_addr, one->ai_addrlen) == 0 && listen(candidate, 1024) == 0) {
            found = candidate;
        } else {
            if (reason == 0 || !says_little(errno)) reason = errno;
            close(candidate);
        }
    }
    freeaddrinfo(list);
    char name[name_size];
    name_address(name, host, port);
    if (found < 0) die(1, "cannot listen on %s: %s", name, strerror(reason));
    return found;
}

// Whether all could be sent.
static bool send_all(const char *bytes, size_t left) {
    while (left > 0) {
        const ssize_t sent = send(client, bytes, left, MSG_NOSIGNAL);
        if (sent < 0 && (errno != EINTR || stopping)) return false;
        if (sent > 0) bytes += sent, left -= (size_t)sent;
    }
    return true;
}

// Adds the answer to a question to `answers`. False: it has none.
static bool answer(const char *peer, const char *question, size_t size, char *answers) {
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        if (size != strlen(table[i][0]) || memcmp(question, table[i][0], size) != 0) continue;
        LOG("Received from %s: %s", peer, table[i][0]);
        strcat(answers, table[i][1]);
        LOG("Sent to %s: %s", peer, table[i][1]);
        return true;
    }
    LOG("Unrecognized question from %s: %s", peer, shown(question, size));
    return false;
}

// Puts questions together, byte by byte. False: the client is to be hung up on. The answers to what
// one call of recv has brought go in one call of send. They are shorter than their questions.
static bool converse(const char *peer) {
    char buffer[4096], question[max_question], answers[sizeof buffer + max_question];
    size_t size = 0, skipped = 0; // of the question, and of the white space before it
    bool refused = false;
    while (!stopping) {
        const ssize_t received = recv(client, buffer, sizeof buffer, 0);
        if (received < 0 && errno == EINTR) continue;
        if (received < 0) LOG("Error with %s: %s", peer, strerror(errno));
        if (received == 0 && size > 0)
            LOG("End of file in mid-question from %s: %s", peer, shown(question, size));
        if (received <= 0) return true;
        answers[0] = '\0';
        for (ssize_t i = 0; i < received && !refused; i++) {
            if (size == 0 && buffer[i] != '\0' && strchr(" \t\r\n", buffer[i])) skipped++;
            else question[size++] = buffer[i];
            if (buffer[i] == '?') {
                refused = !answer(peer, question, size, answers);
                size = skipped = 0;
            } else if (skipped + size == max_question) {
                LOG("Question too long from %s", peer);
                refused = true;
            }
        }
        if (!send_all(answers, strlen(answers)) || refused) return false;
    }
    return true;
}

static void set_time_limit(long seconds) { // of each recv and send; 0 = none
    const struct timeval limit = {seconds, 0};
    setsockopt(client, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    setsockopt(client, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
}

static void serve_client(const char *peer, long timeout) {
    LOG("Connected by %s", peer);
    set_time_limit(timeout);
    if (!converse(peer)) {
        // With bytes unread, close would reset the connection: the last answers could be lost.
        static char unread[256 * 1024]; // at the most
        shutdown(client, SHUT_WR);
        set_time_limit(1);
        recv(client, unread, sizeof unread, MSG_WAITALL);
    }
    LOG("Connection with %s closed", peer);
}

// Accepts the next client and serves it. What goes wrong is said once, until accept works again.
static void serve_next(long timeout, bool *said) {
    struct sockaddr_storage address;
    socklen_t size = sizeof address;
    client = accept4(listener, (struct sockaddr *)&address, &size, SOCK_CLOEXEC);
    if (client >= 0) {
        char peer[name_size];
        name_socket_address(peer, &address, size);
        *said = false;
        if (!stopping) serve_client(peer, timeout);
        const int closed = client;
        client = -1; // first: a signal must not shut down what may be another one's
        close(closed);
    } else if (!stopping && errno != EINTR && errno != ECONNABORTED) {
        if (!*said) print("Cannot accept: %s", strerror(errno));
        *said = true;
        poll(NULL, 0, 100); // no descriptor or no memory: trying at once would not help
    }
}

int main(int argc, char *argv[]) {
    for (int i = 0; i <= 2; i++) // or a socket would become standard output
        if (fcntl(i, F_GETFD) < 0) open("/dev/null", O_RDWR);
    long timeout = 60;
    opterr = 0;
    for (int letter; (letter = getopt(argc, argv, "+:hqt:")) != -1;) {
        if (letter == 'h') {
            printf(USAGE "\nIterative TCP server of the Zen protocol, one client at a time.\n\n"
                         "  -h           print this text\n"
                         "  -q           quiet: print the ready line and errors only\n"
                         "  -t SECONDS   give up on a silent client then, 0 = never (60)\n"
                         "  HOST         name, IPv4 or IPv6 address (127.0.0.1)\n"
                         "  PORT         0 to 65535, 0 = the system chooses (65432)\n\n"
                         "example: ./zens/zens -t 10 127.0.0.1 8000\n");
            return 0;
        }
        const char option = (char)optopt;
        if (letter == ':') die(2, "no value for option -%s", shown(&option, 1));
        if (letter == '?') die(2, "unknown option -%s", shown(&option, 1));
        if (letter == 'q') quiet = true;
        if (letter == 't') timeout = number(optarg, 86400);
        if (timeout < 0)
            die(2, "-t must be a number from 0 to 86400, not '%s'", shown(optarg, strlen(optarg)));
    }
    const char *host = optind < argc ? argv[optind] : "127.0.0.1";
    const char *port = optind + 1 < argc ? argv[optind + 1] : "65432";
    if (optind + 2 < argc)
        die(2, "surplus argument '%s'", shown(argv[optind + 2], strlen(argv[optind + 2])));
    if (number(port, 65535) < 0)
        die(2, "PORT must be a number from 0 to 65535, not '%s'", shown(port, strlen(port)));

    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN);
    listener = open_listener(host, port);
    struct sigaction action = {};
    action.sa_handler = on_signal;
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGALRM, &action, NULL);
    struct sockaddr_storage own;
    socklen_t size = sizeof own;
    getsockname(listener, (struct sockaddr *)&own, &size);
    char name[name_size];
    name_socket_address(name, &own, size);
    print("TCP server started at %s", name);
    for (bool said = false; !stopping;) serve_next(timeout, &said);
    close(listener);
    if (!quiet) print("Server stopped");
    return 0;
}
