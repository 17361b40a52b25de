// What is exact of the servers of lines, tacn, chats, game and gamec: their memory, descriptors and
// threads, and what they print. What they do is in grade/checks_lines.cpp, checks_numbered.cpp,
// checks_chat.cpp and checks_game.cpp.
#include "support/kit.h"
#include "support/lines.h"
#include "support/procfs.h"
#include "support/redirected.h"

using namespace test;

namespace {

// The first line of a client, and what is in the answer.
struct Greeting {
    std::string line, answer;
};
Greeting greeting(const Program &program) {
    static int clients = 0;
    if (program.name == "tacn") return {"Hello\n", " Hello"};
    if (program.name == "chats")
        return {"CONNECT test" + std::to_string(++clients) + "\n", "Welcome! "};
    return {"0\n", "Please guess a number"};
}

// Has a fresh client answered, within a second as it is for a person.
void check_served(const Program &program, Process &server, const Endpoint &address) {
    LineClient client(address);
    const Greeting hello = greeting(program);
    CHECK_PROGRAM(server, client.send(hello.line));
    CHECK_PROGRAM(server, client.wait_for(hello.answer));
}
void check_served(Server &server) { check_served(server.program(), server, server.address()); }

// A client that has been greeted.
LineClient greeted(Server &server, int receive_buffer = 0) {
    LineClient client(server.address(), receive_buffer);
    const Greeting hello = greeting(server.program());
    CHECK_PROGRAM(server, client.send(hello.line));
    CHECK_PROGRAM(server, client.wait_for(hello.answer));
    return client;
}

// Lines that are answered, as many as make so many bytes.
std::string many_lines(std::size_t bytes) { return repeat("101\n", int(bytes / 4)); }

} // namespace

TEST_OF_EACH(line_servers, "starts again on the port of connections that were open",
             "[restart][faults][row 28]") {
    Server server(program);
    const LineClient client = greeted(server);
    check_stops(server, SIGTERM);
    const std::string port = std::to_string(server.address().port);
    Process again(command(program, {"127.0.0.1", port}));
    CHECK_PROGRAM(again, again.wait_for(" server started at 127.0.0.1:" + port + "\n"));
    check_served(program, again, server.address());
}

TEST_OF_EACH(line_servers, "survives clients that reset, and that leave without reading",
             "[hostile][faults][row 7][row 8][row 9][row 10]") {
    Server server(program);
    { const LineClient first = greeted(server); }
    CHECK(eventually([&] { return thread_count(server.pid()) <= 1 + sanitizer_threads; }));
    const std::size_t descriptors = descriptor_count(server.pid());
    for (int i = 0; i < 20; ++i) {
        greeted(server).reset();
        LineClient in_mid_line = greeted(server);
        in_mid_line.send("half a li");
        in_mid_line.reset();
        greeted(server).send(many_lines(100'000), Milliseconds(50));
    }
    stop(server.pid());
    for (int i = 0; i < 3; ++i) LineClient(server.address()).reset();
    server.signal(SIGCONT);
    check_served(server);
    CHECK_PROGRAM(server,
                  eventually([&] { return descriptor_count(server.pid()) <= descriptors; }));
    CHECK(eventually([&] { return thread_count(server.pid()) <= 1 + sanitizer_threads; }));
    check_sleeps(server, Milliseconds(200), Milliseconds(30));
    CHECK(server.standard_error().empty());
}

TEST_OF_EACH(line_servers, "keeps nothing of a line without end",
             "[hostile][limits][faults][row 18]") {
    Server server(program);
    check_served(server);
    const long before = peak_memory(server.pid());
    LineClient client = greeted(server);
    client.send(std::string(64'000'000, 'x')); // until it has closed
    client.receive_all();
    CHECK_PROGRAM(server, client.ended());
    CHECK_PROGRAM(server, server.wait_for("ine too long"));
    if (!sanitized) CHECK(peak_memory(server.pid()) - before <= 16'384);
    check_served(server);
}

TEST_OF_EACH(line_servers, "a client that never reads costs no memory",
             "[hostile][faults][row 17]") {
    Server server(program, {"-q"});
    check_served(server);
    const long before = peak_memory(server.pid());
    LineClient never_reads = greeted(server, 4096);
    never_reads.send(many_lines(8'000'000), Milliseconds(1'000));
    check_served(server);
    if (!sanitized) CHECK(peak_memory(server.pid()) - before <= 16'384);
}

TEST_OF_EACH(line_servers, "shows escaped what a client sends",
             "[hostile][faults][row 21][row 22]") {
    Server server(program);
    LineClient client = greeted(server);
    CHECK_PROGRAM(server, client.send(std::string("\x1b[2J\xff\0\\\n", 8)));
    CHECK_PROGRAM(server, server.wait_for("[2J\\xff"));
    const std::string log = server.standard_output();
    CHECK_PROGRAM(server, std::all_of(log.begin(), log.end(),
                                      [](char c) { return c == '\n' || (c >= ' ' && c <= '~'); }));
    check_served(server);
}

TEST_OF_EACH(line_servers, "serves when its standard output is full", "[output][faults][row 30]") {
    RedirectedServer server(program, ">/dev/full");
    check_served(program, server, server.address());
}

TEST_OF_EACH(line_servers, "says that its port is in use", "[errors][faults][row 33]") {
    Server server(program);
    const std::string port = std::to_string(server.address().port);
    Process second(command(program, {"127.0.0.1", port}));
    check_exit(second, 1);
    CHECK_PROGRAM(second, second.standard_error() == program.file() +
                                                         ": cannot listen on 127.0.0.1:" + port +
                                                         ": Address already in use\n");
}

TEST_OF_EACH(line_servers, "serves 500 clients that come at once", "[storm][faults][row 14]") {
    Server server(program, {"-q"});
    std::vector<LineClient> clients;
    std::vector<std::string> answers;
    for (int i = 0; i < 500; ++i) {
        const Greeting hello = greeting(program);
        clients.emplace_back(server.address());
        answers.push_back(hello.answer);
        CHECK_PROGRAM(server, clients.back().send(hello.line));
    }
    for (std::size_t i = 0; i < clients.size(); ++i)
        CHECK_PROGRAM(server, clients[i].wait_for(answers[i]));
}
