// zens in another style: it says no more than it must, and where a connection fails in its own words.
// A Visit is an object that asks for one question after the other,
// as from a file, and keeps what has come behind it. It sends its answers when there is no further
// question in what has come, all at once.

#include "../program.h"
#include "../zen.h"

constexpr zen::Program program = {"zens", "Iterative TCP server of the Zen protocol, of few words.",
                                  "qt:", "./zens/zens -t 10 127.0.0.1 8000"};

class Visit {
  public:
    Visit(int socket, const zen::Address &peer, int timeout) : socket_(socket), peer_(peer) {
        set_time_limit(timeout);
    }

    // The whole conversation. Throws when the connection fails.
    void serve() {
        std::string question;
        while (!zen::stopping && read_question(question)) {
            const std::string_view answer = zen::answer_to(question);
            if (answer.empty()) {
                const bool whole = question.ends_with('?');
                if (whole) zen::log("Unrecognized question from ", peer_, ": ", question);
                else zen::log("Question too long from ", peer_);
                send_answers();
                return hang_up();
            }
            zen::log("Received from ", peer_, ": ", question);
            answers_ += answer;
            zen::log("Sent to ", peer_, ": ", answer);
            question.clear();
        }
        if (!question.empty()) zen::log("End of file in mid-question from ", peer_, ": ", question);
    }

  private:
    void set_time_limit(int seconds) { // of each recv and send; 0 = none
        const timeval limit = {seconds, 0};
        setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
        setsockopt(socket_, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    }

    // Receives up to `size` bytes; 0: end of file.
    std::size_t receive(char *bytes, std::size_t size) {
        while (true) {
            const ssize_t received = recv(socket_, bytes, size, 0);
            if (received >= 0) return static_cast<std::size_t>(received);
            if (!zen::interrupted()) zen::fail("cannot receive");
        }
    }

    // Takes a question; an empty one, if it is too long. False: end of file first.
    bool read_question(std::string &question) {
        while (true) {
            const std::size_t space =
                std::min(rest_.find_first_not_of(zen::white_space), rest_.size());
            rest_.erase(0, space);
            skipped_ += space; // it counts, but is dropped
            const std::size_t mark = rest_.find('?');
            if (skipped_ + std::min(mark, rest_.size()) >= zen::max_message) return true; // full
            if (mark != rest_.npos) {
                question = rest_.substr(0, mark + 1);
                rest_.erase(0, mark + 1);
                skipped_ = 0;
                return true;
            }
            send_answers();
            char buffer[512];
            const std::size_t size = receive(buffer, sizeof buffer);
            if (size == 0) question = rest_;
            if (size == 0) return false;
            rest_.append(buffer, size);
        }
    }

    void send_answers() {
        std::string_view bytes = answers_;
        while (!bytes.empty()) {
            const ssize_t sent = send(socket_, bytes.data(), bytes.size(), 0);
            if (sent >= 0) bytes.remove_prefix(static_cast<std::size_t>(sent));
            else if (!zen::interrupted()) zen::fail("cannot send");
        }
        answers_.clear();
    }

    // A close with bytes unread would send a reset, and the last answers could be lost.
    void hang_up() {
        shutdown(socket_, SHUT_WR);
        set_time_limit(1);
        char unread[1 << 18]; // at the most
        recv(socket_, unread, sizeof unread, MSG_WAITALL);
    }

    int socket_;
    std::string rest_;        // what has come behind the last question,
    std::size_t skipped_ = 0; // and the white space that was dropped of it
    std::string answers_;
    const zen::Address &peer_;
};

zen::Descriptor open_listener(const zen::Options &options) {
    const zen::Addresses addresses = zen::resolve(options.host, options.port, SOCK_STREAM);
    int error = 0;
    for (auto *address = addresses.get(); address && error != EADDRINUSE;
         address = address->ai_next) {
        zen::Descriptor listener(socket(address->ai_family, SOCK_STREAM, 0));
        const int on = 1;
        setsockopt(listener.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
        if (listener && bind(listener.get(), address->ai_addr, address->ai_addrlen) == 0 &&
            listen(listener.get(), 1024) == 0)
            return listener;
        error = zen::telling_error(error, errno);
    }
    zen::fail("cannot listen on " + zen::address_name(options.host, options.port), error);
}

int main(int argc, char *argv[]) {
    const zen::Options options = zen::start(argc, argv, program);
    try {
        const zen::Descriptor listener = open_listener(options);
        zen::stop_on_signals();
        zen::Address own;
        getsockname(listener.get(), own.get(), &own.size);
        zen::say("TCP server started at ", own);
        for (bool exhausted = false; !zen::stopping;) {
            zen::Address peer;
            const zen::Descriptor client(accept(listener.get(), peer.get(), &peer.size));
            exhausted = !client && zen::exhausted(exhausted);
            if (exhausted) zen::pause_shortly();
            if (!client) continue;
            zen::log("Connected by ", peer);
            try {
                Visit(client.get(), peer, options.timeout).serve();
            } catch (const std::exception &error) {
                zen::log("Error with ", peer, ": ", error.what());
            }
            zen::log("Connection with ", peer, " closed");
        }
        zen::log("Server stopped");
    } catch (const std::exception &error) {
        return zen::report(program, error.what());
    }
}
