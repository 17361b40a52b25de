// tap in another style: the clients are the values of a std::map, and the list for poll is made
// from them anew in each round, so that nothing has to be kept in step. Each client is an object
// that knows what it waits for and answers for itself; the loop knows only that.

#include "../program.h"
#include "../zen.h"

#include <map>
#include <vector>

constexpr zen::Program program = {"tap", "TCP server of the Zen protocol: poll, a list each round.",
                                  "eq", "./tap/tap -e 127.0.0.1 8000"};
constexpr std::size_t high_water = 65'536;         // bytes of answers; with more, nothing is read
constexpr auto patience = std::chrono::seconds(1); // with a client that is refused

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
        const bool in = phase_ != finished && output_.size() <= high_water;
        return static_cast<short>((in ? POLLIN : 0) | (output_.empty() ? 0 : POLLOUT));
    }

    // Does what can be done now that `ready` has been reported. Throws when the connection fails.
    void on_ready(short ready, bool echo) {
        // POLLHUP and POLLERR come unasked, also where no question is to be read: then send tells.
        if ((events() & POLLIN) && (ready & ~POLLOUT)) receive(echo);
        if (!output_.empty()) transmit();
        // If it were closed now, with bytes unread, the reset could overtake the last answers.
        if (phase_ == refused && output_.empty()) shutdown(socket_.get(), SHUT_WR);
    }

    // A client that is refused has a second to leave, from its last question or answer on.
    bool is_refused() const { return phase_ == refused; }
    bool is_late() const { return is_refused() && zen::Clock::now() >= deadline_; }

  private:
    enum Phase { talking, refused, finished };

    void receive(bool echo) {
        char buffer[4096];
        const ssize_t size = recv(socket_.get(), buffer, sizeof buffer, 0);
        if (size < 0 && zen::not_ready()) return;
        if (size < 0) zen::fail("cannot receive");
        const std::string_view bytes(buffer, static_cast<std::size_t>(size));
        if (bytes.empty()) {
            const bool in_mid_question = phase_ == talking && !input_.rest().empty();
            phase_ = finished; // once all answers are sent
            if (in_mid_question)
                zen::log("End of file in mid-question from ", peer_, ": ", input_.rest());
        } else if (phase_ == refused) {
            return; // it is only read so that it can be closed without a reset
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
        deadline_ = zen::Clock::now() + patience;
        return false;
    }

    void transmit() {
        const ssize_t size = send(socket_.get(), output_.data(), output_.size(), MSG_NOSIGNAL);
        if (size < 0 && zen::not_ready()) return;
        if (size < 0) zen::fail("cannot send");
        deadline_ = zen::Clock::now() + patience;
        output_.erase(0, static_cast<std::size_t>(size));
        if (output_.empty()) std::string().swap(output_); // there may be thousands of clients
    }

    zen::Descriptor socket_;
    std::string peer_;
    Phase phase_ = talking;
    zen::Messages input_{'?', zen::max_message, zen::white_space};
    std::string output_;
    zen::Clock::time_point deadline_ = {};
};

class Server {
  public:
    Server(const zen::Options &options, bool echo) : listener_(listen_on(options)), echo_(echo) {}

    void run() {
        zen::stop_on_signals();
        zen::Address own;
        getsockname(listener_.get(), own.get(), &own.size);
        zen::say("TCP server started at ", own);
        while (!zen::stopping) {
            std::vector<pollfd> list = {{exhausted_ ? -1 : listener_.get(), POLLIN, 0}};
            bool limited = exhausted_;
            for (const auto &[descriptor, connection] : connections_) {
                list.push_back({descriptor, connection.events(), 0});
                limited |= connection.is_refused();
            }
            const int count = poll(list.data(), list.size(), limited ? 1000 : -1);
            if (count < 0 && errno == EINTR) continue;
            if (count < 0 && errno != EINVAL) zen::fail("cannot poll");
            if (count < 0) { // more clients than RLIMIT_NOFILE has now: try each of them
                usleep(10'000);
                for (pollfd &entry : list) entry.revents = entry.events;
            }
            for (auto entry = list.begin() + 1; entry != list.end(); ++entry)
                if (!zen::stopping) serve(*entry);
            if (exhausted_ || list.front().revents != 0) accept_all();
        }
    }

  private:
    static zen::Descriptor listen_on(const zen::Options &options) {
        const zen::Addresses all = zen::resolve(options.host, options.port, SOCK_STREAM);
        int error = 0;
        for (auto *one = all.get(); one && error != EADDRINUSE; one = one->ai_next) {
            zen::Descriptor listener(socket(one->ai_family, SOCK_STREAM | SOCK_NONBLOCK, 0));
            const int on = 1;
            setsockopt(listener.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
            if (listener && bind(listener.get(), one->ai_addr, one->ai_addrlen) == 0 &&
                listen(listener.get(), 512) == 0)
                return listener;
            error = zen::telling_error(error, errno);
        }
        zen::fail("cannot listen on " + zen::address_name(options.host, options.port), error);
    }

    void serve(const pollfd &entry) {
        const auto found = connections_.find(entry.fd);
        try {
            if (entry.revents != 0) found->second.on_ready(entry.revents, echo_);
            if (found->second.events() != 0 && !found->second.is_late()) return;
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
            if (failed && !exhausted_) zen::say("Cannot accept: ", std::strerror(errno));
            if (failed || client) exhausted_ = failed;
            if (!client) return;
            try {
                const int descriptor = client.get();
                connections_.try_emplace(descriptor, std::move(client), zen::printable(peer));
            } catch (const std::bad_alloc &) { // which closes it
                zen::say("Connection with ", peer, " closed: no memory");
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
        zen::log("Server stopped");
    } catch (const std::exception &error) {
        return zen::report(program, error.what());
    }
}
