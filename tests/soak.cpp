// soak: runs well-behaved and hostile clients, in a random mix, against one server for some time,
// checks every answer, and at the end that the server holds no more than at the beginning.
//
//     soak PROGRAM [SECONDS [SEED]]      (soak "sszt -f" 600 7; make soak does it)
//
// The seed decides what is done, and in which order: a run that failed is repeated with its seed.
// Exit status 0: all was right; 1: the line says what was not.
#include "support/procfs.h"
#include "support/servers.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <list>
#include <random>
#include <stdexcept>

#include <sys/resource.h>

using namespace test;

namespace {

void require(bool condition, const std::string &what) {
    if (!condition) throw std::runtime_error(what);
}

class Soak {
  public:
    Soak(const Program &program, unsigned seed)
        : program_(program), server_(program, {"-q"}), random_(seed) {}

    void run(std::chrono::seconds duration) {
        using Clock = std::chrono::steady_clock;
        const auto start = Clock::now();
        // After a quarter of the time it has what it keeps: each thread has had its longest turn.
        while (Clock::now() - start < duration / 4) step();
        silent_.clear();
        const Held before = held_when_idle();
        while (Clock::now() - start < duration) step();
        silent_.clear();
        const Held after = held_when_idle();
        std::printf("%s: %ld steps, %ld answers; descriptors %zu, %zu, threads %zu, %zu, children "
                    "%zu, %zu, memory %ld KiB, %ld KiB\n",
                    std::string(program_.name).c_str(), steps_, answers_, before.descriptors,
                    after.descriptors, before.threads, after.threads, before.children,
                    after.children, before.memory, after.memory);
        require(after.descriptors <= before.descriptors, "it keeps descriptors");
        require(after.threads <= before.threads, "it keeps threads");
        require(after.children <= before.children, "it keeps children");
        if (!sanitized)
            require(after.memory <= before.memory + std::max(before.memory / 4, 2048L),
                    "it keeps memory");
        server_.signal(SIGTERM);
        require(server_.wait_exit(Milliseconds(2000)) == 0, "it does not stop");
    }
    long steps() const { return steps_; }
    const char *action() const { return action_; }
    Server &server() { return server_; }

  private:
    struct Held {
        std::size_t descriptors, threads, children;
        long memory;
    };
    Held held() const {
        const pid_t pid = server_.pid();
        return {descriptor_count(pid), thread_count(pid), children(pid).size(),
                resident_memory(pid)};
    }
    // What it holds when all clients have gone: when that does not change for a second.
    Held held_when_idle() {
        ask_politely();
        Held last = held();
        for (int same = 0, i = 0; same < 10 && i < 100; ++i) {
            server_.wait_exit(Milliseconds(100), false);
            const Held now = held();
            same = now.descriptors == last.descriptors && now.threads == last.threads &&
                           now.children == last.children
                       ? same + 1
                       : 0;
            last = now;
        }
        return last;
    }

    std::size_t upto(std::size_t n) {
        return std::uniform_int_distribution<std::size_t>(0, n)(random_);
    }
    const Exchange &some() { return exchanges(program_)[upto(2)]; }

    void check(const Exchange &exchange, std::string_view received) {
        require(received == exchange.answer, "a wrong answer");
        ++answers_;
    }

    void step() {
        ++steps_;
        if (program_.kind == Kind::udp_server) datagram_step();
        else connection_step();
        require(!server_.wait_exit(Milliseconds(0), false), "it has ended");
    }

    void connection_step() {
        // Where one client is served after the other, a silent one would stop the rest.
        const bool others_wait = program_.name == "zens";
        switch (upto(14)) {
        case 0:
        case 1: return ask_politely();
        case 2: return pipeline();
        case 3: return dribble();
        case 4: return reset_in_mid_question();
        case 5: return ask_and_leave();
        case 6: return others_wait ? ask_politely() : never_read();
        case 7: return say_something_wrong();
        case 8: return send_junk();
        case 9: return send_urgently();
        case 10: return come_and_go();
        case 11: return others_wait ? ask_politely() : stay_silent();
        case 12: return stop_for_a_moment();
        case 13: return run_out_of_descriptors();
        default: return come_in_a_crowd();
        }
    }

    void ask_politely() {
        action_ = "asks politely";
        if (program_.kind == Kind::udp_server) return ask_datagrams();
        Connection client(server_.address());
        for (std::size_t i = upto(5) + 1; i > 0; --i) {
            const Exchange &exchange = some();
            require(client.send(exchange.question), "it does not read");
            check(exchange, client.receive(exchange.answer.size()));
        }
    }
    void pipeline() {
        action_ = "pipelines";
        const Exchange all = pipelined(program_, static_cast<int>(upto(200)) + 1);
        Connection client(server_.address(), upto(1) ? 4096 : 0);
        check(all, client.exchange(all.question));
        require(client.ended(), "no end of file");
    }
    void dribble() {
        action_ = "sends byte by byte";
        const Exchange &exchange = some();
        Connection client(server_.address());
        require(client.dribble(exchange.question), "it does not read");
        check(exchange, client.receive(exchange.answer.size()));
    }
    void reset_in_mid_question() {
        action_ = "resets";
        Connection client(server_.address());
        const std::string &question = some().question;
        client.send(question.substr(0, upto(question.size())));
        client.reset();
    }
    void ask_and_leave() {
        action_ = "asks and leaves";
        Connection client(server_.address());
        client.send(pipelined(program_, static_cast<int>(upto(30))).question);
    }
    void never_read() {
        action_ = "never reads";
        Connection client(server_.address(), 4096);
        client.send(pipelined_bytes(program_, 1'000'000).question, Milliseconds(20));
        if (silent_.size() < 10) silent_.push_back(std::move(client));
    }
    void say_something_wrong() {
        action_ = "says something wrong";
        const Exchange &exchange = some();
        const std::string wrong = program_.port == "8888"   ? std::string("\xff\xff\xff\xff")
                                  : program_.port == "8889" ? std::string(70'000, 'x')
                                  : program_.port == "8890" ? std::string(1024, ' ')
                                                            : std::string("What?");
        Connection client(server_.address());
        client.send(exchange.question + wrong + std::string(upto(100'000), 'j'));
        check(exchange, client.receive_all());
        require(client.ended(), "no end of file");
    }
    void send_junk() {
        action_ = "sends junk";
        std::string junk(upto(300'000), '\0');
        for (char &byte : junk) byte = static_cast<char>(random_());
        Connection client(server_.address());
        client.send(junk, Milliseconds(50));
        client.receive(65'536, Milliseconds(0));
    }
    void send_urgently() {
        action_ = "sends urgent data";
        const Exchange &exchange = some();
        Connection client(server_.address());
        ::send(client.get(), "!", 1, MSG_OOB | MSG_NOSIGNAL);
        check(exchange, client.exchange(exchange.question));
    }
    void come_and_go() {
        action_ = "comes and goes";
        for (std::size_t i = upto(20); i > 0; --i) {
            Connection client(server_.address());
            if (upto(1)) client.reset();
        }
    }
    void stay_silent() {
        action_ = "stays silent";
        if (!silent_.empty() && upto(1)) silent_.pop_front();
        if (silent_.size() >= 10) return;
        silent_.emplace_back(server_.address());
        silent_.back().send(some().question.substr(0, upto(10)));
    }
    void stop_for_a_moment() {
        action_ = "waits while the server is stopped";
        const Exchange &exchange = some();
        Connection client(server_.address());
        require(client.send(exchange.question), "it does not read");
        stop_and_continue(server_.pid());
        check(exchange, client.receive(exchange.answer.size()));
    }
    void run_out_of_descriptors() {
        action_ = "comes while no descriptor is left";
        rlimit enough = {};
        prlimit(server_.pid(), RLIMIT_NOFILE, nullptr, &enough);
        rlimit few = enough;
        few.rlim_cur = descriptor_count(server_.pid()) + upto(3);
        prlimit(server_.pid(), RLIMIT_NOFILE, &few, nullptr);
        const Exchange &exchange = some();
        std::list<Connection> clients;
        for (int i = 0; i < 5; ++i) {
            clients.emplace_back(server_.address());
            clients.back().send(exchange.question);
            clients.back().shut_down_sending();
        }
        prlimit(server_.pid(), RLIMIT_NOFILE, &enough, nullptr);
        for (Connection &client : clients) check(exchange, client.receive_all());
    }
    void come_in_a_crowd() {
        action_ = "come in a crowd";
        std::list<Connection> clients;
        const Exchange all = pipelined(program_);
        for (int i = 0; i < 30; ++i) clients.emplace_back(server_.address());
        for (Connection &client : clients) {
            client.send(all.question);
            client.shut_down_sending();
        }
        for (Connection &client : clients) check(all, client.receive_all());
    }

    void datagram_step() {
        switch (upto(4)) {
        case 0:
        case 1: return ask_politely();
        case 2:
            action_ = "sends a wrong datagram";
            return Datagrams().send_to(server_.address(), std::string(upto(2000), 'x'));
        case 3:
            action_ = "asks and is gone";
            return Datagrams().send_to(server_.address(), some().question);
        default:
            action_ = "sends the largest datagram";
            return Datagrams().send_to(server_.address(), std::string(65'507, '?'));
        }
    }
    void ask_datagrams() {
        Datagrams client;
        const Exchange &exchange = some();
        for (int i = 0; i < 50; ++i) { // a datagram may be lost, where the buffer is full
            client.send_to(server_.address(), exchange.question);
            const auto datagram = client.receive(Milliseconds(200));
            if (!datagram.arrived) continue;
            // Where a client before it had the same port, an answer to that one may come.
            const auto is_this = [&](const Exchange &one) { return one.answer == datagram.bytes; };
            const auto &all = exchanges(program_);
            const bool late = !is_this(exchange) && std::any_of(all.begin(), all.end(), is_this);
            if (!late) return check(exchange, datagram.bytes);
        }
        throw std::runtime_error("no answer");
    }

    Program program_;
    Server server_;
    std::mt19937 random_;
    std::list<Connection> silent_;
    long steps_ = 0, answers_ = 0;
    const char *action_ = "";
};

} // namespace

int main(int argc, char *argv[]) {
    if (argc < 2 || argc > 4) {
        std::fprintf(stderr, "usage: soak PROGRAM [SECONDS [SEED]]\n");
        return 2;
    }
    const long seconds = argc > 2 ? std::atol(argv[2]) : 60;
    const unsigned seed =
        argc > 3 ? static_cast<unsigned>(std::atol(argv[3])) : std::random_device()();
    try {
        std::printf("%s: %ld seconds, seed %u\n", argv[1], seconds, seed);
        std::fflush(stdout);
        Soak soak(named(argv[1]), seed);
        try {
            soak.run(std::chrono::seconds(seconds));
        } catch (const std::exception &error) {
            std::printf("FAILED: %s, in step %ld, in which a client %s (seed %u)\n%s\n",
                        error.what(), soak.steps(), soak.action(), seed,
                        soak.server().description().c_str());
            return 1;
        }
        return 0;
    } catch (const std::exception &error) {
        std::fprintf(stderr, "soak: %s\n", error.what());
        return 1;
    }
}
