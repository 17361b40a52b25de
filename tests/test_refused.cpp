// Clients that a server hangs up on: they get the answers to what they asked before, and whatever
// they do then, they are gone soon.
#include "support/kit.h"
#include "support/procfs.h"

#include <thread>

using namespace test;

namespace {

// Contract: about two seconds. Before the repair of what this tests, it was a minute or for ever.
constexpr Milliseconds soon{4000};

// What the client reads that sends all of `bytes`, a piece each time that it has read a little.
std::string read_slowly(Connection &client, std::string_view bytes) {
    std::string received;
    for (std::size_t size = 1; size > 0;) {
        const std::string_view piece = bytes.substr(0, 600);
        if (!piece.empty() && client.send(piece, Milliseconds(0)))
            bytes.remove_prefix(piece.size());
        const std::string some = client.receive(1200);
        received += some;
        size = some.size();
        std::this_thread::sleep_for(
            Milliseconds(1)); // it is slow: this is not to wait for anything
    }
    return received;
}

} // namespace

// A server gives each of them the descriptor of the one before; what is left of that must not end
// this one, while it still reads its answers.
TEST_OF_EACH(zen_tcp_servers, "loses no answer of clients that are refused one after the other",
             "[hostile][faults][row 44]") {
    Server server(program, {"-q"});
    const Exchange asked = {repeat(three_questions, 667), repeat(three_answers, 667)};
    int lost = 0;
    for (int i = 0; i < 100; ++i) {
        Connection client(server.address(), 4096);
        CHECK_PROGRAM(server, client.send(asked.question + "What?"));
        if (read_slowly(client, std::string(20'000, 'x')) != asked.answer) ++lost;
    }
    INFO(lost << " of 100 clients lost answers");
    CHECK(lost == 0);
    check_alive(server);
}

// What the checks see of the servers of the Zen protocol.
TEST_OF_EACH(framing_servers, "closes the connection of a refused client whatever it does",
             "[hostile][faults][row 44]") {
    Server server(program, {"-q"});
    Live live(server);
    for (const std::size_t size : {std::size_t(0), std::size_t(1), std::size_t(100'000)}) {
        INFO(size << " bytes at a time");
        const std::string piece(size, 'x');
        Connection client(server.address());
        CHECK_PROGRAM(server, client.send(refused(program)));
        client.receive_all();
        CHECK_PROGRAM(server, client.ended());
        const auto is_closed = [&] {
            if (!piece.empty()) client.send(piece, Milliseconds(10));
            return is_closed_by_peer(client);
        };
        CHECK_PROGRAM(server, eventually(is_closed, soon));
    }
    live.check();
}

TEST_OF_EACH(tcp_servers, "says that a connection is closed when it is", "[conversation][row 53]") {
    Server server(program);
    Connection stays(server.address());
    CHECK_PROGRAM(server, stays.send(refused(program)));
    CHECK_PROGRAM(server, server.wait_for("Connection with " + stays.local().name() + " closed\n"));
    // A server that says so before it waits for the client has a second to wait.
    CHECK_PROGRAM(server, eventually([&] { return is_closed_by_peer(stays); }, Milliseconds(300)));
}

// ---- Questions that never end
