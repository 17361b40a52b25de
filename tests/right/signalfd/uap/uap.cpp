// uap in another style: signals are blocked for good, and come as data from a signalfd, which poll
// watches beside the socket. A line of the log that nobody reads must not keep the server from
// looking there: so a timer interrupts its write now and then. The socket is asked for the size of
// a datagram first (MSG_PEEK, MSG_TRUNC), and the buffer grows with what comes.

#include "../zen.h"

#include <vector>

#include <sys/signalfd.h>

constexpr zen::Program program = {"uap", "UDP server of the Zen protocol: poll, signalfd.", "+:ehq",
                                  "./uap/uap -e 127.0.0.1 8000"};

// SIGINT and SIGTERM, which from now on are not delivered but read.
class Signals {
  public:
    Signals() {
        sigset_t set;
        sigemptyset(&set);
        sigaddset(&set, SIGINT);
        sigaddset(&set, SIGTERM);
        sigprocmask(SIG_BLOCK, &set, nullptr);
        descriptor_ = zen::Descriptor(signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC));
        if (!descriptor_) zen::fail("cannot make a signalfd");
    }
    int get() const { return descriptor_.get(); }

    // Whether one of them has come; it is not read, and so stays.
    bool came() const {
        pollfd source = {get(), POLLIN, 0};
        return poll(&source, 1, 0) > 0;
    }

  private:
    zen::Descriptor descriptor_{-1};
};

class Log {
  public:
    explicit Log(const Signals &signals) : signals_(signals) {
        struct sigaction action = {};
        action.sa_handler = [](int) {}; // it is there to interrupt, without SA_RESTART
        sigaction(SIGALRM, &action, nullptr);
    }

    // Writes a line, whole and at once, and cut if it is too long for that. Where nobody reads it,
    // waits until somebody does or a signal comes.
    template <class... Parts> void print(const Parts &...parts) const {
        std::string line = (zen::printable(parts) + ...);
        if (line.size() > 4000) line.replace(4000, line.npos, "...");
        line += '\n';
        set_timer(100'000);
        while (write(STDOUT_FILENO, line.data(), line.size()) < 0 && errno == EINTR &&
               !signals_.came()) {
        }
        set_timer(0);
    }
    template <class... Parts> void event(const Parts &...parts) const {
        if (!zen::quiet) print(parts...);
    }

  private:
    static void set_timer(int microseconds) { // 0 = off
        const itimerval every = {{0, microseconds}, {0, microseconds}};
        setitimer(ITIMER_REAL, &every, nullptr);
    }
    const Signals &signals_;
};

class Server {
  public:
    Server(zen::Descriptor socket, bool echo) : socket_(std::move(socket)), echo_(echo) {}

    void run() {
        zen::Address own;
        getsockname(socket_.get(), own.get(), &own.size);
        log_.print("UDP server started at ", own);
        while (!signals_.came()) {
            pollfd sources[] = {{socket_.get(), POLLIN, 0}, {signals_.get(), POLLIN, 0}};
            if (poll(sources, 2, -1) < 0 && errno != EINTR) zen::fail("cannot poll");
            for (int i = 0; i < 50 && !signals_.came() && serve_one(); ++i) {
            }
        }
        if (!zen::quiet) log_.print("Server stopped");
    }

  private:
    // Serves a datagram. False: there was none, or receiving failed.
    bool serve_one() {
        const ssize_t size = recv(socket_.get(), nullptr, 0, MSG_PEEK | MSG_TRUNC);
        if (size < 0) return failed();
        if (buffer_.size() <= static_cast<std::size_t>(size))
            buffer_.resize(static_cast<std::size_t>(size) + 1);
        zen::Address client;
        const ssize_t received =
            recvfrom(socket_.get(), buffer_.data(), buffer_.size(), 0, client.get(), &client.size);
        if (received < 0) return failed();
        const std::string_view bytes(buffer_.data(), static_cast<std::size_t>(received));
        if (!echo_) answer(client, bytes);
        else log_.event("Received from ", client, ": ", bytes);
        if (echo_) send_back(client, bytes);
        return true;
    }

    bool failed() const {
        if (errno == EAGAIN || errno == EINTR) return false;
        log_.print("Cannot receive: ", std::strerror(errno));
        pollfd signals = {signals_.get(), POLLIN, 0};
        poll(&signals, 1, 100); // it may go on: do not fill the log with it
        return false;
    }

    void answer(zen::Address &client, std::string_view bytes) const {
        const std::string_view question = zen::trim(bytes), text = zen::answer_to(question);
        if (bytes.size() > zen::max_message) {
            log_.event("Question too long from ", client);
        } else if (text.empty()) {
            log_.event("Unrecognized question from ", client, ": ", question);
        } else {
            log_.event("Received from ", client, ": ", question);
            send_back(client, text);
        }
    }

    // What the kernel has no room for is lost, as it may be on its way as well.
    void send_back(zen::Address &client, std::string_view bytes) const {
        ssize_t sent = -1;
        do sent = sendto(socket_.get(), bytes.data(), bytes.size(), 0, client.get(), client.size);
        while (sent < 0 && errno == EINTR);
        if (sent >= 0) log_.event("Sent to ", client, ": ", bytes);
        else log_.event("Cannot send to ", client, ": ", std::strerror(errno));
    }

    zen::Descriptor socket_;
    bool echo_;
    Signals signals_;
    Log log_{signals_};
    std::vector<char> buffer_ = std::vector<char>(2048);
};

zen::Descriptor open_socket(const zen::Options &options) {
    const zen::Addresses addresses = zen::resolve(options.host, options.port, SOCK_DGRAM);
    for (const addrinfo *address = addresses.get(); address; address = address->ai_next) {
        zen::Descriptor server(socket(address->ai_family, SOCK_DGRAM | SOCK_NONBLOCK, 0));
        if (server && bind(server.get(), address->ai_addr, address->ai_addrlen) == 0) return server;
    }
    zen::fail("cannot bind to " + zen::address_name(options.host, options.port));
}

int main(int argc, char *argv[]) {
    const zen::Options options = zen::start(argc, argv, program);
    try {
        Server(open_socket(options), options.echo).run();
        return 0;
    } catch (const std::exception &error) {
        return zen::report(program, error);
    }
}
