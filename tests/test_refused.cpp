// Clients that a server hangs up on: they get the answers to what they asked before, and whatever
// they do then, they are gone soon.
#include "support/kit.h"
#include "support/procfs.h"

#include <thread>

#include <sys/ioctl.h>

using namespace test;

namespace {

const std::string question(zen[0].first), answer(zen[0].second);

// Contract: about two seconds. Before the repair of what this tests, it was a minute or for ever.
constexpr Milliseconds soon{4000};

// Whether the server closes the connection before that.
bool is_closed_soon(const Connection &client) {
    return eventually([&] { return is_closed_by_peer(client); }, soon);
}

// What the client reads that sends all of `bytes`, a piece each time that it has read a little.
std::string read_slowly(Connection &client, std::string_view bytes) {
    std::string received;
    for (std::size_t size = 1; size > 0;) {
        const std::string_view piece = bytes.substr(0, 600);
        if (!piece.empty() && client.send(piece, Milliseconds(0)))
            bytes.remove_prefix(piece.size());
        const std::string some = client.receive(400);
        received += some;
        size = some.size();
        std::this_thread::sleep_for(
            Milliseconds(1)); // it is slow: this is not to wait for anything
    }
    return received;
}

// Checks that the server hangs up on a client whose question has become too long.
void check_too_long(Server &server, Connection &client) {
    const std::string peer = client.local().name();
    check_bytes(server, "(too much)", "", client.receive_all());
    CHECK_PROGRAM(server, client.ended());
    CHECK_PROGRAM(server, server.wait_for("Question too long from " + peer + "\n"));
    client.close();
}

std::string blanks(std::size_t count) { return std::string(count, ' '); }

} // namespace

// ---- Refused after refused

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

TEST_OF_EACH(tcp_servers, "closes the connection of a refused client that stays",
             "[hostile][faults][row 44]") {
    Server server(program, {"-q"});
    Live live(server);
    Connection stays(server.address());
    CHECK_PROGRAM(server, stays.send(exchanges(program)[0].question + refused(program)));
    stays.receive_all();
    CHECK_PROGRAM(server, stays.ended());
    CHECK_PROGRAM(server, is_closed_soon(stays));
    live.check();
}

TEST_OF_EACH(tcp_servers, "closes the connection of a refused client that does not stop sending",
             "[hostile][faults][row 44]") {
    Server server(program, {"-q"});
    Live live(server);
    for (const std::size_t size : {std::size_t(1), std::size_t(100'000)}) {
        INFO(size << " bytes at a time");
        const std::string piece(size, 'x');
        Connection sends(server.address());
        CHECK_PROGRAM(server, sends.send(refused(program)));
        sends.receive_all();
        CHECK_PROGRAM(server, sends.ended());
        const auto is_closed = [&] {
            sends.send(piece, Milliseconds(10));
            return is_closed_by_peer(sends);
        };
        CHECK_PROGRAM(server, eventually(is_closed, soon));
    }
    live.check();
}

// Here the server itself has answers left, beside those that its kernel has taken.
TEST_OF_EACH(answer_keepers, "closes the connection of a refused client that reads no answers",
             "[hostile][faults][row 44]") {
    Server server(program, {"-q"});
    Live live(server);
    Connection client(server.address(), 4096);
    const std::string questions = repeat(three_questions, 100);
    long answers = 0; // bytes
    const auto left = [&] {
        int arrived = 0;
        ioctl(client.get(), FIONREAD, &arrived);
        return answers - arrived - under_way_from_peer(client);
    };
    while (left() < 10'000) { // from 65,536 on, it would read no more
        if (!client.send(questions) || !wait_until_read(client)) break;
        answers += 100 * static_cast<long>(three_answers.size());
    }
    CHECK_PROGRAM(server, client.send("What?"));
    CHECK_PROGRAM(server, wait_until_read(client));
    CHECK_PROGRAM(server, is_closed_soon(client));
    client.close();
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

TEST_OF_EACH(zen_tcp_servers, "hangs up on a client that drips white space",
             "[hostile][faults][row 52]") {
    Server server(program);
    Connection drips(server.address());
    for (int i = 0; i < 31; ++i) {
        CHECK_PROGRAM(server, drips.send(i % 2 ? blanks(33) : repeat(" \r\n", 11)));
        CHECK_PROGRAM(server, wait_until_read(drips));
    }
    CHECK_PROGRAM(server, drips.receive(1, Milliseconds(100)).empty()); // 1023 bytes: it may go on
    CHECK_PROGRAM(server, !drips.ended());
    CHECK_PROGRAM(server, drips.send(" "));
    check_too_long(server, drips);
    check_alive(server);
}

TEST_OF_EACH(zen_tcp_servers, "counts the white space before a question as part of it",
             "[hostile][faults][row 52]") {
    Server server(program);
    const std::string longest = blanks(1024 - question.size()) + question;
    Connection patient(server.address());
    check_bytes(server, longest, answer, patient.exchange(longest));
    for (const bool at_once : {true, false}) {
        Connection client(server.address());
        CHECK_PROGRAM(server, client.send(at_once ? " " + longest : blanks(1000)));
        if (!at_once) {
            CHECK_PROGRAM(server, wait_until_read(client));
            CHECK_PROGRAM(server, client.send(question));
        }
        check_too_long(server, client);
    }
    check_alive(server);
}

TEST_OF_EACH(zen_tcp_servers, "counts white space anew after each question",
             "[stream][faults][row 52]") {
    Server server(program);
    const std::string rested = blanks(900) + question;
    Connection at_once(server.address());
    check_bytes(server, repeat(rested, 5) + blanks(900), repeat(answer, 5),
                at_once.exchange(repeat(rested, 5) + blanks(900)));
    CHECK_PROGRAM(server, at_once.ended());
    Connection client(server.address());
    for (int i = 0; i < 5; ++i) {
        CHECK_PROGRAM(server, client.send(blanks(900)));
        CHECK_PROGRAM(server, wait_until_read(client));
        CHECK_PROGRAM(server, client.send(question));
        check_bytes(server, rested, answer, client.receive(answer.size()));
    }
    const std::string peer = client.local().name();
    client.shut_down_sending();
    check_bytes(server, "(end of file)", "", client.receive_all());
    CHECK_PROGRAM(server, server.wait_for("Connection with " + peer + " closed\n"));
    for (const char *wrong : {"too long", "mid-question", "Unrecognized"})
        CHECK_PROGRAM(server, server.standard_output().find(wrong) == std::string::npos);
}
