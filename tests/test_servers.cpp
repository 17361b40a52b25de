// What every server of the kit does, over TCP or UDP: the ready line, the signals, the log.
#include "support/kit.h"
#include "support/procfs.h"
#include "support/redirected.h"

#include <filesystem>
#include <optional>
#include <sstream>

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace test;

namespace {

void check_answers_redirected(const Program &program, const std::string &redirections) {
    RedirectedServer server(program, redirections);
    for (int round = 0; round < 2; ++round) check_answers(program, server, server.address());
}

} // namespace

TEST_OF_EACH(servers, "names its address, and those of its clients, as they are", "[ready][ipv6]") {
    const std::string kind = is_tcp_server(program) ? "TCP" : "UDP",
                      verb = is_tcp_server(program) ? "Connected by " : "Received from ";
    for (const std::string host : {"127.0.0.1", "::1", "localhost"}) {
        Server server(program, {}, host);
        const std::string name = server.address().host == "::1" ? "[::1]:" : "127.0.0.1:";
        CHECK(bound_port(server.pid()) == server.address().port);
        CHECK(server.ready_line() ==
              kind + " server started at " + name + std::to_string(server.address().port));
        check_answers(program, server, server.address());
        CHECK_PROGRAM(server, server.wait_for(verb + name));
    }
}

// The log of every other server is compared by a check, line by line.
TEST_OF_EACH(forking_servers, "logs what it receives and sends, and nothing else",
             "[conversation]") {
    Server server(program);
    const bool tcp = is_tcp_server(program);
    std::optional<Connection> connection;
    if (tcp) connection.emplace(server.address());
    Datagrams datagrams;
    const std::string peer = tcp ? connection->local().name() : datagrams.local().name();
    std::string log = server.ready_line() + "\n";
    if (tcp) log += "Connected by " + peer + "\n";
    for (const auto &[asked, answered] : exchanges(program)) {
        if (tcp) check_exchange(server, *connection, {asked, answered});
        else datagrams.send_to(server.address(), asked);
        log.append("Received from ").append(peer).append(": ").append(asked).append("\n");
        log.append("Sent to ").append(peer).append(": ").append(answered).append("\n");
        CHECK_PROGRAM(server, server.wait_for(log));
    }
    connection.reset();
    if (tcp) log += "Connection with " + peer + " closed\n";
    CHECK_PROGRAM(server, server.wait_for(log));
    server.signal(SIGTERM);
    check_exit(server, 0);
    CHECK(server.standard_output() == log + "Server stopped\n");
    CHECK_PROGRAM(server, server.standard_error().empty());
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
    const auto end = std::chrono::steady_clock::now() + stop_limit;
    while (std::chrono::steady_clock::now() < end && !server.wait_exit(Milliseconds(0))) ask();
    CHECK_PROGRAM(server, server.wait_exit(Milliseconds(0)).has_value());
}

TEST_OF_EACH(framing_servers, "can be started again at once on the same port",
             "[stop][faults][row 28]") {
    std::string port;
    {
        Server server(program);
        port = std::to_string(server.address().port);
        Connection stays_open(server.address());
        const auto &[question, answer] = exchanges(program)[0];
        check_exchange(server, stays_open, {question, answer});
        check_stops(server, SIGTERM);
    }
    Process again(command(program, {"127.0.0.1", port}));
    CHECK_PROGRAM(again, again.wait_for("TCP server started at 127.0.0.1:" + port + "\n"));
}

TEST_OF_EACH(servers, "says that its port is in use", "[errors]") {
    Server server(program);
    const std::string port = std::to_string(server.address().port);
    Process second(command(program, {"127.0.0.1", port}));
    check_exit(second, 1);
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

TEST_OF_EACH(framing_servers, "serves when the reader of its log goes away",
             "[output][faults][row 31]") {
    Server server(program);
    check_answers(program, server, server.address());
    server.close_output();
    check_answers(program, server, server.address());
    check_answers(program, server, server.address());
}

TEST_OF_EACH(servers, "stops on a signal while nobody reads its log", "[output][stop]") {
    Fifo log;
    RedirectedServer server(program, ">" + log.path());
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
    for (int i = 0; i < 2000 && !log.is_full(); ++i) {
        ask();
        if (connections.empty()) client.receive(Milliseconds(100));
    }
    CHECK(eventually([&] { return log.is_full(); }));
    for (int i = 0; i < 100; ++i) ask(); // now a line must wait for room
    server.signal(SIGTERM);
    CHECK_PROGRAM(server, server.wait_exit(stop_limit).has_value());
}

// What a server logs a long line for: escaped, it is four times as long.
std::string long_line(const Program &program) {
    return framed(program, std::string(1020, '\xff') + (is_framing_server(program) ? "" : "?"));
}

TEST_OF_EACH(servers, "prints no line that a pipe would not take whole", "[output]") {
    Server server(program);
    Datagrams client;
    if (is_tcp_server(program)) ask(program, server.address(), long_line(program));
    else client.send_to(server.address(), long_line(program));
    CHECK_PROGRAM(server, server.wait_for("...\n"));
    std::istringstream log(server.standard_output());
    for (std::string line; std::getline(log, line);) CHECK_PROGRAM(server, line.size() < PIPE_BUF);
}

TEST_OF_EACH(tcp_servers, "stops on a signal when a long line fills its log", "[output][stop]") {
    Fifo log;
    REQUIRE(fcntl(log.end(), F_SETPIPE_SZ, 4096) >= 4096);
    RedirectedServer server(program, ">" + log.path());
    Connection client(server.address());
    CHECK(eventually([&] { return log.read_all().find("Connected by ") != std::string::npos; }));
    CHECK_PROGRAM(server, client.send(repeat(long_line(program), 3)));
    CHECK(eventually([&] { return log.is_full(); }));
    server.signal(SIGTERM);
    CHECK_PROGRAM(server, server.wait_exit(stop_limit).has_value());
}

TEST_OF_EACH(servers, "stops on a signal while nobody reads its terminal", "[output][stop]") {
    const PseudoTerminal log;
    RedirectedServer server(program, ">" + log.path());
    const Endpoint address = server.address();
    const auto &[question, answer] = exchanges(program)[0];
    // Until it no longer answers, as it waits for the terminal.
    if (is_tcp_server(program)) {
        Connection client(address);
        for (int i = 0; i < 10'000; ++i) {
            client.send(question, Milliseconds(100));
            if (client.receive(answer.size(), Milliseconds(100)) != answer) break;
        }
        server.signal(SIGTERM);
        CHECK_PROGRAM(server, server.wait_exit(stop_limit).has_value());
    } else {
        Datagrams client;
        for (int i = 0; i < 10'000; ++i) {
            client.send_to(address, question);
            if (!client.receive(Milliseconds(100)).arrived) break;
        }
        server.signal(SIGTERM);
        CHECK_PROGRAM(server, server.wait_exit(stop_limit).has_value());
    }
}

TEST_OF_EACH(servers, "raises its limit of descriptors to the hard limit", "[limits]") {
    Server server(program);
    rlimit limit = {};
    REQUIRE(prlimit(server.pid(), RLIMIT_NOFILE, nullptr, &limit) == 0);
    CHECK(limit.rlim_cur == limit.rlim_max);
}
