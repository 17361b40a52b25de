// Memory that runs out, for one allocation or for all, and threads with little of it: whatever that
// ends, it is not the server.
#include "support/kit.h"
#include "support/memory.h"
#include "support/procfs.h"

#include <sys/wait.h>

using namespace test;

namespace {

// A client that asks, is refused and leaves; what it gets is not looked at.
void come_and_go(const Program &program, const Endpoint &server, Milliseconds limit) try {
    const std::string &question = exchanges(program)[0].question;
    if (is_tcp_server(program)) {
        Connection(server).exchange(question + refused(program), limit);
    } else {
        Datagrams client(server.host);
        client.send_to(server, question);
        client.receive(limit);
    }
} catch (const std::runtime_error &) { // nobody there: the test will say so
}

// Whether the first thread of a server sleeps until somebody comes.
bool sleeps(pid_t server) {
    const long call = sleeping_in(server);
    for (const auto *calls :
         {&accept_calls, &receive_calls, &select_calls, &poll_calls, &epoll_calls})
        if (calls->count(call)) return true;
    return false;
}

// Starts a server, or sees why it cannot be started: it serves, has ended, or neither.
class Starting : public Process {
  public:
    explicit Starting(std::vector<std::string> arguments) : Process(std::move(arguments)) {
        eventually([&] {
            serves_ = is_waiting();
            return serves_ || wait_exit(Milliseconds(0)).has_value();
        });
    }
    // Whether it was seen to. A second look could find a framework awake, as it wakes up to look
    // whether it is to stop.
    bool serves() const { return serves_; }

  private:
    // Its ready line may be missing, as it needs memory. A first thread that waits for another
    // one, or for nothing, serves nobody.
    bool is_waiting() { return sleeps(pid()) && bound_port(pid()) != 0; }
    bool serves_ = false;
};

// "NAME: why", and nothing else, on standard error.
void check_says_why(Process &process, const Program &program) {
    check_exit(process, 1);
    const std::string error = process.standard_error();
    CHECK_PROGRAM(process, error.rfind(program.file() + ": ", 0) == 0);
    CHECK_PROGRAM(process, std::count(error.begin(), error.end(), '\n') == 1);
}

} // namespace

TEST_OF_EACH(tcp_servers, "serves again after its memory ran out", "[faults][row 46]") {
    if (sanitized) return; // a sanitizer takes memory of its own
    const std::string &question = exchanges(program)[0].question;
    for (const long kibibytes : {0, 64, 256, 1024}) {
        INFO(kibibytes << " KiB are left");
        Server server(program);
        Live live(server);
        {
            const DataLimit limit(server.pid(), kibibytes * 1024);
            std::vector<Connection> clients;
            try {
                for (int i = 0; i < 60; ++i) {
                    clients.emplace_back(server.address());
                    clients.back().send(question);
                    clients.back().shut_down_sending();
                }
            } catch (const std::runtime_error &error) { // the server has gone
                FAIL(error.what() << "\n" << server.description());
            }
            // Some are answered, some are refused, and some may wait until there is memory again.
            const auto end = std::chrono::steady_clock::now() + Milliseconds(2000);
            for (Connection &client : clients) {
                const auto left = end - std::chrono::steady_clock::now();
                client.receive_all(
                    std::max(std::chrono::ceil<Milliseconds>(left), Milliseconds(0)));
            }
        }
        live.check();
    }
}

TEST_OF_EACH(servers, "loses one client at most when one allocation fails", "[faults][row 47]") {
    if (sanitized) return;
    FailingMalloc memory;
    for (long number = 1; number <= 15; ++number) {
        INFO("allocation " << number << " of a client fails");
        Server server(memory.prefix(), program);
        Live live(server);
        std::vector<Connection> others;
        if (is_concurrent_tcp_server(program)) {
            others.emplace_back(server.address());
            check_exchange(server, others[0], exchanges(program)[0]);
        }
        eventually([&] { return sleeps(server.pid()); }); // or it is the other one that is lost
        memory.fail_at(number);
        come_and_go(program, server.address(), Milliseconds(1000));
        eventually([&] { return memory.has_failed(); }, Milliseconds(100)); // if it needs so many
        memory.fail_at(0);
        if (!is_there(server)) return;
        for (Connection &other : others) check_exchange(server, other, exchanges(program)[0]);
        others.clear();
        live.check_but_for_silence();
        if (number == 15) live.check();
    }
}

// Not as before: here, the server has no room left over from an earlier client, and what it keeps of
// all its clients grows while they come.
TEST_OF_EACH(servers, "goes on when an allocation fails for one client after the other",
             "[faults][row 47]") {
    if (sanitized) return;
    FailingMalloc memory;
    const int clients = is_tcp_server(program) ? 25 : 1; // a lost datagram costs a second
    for (long number = 1; number <= 15; ++number) {
        Server server(memory.prefix(), program);
        for (int i = 1; i <= clients; ++i) {
            INFO("allocation " << number << " of client " << i << " fails");
            memory.fail_at(number);
            come_and_go(program, server.address(), Milliseconds(1000));
            memory.fail_at(0);
            if (!is_there(server)) return;
        }
        check_answers(program, server, server.address());
    }
}

TEST_OF_EACH(servers, "starts, or says why not, when one allocation fails before",
             "[errors][faults][row 47]") {
    if (sanitized) return;
    FailingMalloc memory;
    std::vector<std::string> all = command(program, {"127.0.0.1", "0"}, memory.prefix());
    if (program.has('w')) all.insert(all.end() - 2, {"-w", "4"});
    bool reached = true;
    for (long number = 1; number <= 300 && reached; ++number) {
        INFO("allocation " << number << " fails");
        memory.fail_at(number);
        Starting server(all);
        const bool serves = server.serves();
        reached = memory.has_failed();
        memory.fail_at(0);
        if (!serves) {
            check_says_why(server, program);
            if (!server.wait_exit(Milliseconds(0))) return; // it hangs: enough of that
            continue;
        }
        check_answers(program, server, {"127.0.0.1", bound_port(server.pid())});
        server.signal(SIGTERM);
        check_exit(server, 0);
    }
    CHECK(!reached); // the last one started without
}

TEST_CASE("mzts, mzus: say that no worker could be started",
          "[mzts][mzus][errors][faults][row 46][row 53]") {
    if (sanitized || !needs_strace()) return;
    for (const char *name : {"mzts", "mzus"}) {
        Process server(
            command(named(name), {"127.0.0.1", "0"}, injecting({"clone,clone3:error=EAGAIN"})));
        check_exit(server, 1);
        CHECK_PROGRAM(server, server.standard_output().empty());
        CHECK(server.standard_error() == std::string(name) + ": cannot start a worker: " +
                                             "Resource temporarily unavailable\n");
    }
}

TEST_OF_EACH(servers, "needs little room on its stacks", "[faults][row 48]") {
    if (sanitized) return;
    const std::string &question = exchanges(program)[0].question;
    // The threads that a program starts have as much as its first one may have.
    Server server({"/bin/sh", "-c", "ulimit -s 128; exec \"$@\"", "sh"}, program);
    Live live(server);
    if (is_tcp_server(program)) {
        Connection leaves(server.address());
        CHECK_PROGRAM(server, leaves.send(question + question.substr(0, 3)));
        leaves.close();
        if (is_there(server)) check_alive(server);
    }
    if (!is_there(server)) return;
    come_and_go(program, server.address(), patience);
    live.check();
}
