// What each architecture looks like from outside: who waits for whom, threads, children, the system
// call that the process sleeps in.
#include "support/kit.h"
#include "support/procfs.h"

#include <filesystem>

#include <sys/resource.h>
#include <unistd.h>

using namespace test;

namespace {

const std::string question(zen[0].first), answer(zen[0].second);

// A client whose question has been answered, so that the server has something of its own for it.
Connection talking_client(Server &server) {
    Connection client(server.address());
    CHECK_PROGRAM(server, client.send(question));
    check_bytes(server, question, answer, client.receive(answer.size()));
    return client;
}

bool sleeps_in(const Server &server, const std::set<long> &calls) {
    return eventually([&] { return calls.count(sleeping_in(server.pid())) == 1; });
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

TEST_CASE(
    "zens: one thread, which sleeps in accept, and in a receive call while a client is silent",
    "[zens][architecture]") {
    Server server(named("zens"));
    CHECK(has_threads(server, 1));
    CHECK(sleeps_in(server, accept_calls));
    Connection client(server.address());
    CHECK(sleeps_in(server, receive_calls));
}

TEST_CASE("zens: a second client waits until the first has left", "[zens][architecture]") {
    Server server(named("zens"));
    Connection first(server.address());
    CHECK_PROGRAM(server, server.wait_for("Connected by " + first.local().name()));
    Connection second(server.address());
    CHECK_PROGRAM(server, second.send(question));
    check_bytes(server, question, answer, (first.send(question), first.receive(answer.size())));
    CHECK_PROGRAM(server, second.receive(1, Milliseconds(200)).empty());
    first.close();
    check_bytes(server, question, answer, second.receive(answer.size()));
}

TEST_CASE("zus: one thread, which sleeps in a receive call", "[zus][architecture]") {
    Server server(named("zus"));
    CHECK(has_threads(server, 1));
    CHECK(sleeps_in(server, receive_calls));
}

TEST_CASE("mzts: a master in accept and as many workers as asked for", "[mzts][architecture]") {
    Server by_default(named("mzts"));
    CHECK(has_threads(by_default, 33));
    Server server(named("mzts"), {"-w", "3"});
    CHECK(has_threads(server, 4));
    CHECK(sleeps_in(server, accept_calls));
    std::vector<Connection> many;
    for (int i = 0; i < 10; ++i) many.emplace_back(server.address());
    for (Connection &client : many) CHECK_PROGRAM(server, client.send(question));
    CHECK(has_threads(server, 4));
    CHECK(sleeps_in(server, accept_calls));
}

TEST_CASE("mzts: with as many silent clients as workers, the next waits until one leaves",
          "[mzts][architecture][faults][row 23]") {
    Server server(named("mzts"), {"-w", "3"});
    std::vector<Connection> silent;
    for (int i = 0; i < 3; ++i) silent.push_back(talking_client(server));
    Connection next(server.address());
    CHECK_PROGRAM(server, next.send(question));
    CHECK_PROGRAM(server, next.receive(1, Milliseconds(200)).empty());
    silent.pop_back();
    check_bytes(server, question, answer, next.receive(answer.size()));
}

TEST_CASE("mzts: serves all that wait in the queue and in the backlog", "[mzts][architecture]") {
    Server server(named("mzts"), {"-w", "1"});
    {
        Connection silent = talking_client(server);
        std::vector<Connection> waiting;
        for (int i = 0; i < 100; ++i) { // more than the queue holds
            waiting.emplace_back(server.address());
            CHECK_PROGRAM(server, waiting.back().send(question));
            waiting.back().shut_down_sending();
        }
        silent.close();
        for (Connection &client : waiting)
            check_bytes(server, question, answer, client.receive_all());
    }
    Connection silent = talking_client(server);
    std::vector<Connection> waiting;
    for (int i = 0; i < 100; ++i) waiting.emplace_back(server.address());
    check_stops(server, SIGTERM); // with the queue full
}

TEST_CASE("mzus: a master in a receive call and as many workers as asked for",
          "[mzus][architecture]") {
    Server by_default(named("mzus"));
    CHECK(has_threads(by_default, 33));
    Server server(named("mzus"), {"-w", "3"});
    CHECK(has_threads(server, 4));
    CHECK(sleeps_in(server, receive_calls));
}

TEST_CASE("mzts, mzus: refuse a number of workers out of range", "[mzts][mzus][command line]") {
    for (const char *name : {"mzts", "mzus"})
        for (const std::string workers : {"0", "1025", "-1", "x", ""}) {
            Process process(command(named(name), {"-w", workers}));
            CHECK_PROGRAM(process, process.wait_exit().has_value());
            CHECK(process.standard_error().rfind(std::string(name) +
                                                     ": -w must be a number from 1 to 1024, not '" +
                                                     workers + "'\nusage: ",
                                                 0) == 0);
        }
}

TEST_CASE("sszt: a thread more for each open connection", "[sszt][architecture]") {
    Server server(named("sszt"));
    CHECK(has_threads(server, 1));
    std::vector<Connection> clients;
    for (std::size_t i = 1; i <= 5; ++i) {
        clients.push_back(talking_client(server));
        CHECK(has_threads(server, 1 + i));
    }
    CHECK(children(server.pid()).empty());
    clients.clear();
    CHECK(has_threads(server, 1));
}

TEST_CASE("sszt -f: a child more for each open connection, and no zombie after it",
          "[sszt][architecture]") {
    Server server(named("sszt -f"));
    CHECK(has_children(server, 0));
    std::vector<Connection> clients;
    for (std::size_t i = 1; i <= 5; ++i) {
        clients.push_back(talking_client(server));
        CHECK(has_children(server, i));
    }
    CHECK(has_threads(server, 1));
    clients.clear();
    CHECK(has_children(server, 0));
    for (int i = 0; i < 500; ++i) {
        Connection client(server.address());
        check_bytes(server, question, answer, client.exchange(question));
    }
    CHECK(has_children(server, 0));
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

TEST_CASE("sszt -f: serves clients beyond the limit of children when one ends",
          "[sszt][architecture][faults][row 25]") {
    Server server(named("sszt -f"));
    std::vector<Connection> idle;
    for (int i = 0; i < 40; ++i) idle.push_back(talking_client(server));
    std::vector<Connection> more;
    for (int i = 0; i < 20; ++i) {
        more.emplace_back(server.address());
        CHECK_PROGRAM(server, more.back().send(question));
        more.back().shut_down_sending();
    }
    CHECK_PROGRAM(server, more[0].receive(1, Milliseconds(200)).empty());
    CHECK(children(server.pid()).size() == 40);
    idle.pop_back();
    for (Connection &client : more) check_bytes(server, question, answer, client.receive_all());
}

TEST_CASE("sszt -f: the port is free when the parent is killed",
          "[sszt][architecture][faults][row 26]") {
    Server server(named("sszt -f"));
    Connection client = talking_client(server);
    server.signal(SIGKILL);
    CHECK(server.wait_exit(patience, false).has_value()); // its child has its standard output
    Process again(command(named("sszt -f"), {"127.0.0.1", std::to_string(server.address().port)}));
    CHECK_PROGRAM(again, again.wait_for("TCP server started at "));
    check_bytes(server, question, answer, (client.send(question), client.receive(answer.size())));
}

TEST_OF_EACH(forking_servers, "leaves no zombie", "[architecture][faults][row 25]") {
    Server server(program);
    for (int i = 0; i < 50; ++i) {
        if (is_tcp_server(program)) Connection(server.address()).exchange(question);
        else {
            Datagrams client;
            client.send_to(server.address(), question);
            check_bytes(server, question, answer, client.receive().bytes);
        }
    }
    CHECK(has_children(server, 0));
    check_stops(server, SIGINT);
}

TEST_OF_EACH(concurrent_tcp_servers, "answers others while clients are silent, or do not read",
             "[concurrent]") {
    Server server(program, {"-q"});
    std::vector<Connection> silent;
    for (int i = 0; i < 20; ++i) silent.emplace_back(server.address());
    CHECK_PROGRAM(server, silent[0].send(exchanges(program)[0].question.substr(0, 9)));
    Connection never_reads(server.address(), 4096);
    never_reads.send(pipelined_bytes(program, 8'000'000).question, Milliseconds(300));
    for (int i = 0; i < 5; ++i) check_alive(server);
}

TEST_OF_EACH(tcp_servers, "stops reading from a client that does not read",
             "[hostile][faults][row 17]") {
    Server server(program, {"-q"});
    check_alive(server);
    Connection never_reads(server.address(), 4096);
    CHECK_PROGRAM(server, !never_reads.send(pipelined_bytes(program, 20'000'000).question,
                                            Milliseconds(1000)));
    if (is_concurrent_tcp_server(program)) check_alive(server);
    std::vector<pid_t> processes = children(server.pid());
    processes.push_back(server.pid());
    for (const pid_t process : processes)
        if (!sanitized) CHECK(peak_memory(process) <= 16'384);
}

TEST_OF_EACH(concurrent_tcp_servers, "answers 200 clients that connect at once", "[concurrent]") {
    Server server(program, {"-q"});
    std::vector<Connection> many;
    for (int i = 0; i < 200; ++i) many.emplace_back(server.address());
    const auto [questions, answers] = pipelined(program);
    for (Connection &client : many) {
        CHECK_PROGRAM(server, client.send(questions));
        client.shut_down_sending();
    }
    for (Connection &client : many) check_bytes(server, questions, answers, client.receive_all());
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

// The program, copied to where any user may run it.
class Copy {
  public:
    explicit Copy(const Program &program)
        : path_(std::filesystem::temp_directory_path() / ("zen-test-" + std::to_string(getpid()))) {
        std::filesystem::copy_file(command(program, {})[0], path_);
        std::filesystem::permissions(path_, std::filesystem::perms(0755));
    }
    ~Copy() { std::filesystem::remove(path_); }
    Copy(const Copy &) = delete;
    Copy &operator=(const Copy &) = delete;
    std::string path() const { return path_; }

  private:
    std::filesystem::path path_;
};

// Connects clients until one is refused, as no thread or process can be started for it; then lets
// all go, and checks that the next is served.
void check_refuses_and_goes_on(Server &server, const std::string &what) {
    std::vector<Connection> clients;
    const auto [asked, answered] = exchanges(server.program())[0];
    while (clients.size() < 100) {
        Connection client(server.address());
        client.send(asked);
        if (client.receive(answered.size()) != answered) {
            CHECK_PROGRAM(server, server.wait_for("Cannot start a " + what + " for " +
                                                  client.local().name() +
                                                  ": Resource temporarily unavailable\n"));
            break;
        }
        clients.push_back(std::move(client));
    }
    CHECK(clients.size() < 100);
    clients.clear();
    CHECK(has_threads(server, 1));
    CHECK(has_children(server, 0));
    check_alive(server);
}

// A thread or a process for each client, any number of them.
constexpr bool is_unlimited(const Program &program) {
    return program.path == "sszt/sszt" || is_framing_server(program);
}
constexpr auto unlimited_servers = select<is_unlimited>();

TEST_OF_EACH(unlimited_servers, "refuses a client while the user may have no more processes",
             "[limits][faults][row 24][row 25]") {
    // Root may have any number: so become somebody else. An ordinary user stays what he is, but has
    // many processes already.
    if (!needs_root("/usr/bin/setpriv")) return;
    const Copy copy(program);
    // A user who has no other processes, not even those of another run of the tests.
    const std::string user = std::to_string(100'000 + getpid());
    Server server({"/usr/bin/prlimit", "--nproc=20", "/usr/bin/setpriv", "--reuid=" + user,
                   "--clear-groups", copy.path()},
                  {program.name, program.tag, "", program.kind, "", program.option, program.port});
    check_refuses_and_goes_on(server, program.option.empty() ? "thread" : "process");
}

TEST_CASE("sszt: refuses a client for which there is no memory, and serves the next",
          "[sszt][limits][faults][row 24]") {
    if (sanitized) {
        WARN("not run: a sanitizer needs more address space than this test allows");
        return;
    }
    Server server({"/bin/sh", "-c", "ulimit -v 100000; exec \"$@\"", "sh"}, named("sszt"));
    check_refuses_and_goes_on(server, "thread");
}
