// The log of a server as a whole: when it begins and how it ends, who reads it, and that the lines of
// several clients do not get into one another. What the lines say is looked at in checks_log.cpp.
#include "watching.h"

#include <algorithm>
#include <sstream>

using namespace grade;

namespace {

constexpr bool prints_at_the_same_time(const Program &program) {
    return test::is_zen_tcp_server(program) && program.name != "zens" && !program.has('e');
}
constexpr auto sszu_fork = only<"sszu -f">();
constexpr auto several_streams = test::select<prints_at_the_same_time>();
constexpr auto several_datagrams = only<"mzus", "sszu">();
using test::framing_servers, test::servers;

constexpr const char *whole_lines =
    "Make the whole line first, then write it with one call of write (at most 4096 bytes, which a "
    "pipe takes whole), or print it with a mutex held: of what is printed piece by piece, the "
    "pieces of several threads get mixed.";

std::string run(const Program &program, const std::string &arguments) {
    return "make " + program.file() + " && ./" + std::string(program.path) + arguments;
}

std::vector<std::string> lines_of(const std::string &text) {
    std::vector<std::string> lines;
    std::istringstream stream(text);
    for (std::string line; std::getline(stream, line);) lines.push_back(line);
    return lines;
}

// That the server comes to print these lines after its first one, in any order, and no others.
void expect_lines(Server &server, std::vector<std::string> expected) {
    std::sort(expected.begin(), expected.end());
    std::vector<std::string> found;
    test::eventually([&] {
        found = lines_of(server.standard_output());
        return found.size() > expected.size();
    });
    if (!found.empty()) found.erase(found.begin());
    std::sort(found.begin(), found.end());
    const auto [due, line] =
        std::mismatch(expected.begin(), expected.end(), found.begin(), found.end());
    if (due == expected.end() && line == found.end()) return;
    // The line that is due and not there, and one that should not be there.
    const std::string missing = due == expected.end() ? "no further line" : *due;
    const auto strange = std::find_if(found.begin(), found.end(), [&](const std::string &one) {
        return !std::binary_search(expected.begin(), expected.end(), one);
    });
    fail("the lines of several clients are mixed, or some are missing", missing,
         strange != found.end() ? test::shown(*strange) : "no such line");
}

std::string received(const std::string &client, std::size_t number) {
    return "Received from " + client + ": " + question(number);
}
std::string sent(const std::string &client, std::size_t number) {
    return "Sent to " + client + ": " + std::string(test::zen[number].second);
}

// A question or a frame, and the answer.
void serve(Server &server, Talk &client) {
    require(is_answered(server, client), "a client was not served");
}

void be_quiet(const Program &program) {
    trying("With -q, clients are answered; then the output of the server is looked at.",
           "With -q, print the ready line, errors, and \"Server stopped\" at most; the ready line "
           "must be there.");
    by_hand(run(program, " -q"), "./" + std::string(test::client_of(program).path));
    Server server(program, {"-q"});
    for (int i = 0; i < 2; ++i) {
        if (test::is_udp_server(program)) {
            Ask client(server);
            client.send(question(2));
            client.expect(letter(2));
        } else {
            Talk client(server);
            serve(server, client);
        }
    }
    require(server.ready_line(patience).has_value(), "with -q, no ready line was printed");
    check_quiet(server);
}

// What question comes at a place: not in turns, or it could be that each page of a pipe ends with a line.
std::size_t which(std::size_t place) { return place * place / 5 % 3; }

void mix_no_datagrams(const Program &program) {
    trying("Eight clients ask some questions each while the server is stopped; when it has gone on "
           "and answered, all lines on standard output are looked at. This is done several times.",
           whole_lines);
    chapter("The programs from outside");
    by_hand("", "for i in 1 2 3 4 5 6; do ./zuc/zuc & done; wait     # and read terminal 1");
    Server server(program);
    server.narrow_output(); // then they wait in the midst of a line that is printed piece by piece
    std::vector<Ask> clients;
    for (int i = 0; i < 8; ++i) clients.emplace_back(server);
    std::vector<std::string> expected;
    constexpr std::size_t asked = 25; // 200 datagrams have room in the buffer of a socket
    const int rounds = test::is_forking_server(program) ? 3 : 8; // a process takes long to print
    for (int round = 0; round < rounds; ++round) {
        const Stopped while_they_ask(server);
        for (Ask &client : clients)
            for (std::size_t i = 0; i < asked; ++i) {
                client.send(question(which(i)));
                expected.push_back(received(client.name(), which(i)));
                expected.push_back(sent(client.name(), which(i)));
            }
        {
            const auto unread = server.hold_output(); // so that many of them wait at the same time
            const auto waiting = [&] { return test::unread_datagrams(server.address().port); };
            const auto before = waiting();
            while_they_ask.go_on();
            test::eventually(
                [&] { return !server.has_room_for_a_line() && waiting() <= before / 4 * 3; },
                Milliseconds(1000));
        }
        for (Ask &client : clients)
            for (std::size_t i = 0; i < asked; ++i)
                require(client.receive().arrived, "no answer came");
    }
    expect_lines(server, expected);
}

} // namespace

CHECK_OF_EACH(base_servers, "prints the ready line when clients can be served",
              "[pts:1][needs:prints the ready line at once]") {
    trying("The server is started with a pipe as its output that is full, so that it has to wait "
           "until it can print; meanwhile it is looked whether it listens already.",
           "Print the ready line after bind and listen: whoever reads it may connect at once.");
    by_hand(run(program, " | cat"), "(none)");
    Limits limits;
    limits.unread_output = 1 << 20;
    Server server(program, {}, "127.0.0.1", limits); // waits until it is bound
    if (test::is_udp_server(program)) return;
    const bool listens = test::eventually([&] {
        try {
            const test::Connection client(server.address());
            return true;
        } catch (const std::exception &) {
            return false;
        }
    });
    require(listens, "before it has printed its ready line, a client cannot connect");
}

CHECK_OF_EACH(zen_servers, "is quiet with -q",
              "[pts:1][needs:serves one client][needs:prints the ready line at once]") {
    be_quiet(program);
}
CHECK_OF_EACH(framing_servers, "is quiet with -q",
              "[pts:1][needs:echoes a frame][needs:prints the ready line at once]") {
    be_quiet(program);
}

CHECK_OF_EACH(servers, "prints once that it has stopped",
              "[pts:1][needs:stops on SIGINT and SIGTERM]") {
    trying("Ctrl-C is pressed: all processes of the server get SIGINT, while clients are there.",
           "One line says that the server has stopped, also where it has threads and children: "
           "the last line that is printed. A child that gets the signal ends without it.");
    by_hand("", "nc -d 127.0.0.1 " + std::string(program.port) +
                    "     # then press Ctrl-C in terminal 1");
    Server server(program);
    std::vector<Talk> clients;
    if (test::is_udp_server(program)) {
        Ask client(server);
        for (int i = 0; i < 20; ++i) client.send(question(0));
        client.expect(letter(0));
    } else {
        for (int i = 0; i < (test::is_forking_server(program) ? 3 : 1); ++i) {
            clients.emplace_back(server);
            serve(server, clients.back());
        }
    }
    kill(-server.pid(), SIGINT);
    require(server.wait_exit(patience).has_value(), "it has not ended after Ctrl-C");
    const std::vector<std::string> lines = lines_of(server.standard_output());
    const auto count = std::count(lines.begin(), lines.end(), "Server stopped");
    if (count != 1)
        fail("it did not print once that it has stopped", "one line \"Server stopped\"",
             std::to_string(count) + " of them");
    if (lines.back() != "Server stopped")
        fail("another line was printed after the last one", "Server stopped", lines.back());
    for (const std::string &line : lines)
        if (test::is_event_loop(program) && !test::is_of_asyncio(program) && // those are cancelled
            line.starts_with("Connection with "))
            fail("it printed that a client has left that was still there", "Server stopped", line);
}

CHECK_OF_EACH(several_streams, "mixes no lines",
              "[pts:1][needs:answers clients that ask at the same time]") {
    trying("Six clients ask 400 questions each at the same time, and leave; then all lines on "
           "standard output are looked at.",
           whole_lines);
    chapter("The programs from outside");
    by_hand("", "for i in 1 2 3 4 5 6; do ./zenc/zenc & done; wait     # and read terminal 1");
    constexpr std::size_t asked = 400;
    Server server(program);
    server.narrow_output(); // then they wait in the midst of a line that is printed piece by piece
    std::vector<Talk> clients;
    std::vector<std::string> expected;
    for (int i = 0; i < 6; ++i) clients.emplace_back(server);
    std::string questions, letters;
    for (std::size_t i = 0; i < asked; ++i)
        questions += question(which(i)), letters += letter(which(i));
    {
        const Stopped while_they_ask(server); // then all have something to print at once
        for (Talk &client : clients) client.send(questions);
        while_they_ask.go_on();
    }
    for (Talk &client : clients) {
        const std::string name = client.connection().local().name();
        expected.push_back("Connected by " + name);
        for (std::size_t i = 0; i < asked; ++i) {
            expected.push_back(received(name, which(i)));
            expected.push_back(sent(name, which(i)));
        }
        expected.push_back("Connection with " + name + " closed");
        client.expect(letters);
    }
    clients.clear();
    expect_lines(server, expected);
}

CHECK_OF_EACH(several_datagrams, "mixes no lines", "[pts:1][needs:answers a burst]") {
    mix_no_datagrams(program);
}
CHECK_OF_EACH(sszu_fork, "mixes no lines", "[pts:1][needs:serves one client]") {
    mix_no_datagrams(program);
}

CHECK_OF_EACH(framing_servers, "mixes no lines",
              "[pts:1][needs:serves several clients at once][needs:logs a conversation]"
              "[needs:takes several frames in one segment]") {
    trying("Six clients send many frames each at the same time; then all lines on standard output "
           "are looked at.",
           whole_lines);
    chapter("The programs from outside");
    by_hand("", "for i in 1 2 3 4 5 6; do ./" + std::string(test::client_of(program).path) +
                    " & done; wait     # and read terminal 1");
    Server server(program);
    server.narrow_output(); // then they wait in the midst of a line that is printed piece by piece
    std::vector<Talk> clients;
    std::vector<std::string> expected;
    for (int i = 0; i < 6; ++i) clients.emplace_back(server);
    const std::string text = "of client ";
    const int count = program.name == "afs" ? 40 : 200; // what the buffers of the system take
    const Stopped while_they_send(server);              // then all have something to print at once
    for (std::size_t i = 0; i < clients.size(); ++i)
        clients[i].send(test::repeat(test::framed(program, text + std::to_string(i)), count));
    while_they_send.go_on();
    for (std::size_t i = 0; i < clients.size(); ++i) {
        const std::string name = clients[i].connection().local().name();
        expected.push_back("Connected by " + name);
        expected.insert(expected.end(), static_cast<std::size_t>(count),
                        "Received message: " + text + std::to_string(i));
        expected.push_back("Connection with " + name + " closed");
        clients[i].expect_bytes(
            test::repeat(test::framed(program, text + std::to_string(i)), count));
    }
    clients.clear();
    expect_lines(server, expected);
}
