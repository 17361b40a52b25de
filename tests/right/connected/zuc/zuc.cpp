// zuc in another style: a Server object is one connected UDP socket, read and written with read and
// write, so that the kernel itself drops what comes from elsewhere. The addresses of a host stand
// in a ring: each second without an answer the next one is asked. Time is counted in a single
// clock, from the first second of a question on.

#include "../program.h"
#include "../zen.h"

#include <vector>

constexpr zen::Program program = {"zuc", "UDP client of the Zen protocol, with connected sockets.",
                                  "t:", "./zuc/zuc localhost 8000"};
using zen::Clock;

class Server {
  public:
    // Connecting sends nothing: it fixes who is written to, and who is read from.
    explicit Server(const addrinfo &address)
        : socket_(socket(address.ai_family, SOCK_DGRAM | SOCK_NONBLOCK, 0)) {
        int failed = -1;
        do failed = connect(socket_.get(), address.ai_addr, address.ai_addrlen);
        while (failed && zen::interrupted());
        if (failed) socket_ = zen::Descriptor(-1);
    }
    explicit operator bool() const { return static_cast<bool>(socket_); }

    // If this fails, the question is lost: it will be asked again.
    void ask(std::string_view question) {
        while (write(socket_.get(), question.data(), question.size()) < 0 && zen::interrupted()) {
        }
    }

    // The next datagram, without the white space around it; nothing if none comes until `end`, or
    // if the host has said that nobody is there: then errno is ECONNREFUSED.
    std::optional<std::string> next(Clock::time_point end) {
        while (true) {
            const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - Clock::now());
            errno = ETIMEDOUT;
            if (left.count() <= 0) return {};
            pollfd source = {socket_.get(), POLLIN, 0};
            if (poll(&source, 1, static_cast<int>(left.count())) <= 0) continue;
            char buffer[zen::max_message + 1];
            const ssize_t size = read(socket_.get(), buffer, sizeof buffer);
            if (size >= 0) return std::string(zen::trim({buffer, static_cast<std::size_t>(size)}));
            if (errno == ECONNREFUSED) return {};
        }
    }

  private:
    zen::Descriptor socket_;
};

class Inquiry {
  public:
    explicit Inquiry(const zen::Options &options)
        : name_(zen::address_name(options.host, options.port)), timeout_(options.timeout) {
        const zen::Addresses addresses = zen::resolve(options.host, options.port, SOCK_DGRAM);
        for (const addrinfo *address = addresses.get(); address; address = address->ai_next)
            if (Server server(*address); server) servers_.push_back(std::move(server));
        if (servers_.empty()) zen::fail("cannot connect to " + name_);
    }

    // Asks until there is an answer. Throws when the time is over.
    std::string ask(std::string_view question) {
        auto next_time = Clock::now();
        const auto over = next_time + std::chrono::seconds(timeout_); // no matter, if it is 0
        int reason = ETIMEDOUT;
        for (bool first = true; timeout_ == 0 || next_time < over; first = false) {
            next_time += std::chrono::seconds(1);
            servers_[current_].ask(question);
            if (first) zen::print("Sent: ", question);
            for (std::size_t refused = 0; Clock::now() < next_time;) {
                const auto answer = servers_[current_].next(next_time);
                if (answer && answer->size() > zen::max_message)
                    throw std::runtime_error("answer too long from " + name_);
                if (answer && answers(*answer, question)) {
                    earlier_.push_back(*answer);
                    return *answer;
                }
                if (answer || errno != ECONNREFUSED) continue;
                reason = ECONNREFUSED;
                if (++refused >= servers_.size()) continue; // all of them: wait for the next second
                turn();
                servers_[current_].ask(question);
            }
            turn();
        }
        zen::fail("no answer from " + name_, reason);
    }

  private:
    void turn() { current_ = (current_ + 1) % servers_.size(); }

    // An answer to another question is late, or has come twice: by the table, or as it was taken.
    bool answers(std::string_view answer, std::string_view question) const {
        if (!answer.ends_with('.')) return false;
        for (const auto &[other, others_answer] : zen::table)
            if (answer == others_answer && question != other) return false;
        return std::find(earlier_.begin(), earlier_.end(), answer) == earlier_.end();
    }

    std::string name_;
    int timeout_; // seconds, 0 = none
    std::vector<Server> servers_;
    std::size_t current_ = 0;
    std::vector<std::string> earlier_;
};

int main(int argc, char *argv[]) {
    const zen::Options options = zen::start(argc, argv, program);
    try {
        Inquiry inquiry(options);
        for (const zen::Exchange &exchange : zen::table)
            zen::print("Received: ", inquiry.ask(exchange.question));
    } catch (const std::exception &error) {
        return zen::report(program, error.what());
    }
}
