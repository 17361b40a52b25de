// tap in another style: the clients are the values of a std::map, and the list for poll is made
// from them anew in each round, so that nothing has to be kept in step. Each client is an object
// that knows what it waits for and answers for itself; the loop knows only that.

#include "../zen.h"

#include <map>
#include <vector>

constexpr zen::Program program = {"tap", "TCP server of the Zen protocol: poll, a list each round.",
                                  "+:ehq", "./tap/tap -e 127.0.0.1 8000"};
constexpr std::size_t high_water = 65'536; // bytes of answers; with more, no question is read
constexpr std::size_t patience = 262'144;  // bytes read of a client after it was hung up on

class Connection {
  public:
    Connection(zen::Descriptor socket, std::string peer)
        : socket_(std::move(socket)), peer_(std::move(peer)) {
        zen::log("Connected by ", peer_);
    }
    Connection(const Connection &) = delete;
    Connection &operator=(const Connection &) = delete;
    ~Connection() { zen::log("Connection with ", peer_, " closed"); }

    // What to wait for, as poll takes it; 0: the conversation is over.
    short events() const {
        const bool in = phase_ == draining || (phase_ == talking && output_.size() <= high_water);
        return static_cast<short>((in ? POLLIN : 0) | (output_.empty() ? 0 : POLLOUT));
    }

    // Does what can be done now that `ready` has been reported. Throws when the connection fails.
    void on_ready(short ready, bool echo) {
        // POLLHUP and POLLERR come unasked, also where no question is to be read: then send tells.
        if ((events() & POLLIN) && (ready & ~POLLOUT)) receive(echo);
        if (!output_.empty()) transmit();
        if (phase_ == refused && output_.empty()) {
            // If it were closed now, with bytes unread, the reset could overtake the last answers.
            shutdown(socket_.get(), SHUT_WR);
            phase_ = draining;
        }
    }

  private:
    enum Phase { talking, refused, draining, finished };

    void receive(bool echo) {
        char buffer[4096];
        const ssize_t size = recv(socket_.get(), buffer, sizeof buffer, 0);
        if (size < 0) return zen::later_or_fail("cannot receive");
        const std::string_view bytes(buffer, static_cast<std::size_t>(size));
        if (phase_ == draining) {
            drained_ += bytes.size();
            if (bytes.empty() || drained_ > patience) phase_ = finished;
        } else if (bytes.empty()) {
            phase_ = finished; // once all answers are sent
            if (!input_.rest().empty())
                zen::log("End of file in mid-question from ", peer_, ": ", input_.rest());
        } else if (echo) {
            zen::log("Received from ", peer_, ": ", bytes);
            output_ += bytes;
            zen::log("Sent to ", peer_, ": ", bytes);
        } else {
            input_.feed(bytes);
            while (const auto question = input_.next())
                if (!answer(*question)) return;
            if (input_.too_long()) refuse("Question too long", "");
        }
    }

    bool answer(std::string_view question) {
        const std::string_view text = zen::answer_to(question);
        if (text.empty()) return refuse("Unrecognized question", question);
        zen::log("Received from ", peer_, ": ", question);
        output_ += text;
        zen::log("Sent to ", peer_, ": ", text);
        return true;
    }

    bool refuse(std::string_view what, std::string_view question) {
        zen::log(what, " from ", peer_, question.empty() ? "" : ": ", question);
        phase_ = refused;
        return false;
    }

    void transmit() {
        const ssize_t size = send(socket_.get(), output_.data(), output_.size(), MSG_NOSIGNAL);
        if (size < 0) return zen::later_or_fail("cannot send");
        output_.erase(0, static_cast<std::size_t>(size));
        if (output_.empty()) std::string().swap(output_); // there may be thousands of clients
    }

    zen::Descriptor socket_;
    std::string peer_;
    Phase phase_ = talking;
    zen::Messages input_{'?', zen::max_message, zen::white_space};
    std::string output_;
    std::size_t drained_ = 0;
};

class Server {
  public:
    Server(const zen::Options &options, bool echo) : listener_(listen_on(options)), echo_(echo) {}

    void run() {
        const sigset_t &mask = zen::block_signals();
        zen::Address own;
        getsockname(listener_.get(), own.get(), &own.size);
        zen::print("TCP server started at ", own);
        const timespec second = {1, 0};
        while (!zen::stop_requested()) {
            std::vector<pollfd> list = {{exhausted_ ? -1 : listener_.get(), POLLIN, 0}};
            for (const auto &[descriptor, connection] : connections_)
                list.push_back({descriptor, connection.events(), 0});
            const int count =
                ppoll(list.data(), list.size(), exhausted_ ? &second : nullptr, &mask);
            if (count < 0 && errno == EINTR) continue;
            if (count < 0 && errno != EINVAL) zen::fail("cannot poll");
            if (count < 0) { // more clients than RLIMIT_NOFILE has now: try each of them
                usleep(10'000);
                for (pollfd &entry : list) entry.revents = entry.events;
            }
            for (auto entry = list.begin() + 1; entry != list.end(); ++entry)
                if (entry->revents != 0 && !zen::stop_requested()) serve(*entry);
            if (exhausted_ || list.front().revents != 0) accept_all();
        }
    }

  private:
    static zen::Descriptor listen_on(const zen::Options &options) {
        const zen::Addresses all = zen::resolve(options.host, options.port, SOCK_STREAM);
        for (const addrinfo *one = all.get(); one; one = one->ai_next) {
            zen::Descriptor listener(socket(one->ai_family, SOCK_STREAM | SOCK_NONBLOCK, 0));
            if (!listener) continue;
            const int on = 1;
            setsockopt(listener.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
            if (bind(listener.get(), one->ai_addr, one->ai_addrlen) != 0) continue;
            if (listen(listener.get(), 512) == 0) return listener;
        }
        zen::fail("cannot listen on " + zen::address_name(options.host, options.port));
    }

    void serve(const pollfd &entry) {
        const auto found = connections_.find(entry.fd);
        try {
            found->second.on_ready(entry.revents, echo_);
            if (found->second.events() != 0) return;
        } catch (const std::exception &error) {
            zen::log("Connection lost: ", error.what());
        }
        connections_.erase(found);
    }

    // While there is no descriptor or no memory left, the listener is not watched but tried again
    // after a second, or when something else happens: a client may have left.
    void accept_all() {
        while (!zen::stopping) {
            zen::Address peer;
            zen::Descriptor client(accept4(listener_.get(), peer.get(), &peer.size, SOCK_NONBLOCK));
            if (!client && (errno == EINTR || errno == ECONNABORTED)) continue;
            const bool failed = !client && errno != EAGAIN;
            if (failed && !exhausted_) zen::print("Cannot accept: ", std::strerror(errno));
            if (failed || client) exhausted_ = failed;
            if (!client) return;
            try {
                const int descriptor = client.get();
                connections_.try_emplace(descriptor, std::move(client), zen::printable(peer));
            } catch (const std::bad_alloc &) { // which closes it
                zen::print("Connection with ", peer, " closed: no memory");
            }
        }
    }

    zen::Descriptor listener_;
    bool echo_, exhausted_ = false;
    std::map<int, Connection> connections_; // by descriptor
};

int main(int argc, char *argv[]) {
    const zen::Options options = zen::start(argc, argv, program);
    try {
        Server(options, options.echo).run();
        if (!zen::quiet) zen::print("Server stopped");
        return 0;
    } catch (const std::exception &error) {
        return zen::report(program, error);
    }
}
