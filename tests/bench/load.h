// The load generator: many clients of one server in one thread, with an epoll loop of its own. It
// checks every answer and takes the time of each.
#ifndef ZEN_TESTS_BENCH_LOAD_H
#define ZEN_TESTS_BENCH_LOAD_H

#include "../support/servers.h"

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include <netinet/in.h>

namespace bench {

using test::Milliseconds;
using Clock = std::chrono::steady_clock;

/// What a client says, and what must come back: one after the other, then from the beginning.
using Script = std::vector<test::Exchange>;

/// The three questions and their answers.
Script zen_script();
/// One message of so many questions, with all their answers.
Script batch_script(int questions);
/// The same, for a server that knows but one answer, `times` for each message.
Script constant_script(Script script, std::string_view answer, int times = 1);

/// What the clients do. In a conversation, a client connects, says its whole script, closes, and
/// begins again; the others stay, and wait for each answer before they say the next.
enum class Talk { conversations, ping_pong, datagrams };

/// What was seen in some time.
struct Sample {
    double seconds = 0;               // until the last answer
    long answered = 0;                // conversations or messages
    long lost = 0;                    // datagrams
    double own_share = 0;             // of a processor, that the generator used
    std::vector<double> microseconds; // for each that was answered

    double rate() const { return static_cast<double>(answered) / seconds; }
};

class Load {
  public:
    /// Opens what stays open. Throws std::runtime_error where that fails.
    Load(const test::Endpoint &server, Talk talk, int clients, Script script,
         Milliseconds patience = Milliseconds(2000));
    ~Load();
    Load(const Load &) = delete;
    Load &operator=(const Load &) = delete;

    /// Keeps all clients busy for so long, then waits for the answers that are still to come; with
    /// 0, each says something once. Throws if an answer is wrong, if the server closes a
    /// connection, or if an answer does not come within the patience: for datagrams, which may be
    /// lost, if none comes at all.
    /// Halfway, and with 0 at once, calls `halfway`.
    Sample run(Milliseconds time, const std::function<void()> &halfway = {});

    /// How many messages have been answered, in all runs.
    long answered() const { return answered_; }

  private:
    struct Client {
        int descriptor = -1;
        bool waiting = false; // for an answer
        std::size_t turn = 0; // in the script
        std::string_view unsent, expected;
        Clock::time_point began, asked;
    };

    int open_socket();
    void connect(Client &client);
    void close(Client &client);
    void watch(const Client &client);
    void say(Client &client);
    void send(Client &client);
    void receive(Client &client);
    void end_turn(Client &client);
    void note_lost();
    [[noreturn]] void fail_unanswered() const;
    void serve_events(int limit);

    sockaddr_in server_ = {};
    Talk talk_;
    Script script_;
    Milliseconds patience_;
    int epoll_ = -1;
    unsigned source_ = 0; // the last source address
    std::vector<Client> clients_;
    long answered_ = 0;

    Sample sample_; // of the run
    long waiting_ = 0;
    bool over_ = false;
    Clock::time_point progress_;
};

} // namespace bench

#endif
