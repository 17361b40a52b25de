// The programs of framing/: what they add to the behaviour of every TCP server and client.
#include "support/kit.h"
#include "support/procfs.h"

#include <sys/wait.h>

using namespace test;

namespace {

const Program &abs_server = named("abs"), &ads_server = named("ads"), &afs_server = named("afs");

// The bytes that the course's programs send: struct.pack('!I', n), '\n', ljust(1024). These are not
// from framing/frames.h, so that a mistake there is seen here.
std::string with_length(std::string_view message, std::size_t length) {
    std::string frame;
    for (const int byte : {3, 2, 1, 0}) frame += static_cast<char>(length >> 8 * byte);
    return frame.append(message);
}
std::string frame_of(const Program &program, std::string_view message) {
    if (program.port == abs_server.port) return with_length(message, message.size());
    if (program.port == ads_server.port) return std::string(message) + '\n';
    return std::string(message) + std::string(1024 - message.size(), ' ');
}

// The most bytes that a message may have.
std::size_t most(const Program &program) {
    if (program.port == abs_server.port) return 1 << 20;
    return program.port == ads_server.port ? 65535 : 1024;
}

// Checks that what stands before a frame that is too long is echoed, then the connection closed.
void check_refused(Server &server, std::string_view bad, const std::string &logged) {
    const std::string good = exchanges(server.program())[0].question;
    Connection client(server.address());
    const std::string peer = client.local().name();
    CHECK_PROGRAM(server, client.send(good + std::string(bad)));
    check_bytes(server, good + std::string(bad), good, client.receive_all());
    CHECK_PROGRAM(server, client.ended());
    CHECK_PROGRAM(server, !client.was_reset());
    client.close();
    CHECK_PROGRAM(server, server.wait_for("Frame too long from " + peer + logged + "\n"));
    CHECK_PROGRAM(server, server.wait_for("Connection with " + peer + " closed\n"));
    check_alive(server);
}

} // namespace

// ---- The servers

TEST_OF_EACH(framing_servers, "echoes frames of every size up to the limit", "[stream]") {
    Server server(program);
    Connection client(server.address());
    for (std::size_t size = 1; size <= most(program); size = 4 * size + 1) {
        const std::string frame = frame_of(program, std::string(size, 'x'));
        check_exchange(server, client, {frame, frame});
    }
    const std::string longest = frame_of(program, std::string(most(program), 'x'));
    check_bytes(server, longest, longest, client.exchange(longest));
    const std::string beginning =
        most(program) > 1024
            ? std::string(1000, 'x') + "... (" + std::to_string(most(program)) + " bytes)"
            : longest;
    CHECK_PROGRAM(server, server.wait_for("Received message: " + beginning + "\n"));
    if (program.name == "afs") return;
    ask(program, server.address(), frame_of(program, ""));
    CHECK_PROGRAM(server, server.wait_for("Received message: \n"));
    const std::string escaped(2000, '\xff'); // the length is there even so
    ask(program, server.address(), frame_of(program, escaped));
    CHECK_PROGRAM(server, server.wait_for("\\xff... (2000 bytes)\n"));
}

TEST_OF_EACH(framing_servers, "logs the end of file in mid-frame", "[stream][faults][row 20]") {
    Server server(program);
    const std::string whole = frame_of(program, "Hello");
    for (int i = 1; i <= 20; ++i) {
        Connection client(server.address());
        const std::string peer = client.local().name();
        const std::string sent =
            whole + whole.substr(0, static_cast<std::size_t>(i) % (whole.size() - 1) + 1);
        check_bytes(server, sent, whole, client.exchange(sent));
        CHECK_PROGRAM(server, client.ended());
        CHECK_PROGRAM(server, server.wait_for("End of file in mid-frame from " + peer +
                                              "\nConnection with " + peer + " closed\n"));
    }
    Connection client(server.address());
    const std::string peer = client.local().name();
    check_bytes(server, whole, whole, client.exchange(whole));
    CHECK_PROGRAM(server, server.wait_for("Received message: Hello\nConnection with " + peer));
    check_alive(server);
}

TEST_CASE("abs: refuses a frame from its length on", "[framing][abs][hostile][faults][row 19]") {
    Server server(abs_server);
    for (const std::size_t length :
         {(1ul << 20) + 1, 1ul << 30, 0x7ffffffful, 0x80000000ul, 0xfffffffful}) {
        const std::string logged = ": " + std::to_string(length) + " bytes";
        check_refused(server, with_length("", length), logged);
        check_refused(server, with_length("Hello", length), logged);
    }
    check_refused(server, "GET / HTTP/1.0\r\n\r\n", ": 1195725856 bytes");
    if (!sanitized) CHECK(peak_memory(server.pid()) <= 32'768);
}

TEST_CASE("abs: a frame that is announced takes no memory",
          "[framing][abs][hostile][faults][row 19]") {
    Server server(abs_server, {"-q"});
    std::vector<Connection> clients;
    for (int i = 0; i < 100; ++i) {
        clients.emplace_back(server.address());
        CHECK_PROGRAM(server, clients.back().send(with_length("", 1 << 20)));
    }
    for (Connection &client : clients) CHECK_PROGRAM(server, wait_until_read(client));
    check_alive(server);
    if (!sanitized) CHECK(peak_memory(server.pid()) <= 32'768);
    for (Connection &client : clients) {
        client.shut_down_sending();
        check_bytes(server, "(a length)", "", client.receive_all());
    }
}

TEST_CASE("ads: refuses a frame of over 64 KiB", "[framing][ads][hostile]") {
    Server server(ads_server);
    check_refused(server, std::string(65536, 'x'), "");
    check_refused(server, std::string(65536, 'x') + "\n", "");
}

TEST_CASE("afs: a block of only spaces ends the conversation", "[framing][afs][conversation]") {
    Server server(afs_server);
    const std::string hello = frame_of(afs_server, "Hello"), blank(1024, ' ');
    for (const std::string &after : {std::string(), hello, std::string("He")}) {
        Connection client(server.address());
        const std::string peer = client.local().name(), sent = hello + blank + after;
        CHECK_PROGRAM(server, client.send(sent)); // and leaves its side open
        check_bytes(server, sent, hello, client.receive_all());
        CHECK_PROGRAM(server, client.ended());
        client.close();
        CHECK_PROGRAM(server, server.wait_for("Received message: Hello\nConnection with " + peer +
                                              " closed\n"));
    }
    CHECK_PROGRAM(server, server.standard_output().find("mid-frame") == std::string::npos);
    check_alive(server);
}

// ---- The clients

TEST_OF_EACH(framing_clients, "sends one frame, and prints the message of the response",
             "[conversation]") {
    Listener listener;
    for (const std::string message : {"Hello, Server!", "", "a b", "\xc3\xa9\x1b\r"}) {
        Client client(program, listener.local(), {"-m", message});
        Connection server = listener.accept();
        const std::string frame = frame_of(program, message);
        check_bytes(client, "(nothing)", frame, server.receive(frame.size()));
        CHECK_PROGRAM(client, server.receive(1, Milliseconds(20)).empty()); // it waits
        CHECK_PROGRAM(client, server.send(frame_of(program, "Hello,\tClient!")));
        check_bytes(client, "(nothing)", "", server.receive_all());
        CHECK_PROGRAM(client, server.ended());
        check_succeeds(client, "Received response: Hello,\\tClient!\n");
    }
}

TEST_OF_EACH(framing_clients, "gets from its server what it has sent", "[conversation]") {
    for (const std::string server_name : {"abs", "ads", "afs"}) {
        if (named(server_name).port != program.port) continue;
        Server server(named(server_name));
        // One argument of a command line has less than 128 KiB.
        for (const std::size_t size :
             {std::size_t(1), std::min<std::size_t>(most(program), 100'000)}) {
            const std::string message(size, 'x');
            Client client(program, server.address(), {"-m", message}, "localhost");
            check_succeeds(client, "Received response: " + message + "\n");
        }
    }
}

TEST_OF_EACH(framing_clients, "says why its frame cannot carry a message", "[command line]") {
    Listener listener;
    const auto check_refuses = [&](const std::string &message, const std::string &what) {
        Client client(program, listener.local(), {"-m", message});
        check_fails(client, std::string(program.name) + ": the message must " + what, 2);
        CHECK_THROWS(listener.accept(Milliseconds(0))); // it has not even connected
    };
    const auto at_most = [](std::size_t size) {
        return "have at most " + std::to_string(size) + " bytes, not " + std::to_string(size + 1);
    };
    if (program.name != "abc") // one argument of a command line has less than 128 KiB
        check_refuses(std::string(most(program) + 1, 'x'), at_most(most(program)));
    if (program.name == "adc")
        for (const std::string message : {"\n", "a\nb", "a\n"})
            check_refuses(message, "not contain a newline, which ends the frame");
}
