// uap in another style: signals are blocked for good, and come as data from a signalfd, which poll
// watches beside the socket. This is one answer to the race between the look at a flag and the
// wait: there is no flag, and a signal that comes just before poll makes the signalfd readable, so
// that poll returns at once. No handler runs, and no alarm has to interrupt anything. The log waits
// by poll for the signalfd as well, as its reader may be gone for ever. The socket is asked for the
// size of a datagram first (MSG_PEEK, MSG_TRUNC), and the buffer grows with what comes.

#include "../program.h"
#include "../zen.h"

#include <vector>

#include <sys/signalfd.h>

constexpr zen::Program program = {"uap", "UDP server of the Zen protocol: poll, signalfd.", "eq",
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
    explicit Log(const Signals &signals) : signals_(signals) {}

    // Prints a line; leaves it out where that fails or would take too long.
    template <class... Parts> void print(const Parts &...parts) {
        if (has_room()) zen::say(parts...);
    }
    template <class... Parts> void event(const Parts &...parts) {
        if (!zen::quiet) print(parts...);
    }

  private:
    // Whether a line can be written without blocking: waits until its reader has made room. After
    // a signal it waits no longer than to half a second from then on, for all lines together.
    bool has_room() {
        while (true) {
            int left = -1; // milliseconds, -1 = for ever
            if (signals_.came()) {
                const auto now = zen::Clock::now();
                if (end_ == zen::Clock::time_point()) end_ = now + std::chrono::milliseconds(500);
                left = static_cast<int>((std::max(end_, now) - now) / std::chrono::milliseconds(1));
            }
            pollfd sources[] = {{STDOUT_FILENO, POLLOUT, 0}, {signals_.get(), POLLIN, 0}};
            const int ready = poll(sources, left < 0 ? 2 : 1, left);
            if (ready > 0 && sources[0].revents != 0) return true; // also to fail, if nobody reads
            if (ready == 0) return false;
        }
    }
    const Signals &signals_;
    zen::Clock::time_point end_ = {};
};

class Server {
  public:
    Server(zen::Descriptor socket, bool echo) : socket_(std::move(socket)), echo_(echo) {}

    void run() {
        zen::Address own;
        getsockname(socket_.get(), own.get(), &own.size);
        own_port_ = own.port();
        log_.print("UDP server started at ", own);
        while (!signals_.came()) {
            pollfd sources[] = {{socket_.get(), POLLIN, 0}, {signals_.get(), POLLIN, 0}};
            if (poll(sources, 2, -1) < 0 && errno != EINTR) zen::fail("cannot poll");
            for (int i = 0; i < 50 && !signals_.came() && serve_one(); ++i) {
            }
        }
        log_.event("Server stopped");
    }

  private:
    // Serves a datagram. False: there was none, or receiving failed.
    bool serve_one() {
        const ssize_t size = recv(socket_.get(), nullptr, 0, MSG_PEEK | MSG_TRUNC);
        if (size < 0) return failed();
        if (buffer_.size() <= static_cast<std::size_t>(size) && !grow(size)) return true;
        zen::Address client;
        const ssize_t received =
            recvfrom(socket_.get(), buffer_.data(), buffer_.size(), 0, client.get(), &client.size);
        if (received < 0) return failed();
        const std::string_view bytes(buffer_.data(), static_cast<std::size_t>(received));
        if (!echo_) answer(client, bytes);
        else log_.event("Received from ", client, ": ", bytes);
        // A datagram from the server's own port would come back to it for ever.
        if (echo_ && client.port() != own_port_) send_back(client, bytes);
        return true;
    }

    // False: there is no memory for the datagram, and it is dropped.
    bool grow(ssize_t size) try {
        buffer_.resize(static_cast<std::size_t>(size) + 1);
        return true;
    } catch (const std::bad_alloc &) {
        recv(socket_.get(), nullptr, 0, 0);
        log_.print("Datagram lost: no memory");
        return false;
    }

    bool failed() {
        if (errno == EAGAIN || errno == EINTR) return false;
        log_.print("Cannot receive: ", std::strerror(errno));
        pollfd signals = {signals_.get(), POLLIN, 0};
        poll(&signals, 1, 100); // it may go on: do not fill the log with it
        return false;
    }

    void answer(zen::Address &client, std::string_view bytes) {
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

    // If the kernel has no room for it, it is lost, as it could be lost on the way.
    void send_back(zen::Address &client, std::string_view bytes) {
        ssize_t sent = -1;
        do sent = sendto(socket_.get(), bytes.data(), bytes.size(), 0, client.get(), client.size);
        while (sent < 0 && errno == EINTR);
        if (sent >= 0) log_.event("Sent to ", client, ": ", bytes);
        else log_.event("Cannot send to ", client, ": ", std::strerror(errno));
    }

    zen::Descriptor socket_;
    bool echo_;
    in_port_t own_port_ = 0;
    Signals signals_;
    Log log_{signals_};
    std::vector<char> buffer_ = std::vector<char>(2048);
};

zen::Descriptor open_socket(const zen::Options &options) {
    const zen::Addresses addresses = zen::resolve(options.host, options.port, SOCK_DGRAM);
    int error = 0;
    for (auto *address = addresses.get(); address && error != EADDRINUSE;
         address = address->ai_next) {
        zen::Descriptor server(socket(address->ai_family, SOCK_DGRAM | SOCK_NONBLOCK, 0));
        if (server && bind(server.get(), address->ai_addr, address->ai_addrlen) == 0) return server;
        error = zen::telling_error(error, errno);
    }
    zen::fail("cannot bind to " + zen::address_name(options.host, options.port), error);
}

int main(int argc, char *argv[]) {
    const zen::Options options = zen::start(argc, argv, program);
    try {
        Server(open_socket(options), options.echo).run();
    } catch (const std::exception &error) {
        return zen::report(program, error.what());
    }
}
