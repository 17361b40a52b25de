// The course's echo: its clients tacbc and uacbc against servers that the tests play, and its servers,
// which with -e send the first bytes back and close.
#include "support/kit.h"
#include "support/redirected.h"

#include <sys/wait.h>

using namespace test;

namespace {

const std::string message = "Hello World!";
const std::string sent = "Sent: " + message + "\n", received = "Received: " + message + "\n";
const std::string closed = "The server closed the connection\n";

const Program &tacbc = named("tacbc"), &uacbc = named("uacbc");

std::string no_answer(const Program &program, const Endpoint &server) {
    return program.file() + ": no answer from " + server.name() + ": ";
}

} // namespace

// ---- tacbc

TEST_CASE("tacbc: sends its message, prints what comes back, and waits for the end",
          "[asyncio][tacbc][conversation]") {
    Listener listener;
    Client client(tacbc, listener.local());
    Connection server = listener.accept();
    check_bytes(client, "(nothing)", message, server.receive(message.size()));
    CHECK_PROGRAM(client, server.send(message));
    CHECK_PROGRAM(client, client.wait_for(sent + received));
    CHECK_PROGRAM(client, !client.wait_exit(Milliseconds(200), false)); // not closed yet
    server.close();
    check_succeeds(client, sent + received + closed);
}

TEST_CASE("tacbc: takes an echo in pieces, and one that is cut",
          "[asyncio][tacbc][faults][row 38]") {
    Listener listener;
    for (const std::size_t size : {message.size(), message.size() - 3}) {
        Client client(tacbc, listener.local());
        Connection server = listener.accept();
        server.receive(message.size());
        CHECK_PROGRAM(client, server.dribble(message.substr(0, size)));
        server.close();
        check_succeeds(client, sent + "Received: " + message.substr(0, size) + "\n" + closed);
    }
}

TEST_CASE("tacbc: sends what -m says, and shows escaped what comes", "[asyncio][tacbc][hostile]") {
    Listener listener;
    Client client(tacbc, listener.local(), {"-m", "a\\b\n"});
    Connection server = listener.accept();
    check_bytes(client, "(nothing)", "a\\b\n", server.receive(4));
    CHECK_PROGRAM(client, server.send("\x1b[2J"));
    server.close();
    check_succeeds(client, "Sent: a\\\\b\\n\nReceived: \\x1b[2J\n" + closed);
}

TEST_CASE("tacbc: without a server, an answer, or an end, one line and status 1",
          "[asyncio][tacbc][errors][time limit][faults][row 39]") {
    Listener listener;
    const Endpoint address = listener.local();
    {
        Client client(tacbc, address);
        listener.accept().close();
        // The message that was not read makes this a reset, if it came before the close.
        CHECK_PROGRAM(client, client.wait_exit().has_value());
        CHECK_PROGRAM(client, client.standard_error().rfind(no_answer(tacbc, address), 0) == 0);
    }
    {
        Client client(tacbc, address);
        Connection server = listener.accept();
        server.receive(message.size());
        server.close();
        check_fails(client, no_answer(tacbc, address) + "connection closed");
    }
    {
        Client client(tacbc, address, {"-t", "1"});
        Connection server = listener.accept();
        check_fails(client, no_answer(tacbc, address) + "Connection timed out");
    }
    {
        Client client(tacbc, address, {"-t", "1"});
        Connection server = listener.accept();
        CHECK_PROGRAM(client, server.send(message));
        check_fails(client,
                    "tacbc: connection not closed by " + address.name() + ": Connection timed out");
    }
    listener.close();
    Client client(tacbc, address);
    check_fails(client, "tacbc: cannot connect to " + address.name() + ": Connection refused");
}

TEST_CASE("tacbc: refuses an echo that is longer than its message", "[asyncio][tacbc][hostile]"
                                                                    "[faults][row 43]") {
    Listener listener;
    Client client(tacbc, listener.local());
    Connection server = listener.accept();
    server.send(std::string(64'000'000, 'x')); // until it has closed
    check_fails(client, "tacbc: answer too long");
}

// ---- uacbc

TEST_CASE("uacbc: sends its message and prints what comes back", "[asyncio][uacbc][conversation]") {
    Datagrams server, stranger;
    Client client(uacbc, server.local());
    const auto datagram = server.receive();
    check_bytes(client, "(nothing)", message, datagram.bytes);
    stranger.send_to(datagram.sender, "Wrong");
    server.send_to(datagram.sender, message);
    check_succeeds(client, sent + received);
}

TEST_CASE("uacbc: without a server or an answer, one line and status 1",
          "[asyncio][uacbc][errors][time limit][faults][row 39]") {
    Datagrams server;
    const Endpoint address = server.local();
    Client silent(uacbc, address, {"-t", "1"});
    check_fails(silent, no_answer(uacbc, address) + "Connection timed out");
    server.close();
    Client none(uacbc, address, {"-t", "60"});
    check_fails(none, no_answer(uacbc, address) + "Connection refused"); // error_received ends it
}

TEST_OF_EACH(echo_clients, "says that its standard output fails, and ends",
             "[output][errors][faults][row 53]") {
    Server server(named(program.name == "tacbc" ? "tacb" : "uacb"), {"-e"});
    const std::string port = std::to_string(server.address().port);
    Redirected client(program, {"127.0.0.1", port}, ">/dev/full");
    const auto status = client.wait_exit();
    CHECK_PROGRAM(client, status && WIFEXITED(*status) && WEXITSTATUS(*status) == 1);
    CHECK_PROGRAM(client, client.standard_error() ==
                              program.file() + ": cannot print: No space left on device\n");
}

// ---- The servers

TEST_OF_EACH(course_echo_servers, "with -e sends the first bytes back, and closes", "[echo]") {
    Server server(program, {"-e"});
    for (const std::string bytes : {"x", "Beautiful is better than?", "\xff\n\x80"}) {
        Connection client(server.address());
        CHECK_PROGRAM(server, client.send(bytes));
        check_bytes(server, bytes, bytes, client.receive_all());
        CHECK_PROGRAM(server, client.ended());
    }
    Connection client(server.address());
    CHECK_PROGRAM(server, client.send("first"));
    check_bytes(server, "first", "first", client.receive(5));
    client.send("second"); // is ignored
    check_bytes(server, "second", "", client.receive_all());
    CHECK_PROGRAM(server, client.ended());
    const std::string peer = client.local().name();
    client.close();
    CHECK_PROGRAM(server, server.wait_for("Received from " + peer + ": first\nSent to " + peer +
                                          ": first\nConnection with " + peer + " closed\n"));
}

TEST_OF_EACH(course_echo_servers, "with -e serves the course's client, tacbc", "[echo]") {
    Server server(program, {"-e"});
    Client client(tacbc, server.address());
    check_succeeds(client, sent + received + closed);
}

TEST_CASE("uacb, asyndg: with -e serve the course's client, uacbc",
          "[asyncio][uacb][asyndg][echo]") {
    for (const char *name : {"uacb", "asyndg"}) {
        Server server(named(name), {"-e"});
        Client client(uacbc, server.address());
        check_succeeds(client, sent + received);
    }
}
