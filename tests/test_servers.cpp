// What every server of the kit does, over TCP or UDP: the ready line, the signals, the log.
#include "support/kit.h"
#include "support/procfs.h"

#include <filesystem>

#include <fcntl.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace test;

namespace {

// Starts a server through a shell, which can do to its standard descriptors what `redirections`
// say. Its ready line cannot be read: the port is found in /proc.
class RedirectedServer : public Process {
  public:
    RedirectedServer(const Program &program, const std::string &redirections)
        : Process(shell_command(program, redirections)) {
        if (!eventually([&] { return bound_port(pid()) != 0; }))
            throw std::runtime_error("does not listen\n" + description());
    }
    Endpoint address() const { return {"127.0.0.1", bound_port(pid())}; }

  private:
    static std::vector<std::string> shell_command(const Program &program,
                                                  const std::string &redirections) {
        std::vector<std::string> all = {"/bin/sh", "-c", "exec \"$@\" " + redirections, "sh"};
        for (std::string &argument : test::command(program, {"127.0.0.1", "0"}))
            all.push_back(argument);
        return all;
    }
};

void check_answers_redirected(const Program &program, const std::string &redirections) {
    RedirectedServer server(program, redirections);
    for (int round = 0; round < 2; ++round) check_answers(program, server, server.address());
}

} // namespace

TEST_OF_EACH(servers, "prints the ready line with its address and port", "[ready]") {
    Server server(program);
    CHECK(server.ready_line().substr(0, 3) == (is_tcp_server(program) ? "TCP" : "UDP"));
    CHECK(server.ready_line().substr(3) ==
          " server started at 127.0.0.1:" + std::to_string(server.address().port));
    CHECK(bound_port(server.pid()) == server.address().port);
    check_answers(program, server, server.address());
}

TEST_OF_EACH(servers, "serves IPv6, and names addresses in brackets", "[ready][ipv6]") {
    Server server(program, {}, "::1");
    CHECK(server.ready_line().substr(3) ==
          " server started at [::1]:" + std::to_string(server.address().port));
    check_answers(program, server, server.address());
    CHECK_PROGRAM(server, server.wait_for(is_tcp_server(program) ? "Connected by [::1]:"
                                                                 : "Received from [::1]:"));
}

TEST_OF_EACH(servers, "serves a host given by name", "[ready]") {
    Server server(program, {}, "localhost");
    check_answers(program, server, server.address());
}

TEST_OF_EACH(servers, "prints with -q nothing but the ready line", "[quiet]") {
    Server server(program, {"-q"});
    check_answers(program, server, server.address());
    if (is_tcp_server(program)) ask(program, server.address(), "What?");
    server.signal(SIGTERM);
    CHECK_PROGRAM(server, server.wait_exit().has_value());
    CHECK(server.standard_output() == server.ready_line() + "\n");
    CHECK_PROGRAM(server, server.standard_error().empty());
}

TEST_OF_EACH(servers, "stops on SIGINT and SIGTERM when idle", "[stop][faults][row 27]") {
    for (const int signal : {SIGINT, SIGTERM}) {
        Server server(program);
        check_stops(server, signal);
        Server used(program);
        check_answers(program, used, used.address());
        check_stops(used, signal);
    }
}

TEST_OF_EACH(tcp_servers,
             "stops on a signal while clients are silent, in mid-question, not reading",
             "[stop][faults][row 27]") {
    for (const int signal : {SIGINT, SIGTERM})
        for (const std::string &sent : {std::string(), exchanges(program)[0].question.substr(0, 9),
                                        pipelined_bytes(program, 8'000'000).question}) {
            Server server(program);
            Connection client(server.address(), 4096);
            CHECK_PROGRAM(server, server.wait_for("Connected by " + client.local().name()));
            client.send(sent, Milliseconds(300)); // the last one: until the server takes no more
            check_stops(server, signal);
        }
}

TEST_OF_EACH(tcp_servers, "stops on a signal while a client does not stop asking", "[stop]") {
    Server server(program, {"-q"});
    const std::string questions = pipelined_bytes(program, 10'000).question;
    Connection client(server.address());
    const auto ask = [&] {
        return client.send(questions, Milliseconds(0)) ||
               client.receive(65536, Milliseconds(0)).size() > 0;
    };
    for (int i = 0; i < 100; ++i) ask();
    server.signal(SIGTERM);
    const auto end = std::chrono::steady_clock::now() + Milliseconds(1500);
    while (std::chrono::steady_clock::now() < end && !server.wait_exit(Milliseconds(0))) ask();
    CHECK_PROGRAM(server, server.wait_exit(Milliseconds(0)).has_value());
}

TEST_OF_EACH(tcp_servers, "can be started again at once on the same port",
             "[stop][faults][row 28]") {
    std::string port;
    {
        Server server(program);
        port = std::to_string(server.address().port);
        Connection stays_open(server.address());
        const auto &[question, answer] = exchanges(program)[0];
        check_bytes(server, question, answer,
                    (stays_open.send(question), stays_open.receive(answer.size())));
        check_stops(server, SIGTERM);
    }
    Process again(command(program, {"127.0.0.1", port}));
    CHECK_PROGRAM(again, again.wait_for("TCP server started at 127.0.0.1:" + port + "\n"));
}

TEST_OF_EACH(servers, "says that its port is in use", "[errors]") {
    Server server(program);
    const std::string port = std::to_string(server.address().port);
    Process second(command(program, {"127.0.0.1", port}));
    const auto status = second.wait_exit();
    CHECK_PROGRAM(second, status && WIFEXITED(*status) && WEXITSTATUS(*status) == 1);
    const std::string what = is_tcp_server(program) ? ": cannot listen on " : ": cannot bind to ";
    CHECK(second.standard_error() ==
          program.file() + what + server.address().name() + ": Address already in use\n");
    CHECK(second.standard_output().empty());
    check_answers(program, server, server.address());
}

TEST_OF_EACH(servers, "serves when its standard output is full", "[output][faults][row 30]") {
    check_answers_redirected(program, ">/dev/full");
}

TEST_OF_EACH(servers, "sends nothing but answers when its standard descriptors are closed",
             "[output][faults][row 32]") {
    check_answers_redirected(program, "<&- >&- 2>&-");
}

TEST_OF_EACH(servers, "serves when the reader of its log goes away", "[output][faults][row 31]") {
    Server server(program);
    check_answers(program, server, server.address());
    server.close_output();
    check_answers(program, server, server.address());
    check_answers(program, server, server.address());
}

TEST_OF_EACH(servers, "stops on a signal while nobody reads its log", "[output][stop]") {
    const std::filesystem::path pipe =
        std::filesystem::temp_directory_path() / ("zen-test-log-" + std::to_string(getpid()));
    REQUIRE(mkfifo(pipe.c_str(), 0600) == 0);
    const int end = open(pipe.c_str(), O_RDWR | O_CLOEXEC); // so that a write to it may wait
    RedirectedServer server(program, ">" + pipe.string());
    const auto full = [&] {
        pollfd pipe_end = {end, POLLOUT, 0};
        return poll(&pipe_end, 1, 0) == 0;
    };
    const Endpoint address = server.address();
    std::vector<Connection> connections;
    Datagrams client;
    if (is_tcp_server(program)) connections.emplace_back(address);
    const std::string &question = exchanges(program)[0].question;
    const auto ask = [&] {
        for (Connection &connection : connections) {
            connection.send(repeat(question, 10), Milliseconds(0));
            connection.receive(65536, Milliseconds(0));
        }
        if (connections.empty()) client.send_to(address, question);
    };
    for (int i = 0; i < 2000 && !full(); ++i) {
        ask();
        if (connections.empty()) client.receive(Milliseconds(100));
    }
    CHECK(eventually(full));
    for (int i = 0; i < 100; ++i) ask(); // now a line must wait for room
    server.signal(SIGTERM);
    CHECK_PROGRAM(server, server.wait_exit(Milliseconds(1500)).has_value());
    close(end);
    std::filesystem::remove(pipe);
}

TEST_OF_EACH(servers, "raises its limit of descriptors to the hard limit", "[limits]") {
    Server server(program);
    rlimit limit = {};
    REQUIRE(prlimit(server.pid(), RLIMIT_NOFILE, nullptr, &limit) == 0);
    CHECK(limit.rlim_cur == limit.rlim_max);
}
