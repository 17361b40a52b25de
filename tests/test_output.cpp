// What programs print, where that is hard: bytes that look like an escape, a full disk, a log whose
// reader is slow when the server is to stop.
#include "support/kit.h"
#include "support/procfs.h"
#include "support/redirected.h"
#include "support/text.h"

#include <fcntl.h>
#include <sys/wait.h>

using namespace test;

namespace {

const std::string with_backslash = R"(a\nb.?)", shown_backslash = R"(: a\\nb.?)";

} // namespace

TEST_OF_EACH(servers, "shows a backslash as two, so that a line means one thing",
             "[output][faults][row 22][row 53]") {
    Server server(program);
    if (is_tcp_server(program)) ask(program, server.address(), framed(program, with_backslash));
    else Datagrams().send_to(server.address(), with_backslash);
    CHECK_PROGRAM(server, server.wait_for(shown_backslash + "\n"));
}

TEST_OF_EACH(client_programs, "shows a backslash as two, so that a line means one thing",
             "[output][faults][row 22][row 53]") {
    const std::string sent = with_backslash.substr(0, 5), shown = shown_backslash.substr(0, 8);
    if (program.kind == Kind::udp_client) {
        Datagrams server;
        Client client(program, server.local(), {"-t", "1"});
        server.send_to(server.receive().sender, sent);
        CHECK_PROGRAM(client, client.wait_for(shown));
        return;
    }
    Listener listener;
    Client client(program, listener.local(), {"-t", "1"});
    Connection server = listener.accept();
    CHECK_PROGRAM(client, server.send(framed(program, sent)));
    CHECK_PROGRAM(client, client.wait_for(shown));
}

TEST_OF_EACH(client_programs, "says that its standard output fails, and ends",
             "[output][errors][faults][row 53]") {
    for (const Program &server_program : servers) {
        if (client_of(server_program).name != program.name) continue;
        Server server(server_program);
        const std::string port = std::to_string(server.address().port);
        Redirected client(program, {"127.0.0.1", port}, ">/dev/full");
        check_exit(client, 1);
        const std::string error = client.standard_error();
        CHECK_PROGRAM(client, error.rfind(program.file() + ": ", 0) == 0);
        CHECK_PROGRAM(client, error.ends_with(": No space left on device\n"));
        CHECK_PROGRAM(client, count(error, "\n") == 1);
        break;
    }
}

TEST_OF_EACH(servers, "loses no line of its log when it stops while the reader is slow",
             "[output][stop][faults][row 27]") {
    const auto &[question, answer] = exchanges(program)[0];
    Fifo log;
    REQUIRE(fcntl(log.end(), F_SETPIPE_SZ, 8192) >= 8192);
    RedirectedServer server(program, ">" + log.path());
    const Endpoint address = server.address();
    std::vector<Connection> connection;
    Datagrams datagrams;
    if (is_tcp_server(program)) {
        connection.emplace_back(address);
        CHECK_PROGRAM(server, connection[0].send(repeat(question, 400)));
        connection[0].shut_down_sending(); // tacs waits half a second for who may ask more
    }
    for (int i = 0; i < 200 && connection.empty(); ++i) datagrams.send_to(address, question);
    CHECK(eventually([&] { return log.is_full(); }));
    log.wait_until_stuck(); // a line waits for room
    server.signal(SIGTERM);
    server.wait_exit(Milliseconds(200), false); // the reader has a rest, and then reads on
    const auto ends = [&] {
        log.read_all();
        return server.wait_exit(Milliseconds(0), false).has_value();
    };
    CHECK_PROGRAM(server, eventually(ends));
    check_exit(server, 0);
    const std::string &text = log.read_all();
    INFO("the end of the log:\n"
         << text.substr(text.size() - std::min(text.size(), std::size_t(500))));
    CHECK(text.ends_with("\nServer stopped\n"));
    if (is_framing_server(program)) { // which logs no more than this
        const std::string echoed = connection[0].receive_all();
        CHECK(count(text, "Received message: ") >= long(echoed.size() / answer.size()));
        return;
    }
    CHECK(count(text, "Received from ") == count(text, "Sent to "));
    if (is_tcp_server(program)) {
        const std::string answers = connection[0].receive_all();
        CHECK(count(text, "Sent to ") >= long(answers.size() / answer.size()));
    }
}
