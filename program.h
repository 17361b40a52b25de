// program.h: what all programs of the kit need and none of them teaches: errors, descriptors and
// addresses, printing, pausing and stopping, the command line. Socket calls are in the programs.
#pragma once

#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>

#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

namespace zen {
// ---- Errors
inline std::atomic<bool> stopping = false; // SIGINT or SIGTERM has come: see stop_on_signals
/// Throws "what: why". EAGAIN tells that the time limit of a blocking socket has passed.
[[noreturn]] inline void fail(const std::string &what, int error = errno) {
    throw std::runtime_error(what + ": " + std::strerror(error == EAGAIN ? ETIMEDOUT : error));
}
/// Whether a call failed only because a signal interrupted it, and is to be repeated.
inline bool interrupted() { return errno == EINTR && !stopping; }
/// Whether a call failed only because it would have to wait (EAGAIN) or a signal came (EINTR).
inline bool not_ready() { return errno == EAGAIN || errno == EINTR; }
/// Which of two errors to report when the addresses of a host are tried in turn (0: none yet). The
/// later one, unless it only says that this machine cannot use the address (it has no IPv6).
inline int telling_error(int earlier, int later) {
    const bool unusable = later == EADDRNOTAVAIL || later == EAFNOSUPPORT || later == ENETUNREACH;
    return earlier != 0 && unusable ? earlier : later;
}

// ---- Descriptors and addresses
/// Owns a descriptor: move-only, closes it in the destructor, and keeps it from programs that are
/// started by exec. -1 stands for none.
class Descriptor {
    int number_;

  public:
    explicit Descriptor(int number) : number_(number) {
        if (number_ >= 0) fcntl(number_, F_SETFD, FD_CLOEXEC);
    }
    Descriptor(Descriptor &&other) noexcept : number_(std::exchange(other.number_, -1)) {}
    Descriptor &operator=(Descriptor other) noexcept {
        std::swap(number_, other.number_);
        return *this;
    }
    ~Descriptor() {
        if (number_ >= 0) close(number_);
    }
    int get() const { return number_; }
    explicit operator bool() const { return number_ >= 0; }
};

/// The addresses of a host and port for sockets of a type, to be tried in turn; at least one.
using Addresses = std::unique_ptr<addrinfo, decltype(&freeaddrinfo)>;
inline Addresses resolve(const std::string &host, const std::string &port, int type) {
    addrinfo hints = {}, *list = nullptr;
    hints.ai_socktype = type;
    if (const int error = getaddrinfo(host.c_str(), port.c_str(), &hints, &list); error != 0)
        throw std::runtime_error("cannot resolve " + host + ": " + gai_strerror(error));
    return {list, freeaddrinfo};
}

/// The address of a socket, as accept, recvfrom and getsockname fill it in. Its port stands at the
/// same place for IPv4 and IPv6, in network byte order.
struct Address {
    sockaddr_storage storage = {};
    socklen_t size = sizeof storage;
    sockaddr *get() { return reinterpret_cast<sockaddr *>(&storage); }
    in_port_t port() const { return reinterpret_cast<const sockaddr_in &>(storage).sin_port; }
};

// ---- Printing
/// "127.0.0.1:65432" or "[::1]:65432".
inline std::string address_name(const std::string &host, const std::string &port) {
    return (host.find(':') == host.npos ? host : '[' + host + ']') + ':' + port;
}
inline std::string printable(const Address &address) {
    char host[NI_MAXHOST] = "?", port[NI_MAXSERV] = "?";
    getnameinfo(reinterpret_cast<const sockaddr *>(&address.storage), address.size, host,
                sizeof host, port, sizeof port, NI_NUMERICHOST | NI_NUMERICSERV);
    return address_name(host, port);
}

/// `bytes` with all but printable ASCII escaped (\n, \x1b), and the backslash as \\: a line means
/// one thing, and nothing that a peer sends can drive the terminal or forge a line.
inline std::string printable(std::string_view bytes) {
    constexpr std::string_view special = "\n\r\t\\", names = "nrt\\", digits = "0123456789abcdef";
    std::string text;
    for (const char c : bytes) {
        const auto byte = static_cast<unsigned char>(c);
        if (const auto i = special.find(c); i != special.npos) (text += '\\') += names[i];
        else if (byte >= ' ' && byte <= '~') text += c;
        else ((text += "\\x") += digits[byte / 16]) += digits[byte % 16];
    }
    return text;
}
/// Writes all of `text`; false if that fails. A line of at most PIPE_BUF bytes goes into a pipe
/// whole, so that no line of another thread or process comes into its middle.
inline bool write_all(int descriptor, std::string_view text) {
    while (!text.empty()) {
        const ssize_t written = write(descriptor, text.data(), text.size());
        if (written >= 0) text.remove_prefix(static_cast<std::size_t>(written));
        else if (errno != EINTR) return false; // also while stopping: no line is lost
    }
    return true;
}
/// Prints a line of a client; throws if that fails.
template <class... Parts> void print(const Parts &...parts) {
    if (!write_all(STDOUT_FILENO, (printable(parts) + ...) + '\n')) fail("cannot print");
}

/// Prints a line of a server, of at most PIPE_BUF bytes. Where that fails (closed pipe, full disk,
/// no memory), the line is left out: a server outlives the reader of its log.
template <class... Parts> void say(const Parts &...parts) try {
    std::string line = (printable(parts) + ...);
    if (line.size() >= PIPE_BUF) line.replace(PIPE_BUF - 4, line.npos, "...");
    write_all(STDOUT_FILENO, line += '\n');
} catch (const std::bad_alloc &) {
}
inline bool quiet = false; // option -q
/// Prints a line for an event, unless the server is to be quiet.
template <class... Parts> void log(const Parts &...parts) {
    if (!quiet) say(parts...);
}

// ---- Pausing and stopping
using Clock = std::chrono::steady_clock; // not the time of day, which can be set
/// Whether accept failed because no descriptor or no memory is left, and not because the client had
/// gone or a signal came. Says so, unless it is `said` already. The client waits in the backlog.
inline bool exhausted(bool said) {
    if (errno == ECONNABORTED || not_ready()) return false;
    if (!said) say("Cannot accept: ", std::strerror(errno));
    return true;
}
/// Sleeps 0.1 s, or until a signal comes. Used where a call would fail again at once.
inline void pause_shortly() { poll(nullptr, 0, 100); }

inline void (*at_last)() = nullptr; // if set, called before a stuck process is ended: see below
/// From now on SIGINT and SIGTERM set `stopping`, and start an alarm: every 50 ms it interrupts the
/// call that sleeps (EINTR), because the signal itself may come just before such a call. A process
/// that has not ended after 0.75 s, as nobody reads its log, is ended as it is: exit status 0.
inline void stop_on_signals() {
    struct sigaction action = {}; // without SA_RESTART: calls that sleep return EINTR
    action.sa_handler = [](int signal) {
        const itimerval again = {{0, 50'000}, {0, 50'000}};
        if (!stopping.exchange(true)) setitimer(ITIMER_REAL, &again, nullptr); // raises SIGALRM
        static std::atomic<int> alarms;
        if (signal != SIGALRM || ++alarms < 15) return;
        if (at_last) at_last();
        _exit(0);
    };
    for (const int signal : {SIGINT, SIGTERM, SIGALRM}) sigaction(signal, &action, nullptr);
}
// ---- The command line
/// What a program is. `letters`: its options besides -h, as for getopt; has('q'): it is a server.
struct Program {
    const char *name, *purpose, *letters, *example, *port = "65432", *message = "Hello, Server!";
    bool has(char letter) const { return std::strchr(letters, letter); }
};
struct Options { // what the command line says
    std::string host = "127.0.0.1", port, message;
    int timeout, workers = 32; // -t in seconds, 0 = no limit; -w
    bool fork = false, echo = false;
};
/// Prints "PROGRAM: what: why" on standard error. Returns the exit status, 1.
inline int report(const Program &program, std::string_view error) {
    write_all(STDERR_FILENO, std::string(program.name) + ": " + printable(error) + '\n');
    return 1;
}
/// What -h prints: the usage line, and more.
inline std::string help(const Program &program) {
    std::string usage = std::string("usage: ") + program.name + " [-h]", list;
    for (const std::string option :
         {"-q           quiet: print the ready line and errors only",
          "-t SECONDS   give up on a silent peer after this long, 0 = never (server 60, client 5)",
          "-w N         number of worker threads, 1 to 1024 (32)",
          "-f           fork a process for each request instead of starting a thread",
          "-e           echo what comes in, byte for byte, instead of answering questions",
          "-m TEXT      the message to send"}) {
        if (!program.has(option[1])) continue;
        usage += " [" + option.substr(0, option.find("  ")) + ']';
        list += "  " + option +
                (option[1] == 'm' ? std::string(" (") + program.message + ')' : "") + '\n';
    }
    return usage + " [HOST [PORT]]\n\n" + program.purpose + "\n\n  -h           print this text\n" +
           list + "  HOST         name, IPv4 or IPv6 address (127.0.0.1)\n" +
           "  PORT         1 to 65535, for a server also 0: the system chooses (" + program.port +
           ")\n\nexample: " + program.example + "\n";
}
/// Says what is wrong with the command line, then the usage line, and ends the program: status 2.
[[noreturn]] inline void usage_error(const Program &program, const std::string &wrong) {
    report(program, wrong);
    write_all(STDERR_FILENO, help(program).substr(0, help(program).find('\n') + 1));
    std::exit(2);
}
/// Prepares for closed standard streams, for writes that fail, and a server for many clients.
inline void prepare_process(const Program &program) {
    for (int standard = 0; standard <= 2; ++standard) // or a socket could get this number
        if (fcntl(standard, F_GETFD) < 0) open("/dev/null", O_RDWR);
    for (const int deadly : {SIGPIPE, SIGXFSZ}) signal(deadly, SIG_IGN); // write fails instead
    rlimit descriptors = {};
    getrlimit(RLIMIT_NOFILE, &descriptors);
    descriptors.rlim_cur = descriptors.rlim_max;
    if (program.has('q')) setrlimit(RLIMIT_NOFILE, &descriptors);
}
/// Readies the process and reads the command line; ends the program if that is wrong.
inline Options start(int argc, char *argv[], const Program &program) {
    prepare_process(program);
    Options options;
    options.timeout = program.has('q') ? 60 : 5;
    options.message = program.message;
    const auto number = [&](const std::string &what, const std::string &text, int low, int high) {
        const long value = std::strtol(text.c_str(), nullptr, 10);
        if (value >= low && value <= high && std::to_string(value) == text) return int(value);
        usage_error(program, what + " must be a number from " + std::to_string(low) + " to " +
                                 std::to_string(high) + ", not '" + text + "'");
    };
    setenv("POSIXLY_CORRECT", "1", 0); // for glibc's getopt: options stand before HOST only
    const std::string letters = std::string(":h") + program.letters;
    for (int letter; (letter = getopt(argc, argv, letters.c_str())) != -1;) switch (letter) {
        case 'h': std::exit(write_all(1, help(program)) ? 0 : report(program, "cannot print"));
        case 'q': quiet = true; break;
        case 't': options.timeout = number("-t", optarg, 0, 86'400); break;
        case 'w': options.workers = number("-w", optarg, 1, 1024); break;
        case 'f': options.fork = true; break;
        case 'e': options.echo = true; break;
        case 'm': options.message = optarg; break;
        case ':': usage_error(program, std::string("no value for option -") + char(optopt));
        default: usage_error(program, std::string("unknown option -") + char(optopt));
        }
    if (argc > optind + 2)
        usage_error(program, std::string("surplus argument '") + argv[optind + 2] + "'");
    if (argc > optind) options.host = argv[optind];
    options.port = argc > optind + 1 ? argv[optind + 1] : program.port;
    number("PORT", options.port, program.has('q') ? 0 : 1, 65'535); // only looks at it
    return options;
}
} // namespace zen
