// What each architecture looks like from outside: who waits for whom, threads, children, the system
// call that the process sleeps in.
#include "support/kit.h"
#include "support/procfs.h"

using namespace test;

namespace {

const std::string question(zen[0].first), answer(zen[0].second);

// A client whose question has been answered, so that the server has something of its own for it.
Connection talking_client(Server &server) {
    Connection client(server.address());
    check_exchange(server, client, {question, answer});
    return client;
}

bool has_threads(const Server &server, std::size_t count) {
    return eventually([&] {
        const std::size_t threads = thread_count(server.pid());
        return threads >= count && threads <= count + sanitizer_threads;
    });
}

bool has_children(const Server &server, std::size_t count) {
    return eventually([&] { return children(server.pid()).size() == count; });
}

} // namespace

TEST_CASE("mzts, mzus: have 32 workers unless told otherwise", "[mzts][mzus][architecture]") {
    for (const char *name : {"mzts", "mzus"}) CHECK(has_threads(Server(named(name)), 33));
}

TEST_CASE("sszt -f: lives when a child is killed", "[sszt][architecture]") {
    Server server(named("sszt -f"));
    Connection client = talking_client(server);
    const std::vector<pid_t> before = children(server.pid());
    REQUIRE(before.size() == 1);
    REQUIRE(kill(before[0], SIGKILL) == 0);
    CHECK_PROGRAM(server, client.receive_all().empty());
    check_alive(server);
    CHECK(has_children(server, 0));
}

TEST_OF_EACH(concurrent_tcp_servers, "answers others while clients are silent, or do not read",
             "[concurrent][faults][row 23]") {
    const bool has_pool = program.has('w') || program.option == "-f";
    Server server(program, {"-q"});
    Live live(server);
    {
        std::vector<Connection> silent;
        for (int i = 0; i < (has_pool ? 20 : 200); ++i) {
            silent.emplace_back(server.address());
            CHECK_PROGRAM(server, silent.back().send(exchanges(program)[0].question.substr(0, 3)));
        }
        Connection never_reads(server.address(), 4096);
        never_reads.send(pipelined_bytes(program, 8'000'000).question, Milliseconds(300));
        for (int i = 0; i < 5; ++i) check_alive(server);
    }
    live.check();
}

// The event loops keep little of what they have answered; others block, with no more than that.
TEST_OF_EACH(tcp_servers, "takes little memory for a client that does not read",
             "[hostile][faults][row 17]") {
    Server server(program, {"-q"});
    check_alive(server);
    const long before = peak_memory(server.pid());
    Connection never_reads(server.address(), 4096);
    CHECK_PROGRAM(server, !never_reads.send(pipelined_bytes(program, 20'000'000).question,
                                            Milliseconds(1000)));
    if (is_concurrent_tcp_server(program)) check_alive(server);
    std::vector<pid_t> processes = children(server.pid());
    processes.push_back(server.pid());
    for (const pid_t process : processes)
        if (!sanitized) CHECK(peak_memory(process) <= 16'384);
    if (is_event_loop(program) && !sanitized) CHECK(peak_memory(server.pid()) <= before + 1024);
}

TEST_OF_EACH(tcp_servers, "has no more threads, descriptors or memory after 2000 connections",
             "[leaks]") {
    Server server(program, {"-q"});
    const auto &[sent, expected] = exchanges(program)[0];
    const auto serve = [&, sent = sent, expected = expected](int connections) {
        for (int i = 0; i < connections; ++i)
            check_bytes(server, sent, expected, Connection(server.address()).exchange(sent));
    };
    serve(1000); // every thread of a pool has had its turn
    CHECK(has_children(server, 0));
    const std::size_t threads = thread_count(server.pid()),
                      descriptors = descriptor_count(server.pid());
    const long memory = resident_memory(server.pid());
    serve(2000);
    CHECK(has_children(server, 0));
    CHECK(eventually([&] { return thread_count(server.pid()) <= threads; }));
    CHECK(eventually([&] { return descriptor_count(server.pid()) <= descriptors; }));
    INFO("memory before " << memory << " KiB, after " << resident_memory(server.pid()) << " KiB");
    // Within a tenth; so little is in use that 128 KiB may be chance: the pages of one thread more.
    if (!sanitized) CHECK(resident_memory(server.pid()) <= memory + std::max(memory / 10, 128L));
}
