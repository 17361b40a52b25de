// zen.h: what the programs of the kit share because it is not the lesson of any of them: the table
// of questions and answers, the cutting of a byte stream into messages, printing, errors,
// descriptors, the end by a signal, the command line. The socket calls stand in the programs.
#pragma once

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <climits>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

namespace zen {

struct Exchange {
    std::string_view question, answer;
};
inline constexpr Exchange table[] = {{"Beautiful is better than?", "Ugly."},
                                     {"Explicit is better than?", "Implicit."},
                                     {"Simple is better than?", "Complex."}};
inline constexpr std::size_t max_message = 1024; // bytes of a question or an answer, with its end
inline constexpr std::string_view white_space = " \t\r\n";

/// The answer to `question`, which must match exactly; empty if the table has none.
constexpr std::string_view answer_to(std::string_view question) {
    for (const Exchange &exchange : table)
        if (exchange.question == question) return exchange.answer;
    return {};
}

/// `text` without the white space around it.
constexpr std::string_view trim(std::string_view text) {
    text.remove_prefix(std::min(text.find_first_not_of(white_space), text.size()));
    return text.substr(0, text.find_last_not_of(white_space) + 1);
}

/// Finds the messages in a byte stream, however the bytes were cut on their way: feed it what recv
/// brings, then take messages until there is none. What follows the last one is kept. A message
/// ends with `delimiter` and has at most `limit` bytes, the delimiter included; the characters in
/// `skipped` are dropped where they stand before a message.
class Messages {
  public:
    Messages(char delimiter, std::size_t limit, std::string_view skipped = {})
        : delimiter_(delimiter), limit_(limit), skipped_(skipped) {}

    void feed(std::string_view bytes) {
        text_.erase(0, begin_);
        searched_ -= std::exchange(begin_, 0);
        text_ += bytes;
    }

    /// The next message with its delimiter, valid until the next feed. Nothing if it is not
    /// complete yet, or too long.
    std::optional<std::string_view> next() {
        begin_ = std::min(text_.find_first_not_of(skipped_, begin_), text_.size());
        searched_ = std::min(text_.find(delimiter_, std::max(begin_, searched_)), text_.size());
        if (searched_ == text_.size() || too_long()) return {};
        const std::size_t begin = std::exchange(begin_, ++searched_);
        return std::string_view(text_).substr(begin, begin_ - begin);
    }

    /// When next() has returned nothing: whether the next message is too long, and what is there of
    /// it.
    bool too_long() const { return searched_ - begin_ >= limit_; }
    std::string_view rest() const { return std::string_view(text_).substr(begin_); }

  private:
    char delimiter_;
    std::size_t limit_;
    std::string_view skipped_;
    std::string text_;
    std::size_t begin_ = 0, searched_ = 0; // where the next message begins, how far it was searched
};

/// `bytes` with all but printable ASCII escaped (\n, \x1b): nothing that a peer sends can drive the
/// terminal or forge a line.
inline std::string printable(std::string_view bytes) {
    constexpr std::string_view controls = "\n\r\t", names = "nrt", digits = "0123456789abcdef";
    std::string text;
    for (const char c : bytes) {
        const auto byte = static_cast<unsigned char>(c);
        if (byte >= ' ' && byte <= '~') text += c;
        else if (const auto i = controls.find(c); i != controls.npos) (text += '\\') += names[i];
        else ((text += "\\x") += digits[byte / 16]) += digits[byte % 16];
    }
    return text;
}

/// "127.0.0.1:65432" or "[::1]:65432".
inline std::string address_name(const std::string &host, const std::string &port) {
    return (host.find(':') == host.npos ? host : '[' + host + ']') + ':' + port;
}

/// The address of a socket, as accept, recvfrom and getsockname fill it in. Can be printed.
struct Address {
    sockaddr_storage storage = {};
    socklen_t size = sizeof storage;
    sockaddr *get() { return reinterpret_cast<sockaddr *>(&storage); }
};
inline std::string printable(const Address &address) {
    char host[NI_MAXHOST] = "?", port[NI_MAXSERV] = "?";
    getnameinfo(reinterpret_cast<const sockaddr *>(&address.storage), address.size, host,
                sizeof host, port, sizeof port, NI_NUMERICHOST | NI_NUMERICSERV);
    return address_name(host, port);
}

inline bool quiet = false;                         // -q
inline std::mutex log_mutex;                       // of the threads that print a line
inline std::atomic<pthread_t> logging_thread = {}; // the one that does, 0 = none
inline std::atomic<bool> stopping = false;         // SIGINT or SIGTERM has come
inline const sigset_t *wait_mask = nullptr;        // of an event loop's wait, see block_signals

/// While one of these lives, an event loop lets the signals in, as while it waits.
class SignalsLetIn {
  public:
    SignalsLetIn() {
        if (wait_mask) sigprocmask(SIG_SETMASK, wait_mask, &blocked_);
    }
    ~SignalsLetIn() {
        if (wait_mask) sigprocmask(SIG_SETMASK, &blocked_, nullptr);
    }

  private:
    sigset_t blocked_ = {};
};

/// Writes a line with one call: whole and at once. A failure (closed pipe, full disk) is ignored: a
/// server outlives the reader of its log.
inline void write_line(int descriptor, const std::string &line) {
    const SignalsLetIn now; // it takes long where nobody reads
    [[maybe_unused]] const auto ignored = write(descriptor, line.data(), line.size());
}

/// Prints a line, escaped. Where there is no memory for it, it is left out.
template <class... Parts> void print_to(int descriptor, const Parts &...parts) try {
    write_line(descriptor, (printable(parts) + ...) + '\n');
} catch (const std::bad_alloc &) {
}
template <class... Parts> void print(const Parts &...parts) { print_to(STDOUT_FILENO, parts...); }

/// Waits until standard output takes a line. False: a signal came first, as nobody reads the log.
inline bool output_ready() {
    pollfd output = {STDOUT_FILENO, POLLOUT, 0};
    const timespec pause = {0, 50'000'000}; // a signal may go to another thread
    while (!stopping && ppoll(&output, 1, &pause, wait_mask) == 0) {
    }
    return !stopping;
}

/// Prints a line for an event, unless it is not to be seen (-q) or the server is about to stop. A
/// line of over PIPE_BUF bytes is cut and ends in "...", as a pipe takes only so much at once,
/// without a line of another thread or process in the middle.
template <class... Parts> void log(const Parts &...parts) try {
    if (quiet) return;
    std::string line = (printable(parts) + ...);
    if (line.size() >= PIPE_BUF) line.replace(PIPE_BUF - 4, line.npos, "...");
    line += '\n';
    const std::lock_guard lock(log_mutex);
    logging_thread = pthread_self();
    if (output_ready()) write_line(STDOUT_FILENO, line);
    logging_thread = pthread_t();
} catch (const std::bad_alloc &) {
}

/// Throws "what: why", where why is the errno of the call that failed. EAGAIN is what a blocking
/// socket reports when the time limit set for it has passed.
[[noreturn]] inline void fail(const std::string &what, int error = errno) {
    throw std::runtime_error(what + ": " + std::strerror(error == EAGAIN ? ETIMEDOUT : error));
}

/// The end of some seconds from now; 0 seconds have no end.
class Deadline {
  public:
    explicit Deadline(int seconds) : seconds_(seconds) {}
    /// Milliseconds, as poll takes them: 0 when the time is over, -1 if there is no end.
    int left() const {
        using namespace std::chrono;
        const auto left = start_ + seconds(seconds_) - steady_clock::now();
        return seconds_ == 0 ? -1 : std::max(0, static_cast<int>(ceil<milliseconds>(left).count()));
    }

  private:
    std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
    int seconds_;
};

/// Owns a descriptor: move-only, closes it when it goes, keeps it from programs started by exec. -1
/// stands for none.
class Descriptor {
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

  private:
    int number_;
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

/// Whether a call failed only because a signal interrupted it, so that it is to be made again.
inline bool interrupted() { return errno == EINTR && !stopping; }

/// What follows a failed call on a non-blocking socket: nothing, where the call can be made later.
/// Otherwise fails.
inline void later_or_fail(const char *what) {
    if (errno != EAGAIN && errno != EINTR) fail(what);
}

/// What follows a failed accept. If a signal came, or the client has gone already: nothing.
/// Otherwise there is no descriptor or no memory left, and the client waits in the backlog: says
/// so, once until `said` is reset, and pauses so that trying again does not keep the processor
/// busy.
inline void accept_failed(bool &said) {
    if (errno == EINTR || errno == EAGAIN || errno == ECONNABORTED) return;
    if (!std::exchange(said, true)) print("Cannot accept: ", std::strerror(errno));
    usleep(100'000);
}

/// From now on SIGINT and SIGTERM set `stopping` and interrupt the call that sleeps (EINTR), also
/// that of a thread that prints to a terminal which nobody reads. Where the signal comes just before
/// that call, nothing is interrupted: so it comes again every 50 ms.
inline void stop_on_signals() {
    struct sigaction action = {};
    action.sa_handler = [](int) {
        stopping = true;
        const itimerval again = {{0, 50'000}, {0, 50'000}};
        setitimer(ITIMER_REAL, &again, nullptr); // raises SIGALRM, handled here as well
        const pthread_t other = logging_thread;
        if (other != pthread_t() && other != pthread_self()) pthread_kill(other, SIGALRM);
    };
    for (const int signal : {SIGINT, SIGTERM, SIGALRM}) sigaction(signal, &action, nullptr);
}

/// For an event loop: as stop_on_signals, but SIGINT and SIGTERM are let in only while it waits, by
/// the mask that this returns: none can come between the look at `stopping` and the wait.
inline const sigset_t &block_signals() {
    static sigset_t before;
    sigset_t signals;
    stop_on_signals();
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    sigprocmask(SIG_BLOCK, &signals, &before);
    wait_mask = &before;
    return before;
}

/// Whether an event loop is to stop. Its wait lets no signal in where somebody is ready at once: so
/// this lets them in, ten times a second.
inline bool stop_requested() {
    using namespace std::chrono;
    static steady_clock::time_point last;
    if (const auto now = steady_clock::now(); now - last > milliseconds(100)) {
        last = now;
        const SignalsLetIn here;
    }
    return stopping;
}

/// What a program is. Its options are letters as getopt takes them: +, so that they stand before
/// HOST as POSIX has it; a colon after one with a value. Every server has -q, and no client.
struct Program {
    const char *name, *purpose, *letters, *example, *port = "65432";
    bool has(int letter) const { return std::strchr(letters, letter) != nullptr; }
};

/// What its command line says.
struct Options {
    std::string host = "127.0.0.1", port, message = "Hello, Server!";
    int timeout, workers = 32; // seconds, 0 = never; threads
    bool fork = false, echo = false;
};

inline std::string help(const Program &program) {
    const bool server = program.has('q');
    const std::string_view options[][2] = {
        {"-h", "print this text"},
        {"-q", "quiet: print the ready line and errors only"},
        {"-t SECONDS", server ? "give up on a silent client after this long, 0 = never (60)"
                              : "give up on a silent server after this long, 0 = never (5)"},
        {"-w N", "number of worker threads, 1 to 1024 (32)"},
        {"-f", "fork a process for each request instead of starting a thread"},
        {"-e", "echo what comes in, byte for byte, instead of answering questions"},
        {"-m TEXT", "the message to send (Hello, Server!)"}};
    std::string usage = std::string("usage: ") + program.name, list;
    for (const auto &[option, meaning] : options) {
        if (!program.has(option[1])) continue;
        usage.append(" [").append(option).append("]");
        list.append("  ").append(option).append(13 - option.size(), ' ').append(meaning) += '\n';
    }
    return usage + " [HOST [PORT]]\n\n" + program.purpose + "\n\n" + list +
           "  HOST         name, IPv4 or IPv6 address (127.0.0.1)\n  PORT         " +
           (server ? "0 to 65535, 0 = the system chooses" : "1 to 65535") + " (" + program.port +
           ")\n\nexample: " + program.example + "\n";
}

/// Says what is wrong with the command line, then the usage line, and ends the program: status 2.
[[noreturn]] inline void usage_error(const Program &program, const std::string &wrong) {
    print_to(STDERR_FILENO, program.name, ": ", wrong);
    print_to(STDERR_FILENO, help(program).substr(0, help(program).find('\n')));
    std::exit(2);
}

/// `text`, all digits, as a number from `low` to `high`; else it is an error in the command line.
inline int number(const Program &program, const char *what, const char *text, int low, int high) {
    int value = 0;
    const char *end = text + std::strlen(text);
    const auto [stop, error] = std::from_chars(text, end, value);
    if (error == std::errc() && stop == end && *text != '-' && value >= low && value <= high)
        return value;
    usage_error(program, std::string(what) + " must be a number from " + std::to_string(low) +
                             " to " + std::to_string(high) + ", not '" + text + "'");
}

/// Reads the command line, and readies the process for what every program of the kit survives.
inline Options start(int argc, char *argv[], const Program &program) {
    // A standard descriptor that is closed would go to a socket, and the log then to a client.
    for (int standard = 0; standard <= 2; ++standard)
        if (fcntl(standard, F_GETFD) < 0) open("/dev/null", O_RDWR);
    signal(SIGPIPE, SIG_IGN); // a write to a closed pipe or socket fails with EPIPE instead,
    signal(SIGXFSZ, SIG_IGN); // and one to a file that may not grow with EFBIG
    const bool server = program.has('q');
    Options options;
    options.timeout = server ? 60 : 5;
    opterr = 0;
    for (int letter; (letter = getopt(argc, argv, program.letters)) != -1;) {
        switch (letter) {
        case 'h': std::fputs(help(program).c_str(), stdout); std::exit(0);
        case 'q': quiet = true; break;
        case 't': options.timeout = number(program, "-t", optarg, 0, 86'400); break;
        case 'w': options.workers = number(program, "-w", optarg, 1, 1024); break;
        case 'f': options.fork = true; break;
        case 'e': options.echo = true; break;
        case 'm': options.message = optarg; break;
        case ':': usage_error(program, std::string("no value for option -") + char(optopt));
        default: usage_error(program, std::string("unknown option -") + char(optopt));
        }
    }
    argv += optind;
    argc -= optind;
    if (argc > 2) usage_error(program, std::string("surplus argument '") + argv[2] + "'");
    if (argc > 0) options.host = argv[0];
    options.port = argc > 1 ? argv[1] : program.port;
    number(program, "PORT", options.port.c_str(), server ? 0 : 1, 65'535);
    if (server) {
        rlimit descriptors = {};
        getrlimit(RLIMIT_NOFILE, &descriptors);
        descriptors.rlim_cur = descriptors.rlim_max;
        setrlimit(RLIMIT_NOFILE, &descriptors);
    }
    return options;
}

/// Prints the error that ends the program, and returns its exit status.
inline int report(const Program &program, const std::exception &error) {
    print_to(STDERR_FILENO, program.name, ": ", error.what());
    return 1;
}

} // namespace zen
