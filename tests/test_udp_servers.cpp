// What every UDP server of the kit does.
#include "support/kit.h"
#include "support/network.h"
#include "support/procfs.h"

using namespace test;

namespace {

const std::string question(zen[0].first), answer(zen[0].second);

// Checks that each of `ignored` gets no answer, and that this is logged; a question after them
// does. UDP on one machine keeps the order, and each client has a socket of its own to see what
// comes.
void check_ignored(Server &server, const std::string &ignored, const std::string &logged) {
    Datagrams client;
    client.send_to(server.address(), ignored);
    CHECK_PROGRAM(server, server.wait_for(logged + client.local().name()));
    client.send_to(server.address(), question);
    check_bytes(server, question, answer, client.receive().bytes);
}

} // namespace

TEST_OF_EACH(udp_servers, "answers each question from the port it was sent to, and logs it",
             "[conversation]") {
    Server server(program);
    Datagrams client;
    const std::string peer = client.local().name();
    std::string log = server.ready_line() + "\n";
    for (const auto &[asked, answered] : zen) {
        client.send_to(server.address(), asked);
        const auto datagram = client.receive();
        check_bytes(server, asked, answered, datagram.bytes);
        CHECK(datagram.sender.name() == server.address().name());
        log.append("Received from ").append(peer).append(": ").append(asked).append("\n");
        log.append("Sent to ").append(peer).append(": ").append(answered).append("\n");
        CHECK_PROGRAM(server, server.wait_for(log));
    }
    CHECK(server.standard_output() == log);
    CHECK_PROGRAM(server, server.standard_error().empty());
}

TEST_OF_EACH(udp_servers, "sends nothing for an unrecognized question, and logs it",
             "[unrecognized][faults][row 34]") {
    Server server(program);
    for (const std::string &sent :
         {std::string("Ugly is better than?"), std::string("beautiful is better than?"),
          std::string(), std::string(" \n"), question + question, question.substr(1),
          std::string("Ugly."), std::string(1024, 'x'), std::string("\0\xff", 2)})
        check_ignored(server, sent, "Unrecognized question from ");
}

TEST_OF_EACH(udp_servers, "ignores a datagram of more than 1024 bytes",
             "[hostile][faults][row 34]") {
    Server server(program);
    for (const std::string &sent :
         {std::string(1025, 'x'), question + std::string(1025 - question.size(), ' '),
          std::string(65'507, '?')})
        check_ignored(server, sent, "Question too long from ");
    const std::string longest = question + std::string(1024 - question.size(), ' ');
    Datagrams client;
    client.send_to(server.address(), longest);
    check_bytes(server, longest, answer, client.receive().bytes);
}

TEST_OF_EACH(udp_servers, "shows escaped what a client sends",
             "[hostile][faults][row 21][row 22]") {
    Server server(program);
    check_ignored(server, "\x1b[2J\r\nServer stopped", "Unrecognized question from ");
    CHECK_PROGRAM(server, server.wait_for(": \\x1b[2J\\r\\nServer stopped\n"));
}

TEST_OF_EACH(udp_servers, "survives clients that are gone when the answer comes",
             "[hostile][faults][row 37]") {
    Server server(program);
    for (int i = 0; i < 50; ++i) Datagrams().send_to(server.address(), question);
    check_ignored(server, "What?", "Unrecognized question from ");
}

TEST_OF_EACH(udp_servers, "goes on where it was stopped", "[faults][row 29]") {
    Server server(program);
    Datagrams client;
    server.signal(SIGSTOP);
    client.send_to(server.address(), question);
    stop_and_continue(server.pid());
    check_bytes(server, question, answer, client.receive().bytes);
}

TEST_OF_EACH(udp_servers, "survives datagrams whose sender is forged", "[faults][row 35]") {
    if (!needs_root()) return;
    Server server(program);
    Live live(server);
    for (int i = 0; i < 10; ++i)
        for (const Endpoint &source : {Endpoint{"127.0.0.1", 0}, Endpoint{"127.255.255.255", 9},
                                       Endpoint{"255.255.255.255", 9}, Endpoint{"0.0.0.0", 9}})
            CHECK(send_forged(source, server.address(), question));
    CHECK_PROGRAM(server, server.wait_for("127.0.0.1:0"));
    live.check();
}
