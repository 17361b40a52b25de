// zus in another style: nothing of the kit is used, this file is all there is. The command line is
// read into globals, errors end the program where they happen, and a line is made by appending.

#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>

#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

namespace {

constexpr std::string_view usage = "usage: zus [-h] [-q] [HOST [PORT]]\n";
constexpr std::string_view help =
    "\nIterative UDP server of the Zen protocol: a datagram, an answer, the next datagram.\n\n"
    "  -h           print this text\n"
    "  -q           quiet: print the ready line and errors only\n"
    "  HOST         name, IPv4 or IPv6 address (127.0.0.1)\n"
    "  PORT         0 to 65535, 0 = the system chooses (65432)\n\n"
    "example: ./zus/zus 127.0.0.1 8000\n";

std::string host = "127.0.0.1", port = "65432";
bool quiet = false;
volatile std::sig_atomic_t stopping = 0; // SIGINT or SIGTERM has come

// Printable ASCII stays as it is; the rest is escaped, so that it cannot drive the terminal.
std::string shown(std::string_view bytes) {
    std::string text;
    for (const char c : bytes) {
        char code[5];
        std::snprintf(code, sizeof code, "\\x%02x", static_cast<unsigned char>(c));
        if (c == '\n') text += "\\n";
        else if (c == '\r') text += "\\r";
        else if (c == '\t') text += "\\t";
        else if (c == '\\') text += "\\\\";
        else if (c >= ' ' && c <= '~') text += c;
        else text += code;
    }
    return text;
}

// Writes a line with one call; cut, if a pipe would not take it whole. A call that a signal has
// interrupted is made again. What fails otherwise is left out: a server outlives its log.
void print(std::string line) {
    if (line.size() > 4000) line.replace(4000, line.npos, "...");
    line += '\n';
    while (write(STDOUT_FILENO, line.data(), line.size()) < 0 && errno == EINTR) {
    }
}

void log(const std::string &line) {
    if (!quiet) print(line);
}

[[noreturn]] void end_with(int status, const std::string &line) {
    const std::string text = "zus: " + line + '\n' + std::string(status == 2 ? usage : "");
    [[maybe_unused]] const auto ignored = write(STDERR_FILENO, text.data(), text.size());
    std::exit(status);
}

void read_command_line(int argc, char *argv[]) {
    opterr = 0;
    for (int letter; (letter = getopt(argc, argv, "+hq")) != -1;) {
        if (letter == 'q') {
            quiet = true;
        } else if (letter == 'h') {
            std::printf("%s%s", usage.data(), help.data());
            std::exit(0);
        } else {
            end_with(2, "unknown option -" + shown(std::string(1, static_cast<char>(optopt))));
        }
    }
    if (argc - optind > 2) end_with(2, "surplus argument '" + shown(argv[optind + 2]) + "'");
    if (optind < argc) host = argv[optind];
    if (optind + 1 < argc) port = argv[optind + 1];
    unsigned number = 65'536;
    const auto [stop, error] = std::from_chars(port.data(), port.data() + port.size(), number);
    if (error != std::errc() || stop != port.data() + port.size() || number > 65'535)
        end_with(2, "PORT must be a number from 0 to 65535, not '" + shown(port) + "'");
}

// SIGINT and SIGTERM set a flag and interrupt the call that sleeps. One that comes just before the
// call would not: so an alarm interrupts again, every 50 ms. After 0.8 s of that, it is a line of
// the log that nobody reads which keeps the server from stopping: then it ends as it is.
void on_signal(int number) {
    static volatile std::sig_atomic_t alarms = 0;
    const itimerval again = {{0, 50'000}, {0, 50'000}};
    if (!stopping) setitimer(ITIMER_REAL, &again, nullptr);
    stopping = 1;
    if (number != SIGALRM) return;
    alarms = alarms + 1;
    if (alarms >= 16) _exit(0);
}

void prepare_process() {
    for (int standard = 0; standard <= 2; ++standard) // or the socket would get its number
        if (fcntl(standard, F_GETFD) < 0) open("/dev/null", O_RDWR);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN);
    struct sigaction action = {};
    action.sa_handler = on_signal; // no SA_RESTART
    for (const int number : {SIGINT, SIGTERM, SIGALRM}) sigaction(number, &action, nullptr);
    rlimit limit = {};
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

std::string name_of(const std::string &a_host, const std::string &a_port) {
    const bool is_ipv6 = a_host.find(':') != a_host.npos;
    return (is_ipv6 ? "[" + a_host + "]" : a_host) + ":" + a_port;
}

std::string name_of(const sockaddr_storage &address, socklen_t size) {
    char a_host[NI_MAXHOST] = "?", a_port[NI_MAXSERV] = "?";
    getnameinfo(reinterpret_cast<const sockaddr *>(&address), size, a_host, sizeof a_host, a_port,
                sizeof a_port, NI_NUMERICHOST | NI_NUMERICSERV);
    return name_of(a_host, a_port);
}

// Whether an error says only that this machine cannot use an address, as it has no IPv6 perhaps.
bool says_little(int error) {
    return error == EADDRNOTAVAIL || error == EAFNOSUPPORT || error == ENETUNREACH;
}

// A socket bound to the first of the host's addresses that can be bound.
int open_socket() {
    addrinfo hints = {}, *list = nullptr;
    hints.ai_socktype = SOCK_DGRAM;
    const int error = getaddrinfo(host.c_str(), port.c_str(), &hints, &list);
    if (error != 0) end_with(1, "cannot resolve " + shown(host) + ": " + gai_strerror(error));
    int server = -1, reason = 0;
    for (const addrinfo *one = list; one && server < 0 && reason != EADDRINUSE;
         one = one->ai_next) {
        server = socket(one->ai_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        if (server >= 0 && bind(server, one->ai_addr, one->ai_addrlen) == 0) continue;
        if (reason == 0 || !says_little(errno)) reason = errno;
        if (server >= 0) close(server);
        server = -1;
    }
    freeaddrinfo(list);
    if (server < 0)
        end_with(1, "cannot bind to " + shown(name_of(host, port)) + ": " + std::strerror(reason));
    return server;
}

std::string_view answer_to(std::string_view question) {
    if (question == "Beautiful is better than?") return "Ugly.";
    if (question == "Explicit is better than?") return "Implicit.";
    if (question == "Simple is better than?") return "Complex.";
    return "";
}

std::string_view without_space_around(std::string_view text) {
    constexpr std::string_view space = " \t\r\n";
    while (!text.empty() && space.find(text.front()) != space.npos) text.remove_prefix(1);
    while (!text.empty() && space.find(text.back()) != space.npos) text.remove_suffix(1);
    return text;
}

// Receives a datagram and answers it, if it holds a question of the table.
void serve_one(int server) {
    char buffer[1025]; // one byte more than a question may have
    sockaddr_storage client = {};
    socklen_t size = sizeof client;
    auto *const address = reinterpret_cast<sockaddr *>(&client);
    const ssize_t received = recvfrom(server, buffer, sizeof buffer, 0, address, &size);
    if (received < 0 && errno == EINTR) return;
    if (received < 0) {
        print(std::string("Cannot receive: ") + std::strerror(errno));
        poll(nullptr, 0, 100); // it may go on: do not fill the log with it
        return;
    }
    const std::string peer = name_of(client, size);
    if (received > 1024) return log("Question too long from " + peer);
    const auto question = without_space_around({buffer, static_cast<std::size_t>(received)});
    const std::string_view answer = answer_to(question);
    if (answer.empty()) return log("Unrecognized question from " + peer + ": " + shown(question));
    log("Received from " + peer + ": " + shown(question));
    ssize_t sent;
    do sent = sendto(server, answer.data(), answer.size(), 0, address, size);
    while (sent < 0 && errno == EINTR && !stopping);
    if (sent < 0) log("Cannot send to " + peer + ": " + std::strerror(errno));
    else log("Sent to " + peer + ": " + std::string(answer));
}

} // namespace

int main(int argc, char *argv[]) {
    prepare_process();
    read_command_line(argc, argv);
    const int server = open_socket();
    sockaddr_storage own = {};
    socklen_t size = sizeof own;
    getsockname(server, reinterpret_cast<sockaddr *>(&own), &size);
    print("UDP server started at " + name_of(own, size));
    while (!stopping) serve_one(server);
    close(server);
    if (!quiet) print("Server stopped");
}
