// The command line of every program: which values it takes, what it says of those that are wrong,
// and what -h tells. That wrong command lines are refused at all stands in check_command_line.
#include "check.h"

#include "../support/network.h"

#include <cctype>
#include <memory>
#include <sstream>

using namespace grade;

namespace {

constexpr auto all_programs = test::select<is_base_program>();
constexpr bool has_value(const Program &program) {
    return is_base_program(program) && (program.has('t') || program.has('w') || program.has('m'));
}
constexpr auto programs_with_values = test::select<has_value>();

using Arguments = std::vector<std::string>;

// A command line that is wrong, and words of which one belongs into the line that says why.
struct Mistake {
    Arguments arguments;
    std::vector<std::string> words;
};

std::string lower(std::string text) {
    for (char &c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    return text;
}

// That a program ends with status 2. It is a server that has taken the command line if it goes on.
void expect_refusal(const Program &program, const Arguments &arguments) {
    Student mistaken(program, arguments);
    std::string typed = "./" + std::string(program.path);
    for (const std::string &argument : arguments)
        typed += argument.empty() ? " ''" : " " + argument;
    by_hand("make " + program.file() + " && " + typed + "; echo $?     # 2", "(none)");
    const Milliseconds limit(5000);
    if (!mistaken.wait_exit(limit))
        fail("a wrong command line was not refused: " + typed, "exit status 2", "still running");
    if (mistaken.exit_status() != 2)
        fail("a wrong command line was not refused: " + typed, "exit status 2",
             mistaken.status_text());
}

// The lines of a text.
std::vector<std::string> lines_of(const std::string &text) {
    std::vector<std::string> all;
    std::istringstream stream(text);
    for (std::string line; std::getline(stream, line);) all.push_back(line);
    return all;
}

const Arguments here = {"127.0.0.1"};
Arguments at_port(const std::string &port) { return {here.front(), port}; }

} // namespace

CHECK_OF_EACH(all_programs, "refuses a PORT that is none",
              "[pts:1][needs:reports a bad command line][faults][row 33]") {
    const bool server = test::is_server(program);
    trying(
        "The program is started with a PORT that is empty, below 0, too large, or has more than "
        "digits in it" +
            std::string(server ? "." : ", and with port 0."),
        "A PORT is a whole number up to 65535, from 0 for a server and from 1 for a client. atoi "
        "takes anything: look at where strtol has stopped, or use from_chars.");
    std::vector<std::string> ports = {"", "-1", "65536", "80x", "99999999999999999999"};
    if (!server) ports.push_back("0");
    for (const std::string &port : ports) expect_refusal(program, at_port(port));
}

CHECK_OF_EACH(all_programs, "takes options before HOST only",
              "[pts:1][needs:reports a bad command line][faults][row 33]") {
    const std::string option = test::is_server(program) ? "-q" : "-t";
    trying("The program is started with the option " + option + " after HOST and PORT.",
           "What follows HOST is PORT, and nothing follows that. The getopt of glibc looks for "
           "options behind them as well: a '+' at the beginning of its string of letters ends "
           "that.");
    Arguments arguments = {here.front(), "1234", option};
    if (option == "-t") arguments.push_back("1");
    expect_refusal(program, arguments);
    expect_refusal(program, {here.front(), option});
}

CHECK_OF_EACH(programs_with_values, "refuses values that are none",
              "[pts:1][needs:reports a bad command line][faults][row 33]") {
    trying("The program is started with options whose value is empty, below 0, out of range, not a "
           "number, or missing.",
           "A value is a whole number: -t from 0, -w from 1 to 1024. getopt returns '?' (or ':') "
           "for a value that is missing; atoi takes anything.");
    std::vector<Arguments> wrong;
    if (program.has('t'))
        for (const char *value : {"-1", "", "5x"}) wrong.push_back({"-t", value});
    if (program.has('w'))
        for (const char *value : {"1025", "-1", "", "4x"}) wrong.push_back({"-w", value});
    for (const char letter : {'t', 'w', 'm'})
        if (program.has(letter)) wrong.push_back({std::string("-") + letter});
    for (const Arguments &arguments : wrong) expect_refusal(program, arguments);
}

CHECK_OF_EACH(all_programs, "says what is wrong with its command line",
              "[pts:1][needs:reports a bad command line][faults][row 33]") {
    trying("The program is started with command lines that are wrong, and what it prints is read.",
           "First a line on standard error with the program's name and what is wrong, then the "
           "usage line. Standard output is for what was asked for.");
    std::vector<Mistake> mistakes = {
        {{"-Z"}, {"z'", "-z", "-- z", "option"}},
        {at_port("x"), {"port", "'x'", "\"x\"", " x"}},
        {{"127.0.0.1", "1234", "surplus"}, {"surplus", "many", "argument", "extra", "unexpected"}}};
    if (program.has('t')) mistakes.push_back({{"-t", "soon"}, {"-t", "soon", "time", "second"}});
    if (program.has('w')) mistakes.push_back({{"-w", "0"}, {"-w", "worker", "thread", "0"}});
    if (program.has('m')) mistakes.push_back({{"-m"}, {"-m", "-- 'm'", "value", "argument"}});
    for (const auto &[arguments, words] : mistakes) {
        expect_refusal(program, arguments);
        Student mistaken(program, arguments);
        mistaken.exit_status();
        const std::string error = mistaken.standard_error(), output = mistaken.standard_output();
        const std::string wanted = program.file() + ": what is wrong\nusage: " + program.file();
        const std::vector<std::string> lines = lines_of(error);
        const auto is_usage = [](const std::string &line) {
            return lower(line).find("usage") != line.npos;
        };
        const std::string first = lines.empty() ? "" : lower(lines.front());
        if (first.empty() || is_usage(first) || first.find(program.file()) == first.npos)
            fail("the first line does not say what is wrong", wanted, error);
        if (std::none_of(words.begin(), words.end(),
                         [&](const std::string &word) { return first.find(word) != first.npos; }))
            fail("the first line does not name what is wrong with " + mistaken.command(), wanted,
                 error);
        if (std::none_of(lines.begin() + 1, lines.end(), is_usage))
            fail("the usage line does not follow", wanted, error);
        if (!output.empty()) fail("it printed on standard output", "nothing", output);
    }
}

CHECK_OF_EACH(all_programs, "tells its command line with -h",
              "[pts:1][needs:reports a bad command line]") {
    trying("The program is started with -h, and what it prints is read.",
           "-h tells the command line: each option, HOST and PORT, and the port that it takes if "
           "none is given. It was asked for, so it goes to standard output.");
    by_hand("make " + program.file() + " && ./" + std::string(program.path) + " -h", "(none)");
    Student help(program, {"-h"});
    help.exit_status();
    const std::string text = help.standard_output();
    std::vector<std::string> needed = {"HOST", "PORT", "-h", std::string(program.port)};
    for (const char letter : program.letters) needed.push_back(std::string("-") + letter);
    for (const std::string &word : needed)
        if (lower(text).find(lower(word)) == text.npos)
            fail("the help says nothing of " + word, word, test::shown(text));
    if (!help.standard_error().empty())
        fail("it printed on standard error", "nothing", help.standard_error());
}

CHECK_OF_EACH(base_servers, "takes HOST as a name", "[pts:1]") {
    trying("The server is started on localhost.",
           "Ask getaddrinfo for the addresses of HOST, and bind to the first of them that can be "
           "bound. inet_pton takes no names.");
    by_hand("make " + program.file() + " && ./" + std::string(program.path) + " localhost",
            "./" + std::string(test::client_of(program).path) + " localhost");
    Server server(program, {}, "localhost"); // ends the check if it has bound no port
}

CHECK_OF_EACH(base_servers, "says in one line why it cannot start", "[pts:1]") {
    trying(
        "The server is started on a port that another program has.",
        "One line on standard error: the program, what it could not do, and why, as strerror tells "
        "it. Look at the result of bind and of listen.");
    by_hand("nc -l 127.0.0.1 " + std::string(program.port),
            "make " + program.file() + " && ./" + std::string(program.path) + "; echo $?     # 1");
    const test::Listener stream;
    const test::Datagrams datagrams;
    const Endpoint taken = test::is_udp_server(program) ? datagrams.local() : stream.local();
    Student server(program, at_port(std::to_string(taken.port)));
    if (const int status = server.exit_status(); status != 1)
        fail("it ended otherwise", "exit status 1", server.status_text());
    const std::string error = server.standard_error(),
                      wanted = program.file() + ": cannot listen on " + taken.name() +
                               ": Address already in use";
    if (lines_of(error).size() != 1)
        fail("what it printed on standard error is not one line", wanted, test::shown(error));
    if (error.find(program.file()) == error.npos)
        fail("the line does not begin with the name of the program", wanted, test::shown(error));
    if (lower(error).find("in use") == error.npos)
        fail("the line does not say why", wanted, test::shown(error));
}

CHECK_OF_EACH(all_programs, "has the HOST and PORT of LAB.md by default", "[pts:1]") {
    const std::string port(program.port);
    trying("The program is started without HOST and PORT.",
           "HOST is 127.0.0.1 by default, and PORT " + port + ".");
    std::unique_ptr<test::OwnNetwork> network; // in which nobody else has that port
    try {
        network = std::make_unique<test::OwnNetwork>(test::OwnNetwork::ipv4_and_ipv6);
    } catch (const std::exception &) {
        undetermined("a network of its own is not to be had here, and the port may be taken");
    }
    const Endpoint usual = {"127.0.0.1", static_cast<std::uint16_t>(std::stoi(port))};
    if (!test::is_server(program)) {
        const bool udp = program.name == "zuc" || program.kind == test::Kind::udp_echo_client;
        by_hand("nc -l" + std::string(udp ? " -u" : "") + " 127.0.0.1 " + port,
                "make " + program.file() + " && ./" + std::string(program.path));
        test::Listener listener(usual.host, 128, usual.port);
        test::Datagrams datagrams(usual.host, usual.port);
        Student client(program, {});
        if (udp) {
            require(datagrams.receive().arrived, "no datagram came to 127.0.0.1:" + port);
        } else {
            listener.accept();
        }
        return;
    }
    by_hand("make " + program.file() + " && ./" + std::string(program.path),
            test::is_udp_server(program)
                ? "printf 'Simple is better than?' | nc -u -w 2 127.0.0.1 " + port
                : "nc 127.0.0.1 " + port);
    Student server(program, {});
    const auto answers = [&](const Endpoint &address, Milliseconds limit) {
        if (test::is_udp_server(program)) {
            test::Datagrams client("0.0.0.0");
            client.send_to(address, question(2));
            return client.receive(limit).arrived;
        }
        try {
            return test::Connection(address).get() >= 0;
        } catch (const std::exception &) {
            return false;
        }
    };
    if (!test::eventually([&] { return answers(usual, Milliseconds(300)); }))
        fail("nobody answers at 127.0.0.1:" + port);
    require(!answers({host_of_nobody(), usual.port}, Milliseconds(100)),
            "it can be reached at other addresses than 127.0.0.1 as well");
}
