// The clients, against servers that the tests play themselves.
#include "support/kit.h"
#include "support/procfs.h"

#include <sys/syscall.h>
#include <sys/wait.h>

using namespace test;

namespace {

// What a client prints that gets the right answers.
const std::string three_lines = [] {
    std::string text;
    for (const auto &[question, answer] : zen)
        text.append("Sent: ").append(question).append("\nReceived: ").append(answer).append("\n");
    return text;
}();

const Program &zenc = named("zenc"), &zuc = named("zuc");
const std::string question(zen[0].first);

// What the client calls what it waits for.
std::string answer(const Program &program) {
    return is_framing_client(program) ? "response" : "answer";
}

// "zenc: no WHAT from 127.0.0.1:65432: "
std::string no(const Program &program, const std::string &what, const Listener &server) {
    return std::string(program.name) + ": no " + what + " from " + server.local().name() + ": ";
}

// Receives the next question of `zuc`, which must be the expected one; answers are the test's part.
// A question before it may come once more: where the machine was slow, zuc has repeated it.
Datagrams::Datagram receive_question(Datagrams &server, Client &client, std::string_view expected) {
    const auto is_earlier = [&](std::string_view bytes) {
        for (const auto &[asked, answered] : zen) {
            if (asked == expected) return false;
            if (asked == bytes) return true;
        }
        return false;
    };
    auto datagram = server.receive();
    while (is_earlier(datagram.bytes)) datagram = server.receive();
    check_bytes(client, "(nothing)", expected, datagram.bytes);
    return datagram;
}

} // namespace

// ---- zenc

TEST_OF_EACH(tcp_clients, "says that there is no server", "[errors][faults][row 39]") {
    Listener listener;
    const Endpoint closed = listener.local();
    listener.close();
    Client client(program, closed);
    check_fails(client, std::string(program.name) + ": cannot connect to " + closed.name() +
                            ": Connection refused");
}

TEST_OF_EACH(tcp_clients, "says that the server closed before an answer was complete",
             "[errors][faults][row 39]") {
    Listener listener;
    const auto &[asked, answered] = exchanges(program)[0];
    for (const std::size_t size : {std::size_t(0), std::size_t(3), answered.size() - 1}) {
        Client client(program, listener.local());
        Connection server = listener.accept();
        check_bytes(client, "(nothing)", asked, server.receive(asked.size()));
        CHECK_PROGRAM(client, server.send(answered.substr(0, size)));
        server.close();
        check_fails(client,
                    no(program, "complete " + answer(program), listener) + "connection closed");
    }
}

TEST_OF_EACH(tcp_clients, "says that the server reset the connection", "[errors]") {
    Listener listener;
    Client client(program, listener.local());
    Connection server = listener.accept();
    server.receive(exchanges(program)[0].question.size());
    server.reset();
    check_fails(client, no(program, answer(program), listener) + "Connection reset by peer");
}

TEST_OF_EACH(tcp_clients, "says that the server is silent", "[time limit][faults][row 39]") {
    Listener listener;
    const std::string line = no(program, answer(program), listener) + "Connection timed out";
    {
        Client client(program, listener.local(), {"-t", "1"});
        check_fails(client, line); // connected by the kernel, never accepted
    }
    Connection rest = listener.accept();
    Client client(program, listener.local(), {"-t", "1"});
    Connection server = listener.accept();
    CHECK_PROGRAM(client, server.send(exchanges(program)[0].answer.substr(0, 3)));
    check_fails(client, line);
}

TEST_OF_EACH(tcp_clients, "says that the time is over also when it was stopped meanwhile",
             "[time limit][signals]") {
    Listener listener("127.0.0.1", 0);
    Connection takes_the_place(listener.local());
    Client client(program, listener.local(), {"-t", "3"});
    CHECK(eventually([&] { return sleeping_in(client.pid()) == SYS_connect; }));
    stop_and_continue(client.pid());
    check_fails(client, std::string(program.name) + ": cannot connect to " +
                            listener.local().name() + ": Connection timed out");
}

TEST_OF_EACH(client_programs, "gives up when its time is over, neither before nor much later",
             "[time limit]") {
    Datagrams udp;
    Listener tcp;
    const auto start = std::chrono::steady_clock::now();
    Client client(program, is_tcp_client(program) ? tcp.local() : udp.local(), {"-t", "1"});
    CHECK_PROGRAM(client, client.wait_exit().has_value());
    const auto taken = std::chrono::steady_clock::now() - start;
    CHECK(taken >= std::chrono::seconds(1));
    CHECK(taken < std::chrono::seconds(4)); // without -t, it is 5
}

TEST_CASE("zenc: refuses an answer of over 1024 bytes", "[zenc][hostile][faults][row 43]") {
    Listener listener;
    {
        Client client(zenc, listener.local());
        Connection server = listener.accept();
        CHECK_PROGRAM(client, server.send(std::string(1023, 'x') + '.'));
        CHECK_PROGRAM(client, client.wait_for("Received: " + std::string(1023, 'x') + ".\n"));
    }
    Client client(zenc, listener.local());
    Connection server = listener.accept();
    server.send(std::string(64'000'000, 'x')); // until it has closed
    check_fails(client, "zenc: answer too long from " + listener.local().name());
}

TEST_OF_EACH(tcp_clients, "goes on where it was stopped", "[signals][faults][row 29]") {
    Listener listener;
    Client client(program, listener.local());
    Connection server = listener.accept();
    const auto [asked, answered] = exchanges(program)[0];
    server.receive(asked.size());
    stop_and_continue(client.pid());
    CHECK_PROGRAM(client, server.send(program.name == "zenc" ? three_answers : answered));
    check_exit(client, 0);
}

// ---- zuc

TEST_CASE("zuc: takes no late or repeated answer for the answer to another question",
          "[zuc][loss][faults][row 42]") {
    Datagrams server;
    Client client(zuc, server.local());
    auto datagram = receive_question(server, client, zen[0].first);
    datagram = receive_question(server, client, zen[0].first); // the answer to the first is late
    for (int i = 0; i < 3; ++i) server.send_to(datagram.sender, zen[0].second);
    datagram = receive_question(server, client, zen[1].first);
    for (const std::string_view answer :
         {zen[0].second, zen[0].second, zen[1].second, zen[1].second})
        server.send_to(datagram.sender, answer);
    datagram = receive_question(server, client, zen[2].first);
    for (const std::string_view answer : {zen[1].second, zen[0].second, zen[2].second})
        server.send_to(datagram.sender, answer);
    check_succeeds(client, three_lines);
}

TEST_CASE("zuc: takes no repeated answer for another one, whatever it says",
          "[zuc][loss][faults][row 42]") {
    Datagrams server;
    Client client(zuc, server.local());
    for (const std::string answer : {"One.", "Two.", "Three."}) {
        const auto datagram = server.receive();
        for (const std::string_view sent : {"", "One", "One.", "Two.", "Three."}) {
            server.send_to(datagram.sender, sent);
            if (sent == answer) break;
        }
        server.send_to(datagram.sender, answer);
        CHECK_PROGRAM(client, client.wait_for("Received: " + answer + "\n"));
    }
    CHECK_PROGRAM(client, client.wait_exit().has_value());
}

TEST_CASE("zuc: refuses an answer of over 1024 bytes", "[zuc][hostile][faults][row 53]") {
    for (const std::string &sent : {std::string(1025, 'x'), "Ugly." + std::string(3029, ' ')}) {
        Datagrams server;
        Client client(zuc, server.local());
        const auto datagram = receive_question(server, client, question);
        server.send_to(datagram.sender, sent);
        check_fails(client, "zuc: answer too long from " + server.local().name());
    }
}

TEST_CASE("zuc: gives up on a silent server, and on none", "[zuc][time limit][faults][row 39]") {
    Datagrams server;
    const std::string name = server.local().name();
    Client silent(zuc, server.local(), {"-t", "1"});
    check_fails(silent, "zuc: no answer from " + name + ": Connection timed out");
    server.close();
    Client none(zuc, Endpoint::parse(name), {"-t", "1"});
    check_fails(none, "zuc: no answer from " + name + ": Connection refused");
}
