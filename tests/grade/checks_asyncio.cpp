// What is asked of the programs of asyncio/ alone: the rule for their sources, the echo of the course,
// and its clients.
#include "checks_clients.h"
#include "co_await.h"

#include "place.h"

#include <filesystem>
#include <fstream>
#include <sstream>

using namespace grade;
using test::Connection, test::Listener, test::course_echo_servers;

namespace {

constexpr auto asyncio_programs = test::select<test::is_of_asyncio>();
constexpr bool has_coroutines(const Program &program) { return program.name != "game"; }
constexpr auto own_programs = test::select<has_coroutines, test::own_programs>();
constexpr auto tacbc = only<"tacbc">(), uacbc = only<"uacbc">();

// The source beside the program, or above the directory of a build with a sanitizer. Empty: not there.
std::string source_of(const Program &program) {
    std::filesystem::path directory = place.programs;
    for (int i = 0; i < 4; ++i, directory = directory.parent_path()) {
        std::ifstream file(directory / (std::string(program.path) + ".cpp"));
        std::ostringstream text;
        if (file && text << file.rdbuf()) return text.str();
    }
    return "";
}

} // namespace

static void check_co_awaits(const Program &program) {
    trying(
        "It is looked where co_await stands in the source.",
        "Write co_await f(names); or const T x = co_await f(names); or co_return co_await "
        "f(names); and nothing else in that statement: no condition, no lambda, no braces. g++ "
        "before 13 compiles some others, without a warning, to programs that crash or do nothing.");
    by_hand("", "grep -n co_await " + std::string(program.path) + ".cpp");
    const std::string source = source_of(program);
    if (source.empty()) undetermined("the source is not beside the program");
    const std::vector<std::string> places = crowded_co_awaits(source);
    if (!places.empty())
        fail("a co_await does not stand alone", "a statement of its own", "line " + places.front());
}

CHECK_OF_EACH(asyncio_programs, "lets each co_await stand alone", "[pts:1][co_await]") {
    check_co_awaits(program);
}
CHECK_OF_EACH(own_programs, "lets each co_await stand alone", "[pts:1][co_await]") {
    check_co_awaits(program);
}

CHECK_OF_EACH(course_echo_servers, "echoes once with -e", "[pts:1][needs:serves one client]") {
    trying("With -e, a client sends Hello, and reads to the end of file.",
           "What the first read brings is sent back; then the server closes the connection.");
    by_hand("make " + program.file() + " && ./" + std::string(program.path) + " -e",
            "./asyncio/tacbc");
    Server server(program, {"-e"});
    Talk client(server);
    client.send("Hello");
    client.expect_bytes("Hello");
    client.expect_end("after the echo, the connection is still open");
    Talk another(server);
    another.send("Again");
    another.expect_bytes("Again", "another client was not served");
}

CHECK_OF_EACH(tacbc, "sends its message and prints its echo", "[pts:2]") {
    trying(
        "The client is run with -m Hi against a server that sends Hi back and closes.",
        "Write the message when the connection is made, print what data_received brings, and end "
        "when the connection is lost.");
    by_hand("make tacb && ./asyncio/tacb -e", "make tacbc && ./asyncio/tacbc -m Hi");
    Listener listener;
    Student client(program, exactly_at(listener.local(), {"-m", "Hi"}));
    Connection connection = listener.accept();
    if (const std::string came = connection.receive(2); came != "Hi")
        fail("other bytes came", "Hi", test::shown(came));
    connection.send("Hi");
    connection.close();
    expect_status(client, 0);
    for (const char *line : {"Sent: Hi", "Received: Hi", "The server closed the connection"})
        if (lines(client, line) != std::string(line) + "\n")
            fail("a line is missing", line, test::shown(client.standard_output()));
}

CHECK_OF_EACH(uacbc, "sends its message and prints its echo", "[pts:2]") {
    trying("The client is run with -m Hi against a server that sends the datagram back.",
           "Send the message when the endpoint is made, and end when its answer has come.");
    by_hand("make uacb && ./asyncio/uacb -e", "make uacbc && ./asyncio/uacbc -m Hi");
    test::Datagrams server;
    Student client(program, exactly_at(server.local(), {"-m", "Hi"}));
    const auto asked = server.receive();
    require(asked.arrived, "no datagram came");
    if (asked.bytes != "Hi") fail("other bytes came", "Hi", test::shown(asked.bytes));
    server.send_to(asked.sender, "Hi");
    expect_status(client, 0);
    for (const char *line : {"Sent: Hi", "Received: Hi"})
        if (lines(client, line) != std::string(line) + "\n")
            fail("a line is missing", line, test::shown(client.standard_output()));
}

CHECK_OF_EACH(test::echo_clients, "gives up without an answer",
              "[pts:1][needs:sends its message and prints its echo]") {
    trying("The client is run with -t 1 against a server that says nothing.",
           "Wait with wait_for: without a limit of time, a client of a silent server never ends.");
    by_hand(program.name == "uacbc" ? "nc -u -l 127.0.0.1 65432" : "nc -l 127.0.0.1 65432",
            "./" + std::string(program.path) + " -t 1; echo $?     # 1");
    Listener listener;
    test::Datagrams datagrams;
    const bool udp = program.name == "uacbc";
    Student client(program, exactly_at(udp ? datagrams.local() : listener.local(), {"-t", "1"}));
    expect_failure(client);
}

CHECK_OF_EACH(test::echo_clients, "reports a bad command line", "[pts:1]") {
    check_command_line(program);
}
