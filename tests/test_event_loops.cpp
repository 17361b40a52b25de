// The servers of one thread that waits for all clients at once: tas, tap, tae, uas, uap, uae, and
// those of asyncio/.
#include "support/kit.h"
#include "support/procfs.h"
#include "support/text.h"

#include <atomic>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <sstream>
#include <thread>

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace test;

namespace {

const std::string question(zen[0].first), answer(zen[0].second);

// The last letter of the name tells which system call waits, except in asyncio/: its loop has epoll.
const std::set<long> &wait_calls(const Program &program) {
    if (is_of_asyncio(program)) return epoll_calls;
    const char letter = program.name.back();
    return letter == 's' ? select_calls : letter == 'p' ? poll_calls : epoll_calls;
}

void check_sleeps_in_its_call(const Program &program, const Server &server) {
    CHECK(eventually([&] { return wait_calls(program).count(sleeping_in(server.pid())) == 1; }));
    CHECK(thread_count(server.pid()) <= 1 + sanitizer_threads);
    CHECK(children(server.pid()).empty());
}

// Every value of a byte, the delimiters among them, in no order that a program could know.
std::string binary(std::size_t size) {
    std::string bytes(size, '\0');
    std::uint32_t state = 1;
    for (char &byte : bytes) byte = static_cast<char>((state = state * 1664525 + 1013904223) >> 24);
    return bytes;
}

// While it lives, this process may have as many descriptors as it is allowed at most.
class ManyDescriptors {
  public:
    ManyDescriptors() {
        getrlimit(RLIMIT_NOFILE, &before_);
        const rlimit most = {before_.rlim_max, before_.rlim_max};
        setrlimit(RLIMIT_NOFILE, &most);
    }
    ~ManyDescriptors() { setrlimit(RLIMIT_NOFILE, &before_); }
    ManyDescriptors(const ManyDescriptors &) = delete;
    ManyDescriptors &operator=(const ManyDescriptors &) = delete;
    /// Whether `count` clients fit, beside what else is open. If not, says that the test is not
    /// run.
    bool allow(std::size_t count) const {
        const bool enough = before_.rlim_max > count + 100;
        if (!enough) WARN("not run: needs a limit of " << count + 100 << " descriptors");
        return enough;
    }

  private:
    rlimit before_ = {};
};

std::vector<Connection> connect(const Server &server, std::size_t count) {
    std::vector<Connection> clients;
    for (std::size_t i = 0; i < count; ++i) clients.emplace_back(server.address());
    return clients;
}

void check_each_is_answered(Server &server, std::vector<Connection> &clients) {
    for (Connection &client : clients) CHECK_PROGRAM(server, client.send(question));
    for (Connection &client : clients)
        check_bytes(server, question, answer, client.receive(answer.size()));
}

// Calls `act` again and again, until it goes.
class Meanwhile {
  public:
    template <class Act> explicit Meanwhile(Act act)
        : thread_([this, act]() mutable {
              while (!stop_) act();
          }) {}
    ~Meanwhile() {
        stop_ = true;
        thread_.join();
    }
    Meanwhile(const Meanwhile &) = delete;
    Meanwhile &operator=(const Meanwhile &) = delete;

  private:
    std::atomic<bool> stop_ = false;
    std::thread thread_;
};

} // namespace

TEST_OF_EACH(tcp_event_loops, "answers others while a client floods it", "[concurrent]") {
    Server server(program, {"-q"});
    Connection flooding(server.address());
    const Meanwhile flood([&, questions = repeat(three_questions, 1000)] {
        flooding.send(questions, Milliseconds(10));
        flooding.receive(65'536, Milliseconds(1));
    });
    std::vector<Connection> clients = connect(server, 20);
    check_each_is_answered(server, clients);
    check_alive(server);
}

TEST_OF_EACH(tcp_event_loops, "gives others their turn between the questions of one client",
             "[concurrent]") {
    Server server(program);
    std::vector<Connection> clients = connect(server, 2);
    check_each_is_answered(server, clients);
    stop(server.pid()); // until the questions of both are there
    CHECK_PROGRAM(server, clients[0].send(repeat(question, 2500)));
    CHECK_PROGRAM(server, clients[1].send(question));
    server.signal(SIGCONT);
    check_bytes(server, question, answer, clients[1].receive(answer.size()));
    const auto sent_to = [](const Connection &client) {
        return "Sent to " + client.local().name();
    };
    const auto log = [&] { return server.standard_output(); };
    CHECK(eventually([&] { return count(log(), sent_to(clients[1])) == 2; }));
    const std::string before = log().substr(0, log().rfind(sent_to(clients[1])));
    CHECK(count(before, sent_to(clients[0])) < 1000);
}

TEST_CASE("event loops: 2000 clients at once, tas: 1000",
          "[tas][tap][tae][tacb][asynpro][tacr][tacs][storm][faults][row 16]") {
    struct Row {
        const char *name;
        int clients, bytes; // of memory for each idle client
    };
    for (const auto &[name, count, bytes] : {Row{"tas", 1000, 512},
                                             {"tap", 2000, 512},
                                             {"tae", 2000, 512},
                                             {"tacb", 2000, 1024},
                                             {"asynpro", 2000, 1024},
                                             {"tacr", 2000, 3072},
                                             {"tacs", 2000, 2560}}) {
        Server server(named(name), {"-q"});
        const ManyDescriptors many;
        if (!many.allow(2000)) return;
        check_alive(server);
        const long before = resident_memory(server.pid());
        std::vector<Connection> clients = connect(server, static_cast<std::size_t>(count));
        check_each_is_answered(server, clients);
        check_sleeps_in_its_call(named(name), server);
        const long more = resident_memory(server.pid()) - before; // KiB
        INFO(name << ": " << more << " KiB more");
        // Some pages more come by chance.
        if (!sanitized) CHECK(more <= static_cast<long>(count) * bytes / 1024 + 256);
        check_each_is_answered(server, clients);
    }
}

TEST_CASE("tas: says that select cannot watch a client", "[tas][limits][faults][row 16]") {
    Server server(named("tas"));
    const ManyDescriptors many;
    if (!many.allow(1100)) return;
    std::vector<Connection> clients = connect(server, 1100);
    CHECK_PROGRAM(server,
                  server.wait_for("Connection with " + clients.back().local().name() +
                                  " closed: cannot select: its descriptor is beyond FD_SETSIZE\n"));
    const std::string first = clients.front().local().name();
    clients.clear(); // a client that comes before one has left has no descriptor for select either
    CHECK_PROGRAM(server, server.wait_for("Connection with " + first + " closed\n"));
    check_alive(server);
}

TEST_CASE("tas, uas: say that select cannot watch their own socket",
          "[tas][uas][limits][errors][faults][row 53]") {
    const ManyDescriptors many;
    if (!many.allow(1100)) return;
    std::vector<int> inherited; // the server has them as well
    while (inherited.empty() || inherited.back() < FD_SETSIZE)
        inherited.push_back(open("/dev/null", O_RDONLY));
    for (const std::string name : {"tas", "uas"}) {
        Process server(command(named(name), {"127.0.0.1", "0"}));
        check_exit(server, 1);
        CHECK_PROGRAM(server, server.standard_output().empty());
        CHECK_PROGRAM(server, server.standard_error().rfind(name + ": cannot ", 0) == 0);
    }
    for (const int descriptor : inherited) close(descriptor);
}

TEST_OF_EACH(tcp_event_loops, "goes on with its clients when it may have fewer than there are",
             "[limits][faults][row 51]") {
    Server server(program, {"-q"});
    const ManyDescriptors many;
    const std::size_t count = program.name == "tas" ? 1000 : 5000; // tas: below FD_SETSIZE
    if (!many.allow(count)) return;
    std::vector<Connection> clients = connect(server, count);
    check_each_is_answered(server, clients);
    const rlimit few = {64, 64};
    REQUIRE(prlimit(server.pid(), RLIMIT_NOFILE, &few, nullptr) == 0);
    for (Connection *client : {&clients.front(), &clients.back()})
        check_exchange(server, *client, {question, answer});
    check_sleeps(server, Milliseconds(2000), Milliseconds(200));
    clients.clear();
    check_alive(server);
}

TEST_OF_EACH(tcp_echo_servers, "logs what it echoes with -e", "[echo]") {
    Server server(program, {"-e"});
    Connection client(server.address());
    const std::string sent("\0\n", 2), peer = client.local().name();
    check_exchange(server, client, {sent, sent});
    CHECK_PROGRAM(server, server.wait_for("\nReceived from " + peer + ": \\x00\\n\nSent to " +
                                          peer + ": \\x00\\n\n"));
}

TEST_OF_EACH(tcp_echo_servers, "echoes with -e to a slow reader, and stops reading meanwhile",
             "[echo]") {
    Server server(program, {"-q", "-e"});
    Connection slow(server.address(), 4096);
    const std::string sent = binary(3'000'000);
    check_bytes(server, "(3 MB)", sent, slow.exchange(sent, 3 * patience));
    const long before = peak_memory(server.pid());
    Connection never_reads(server.address(), 4096);
    CHECK_PROGRAM(server, !never_reads.send(std::string(64'000'000, 'x'), Milliseconds(1000)));
    if (!sanitized) CHECK(peak_memory(server.pid()) <= before + 1024);
    Connection other(server.address());
    check_bytes(server, question, question, other.exchange(question));
}

TEST_OF_EACH(udp_event_loops, "stops on a signal while datagrams keep coming", "[stop]") {
    Server server(program, {"-q"});
    Datagrams client;
    const Meanwhile flood([&] { client.send_to(server.address(), "What?"); });
    Datagrams other;
    CHECK_PROGRAM(server,
                  eventually([&] { // a datagram may be lost where the flood fills the buffer
                      other.send_to(server.address(), question);
                      return other.receive(Milliseconds(100)).bytes == answer;
                  }));
    server.signal(SIGTERM);
    check_exit(server, 0, stop_limit); // with -q, it does not say that it has stopped
}

// The number of calls of each system call, from the table that strace -c writes.
std::map<std::string, long> system_calls(const std::filesystem::path &file) {
    std::map<std::string, long> calls;
    std::ifstream lines(file);
    for (std::string line; std::getline(lines, line);) {
        std::istringstream words(line);
        std::vector<std::string> all{std::istream_iterator<std::string>(words), {}};
        if (all.size() >= 5 && all[0].find_first_not_of("0123456789.") == std::string::npos)
            calls[all.back()] = std::stol(all[3]);
    }
    return calls;
}

// tacs looks whether something is there before it waits: its calls are not counted.
TEST_OF_EACH(answer_keepers, "needs one recv and one send for a question, beside the waits",
             "[cost]") {
    if (sanitized || !needs_strace()) return;
    const std::filesystem::path file =
        std::filesystem::temp_directory_path() / ("zen-test-" + std::to_string(getpid()));
    constexpr long questions = 500;
    {
        // -D: strace is the child, so that the signal to end goes to the server.
        Program quiet = program;
        quiet.option = "-q";
        Server server({"/usr/bin/strace", "-D", "-c", "-o", file}, quiet);
        Connection client(server.address());
        for (long i = 0; i < questions; ++i) {
            check_exchange(server, client, {question, answer});
        }
        const std::string pipelined = repeat(question, 100);
        CHECK_PROGRAM(server, client.send(pipelined));
        check_bytes(server, pipelined, repeat(answer, 100), client.receive(100 * answer.size()));
        server.signal(SIGTERM);
        CHECK_PROGRAM(server, server.wait_exit().has_value());
    }
    CHECK(eventually([&] { return system_calls(file).count("total") == 1; }));
    const auto calls = system_calls(file);
    std::filesystem::remove(file);
    REQUIRE(calls.count("recvfrom") == 1);
    REQUIRE(calls.count("sendto") == 1);
    CHECK(calls.at("recvfrom") >= questions);
    CHECK(calls.at("recvfrom") <= questions + 10);
    CHECK(calls.at("sendto") <= questions + 5 + (is_straight_line(program) ? 100 : 0));
    // A task goes on in the next turn; and what is pipelined is over twice the limit of its reader.
    const long waits = is_straight_line(program) ? 2 : 1, changes = waits == 2 ? 7 : 5;
    if (calls.count("epoll_ctl")) CHECK(calls.at("epoll_ctl") <= changes);
    for (const char *wait : {"select", "pselect6", "poll", "ppoll", "epoll_wait", "epoll_pwait"})
        if (calls.count(wait)) CHECK(calls.at(wait) <= waits * questions + 15);
}
