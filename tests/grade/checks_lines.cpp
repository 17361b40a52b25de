// What the servers of lines must do alike: take lines however they are cut, survive their clients, stop.
#include "checks_lines.h"
#include "watching.h"

#include <sys/socket.h>

using namespace grade;
using test::line_servers;

namespace {

constexpr auto with_threads = only<"game">();
constexpr auto with_tasks = only<"tacn", "chats", "gamec">();

std::string run(const Program &program, const std::string &options = {}) {
    return "make " + program.file() + " && ./" + std::string(program.path) + options;
}
std::string nc(const Program &program, const std::string &input) {
    return input + " | nc -N 127.0.0.1 " + std::string(program.port);
}
std::string first(const Program &program) {
    return program.name == "chats" ? "CONNECT ada\\n" : "";
}

// Lines that are answered, as many as make so many bytes.
std::string many_lines(std::size_t bytes) { return test::repeat("101\n", int(bytes / 4)); }

} // namespace

CHECK_OF_EACH(line_servers, "serves one client", "[pts:2]") {
    trying(
        "A client sends its first line, and waits for an answer.",
        "Listen at the HOST and PORT of the command line, read a line, and write the answer with "
        "a newline at its end.");
    Server server(program);
    greet_another(server, "no answer came");
}

CHECK_OF_EACH(line_servers, "prints the ready line at once", "[pts:1]") {
    trying("The server is started on port 0 with its output in a pipe; the first line is read.",
           "Print \"TCP server started at HOST:PORT\" with the port that the system chose, and "
           "flush it: into a pipe, output is kept until the buffer is full.");
    by_hand(run(program, " 127.0.0.1 0 | cat"), "(none)");
    check_ready_line(program, "TCP");
}

CHECK_OF_EACH(line_servers, "reports a bad command line", "[pts:1]") {
    check_command_line(program);
}

CHECK_OF_EACH(line_servers, "reports a port in use", "[pts:1][needs:serves one client]") {
    trying("The server is started on a port that another program has, and on one that a server of "
           "its like has.",
           "Catch what is thrown: one line on standard error, PROGRAM: what: why, and exit status "
           "1.");
    check_port_in_use(program);
}

CHECK_OF_EACH(line_servers, "listens where it is told", "[pts:1][needs:serves one client]") {
    trying("The server is started with a HOST and a PORT, and with ::1.",
           "Give start_server the HOST and the PORT of the command line, as they are.");
    by_hand(run(program, " 127.0.0.2 34567"), "echo 0 | nc -N 127.0.0.2 34567");
    const std::string host = host_of_our_own(); // where nobody else takes the port meanwhile
    const std::uint16_t port = test::Listener(host).local().port;
    Server server(program, {}, host, {}, port);
    if (server.address().port != port)
        fail("it has bound another port", std::to_string(port),
             std::to_string(server.address().port));
    greet_another(server);
    needs_ipv6();
    Server other(program, {}, "::1");
    greet_another(other, "at ::1, a client was not served");
}

CHECK_OF_EACH(line_servers, "prints who comes and who goes",
              "[pts:1][needs:prints the ready line at once][needs:serves one client]") {
    trying("A client comes, sends its first line, and leaves.",
           "Print Connected by CLIENT and Connection with CLIENT closed, with the address and the "
           "port of the client.");
    by_hand("", nc(program, "echo 0"));
    Server server(program);
    Talk client = greeted(server);
    const std::string name = client.connection().local().name();
    client.leave();
    for (const std::string &line :
         {"\nConnected by " + name + "\n", "\nConnection with " + name + " closed\n"})
        if (!server.wait_for(line))
            fail("a line was not printed", test::shown(line),
                 test::shown(server.standard_output()));
}

CHECK_OF_EACH(line_servers, "goes on without its standard output",
              "[pts:1][needs:serves one client][faults][row 31]") {
    trying("The pipe that takes the output of the server is closed; then clients come.",
           "zen::log and zen::say mind that by themselves: print with them alone.");
    by_hand(run(program, " | head -n 1"), nc(program, "echo 0"));
    Server server(program);
    server.close_output();
    for (int i = 0; i < 3; ++i) greet_another(server);
}

CHECK_OF_EACH(line_servers, "takes a line in pieces",
              "[pts:1][needs:serves one client][faults][row 1]") {
    trying(
        "A client sends two lines byte by byte, each when the server has read the one before.",
        "TCP is a stream of bytes: what one read returns need not be a whole line. Keep it until "
        "the newline has come.");
    Server server(program);
    Talk client(server);
    client.send_in_pieces(first_line(program) + "\n");
    client.expect_texts({answer_to_first(program)}, "the first line was not answered");
    client.send_in_pieces("101\n");
    client.expect_texts({answer_to_first(program), answer_to(program, "101")}, "no answer came");
}

CHECK_OF_EACH(line_servers, "takes several lines in one segment",
              "[pts:1][needs:takes a line in pieces][faults][row 2]") {
    trying("A client sends four lines and the beginning of a fifth at once, then the rest.",
           "One read may return several lines and a part: answer all that are complete, and keep "
           "the rest.");
    Server server(program);
    Talk client(server);
    client.send(first_line(program) + "\n101\n102\n103\n1");
    std::vector<std::string> answers = {answer_to_first(program)};
    for (const char *line : {"101", "102", "103"}) answers.push_back(answer_to(program, line));
    client.expect_texts(answers, "the complete lines were not all answered");
    client.send("04\n");
    answers.push_back(answer_to(program, "104"));
    client.expect_texts(answers, "the line that came in two parts was not answered");
}

CHECK_OF_EACH(line_servers, "is not held up by half a line", "[pts:1][needs:serves one client]") {
    trying("Five clients send half a line and fall silent; the sixth sends a whole one.",
           "Nobody may wait for a client but what serves this client: make a task for each, or a "
           "thread.");
    by_hand("", "nc -d 127.0.0.1 " + std::string(program.port) + " & " +
                    nc(program, "printf '" + first(program) + "101\\n'"));
    Server server(program);
    std::vector<Talk> silent;
    for (std::size_t i = 0; i < 5; ++i) {
        silent.emplace_back(server);
        silent.back().send(first_line(program).substr(0, i));
    }
    greet_another(server, "a client was not served while others were silent");
}

CHECK_OF_EACH(line_servers, "is not held up by a client that does not read",
              "[pts:1][needs:serves one client][faults][row 17]") {
    trying("A client sends lines and reads nothing, until the server takes no more of them; then "
           "another one sends a line.",
           "What has to wait until this client reads must wait in a task of its own (drain), or in "
           "a thread of its own.");
    by_hand("",
            "(printf '" + first(program) + "'; yes 101) | nc 127.0.0.1 " +
                std::string(program.port) + " | sleep 99 & sleep 2; " +
                nc(program, "echo " + std::string(program.name == "chats" ? "CONNECT b" : "0")));
    Server server(program, patient(program, {"-q"}));
    Talk deaf = greeted(server, 4096);
    send_until_stuck(deaf, many_lines(8'000'000));
    greet_another(server, "a client was not served while another did not read");
}

CHECK_OF_EACH(line_servers, "hangs up on a line without end",
              "[pts:1][needs:serves one client][faults][row 18]") {
    trying("A client sends up to 64 MB without a newline; then another one sends a line.",
           "Give the reader a limit, and end the conversation when a line is longer: else one "
           "client fills the memory.");
    by_hand("", "(printf '" + first(program) +
                    "'; head -c 64000000 /dev/zero | tr '\\0' x) | nc -N 127.0.0.1 " +
                    std::string(program.port) + "     # ends at once");
    Server server(program);
    {
        Talk client = greeted(server);
        client.connection().send(std::string(64'000'000, 'x'));
        client.expect_end("the connection is still open");
    }
    greet_another(server, "after that, another client was not served");
    const LookAs as_it = server.eyes();
    const long memory = test::peak_memory(server.pid()) / 1024;
    if (!test::sanitized && memory > 48)
        fail("it has kept that line in memory", "a few MiB", std::to_string(memory) + " MiB");
}

CHECK_OF_EACH(line_servers, "answers what came before a line that is too long",
              "[pts:1][needs:hangs up on a line without end]"
              "[needs:takes several lines in one segment]") {
    trying("A client sends a line and, in the same segment, 100,000 bytes without a newline, 20 "
           "times.",
           "close with bytes unread resets the connection, and a reset overtakes the answers: send "
           "the end of file first, and read on until the client has gone.");
    by_hand("", nc(program, "(printf '" + first(program) +
                                "101\\n'; head -c 100000 /dev/zero | tr '\\0' x)"));
    Server server(program);
    for (int i = 0; i < 20; ++i) {
        Talk client = greeted(server);
        client.connection().send("101\n" + std::string(100'000, 'x'));
        client.expect_texts({answer_to_first(program), answer_to(program, "101")},
                            "the line before was not answered");
        client.expect_end("the connection is still open");
    }
}

CHECK_OF_EACH(line_servers, "survives clients that reset",
              "[pts:1][needs:serves one client][faults][row 8][row 9]") {
    trying(
        "Clients reset their connection in mid-line and with answers on their way; then another "
        "one sends a line.",
        "What a client does must end its own conversation alone: catch what is thrown in there.");
    by_hand("",
            "(printf '" + first(program) + "'; yes 101) | timeout -s KILL 0.1 nc 127.0.0.1 " +
                std::string(program.port) + " > /dev/null; " +
                nc(program, "echo " + std::string(program.name == "chats" ? "CONNECT b" : "0")));
    Server server(program);
    for (int i = 0; i < 16; ++i) {
        Talk client = greeted(server);
        client.connection().send(i % 2 ? "half a li" : many_lines(50'000), Milliseconds(100));
        if (i % 4 < 2) client.ends(Milliseconds(5));
        i % 8 < 6 ? client.connection().reset() : client.leave();
    }
    greet_another(server, "after that, another client was not served");
    require(!server.wait_exit(Milliseconds(300), false), "a moment later the server has ended");
    greet_another(server, "after that, another client was not served");
}

CHECK_OF_EACH(line_servers, "closes its descriptors", "[pts:1][needs:serves one client]") {
    trying("120 clients one after the other, some of which leave without a word, while the server "
           "may have 40 descriptors.",
           "Close the connection on every way out: after the end of file, an error, a line that is "
           "too long.");
    by_hand("", "for i in 1 2 3 4 5 6 7 8 9; do " + nc(program, "echo 0") +
                    " > /dev/null; done; ls /proc/PID/fd | wc -l");
    Limits limits;
    limits.descriptors = 40;
    Server server(program, {}, "127.0.0.1", limits);
    for (int i = 0; i < 60; ++i) {
        Talk(server).leave();
        greet_another(server, "client " + std::to_string(2 * i + 2) + " was not served");
    }
}

CHECK_OF_EACH(line_servers, "gives up on a silent client with -t",
              "[pts:1][needs:serves one client][faults][row 23]") {
    trying("With -t 1, one client says nothing, and another one a line and then nothing; both wait "
           "for the end of file.",
           "Limit each wait for a line: wait_for, or SO_RCVTIMEO.");
    by_hand(run(program, " -t 1"),
            "nc -d 127.0.0.1 " + std::string(program.port) + "     # ends after a second");
    Server server(program, {"-t", "1"});
    const auto start = std::chrono::steady_clock::now();
    Talk silent(server), later = greeted(server);
    silent.expect_end("the silent client is still connected");
    require(std::chrono::steady_clock::now() - start >= Milliseconds(900),
            "it gave up before the time was over");
    later.expect_end("the client that is silent after its first line is still connected");
    greet_another(server, "after that, another client was not served");
}

CHECK_OF_EACH(line_servers, "stops on SIGINT and SIGTERM",
              "[pts:2][needs:serves one client][faults][row 27][stop]") {
    trying(
        "The server gets SIGINT (Ctrl-C), and another one SIGTERM, while a client is silent, one "
        "is in mid-line, and one does not read.",
        "Print \"Server stopped\", end all threads and tasks, and return 0.");
    by_hand("", "nc -d 127.0.0.1 " + std::string(program.port) + " & sleep 1; kill -INT PID");
    for (const int signal : {SIGINT, SIGTERM}) {
        Server server(program);
        const Talk silent(server);
        Talk in_mid_line = greeted(server), deaf = greeted(server, 4096);
        in_mid_line.send("half a li");
        deaf.connection().send(many_lines(4'000'000), Milliseconds(300));
        check_stops(server, signal);
    }
}

CHECK_OF_EACH(line_servers, "sleeps when it has nothing to do",
              "[pts:1][needs:serves one client]") {
    trying("A silent client is connected, and another one has left; the processor time of the "
           "server is measured for half a second.",
           "A server that waits must sleep in a system call.");
    by_hand("", "nc -d 127.0.0.1 " + std::string(program.port) + " & top -b -n 1 -p PID");
    Server server(program);
    greet_another(server);
    const Talk silent = greeted(server);
    check_idle(server);
}

CHECK_OF_EACH(line_servers, "prints nothing that drives a terminal",
              "[pts:1][needs:serves one client][faults][row 21][row 22]") {
    trying("A client sends a line with escape sequences in it.",
           "Log with zen::log, which shows bytes that are not printable ASCII as \\x1b.");
    by_hand("", nc(program, "printf '" + first(program) + "\\033[2J\\377\\n'"));
    Server server(program);
    Talk client = greeted(server);
    client.send(std::string("\x1b[2J\xff\0\\\nConnected by nobody\r\n", 29));
    client.send("101\n");
    client.expect_texts({answer_to_first(program), answer_to(program, "101")},
                        "a line after that was not answered");
    check_clean_output(server);
}

CHECK_OF_EACH(line_servers, "prints its ready line only with -q",
              "[pts:1][needs:serves one client]") {
    trying("With -q, clients come and go.", "Look at -q wherever a line is printed.");
    by_hand(run(program, " -q"), nc(program, "echo 0"));
    Server server(program, {"-q"});
    greet_another(server);
    { Talk client = greeted(server); }
    check_quiet(server);
}

CHECK_OF_EACH(line_servers, "serves 200 clients at once",
              "[pts:1][needs:is not held up by half a line]") {
    trying("200 clients connect and send their first lines before any of them reads.",
           "Listen with a backlog that is long enough, and serve all that come.");
    by_hand("", "for i in $(seq 200); do nc -d 127.0.0.1 " + std::string(program.port) +
                    " > /dev/null & done; " + nc(program, "echo 0"));
    Server server(program, {"-q"});
    std::vector<Talk> clients;
    for (int i = 0; i < 200; ++i) {
        clients.emplace_back(server);
        clients.back().connection().send(first_line(program) + "\n");
    }
    for (Talk &client : clients)
        client.expect_texts({answer_to_first(program)}, "a client was not served");
}

CHECK_OF_EACH(with_threads, "has a thread for each player",
              "[pts:2][mechanism][needs:serves one client]") {
    trying("Ten players play, and the threads of the server are counted.",
           "ThreadingMixIn starts a thread for each player; the first thread accepts.");
    by_hand("", "nc -d 127.0.0.1 65432 & nc -d 127.0.0.1 65432 & ps -o nlwp PID     # 3");
    Server server(program);
    std::vector<Talk> clients;
    for (int i = 0; i < 10; ++i) clients.push_back(greeted(server));
    expect_threads(server, 11, "with ten players");
    clients.clear();
    expect_threads(server, 1, "after all have left");
}

CHECK_OF_EACH(with_tasks, "serves all clients in one thread",
              "[pts:2][mechanism][needs:is not held up by half a line]") {
    trying("Ten clients are served, and the threads and children of the server are counted.",
           "asyncio::start_server makes a task for each client; one thread runs them all.");
    by_hand("", "nc -d 127.0.0.1 " + std::string(program.port) + " & ps -o nlwp PID     # 1");
    Server server(program);
    std::vector<Talk> clients;
    for (int i = 0; i < 10; ++i) clients.push_back(greeted(server));
    expect_threads(server, 1, "with ten clients");
    expect_children(server, 0, "with ten clients");
    expect_a_thread_in(server, test::epoll_calls, "epoll_wait", "while ten clients are silent");
}
