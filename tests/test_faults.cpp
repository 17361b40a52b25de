// What programs survive beside what is tested elsewhere: system calls that fail, packets that no
// socket sends, a network that loses. Some of it needs root or strace; without, it says "not run".
#include "support/kit.h"
#include "support/procfs.h"

#include <filesystem>
#include <fstream>
#include <random>

#include <sys/wait.h>

using namespace test;

namespace {

const std::string question(zen[0].first), answer(zen[0].second);

// The calls in which programs of the kit may sleep. Those with ? are not there on every processor.
const std::string sleeping_calls = "accept,accept4,recvfrom,sendto,connect,?poll,ppoll,pselect6,"
                                   "epoll_pwait";

void check_three_answers(Client &client) {
    check_exit(client, 0);
    const std::string output = client.standard_output();
    for (const auto &[asked, answered] : zen)
        CHECK_PROGRAM(client, output.find("Sent: " + std::string(asked) + "\nReceived: " +
                                          std::string(answered) + "\n") != output.npos);
}

} // namespace

// ---- System calls that fail

TEST_OF_EACH(tcp_servers, "goes on when a connection is gone before accept returns",
             "[faults][row 11]") {
    if (!needs_strace()) return;
    Server server(injecting({"accept,accept4:error=ECONNABORTED:when=2+2"}), program);
    Live live(server);
    for (int i = 0; i < 5; ++i) check_alive(server);
    live.check();
}

TEST_OF_EACH(servers, "makes a call again that a signal interrupted", "[faults][row 12]") {
    if (!needs_strace()) return;
    Server server(injecting({sleeping_calls + ":error=EINTR:when=1+3"}), program);
    Live live(server);
    for (int i = 0; i < 5; ++i) check_answers(program, server, server.address());
    live.check();
}

TEST_OF_EACH(client_programs, "makes a call again that a signal interrupted", "[faults][row 12]") {
    if (!needs_strace()) return;
    Server server(server_of(program));
    Process client(command(program, {"127.0.0.1", std::to_string(server.address().port)},
                           injecting({sleeping_calls + ":error=EINTR:when=1+2"})));
    check_exit(client, 0);
    CHECK_PROGRAM(client, client.standard_error().empty());
}

TEST_OF_EACH(udp_servers, "goes on when receiving or sending fails", "[faults][row 36]") {
    if (!needs_strace()) return;
    for (const std::string failing : {"recvfrom:error=EAGAIN", "recvfrom:error=ECONNREFUSED",
                                      "sendto:error=ENOBUFS", "sendto:error=EPERM"}) {
        Server server(injecting({failing + ":when=3+4"}), program);
        int answered = 0; // of 20 questions, those whose answer could be sent
        for (int i = 0; i < 20; ++i) {
            Datagrams client;
            client.send_to(server.address(), question);
            const bool may_be_lost = failing[0] == 's';
            const auto datagram = client.receive(may_be_lost ? Milliseconds(200) : patience);
            if (datagram.arrived) check_bytes(server, question, answer, datagram.bytes);
            answered += datagram.arrived;
        }
        INFO(failing << ", " << answered << " answered");
        CHECK(answered >= (failing[0] == 's' ? 10 : 20));
        check_sleeps(server, Milliseconds(200), Milliseconds(30));
        server.signal(SIGTERM);
        check_exit(server, 0);
    }
}

TEST_OF_EACH(unlimited_servers, "refuses a client for which nothing can be started",
             "[faults][row 24][row 25]") {
    if (sanitized || !needs_strace()) return; // a sanitizer starts threads of its own
    Server server(injecting({"clone,clone3:error=EAGAIN:when=1..3"}), program);
    const std::string what = program.option.empty() ? "thread" : "process";
    for (int i = 0; i < 3; ++i) {
        Connection client(server.address());
        CHECK_PROGRAM(server, client.receive_all().empty());
        CHECK_PROGRAM(server, client.ended() || client.was_reset());
        CHECK_PROGRAM(server,
                      server.wait_for("Cannot start a " + what + " for " + client.local().name() +
                                      ": Resource temporarily unavailable\n"));
    }
    Live live(server);
    live.check();
}

constexpr bool is_datagram_framework(const Program &program) { return program.path == "sszu/sszu"; }
constexpr auto both_sszu = select<is_datagram_framework>();

TEST_OF_EACH(both_sszu, "drops a datagram for which nothing can be started",
             "[faults][row 24][row 25]") {
    if (sanitized || !needs_strace()) return;
    Server server(injecting({"clone,clone3:error=EAGAIN:when=1..3"}), program);
    const std::string what = program.option.empty() ? "thread" : "process";
    for (int i = 0; i < 3; ++i) {
        Datagrams client;
        client.send_to(server.address(), question);
        CHECK_PROGRAM(server,
                      server.wait_for("Cannot start a " + what + " for " + client.local().name() +
                                      ": Resource temporarily unavailable\n"));
    }
    Live live(server);
    live.check();
}

TEST_CASE("mzts, mzus: serve with the workers that could be started",
          "[mzts][mzus][faults][row 24]") {
    if (sanitized || !needs_strace()) return;
    for (const char *name : {"mzts", "mzus"}) {
        Server server(injecting({"clone,clone3:error=EAGAIN:when=3"}), named(name));
        CHECK(server.standard_error() ==
              std::string(name) + ": cannot start a worker: Resource temporarily unavailable\n");
        CHECK(thread_count(server.pid()) == 3);
        Live live(server);
        live.check();
    }
}

// ---- The command line and the standard descriptors

TEST_OF_EACH(servers, "says that an ordinary user may not use a privileged port",
             "[faults][row 33]") {
    std::ifstream file("/proc/sys/net/ipv4/ip_unprivileged_port_start");
    int first_unprivileged = 1024;
    file >> first_unprivileged;
    if (first_unprivileged <= 999) {
        WARN("not run: here, no port is privileged");
        return;
    }
    std::vector<std::string> all = command(program, {"127.0.0.1", "999"});
    if (geteuid() == 0) {
        if (!needs_root("/usr/bin/setpriv")) return;
        // It need not be another user: without its capabilities, root is an ordinary one.
        all.insert(all.begin(), {"/usr/bin/setpriv", "--bounding-set=-all", "--inh-caps=-all"});
    }
    Process server(all);
    check_exit(server, 1);
    CHECK_PROGRAM(server, server.standard_output().empty());
    const std::string what = is_tcp_server(program) ? ": cannot listen on " : ": cannot bind to ";
    CHECK(server.standard_error() == program.file() + what + "127.0.0.1:999: Permission denied\n");
}

TEST_OF_EACH(client_programs,
             "sends nothing but questions when its standard descriptors are closed",
             "[faults][row 32]") {
    // The socket would be standard input, or standard output, which says what was sent.
    for (const std::string closed : {"<&- >&- 2>&-", ">&-"}) {
        Server server(server_of(program));
        Process client(command(program, {"127.0.0.1", std::to_string(server.address().port)},
                               {"/bin/sh", "-c", "exec \"$@\" " + closed, "sh"}));
        check_exit(client, 0);
        // Anything else that came would have been logged.
        server.signal(SIGTERM);
        CHECK_PROGRAM(server, server.wait_exit().has_value());
        for (const char *bad : {"Unrecognized", "too long", "mid-", "response"})
            CHECK_PROGRAM(server, server.standard_output().find(bad) == std::string::npos);
    }
}

// ---- Silent clients

constexpr bool is_concurrent_with_time_limit(const Program &program) {
    return is_server_with_time_limit(program) && is_concurrent_tcp_server(program);
}
constexpr auto concurrent_servers_with_time_limit = select<is_concurrent_with_time_limit>();

TEST_OF_EACH(concurrent_servers_with_time_limit, "closes all silent clients at the time limit",
             "[faults][row 23]") {
    Server server(program, {"-q", "-t", "1"});
    Live live(server);
    std::vector<Connection> silent;
    for (int i = 0; i < 60; ++i) silent.emplace_back(server.address()); // more than workers
    if (program.has('w')) CHECK(thread_count(server.pid()) <= 33 + sanitizer_threads);
    for (Connection &client : silent) {
        CHECK_PROGRAM(server, client.receive_all().empty());
        CHECK_PROGRAM(server, client.ended());
    }
    live.check();
}

TEST_CASE("zuc: gets its answers, or gives up, where three datagrams in ten are lost",
          "[zuc][faults][row 40]") {
    Datagrams server;
    std::mt19937 random(40);
    const auto lost = [&] { return std::uniform_int_distribution<>(1, 10)(random) <= 3; };
    std::vector<std::unique_ptr<Client>> clients;
    for (int i = 0; i < 20; ++i)
        clients.push_back(std::make_unique<Client>(named("zuc"), server.local()));
    const auto all_ended = [&] {
        for (const auto &client : clients)
            if (!client->wait_exit(Milliseconds(0))) return false;
        return true;
    };
    for (const auto start = std::chrono::steady_clock::now();
         !all_ended() && std::chrono::steady_clock::now() - start < 3 * patience;) {
        const auto datagram = server.receive(Milliseconds(100));
        if (!datagram.arrived || lost()) continue;
        for (const auto &[asked, answered] : zen)
            if (datagram.bytes == asked && !lost()) server.send_to(datagram.sender, answered);
    }
    int answered = 0;
    for (const auto &client : clients) {
        const auto status = client->wait_exit(Milliseconds(0));
        CHECK_PROGRAM(*client, status.has_value());
        if (status && *status == 0) {
            check_three_answers(*client);
            ++answered;
        } else
            check_fails(*client,
                        "zuc: no answer from " + server.local().name() + ": Connection timed out");
    }
    CHECK(answered >= 10);
}

TEST_OF_EACH(tcp_clients, "takes little memory whatever the server sends", "[faults][row 43]") {
    if (sanitized) return; // a sanitizer needs more address space than this test allows
    Listener listener;
    Process client(command(program,
                           {"-t", "60", "127.0.0.1", std::to_string(listener.local().port)},
                           {"/bin/sh", "-c", "ulimit -v 32768; exec \"$@\"", "sh"}));
    Connection server = listener.accept();
    if (program.name == "abc") CHECK_PROGRAM(client, server.send("\xff\xff\xff\xff"));
    const std::string piece(1'000'000, 'x');
    int pieces = 256;
    while (pieces > 0 && server.send(piece)) --pieces; // until it has closed
    const auto status = client.wait_exit();
    CHECK_PROGRAM(client, status && WIFEXITED(*status));
    const std::string said = client.standard_error() + client.standard_output();
    const char *expected = program.name == "afc" ? "Received response: xxx" : " too long from ";
    CHECK_PROGRAM(client, said.find(expected) != said.npos);
}

// ---- Memory and descriptors, as valgrind sees them

namespace {

// The command that runs a program under valgrind, which writes what it finds to `file`.
std::vector<std::string> under_valgrind(const std::string &file) {
    return {"/usr/bin/valgrind",   "--leak-check=full",
            "--track-fds=yes",     "--show-leak-kinds=all",
            "--error-exitcode=99", "--errors-for-leak-kinds=all",
            "--log-file=" + file,  "--child-silent-after-fork=yes"};
}

// While it lives, all waits are longer: under valgrind, a program needs some seconds to start alone.
class SlowProgram {
  public:
    ~SlowProgram() { patience = before_; }

  private:
    const Milliseconds before_ = std::exchange(patience, 6 * patience);
};

bool needs_valgrind(const Program &program) {
    std::ifstream file(kit_directory() + "/" + std::string(program.path), std::ios::binary);
    std::string start(4096, '\0');
    file.read(start.data(), static_cast<std::streamsize>(start.size()));
    const bool is_dynamic = start.find("/ld-") != start.npos; // the name of the dynamic linker
    if (is_dynamic && std::filesystem::exists("/usr/bin/valgrind")) return true;
    WARN("not run: needs valgrind, and a program that is not linked statically");
    return false;
}

void check_valgrind_is_content(Process &process, const std::string &file) {
    check_exit(process, 0, 3 * patience);
    std::ifstream log(file);
    std::string all, line, own; // descriptors of its own are those that no parent has left it
    while (std::getline(log, line)) {
        all += line + "\n";
        if (line.find("Open file descriptor") == line.npos &&
            line.find("Open AF_INET") == line.npos)
            continue;
        std::string next;
        std::getline(log, next);
        if (next.find("inherited from parent") == next.npos) own += line + "\n";
    }
    std::filesystem::remove(file);
    INFO(all);
    CHECK(all.find("ERROR SUMMARY: 0 errors") != all.npos);
    CHECK(own.empty());
}

} // namespace

TEST_OF_EACH(servers, "leaves no memory and no descriptor behind", "[faults][valgrind]") {
    if (sanitized || !needs_valgrind(program)) return;
    const SlowProgram slow;
    const std::string file =
        std::filesystem::temp_directory_path() / ("zen-valgrind-" + std::to_string(getpid()));
    Server server(under_valgrind(file), program);
    check_answers(program, server, server.address());
    if (is_tcp_server(program)) {
        ask(program, server.address(), "What?"); // it hangs up, or finds a frame cut short
        Connection(server.address()).reset();
    } else {
        Datagrams().send_to(server.address(), "What?");
        check_answers(program, server, server.address());
    }
    server.signal(SIGTERM);
    check_valgrind_is_content(server, file);
}

TEST_OF_EACH(client_programs, "leaves no memory and no descriptor behind", "[faults][valgrind]") {
    if (sanitized || !needs_valgrind(program)) return;
    const SlowProgram slow;
    const std::string file =
        std::filesystem::temp_directory_path() / ("zen-valgrind-" + std::to_string(getpid()));
    Server server(server_of(program));
    Process client(command(program, {"127.0.0.1", std::to_string(server.address().port)},
                           under_valgrind(file)));
    check_valgrind_is_content(client, file);
}
