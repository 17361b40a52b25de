// zenc in another style: nothing of the kit is used, this file is all there is. The socket blocks,
// and before each call SO_RCVTIMEO is set to what is left of the time for the answer. A failure is
// a value, a line of text that goes up to main, and not an exception.

#include <cerrno>
#include <charconv>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>

#include <fcntl.h>
#include <netdb.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

using Clock = std::chrono::steady_clock;

static const char *const usage = "usage: zenc [-h] [-t SECONDS] [HOST [PORT]]\n";
static const char *const help =
    "\nTCP client of the Zen protocol: asks three questions, and prints the answers.\n\n"
    "  -h           print this text\n"
    "  -t SECONDS   give up on a silent server after this long, 0 = never (5)\n"
    "  HOST         name, IPv4 or IPv6 address (127.0.0.1)\n"
    "  PORT         1 to 65535 (65432)\n\n"
    "example: ./zenc/zenc localhost 8000\n";

// Printable ASCII stays as it is; the rest is escaped, so that it cannot drive the terminal.
static std::string shown(std::string_view bytes) {
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

// What went wrong with the line, or nothing.
static std::string print_to(int descriptor, std::string_view line) {
    while (!line.empty()) {
        const ssize_t written = write(descriptor, line.data(), line.size());
        if (written >= 0) line.remove_prefix(static_cast<std::size_t>(written));
        else if (errno != EINTR) return std::string("cannot print: ") + std::strerror(errno);
    }
    return "";
}

static int usage_error(const std::string &wrong) {
    print_to(STDERR_FILENO, "zenc: " + shown(wrong) + '\n' + usage);
    return 2;
}

// A whole decimal number from `low` to `high`.
static bool read_number(std::string_view text, int low, int high, int &number) {
    const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    return error == std::errc() && stop == text.data() + text.size() && number >= low &&
           number <= high;
}

class Connection {
  public:
    Connection(const std::string &host, const std::string &port, int seconds)
        : name_((host.find(':') == host.npos ? host : "[" + host + "]") + ":" + port),
          seconds_(seconds) {}
    Connection(const Connection &) = delete;
    Connection &operator=(const Connection &) = delete;
    ~Connection() {
        if (socket_ >= 0) close(socket_);
    }

    // Each of these returns what went wrong, or nothing.
    std::string open(const std::string &host, const std::string &port) {
        addrinfo hints = {}, *list = nullptr;
        hints.ai_socktype = SOCK_STREAM;
        const int failed = getaddrinfo(host.c_str(), port.c_str(), &hints, &list);
        if (failed != 0) return "cannot resolve " + host + ": " + gai_strerror(failed);
        int error = -1; // none yet
        for (const addrinfo *one = list; one && error != 0; one = one->ai_next) {
            const int later = try_address(*one);
            // It says little that this machine cannot use an address: it has no IPv6 perhaps.
            if (error == -1 ||
                (later != EADDRNOTAVAIL && later != EAFNOSUPPORT && later != ENETUNREACH))
                error = later;
        }
        freeaddrinfo(list);
        return error == 0 ? "" : "cannot connect to " + name_ + ": " + std::strerror(error);
    }

    std::string ask(std::string_view question) {
        while (!question.empty()) {
            const ssize_t sent = send(socket_, question.data(), question.size(), MSG_NOSIGNAL);
            if (sent >= 0) question.remove_prefix(static_cast<std::size_t>(sent));
            else if (errno != EINTR) return "cannot send to " + name_ + reason();
        }
        return "";
    }

    // Receives up to the full stop; what follows is kept, but for white space.
    std::string receive(std::string &answer) {
        const auto end = Clock::now() + std::chrono::seconds(seconds_);
        std::size_t stop;
        while ((stop = received_.find('.')) == received_.npos && received_.size() < limit) {
            errno = EAGAIN;
            if (!set_limit(SO_RCVTIMEO, end)) return "no answer from " + name_ + reason();
            char buffer[512];
            const ssize_t size = recv(socket_, buffer, sizeof buffer, 0);
            if (size == 0) return "no complete answer from " + name_ + ": connection closed";
            if (size < 0 && errno == EINTR) continue;
            if (size < 0) return "no answer from " + name_ + reason();
            received_.append(buffer, static_cast<std::size_t>(size));
            received_.erase(0, std::min(received_.find_first_not_of(" \t\r\n"), received_.size()));
        }
        if (stop >= limit) return "answer too long from " + name_;
        answer = received_.substr(0, stop + 1);
        received_.erase(0, received_.find_first_not_of(" \t\r\n", stop + 1));
        return "";
    }

  private:
    static constexpr std::size_t limit = 1024; // bytes of an answer

    static std::string reason() { // EAGAIN: a limit that was set for a blocking call has passed
        return std::string(": ") + std::strerror(errno == EAGAIN ? ETIMEDOUT : errno);
    }

    // Sets the limit of each call to the time that is left. False: there is none left.
    bool set_limit(int option, Clock::time_point end) {
        if (seconds_ == 0) return true;
        const auto left = std::chrono::ceil<std::chrono::microseconds>(end - Clock::now()).count();
        if (left <= 0) return false;
        const timeval limit_of_call = {left / 1'000'000, left % 1'000'000};
        setsockopt(socket_, SOL_SOCKET, option, &limit_of_call, sizeof limit_of_call);
        return true;
    }

    // 0 if the connection is open, otherwise the error.
    int try_address(const addrinfo &address) {
        if (socket_ >= 0) close(socket_);
        socket_ = socket(address.ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
        set_limit(SO_SNDTIMEO, Clock::now() + std::chrono::seconds(seconds_));
        while (socket_ < 0 || connect(socket_, address.ai_addr, address.ai_addrlen) != 0) {
            if (errno == EISCONN) return 0; // it was connected while a signal was handled
            if (errno == EINPROGRESS || errno == EALREADY) return ETIMEDOUT;
            if (errno != EINTR) return errno;
        }
        return 0;
    }

    std::string name_;
    int seconds_, socket_ = -1;
    std::string received_;
};

int main(int argc, char *argv[]) {
    for (int standard = 0; standard <= 2; ++standard) // or the socket would get its number
        if (fcntl(standard, F_GETFD) < 0) open("/dev/null", O_RDWR);
    for (const int deadly : {SIGPIPE, SIGXFSZ}) signal(deadly, SIG_IGN); // write fails instead
    int seconds = 5, number = 0;
    opterr = 0;
    for (int letter; (letter = getopt(argc, argv, "+:ht:")) != -1;) {
        const std::string option(1, static_cast<char>(optopt));
        if (letter == 'h') return std::printf("%s%s", usage, help) > 0 ? 0 : 1;
        if (letter == ':') return usage_error("no value for option -" + option);
        if (letter != 't') return usage_error("unknown option -" + option);
        if (!read_number(optarg, 0, 86'400, seconds))
            return usage_error(std::string("-t must be a number from 0 to 86400, not '") + optarg +
                               "'");
    }
    const std::string host = optind < argc ? argv[optind] : "127.0.0.1";
    const std::string port = optind + 1 < argc ? argv[optind + 1] : "65432";
    if (optind + 2 < argc)
        return usage_error(std::string("surplus argument '") + argv[optind + 2] + "'");
    if (!read_number(port, 1, 65'535, number))
        return usage_error("PORT must be a number from 1 to 65535, not '" + port + "'");

    Connection connection(host, port, seconds);
    std::string failure = connection.open(host, port);
    for (const char *question :
         {"Beautiful is better than?", "Explicit is better than?", "Simple is better than?"}) {
        std::string answer;
        if (failure.empty()) failure = connection.ask(question);
        if (failure.empty())
            failure = print_to(STDOUT_FILENO, std::string("Sent: ") + question + '\n');
        if (failure.empty()) failure = connection.receive(answer);
        if (failure.empty()) failure = print_to(STDOUT_FILENO, "Received: " + shown(answer) + '\n');
    }
    if (!failure.empty()) print_to(STDERR_FILENO, "zenc: " + shown(failure) + '\n');
    return failure.empty() ? 0 : 1;
}
