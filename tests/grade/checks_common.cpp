// What all servers have in common: the functions of check.h that check it.
#include "check.h"

#include <algorithm>

#include <sys/wait.h>

namespace grade {

// The whole output of a server, which is ended for that.
static std::string output_of(Server &server) {
    server.signal(SIGTERM);
    if (!server.wait_exit(Milliseconds(3000))) {
        server.signal(SIGKILL);
        server.wait_exit();
    }
    return server.standard_output();
}

void check_ready_line(const Program &program, const std::string &kind) {
    Server server(program);
    const auto line = server.ready_line(Milliseconds(5000));
    const std::string wanted = kind + " server started at " + server.address().name();
    if (!line) fail("no line was printed while the server was running", wanted, "nothing");
    if (line->find(kind) == line->npos || line->size() < server.address().name().size() ||
        line->substr(line->size() - server.address().name().size()) != server.address().name())
        fail("the first line does not name the kind and the address", wanted, *line);
}

void check_stops(Server &server, int signal) {
    const std::string name = signal == SIGINT ? "SIGINT" : "SIGTERM";
    server.signal(signal);
    const Milliseconds limit(6000); // it should take one, but the machine may be loaded
    const auto status = server.wait_exit(limit, false);
    if (!status) fail("it has not ended 6 seconds after " + name, "exit status 0", "still running");
    if (!WIFEXITED(*status) || WEXITSTATUS(*status) != 0)
        fail("after " + name + " it ended otherwise", "exit status 0", server.status_text());
    const auto none_left = [&] { // in tests/run, what it has left is no descendant any more
        reap_adopted(server.pid());
        return descendants(getpid()).empty() && kill(-server.pid(), 0) != 0;
    };
    if (!test::eventually(none_left, limit))
        fail("after " + name + " it ended, but left processes behind", "none",
             std::to_string(descendants(getpid()).size()));
    if (!server.wait_for("Server stopped\n", limit))
        fail("after " + name + " it did not print that it has stopped", "Server stopped",
             "no such line");
}

void check_idle(Server &server) {
    constexpr Milliseconds period(500), most_run(100), least_run(30), most_runnable(300);
    const auto sum = [&](Milliseconds (*time)(pid_t)) {
        Milliseconds all = time(server.pid());
        for (const pid_t child : test::children(server.pid())) all += time(child);
        return all;
    };
    Milliseconds has_run{}, was_runnable{};
    for (int i = 0; i < 3; ++i) { // it may have work left, which a loaded machine makes it wait for
        has_run = -sum(test::processor_time);
        was_runnable = -sum(test::runnable_time);
        require(!server.wait_exit(period, false), "the server has ended");
        has_run += sum(test::processor_time);
        was_runnable += sum(test::runnable_time);
        // What wants to run gets some of the processor even on a loaded machine.
        const bool wants = has_run > least_run && was_runnable > most_runnable;
        if (has_run <= most_run && !wants) return;
    }
    fail("it does not sleep while nothing happens", "asleep for nearly all of 500 ms",
         "it has run for " + std::to_string(has_run.count()) + " ms, and wanted to for " +
             std::to_string(was_runnable.count()) + " ms");
}

void check_quiet(Server &server) {
    const std::string output = output_of(server);
    const auto end = output.find('\n');
    const std::string rest = end == output.npos ? "" : output.substr(end + 1);
    if (!rest.empty() && rest != "Server stopped\n")
        fail("more was printed than the ready line", "nothing more", test::shown(rest));
}

void check_clean_output(Server &server) {
    const std::string output = output_of(server);
    for (std::size_t begin = 0; begin < output.size();) {
        const std::size_t end = std::min(output.find('\n', begin), output.size());
        const std::string line = output.substr(begin, end - begin);
        for (const char c : line)
            if ((c < ' ' || c > '~') && c != '\t')
                fail("a byte was printed that is not printable ASCII", "escapes such as \\x1b",
                     test::shown(line));
        if (line.rfind("Connected by nobody", 0) == 0)
            fail("a line was printed that the client has forged", "the newline as \\n",
                 test::shown(line));
        begin = end + 1;
    }
}

void check_port_in_use(const Program &program) {
    const std::string command = "./" + std::string(program.path);
    by_hand("", command + "; echo $?     # 1");
    const test::Listener stream;     // of others: a server of the kit on any port would not do,
    const test::Datagrams datagrams; // as one that ignores its command line would miss it
    const Endpoint taken = test::is_udp_server(program) ? datagrams.local() : stream.local();
    Server first(program);
    for (const Endpoint &address : {taken, first.address()}) {
        Student server(program, {address.host, std::to_string(address.port)});
        const int status = server.exit_status();
        if (status != 1) fail("it ended otherwise", "exit status 1", server.status_text());
        require(!server.standard_error().empty(), "nothing was printed on standard error");
    }
}

void check_command_line(const Program &program) {
    std::vector<std::vector<std::string>> wrong = {
        {"-Z"}, {"127.0.0.1", "65536"}, {"127.0.0.1", "x"}, {"127.0.0.1", "1234", "surplus"}};
    if (program.has('t')) wrong.push_back({"-t", "soon"});
    if (program.has('w')) wrong.push_back({"-w", "0"});
    check_command_line(program, wrong);
}

void check_command_line(const Program &program,
                        const std::vector<std::vector<std::string>> &wrong) {
    const std::string command = "./" + std::string(program.path);
    by_hand("make " + program.file() + " && " + command + " -h; " + command + " -Z; echo $?",
            "(none)");
    trying(
        "The program is started with -h, and with command lines that are wrong.",
        "-h prints the usage on standard output and returns 0. A wrong option, a surplus argument "
        "or a value out of range: one line that says so and the usage on standard error, status "
        "2.");
    {
        Student help(program, {"-h"});
        if (const int status = help.exit_status(); status != 0)
            fail("-h ended otherwise", "exit status 0", help.status_text());
        require(!help.standard_output().empty(), "-h printed nothing on standard output");
    }
    for (const auto &arguments : wrong) {
        Student mistaken(program, arguments);
        const int status = mistaken.exit_status();
        if (status != 2)
            fail("a wrong command line was not refused: " + mistaken.command(), "exit status 2",
                 mistaken.status_text());
        require(!mistaken.standard_error().empty(),
                "nothing was printed on standard error by " + mistaken.command());
    }
}

} // namespace grade
