// The numbered connections: tacn, the server; tacnc, a client for one line; and tacl, many clients.
#include "checks_clients.h"
#include "checks_lines.h"

#include <atomic>
#include <map>
#include <set>
#include <thread>

#include <poll.h>

using namespace grade;
using test::Connection, test::Listener;

namespace {

constexpr auto tacn = only<"tacn">(), tacnc = only<"tacnc">(), tacl = only<"tacl">();

std::string nc(const std::string &input) { return input + " | nc -N 127.0.0.1 12345"; }
const std::string server_by_hand = "make tacn && ./asyncio/tacn";

// A server for tacl that numbers its connections; with `at_once`, it begins to answer when so many
// are there.
class Numbering {
  public:
    explicit Numbering(std::size_t at_once = 0) : at_once_(at_once), thread_([this] { serve(); }) {}
    ~Numbering() {
        ends_ = true;
        thread_.join();
    }
    Numbering(const Numbering &) = delete;
    Numbering &operator=(const Numbering &) = delete;
    Endpoint address() const { return listener_.local(); }

  private:
    struct Peer {
        Connection connection;
        std::string received;
        std::size_t number;
    };
    void serve() {
        while (!ends_) {
            pollfd waits = {listener_.get(), POLLIN, 0};
            if (poll(&waits, 1, peers_.empty() ? 20 : 0) > 0)
                peers_.push_back({listener_.accept(), "", count_++});
            if (count_ >= at_once_)
                for (Peer &peer : peers_) answer(peer);
            std::erase_if(peers_, [](const Peer &peer) {
                return peer.connection.ended() || peer.connection.was_reset();
            });
            std::this_thread::sleep_for(Milliseconds(peers_.empty() ? 0 : 1));
        }
    }
    static void answer(Peer &peer) {
        peer.received += peer.connection.receive(65'536, Milliseconds(0));
        std::string answers;
        for (std::size_t end; (end = peer.received.find('\n')) != std::string::npos;
             peer.received.erase(0, end + 1))
            answers += std::to_string(peer.number) + ' ' + peer.received.substr(0, end + 1);
        if (!answers.empty()) peer.connection.send(answers);
    }
    const std::size_t at_once_;
    std::size_t count_ = 0;
    std::atomic<bool> ends_ = false;
    Listener listener_;
    std::vector<Peer> peers_;
    std::thread thread_;
};

// A line that tacl has printed: "12 This is 3".
struct Printed {
    int connection = -1, client = -1;
};

std::vector<std::string> words_at(std::vector<std::string> words, const Endpoint &server) {
    words.insert(words.end(), {server.host, std::to_string(server.port)});
    return words;
}

// What tacl has printed, its last line left out: a line for each answer.
std::vector<Printed> printed_by(Student &load, std::size_t answers) {
    expect_status(load, 0);
    std::istringstream text(load.standard_output());
    std::vector<Printed> all;
    for (std::string line; std::getline(text, line);) {
        Printed each;
        if (std::sscanf(line.c_str(), "%d This is %d", &each.connection, &each.client) == 2)
            all.push_back(each);
    }
    if (all.size() != answers)
        fail("it printed another number of answers", std::to_string(answers),
             std::to_string(all.size()));
    return all;
}

void try_approach(const std::string &number, const std::string &what, const std::string &hint) {
    trying("tacl -a " + number + " is run for five clients with four lines each: " + what + ".",
           hint);
    by_hand(server_by_hand, "make tacl && ./asyncio/tacl -a " + number + " 5 4");
}

} // namespace

// ---- tacn

CHECK_OF_EACH(tacn, "numbers its connections", "[pts:3][needs:serves one client]") {
    trying("Three clients connect, one after the other; each sends two lines.",
           "Count the connections from 0 when they come, and put the number of this one, and a "
           "blank, before each line.");
    by_hand("", nc("printf 'one\\ntwo\\n'") + "; " + nc("echo three"));
    Server server(program);
    std::vector<Talk> clients;
    for (const std::string number : {"0", "1", "2"}) {
        clients.emplace_back(server);
        clients.back().send("This is it\n");
        clients.back().expect_line(number + " This is it", "the number or the line is wrong");
    }
    clients[1].send("again\n"); // while the others are still there
    clients[1].expect_line("1 again", "the number changes within a connection");
}

CHECK_OF_EACH(tacn, "sends lines back as they were", "[pts:1][needs:numbers its connections]") {
    trying("A client sends an empty line, one of blanks, one with bytes of all kinds, and one that "
           "ends with CR and newline.",
           "Only the end of the line is taken away, \\n or \\r\\n. What is logged is escaped; what "
           "is sent back is not.");
    by_hand("", nc("printf '\\n  a  \\n\\033\\377\\nend\\r\\n'") + " | od -c");
    Server server(program);
    Talk client(server);
    std::string bytes;
    for (int i = 0; i < 256; ++i)
        if (i != '\n' && i != '\r') bytes += static_cast<char>(i);
    client.send("\n  a  \n" + bytes + "\nend\r\n");
    for (const std::string &line : {std::string(), std::string("  a  "), bytes, std::string("end")})
        client.expect_line("0 " + line);
}

CHECK_OF_EACH(tacn, "answers all before the end of file",
              "[pts:1][needs:numbers its connections][faults][row 3]") {
    trying("A client sends two lines and one without its newline, and the end of file.",
           "What is there at the end of file is the last line. Answer it, and then close.");
    by_hand("", nc("printf 'one\\ntwo\\nthree'"));
    Server server(program);
    Talk client(server);
    client.send("one\ntwo\nthree");
    client.finish();
    for (const char *line : {"0 one", "0 two", "0 three"}) client.expect_line(line);
    client.expect_end("after the end of file, the connection is still open");
}

CHECK_OF_EACH(tacn, "loses no line of a slow reader",
              "[pts:2][needs:answers all before the end of file][faults][row 6]") {
    trying("A client sends 10,000 lines and reads nothing until the server takes no more of them; "
           "then it reads all answers.",
           "write queues, and drain waits until there is room; close when all is sent.");
    by_hand("", nc("seq 100000") + " | (sleep 3; wc -l)     # 100000");
    Server server(program, patient(program, {"-q"}));
    Talk client(server, 4096);
    const std::string line(99, 'x');
    const std::string received = client.converse_late(test::repeat(line + "\n", 10'000));
    if (received != test::repeat("0 " + line + "\n", 10'000))
        fail("answers are missing or wrong", "10000 lines",
             std::to_string(std::count(received.begin(), received.end(), '\n')) + " lines");
}

CHECK_OF_EACH(tacn, "takes a line of 1024 bytes and no longer one",
              "[pts:1][needs:numbers its connections]") {
    trying("One client sends a line of 1024 bytes, another one a line of 1025.",
           "1024 bytes without the newline are the most: start_server takes that limit.");
    by_hand("", nc("printf '%1025s\\n' x"));
    Server server(program);
    const std::string longest(1024, 'x');
    Talk client(server);
    client.send(longest + "\n");
    client.expect_line("0 " + longest, "the line of 1024 bytes was not sent back");
    Talk another(server);
    another.send(longest + "x\n");
    another.expect_end("after a line of 1025 bytes, the connection is still open");
    require(another.received().empty(), "the line of 1025 bytes was answered");
}

// ---- tacnc

CHECK_OF_EACH(tacnc, "sends a line and prints the numbered one", "[pts:2]") {
    trying("The client is run with -m Hi against a server that sends 7 Hi back.",
           "Connect, write the line and a newline, print Sent: and it, read a line, and print "
           "Received: and it.");
    by_hand(server_by_hand, "make tacnc && ./asyncio/tacnc -m Hi");
    Met met(program, {"-m", "Hi"});
    if (const std::string came = met.server.receive(3); came != "Hi\n")
        fail("other bytes came", "Hi\\n", test::shown(came));
    met.server.send("7 Hi\n");
    expect_status(met.client, 0);
    const std::string expected = "Sent: Hi\nReceived: 7 Hi\n";
    if (const std::string found = met.client.standard_output(); found != expected)
        fail("it printed something else", test::shown(expected), test::shown(found));
}

CHECK_OF_EACH(tacnc, "takes the line in pieces",
              "[pts:1][needs:sends a line and prints the numbered one][faults][row 38]") {
    trying(
        "The server sends the line in three pieces, each when the client has read the one before.",
        "Read up to the newline (readline): one read need not return the whole line.");
    by_hand("(printf '0 This'; sleep 1; echo ' is 0') | nc -l 127.0.0.1 12345", "./asyncio/tacnc");
    Met met(program);
    receive_up_to(met.server, "\n");
    send_in_pieces(met.server, "0 This is 0\n", 4);
    expect_status(met.client, 0);
    if (const std::string found = lines(met.client, "Received: ");
        found != "Received: 0 This is 0\n")
        fail("it printed something else", "Received: 0 This is 0", test::shown(found));
}

CHECK_OF_EACH(tacnc, "says that the line is cut",
              "[pts:1][needs:sends a line and prints the numbered one][faults][row 39]") {
    trying("The server sends a part of the line and closes; another one closes at once.",
           "A line without its newline is no complete answer: one line on standard error, and "
           "status 1.");
    by_hand("printf '0 This' | nc -l -N 127.0.0.1 12345", "./asyncio/tacnc; echo $?     # 1");
    for (const char *part : {"0 This", ""}) {
        Met met(program);
        receive_up_to(met.server, "\n");
        met.server.send(part);
        met.server.close();
        expect_failure(met.client);
        require(lines(met.client, "Received: ").empty(), "it printed what it has received of it");
    }
}

CHECK_OF_EACH(tacnc, "refuses a line without end",
              "[pts:1][needs:sends a line and prints the numbered one][row 43]") {
    trying("The server sends up to 64 MB without a newline.",
           "Give the reader a limit (open_connection), and end with status 1 when the line is "
           "longer.");
    by_hand("head -c 64000000 /dev/zero | tr '\\0' x | nc -l 127.0.0.1 12345",
            "./asyncio/tacnc; echo $?     # 1");
    Met met(program);
    met.server.send(std::string(64'000'000, 'x')); // until it has closed
    expect_failure(met.client);
}

CHECK_OF_EACH(tacnc, "gives up without a server and without an answer",
              "[pts:1][needs:sends a line and prints the numbered one]") {
    trying("The client is run where no server is, and with -t 1 against a silent one.",
           "Catch what is thrown: one line on standard error, and status 1. wait_for limits each "
           "wait.");
    by_hand("nc -l 127.0.0.1 12345", "./asyncio/tacnc -t 1; echo $?     # 1");
    Listener listener;
    Student client(program, exactly_at(listener.local(), {"-t", "1"}));
    expect_failure(client);
    const Endpoint nobody = listener.local();
    listener.close();
    Student refused(program, at(nobody));
    expect_failure(refused);
}

CHECK_OF_EACH(tacnc, "reports a bad command line", "[pts:1]") { check_command_line(program); }

// ---- tacl

CHECK_OF_EACH(tacl, "-a 1: one client after the other", "[pts:2]") {
    try_approach("1", "a connection for each line, and no two at a time",
                 "Await one client after the other, and connect anew for each line.");
    Numbering server;
    Student load(program, words_at({"-a", "1", "5", "4"}, server.address()));
    const auto all = printed_by(load, 20);
    for (int i = 0; i < 20; ++i) {
        const Printed &each = all[std::size_t(i)];
        if (each.client != i / 4 || each.connection != i)
            fail("answer " + std::to_string(i) + " is out of order",
                 std::to_string(i) + " This is " + std::to_string(i / 4),
                 std::to_string(each.connection) + " This is " + std::to_string(each.client));
    }
}

CHECK_OF_EACH(tacl, "-a 2: a task for each client", "[pts:2]") {
    try_approach("2",
                 "a connection for each line; the first answer comes when all five have connected",
                 "Make a task for each client (create_task), and gather them; connect anew for "
                 "each line.");
    Numbering server(5);
    Student load(program, words_at({"-a", "2", "5", "4"}, server.address()));
    std::map<int, int> times;
    std::set<int> connections;
    for (const auto &[connection, client] : printed_by(load, 20)) {
        ++times[client];
        connections.insert(connection);
    }
    require(times == std::map<int, int>{{0, 4}, {1, 4}, {2, 4}, {3, 4}, {4, 4}},
            "not each client has sent four lines");
    if (connections.size() != 20)
        fail("the number of connections is wrong", "20", std::to_string(connections.size()));
}

CHECK_OF_EACH(tacl, "-a 3: tasks that keep their connection", "[pts:2]") {
    try_approach("3",
                 "five connections in all; the first answer comes when all five have connected",
                 "Connect once for each client, and keep the streams.");
    Numbering server(5);
    Student load(program, words_at({"-a", "3", "5", "4"}, server.address()));
    std::map<int, std::set<int>> of_client;
    std::set<int> connections;
    for (const auto &[connection, client] : printed_by(load, 20)) {
        of_client[client].insert(connection);
        connections.insert(connection);
    }
    require(of_client.size() == 5, "not each client has sent lines");
    for (const auto &[client, numbers] : of_client)
        require(numbers.size() == 1, "client " + std::to_string(client) + " has connected again");
    if (connections.size() != 5)
        fail("the number of connections is wrong", "5", std::to_string(connections.size()));
}

CHECK_OF_EACH(tacl, "tells how many were answered",
              "[pts:1][needs:-a 1: one client after the other]") {
    trying("tacl is run for two clients with three lines each, without -a; and again with -q.",
           "Print N answers in T s: R in a second last; with -q, nothing else. Without -a, it is "
           "approach 1.");
    by_hand(server_by_hand, "./asyncio/tacl -q 2 3");
    Numbering server;
    Student load(program, words_at({"2", "3"}, server.address()));
    const auto all = printed_by(load, 6);
    require(all[0].client == 0 && all[2].client == 0 && all[3].client == 1,
            "without -a, the clients do not come one after the other");
    const std::string text = load.standard_output(), total = "6 answers in ";
    if (text.find("\n" + total) == text.npos || !text.ends_with(" in a second\n"))
        fail("the last line is wrong", total + "0.001 s: 6000 in a second", test::shown(text));
    Student quiet(program, words_at({"-q", "2", "3"}, server.address()));
    expect_status(quiet, 0);
    if (const std::string said = quiet.standard_output();
        !said.starts_with(total) || std::count(said.begin(), said.end(), '\n') != 1)
        fail("with -q, it printed something else", "the last line alone", test::shown(said));
}

CHECK_OF_EACH(tacl, "says what went wrong", "[pts:2][needs:-a 2: a task for each client]") {
    trying("The server closes without an answer, sends another line, or is silent with -t 1; or "
           "there is no server.",
           "Compare the answer with the line, limit each exchange with wait_for, and catch what is "
           "thrown: one line on standard error, status 1.");
    by_hand("(sleep 1; echo 0 This is 9) | nc -l 127.0.0.1 12345",
            "./asyncio/tacl 1 1; echo $?     # 1");
    Listener listener;
    for (const std::string answer : {"", "0 This is 1\n", "0"}) {
        Student load(program, words_at({"-a", "2", "-t", "1", "1", "1"}, listener.local()));
        Connection server = listener.accept();
        receive_up_to(server, "This is 0\n");
        server.send(answer);
        if (answer != "0") server.close(); // or else it is silent
        expect_failure(load);
    }
    const Endpoint nobody = listener.local();
    listener.close();
    for (const char *approach : {"1", "2", "3"}) {
        Student load(program, words_at({"-a", approach, "3", "3"}, nobody));
        expect_failure(load);
    }
}

CHECK_OF_EACH(tacl, "reports a bad command line", "[pts:1]") {
    check_command_line(program, {{"-Z"},
                                 {"3"},
                                 {"-a", "4", "3", "3"},
                                 {"0", "3"},
                                 {"3", "x"},
                                 {"3", "3", "localhost", "65536"},
                                 {"3", "3", "localhost", "80", "surplus"}});
}
