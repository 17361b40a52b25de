// The numbered connections of the lecture: tacn, the server; tacnc, a client for one line; and
// tacl, many clients. Which line of tacl comes first is nobody's promise: what holds for every
// order is tested.
#include "support/kit.h"
#include "support/lines.h"
#include "support/procfs.h"
#include "support/redirected.h"

#include <map>
#include <set>

#include <sys/wait.h>

using namespace test;

namespace {

const Program &tacn = named("tacn"), &tacnc = named("tacnc"), &tacl = named("tacl");

// A line that tacl has printed: "12 This is 3".
struct Printed {
    int connection, client;
};

// What tacl prints: a line for each answer, and the last line, which is counted.
std::vector<Printed> printed_by(Client &load, int answers) {
    check_exit(load, 0);
    CHECK_PROGRAM(load, load.standard_error().empty());
    std::vector<std::string> lines = lines_of(load.standard_output());
    REQUIRE(lines.size() == std::size_t(answers) + 1);
    const std::string total = std::to_string(answers) + " answers in ";
    CHECK_PROGRAM(load, lines.back().rfind(total, 0) == 0);
    CHECK_PROGRAM(load, lines.back().ends_with(" in a second"));
    lines.pop_back();
    std::vector<Printed> all;
    for (const std::string &line : lines) {
        Printed each = {-1, -1};
        std::sscanf(line.c_str(), "%d This is %d", &each.connection, &each.client);
        CHECK(line == std::to_string(each.connection) + " This is " + std::to_string(each.client));
        all.push_back(each);
    }
    return all;
}

// How often each client has printed a line; the numbers of the connections of each.
std::map<int, int> count(const std::vector<Printed> &all) {
    std::map<int, int> times;
    for (const Printed &each : all) ++times[each.client];
    return times;
}
std::set<int> connections(const std::vector<Printed> &all) {
    std::set<int> numbers;
    for (const Printed &each : all) numbers.insert(each.connection);
    return numbers;
}
// How often the next line is of another client.
int changes(const std::vector<Printed> &all) {
    int changed = 0;
    for (std::size_t i = 1; i < all.size(); ++i) changed += all[i].client != all[i - 1].client;
    return changed;
}

} // namespace

// ---- tacn

TEST_CASE("tacn: numbers its connections, and sends lines back with the number",
          "[asyncio][tacn][conversation]") {
    Server server(tacn);
    for (const std::string number : {"0", "1"}) {
        LineClient client(server.address());
        for (const std::string line : {"This is 0", "", "\x1b\xff"}) {
            CHECK_PROGRAM(server, client.send(line + "\n"));
            CHECK(client.line() == number + " " + line);
        }
    }
}

TEST_CASE("tacn: takes lines however they are cut, and the last one without its newline",
          "[asyncio][tacn][stream][faults][row 1][row 2][row 3]") {
    Server server(tacn);
    LineClient client(server.address());
    CHECK_PROGRAM(server, client.dribble("one\r\ntwo\n"));
    CHECK(client.line() == "0 one");
    CHECK(client.line() == "0 two");
    CHECK(client.exchange("three\nfour\nfive") == "0 three\n0 four\n0 five\n");
    CHECK(client.ended());
}

TEST_CASE("tacn: answers 10,000 pipelined lines, also to a slow reader",
          "[asyncio][tacn][stream][faults][row 4][row 6]") {
    Server server(tacn, {"-q"});
    const std::string line(99, 'x');
    for (const int buffer : {0, 4096}) {
        Connection client(server.address(), buffer);
        const std::string answer = (buffer ? "1 " : "0 ") + line + "\n";
        CHECK(client.exchange(repeat(line + "\n", 10'000)) == repeat(answer, 10'000));
    }
}

TEST_CASE("tacn: a line has at most 1024 bytes", "[asyncio][tacn][limits]") {
    Server server(tacn);
    const std::string longest(1024, 'x');
    CHECK(Connection(server.address()).exchange(longest + "\n") == "0 " + longest + "\n");
    CHECK(Connection(server.address()).exchange(longest + "x\n").empty());
    CHECK_PROGRAM(server, server.wait_for("Line too long from "));
}

// ---- tacnc

TEST_CASE("tacnc: sends a line, and prints the numbered one", "[asyncio][tacnc][conversation]") {
    Server server(tacn);
    Client first(tacnc, server.address());
    check_succeeds(first, "Sent: This is 0\nReceived: 0 This is 0\n");
    Client second(tacnc, server.address(), {"-m", "a\\b"});
    check_succeeds(second, "Sent: a\\\\b\nReceived: 1 a\\\\b\n");
}

TEST_CASE("tacnc: without a server or an answer, one line and status 1",
          "[asyncio][tacnc][errors][time limit][faults][row 38][row 39][row 43]") {
    Listener listener;
    const Endpoint address = listener.local();
    {
        Client client(tacnc, address);
        Connection server = listener.accept();
        CHECK(server.receive(10) == "This is 0\n");
        CHECK_PROGRAM(client, server.dribble("7 This is 0\n"));
        check_succeeds(client, "Sent: This is 0\nReceived: 7 This is 0\n");
    }
    {
        Client client(tacnc, address);
        Connection server = listener.accept();
        server.receive(10);
        server.send("7 This");
        server.close();
        check_fails(client,
                    "tacnc: no complete answer from " + address.name() + ": connection closed");
    }
    {
        Client client(tacnc, address, {"-t", "1"});
        const Connection server = listener.accept();
        check_fails(client, "tacnc: no answer from " + address.name() + ": Connection timed out");
    }
    {
        Client client(tacnc, address);
        Connection server = listener.accept();
        server.send(std::string(64'000'000, 'x')); // until it has closed
        check_fails(client, "tacnc: answer too long");
    }
    listener.close();
    Client client(tacnc, address);
    check_fails(client, "tacnc: cannot connect to " + address.name() + ": Connection refused");
    Client no_line(tacnc, address, {"-m", "a\nb"});
    check_fails(no_line, "tacnc: the message must be one line of at most 1024 bytes", 2);
}

// ---- tacl

TEST_CASE("tacl: one client after the other: their lines stand together",
          "[asyncio][tacl][conversation]") {
    Server server(tacn);
    Client load(tacl, server.address(), {"-a", "1", "5", "4"});
    const auto all = printed_by(load, 20);
    for (int i = 0; i < 20; ++i) { // here the order is a promise
        CHECK(all[std::size_t(i)].client == i / 4);
        CHECK(all[std::size_t(i)].connection == i);
    }
}

TEST_CASE("tacl: tasks: their lines are mixed, over connections of their own",
          "[asyncio][tacl][conversation]") {
    Server server(tacn);
    Client load(tacl, server.address(), {"-a", "2", "5", "40"});
    const auto all = printed_by(load, 200);
    for (int client = 0; client < 5; ++client) CHECK(count(all)[client] == 40);
    CHECK(connections(all).size() == 200);
    CHECK(*connections(all).rbegin() == 199);
    CHECK(changes(all) > 20); // one after the other, there would be 4
}

TEST_CASE("tacl: tasks that keep their connection: its number comes again",
          "[asyncio][tacl][conversation]") {
    Server server(tacn);
    Client load(tacl, server.address(), {"-a", "3", "5", "40"});
    const auto all = printed_by(load, 200);
    std::map<int, int> connection_of;
    for (const auto &[connection, client] : all) {
        connection_of.emplace(client, connection);
        CHECK(connection_of[client] == connection);
    }
    for (int client = 0; client < 5; ++client) CHECK(count(all)[client] == 40);
    CHECK(connections(all) == std::set<int>{0, 1, 2, 3, 4});
    CHECK(changes(all) > 20);
}

TEST_CASE("tacl: is one client, and the first approach, unless told otherwise",
          "[asyncio][tacl][command line]") {
    Server server(tacn);
    Client load(tacl, server.address(), {"2", "1"});
    const auto all = printed_by(load, 2);
    CHECK(all[0].client == 0);
    CHECK(all[1].client == 1);
}

TEST_CASE("tacl: 300 clients at once are all answered, and -q prints only how many",
          "[asyncio][tacl][storm]") {
    Server server(tacn, {"-q"});
    for (const std::string approach : {"2", "3"}) {
        Client load(tacl, server.address(), {"-q", "-t", "60", "-a", approach, "300", "5"});
        check_exit(load, 0, 6 * patience);
        const auto lines = lines_of(load.standard_output());
        REQUIRE(lines.size() == 1);
        CHECK(lines[0].rfind("1500 answers in ", 0) == 0);
    }
}

TEST_CASE("tacl: says in one line what is wrong, and ends",
          "[asyncio][tacl][errors][time limit][faults][row 39]") {
    Listener listener;
    const Endpoint address = listener.local();
    const auto loses = [&](const std::string &answer, const std::string &wrong) {
        Client load(tacl, address, {"-a", "2", "-t", "1", "1", "1"});
        Connection server = listener.accept();
        CHECK(server.receive(10) == "This is 0\n");
        server.send(answer);
        if (answer != "0") server.close(); // or else it is silent
        check_fails(load, "tacl: " + wrong);
    };
    loses("", "no answer from " + address.name() + ": connection closed");
    loses("0 This is 1\n", "a wrong answer: 0 This is 1\\n");
    loses("0", "no answer from " + address.name() + ": Connection timed out");
    listener.close();
    for (const std::string approach : {"1", "2", "3"}) {
        Client load(tacl, address, {"-a", approach, "20", "3"});
        check_fails(load, "tacl: cannot connect to " + address.name() + ": Connection refused");
    }
}

TEST_CASE("tacl: ends on a signal", "[asyncio][tacl][stop]") {
    Listener listener;
    Client load(tacl, listener.local(), {"-t", "0", "-a", "3", "20", "3"});
    const Connection silent = listener.accept();
    load.signal(SIGINT);
    check_exit(load, 130, stop_limit);
}

TEST_CASE("tacl: says with the usage line what is wrong", "[asyncio][tacl][command line]") {
    const auto wrong = [](std::initializer_list<std::string> words, const std::string &what) {
        Process load(command(tacl, words));
        check_exit(load, 2);
        CHECK_PROGRAM(load,
                      load.standard_error().rfind("tacl: " + what + "\nusage: tacl [-h]", 0) == 0);
    };
    wrong({"3"}, "too few arguments");
    wrong({"-a", "4", "3", "3"}, "-a must be a number from 1 to 3, not '4'");
    wrong({"-a"}, "no value for option -a");
    wrong({"-x", "3", "3"}, "unknown option -x");
    wrong({"0", "3"}, "CLIENTS must be a number from 1 to 10000, not '0'");
    wrong({"3", "x"}, "REPETITIONS must be a number from 1 to 1000000, not 'x'");
    wrong({"3", "3", "localhost", "0"}, "PORT must be a number from 1 to 65535, not '0'");
    wrong({"3", "3", "localhost", "80", "-h"}, "surplus argument '-h'");
    Process help(command(tacl, {"-h"}));
    check_exit(help, 0);
    CHECK_PROGRAM(help, help.standard_output().rfind("usage: tacl [-h] [-a APPROACH]", 0) == 0);
}
