#include "kit.h"
#include "procfs.h"

#include <filesystem>
#include <stdexcept>

#include <sys/wait.h>
#include <unistd.h>

namespace test {

void check_bytes(Process &program, std::string_view sent, std::string_view expected,
                 std::string_view received) {
    if (received == expected) SUCCEED();
    else
        FAIL_CHECK("sent:     " << shown(sent) << "\nexpected: " << shown(expected)
                                << "\nreceived: " << shown(received) << "\n"
                                << program.description());
}

void check_exit(Process &process, int expected, Milliseconds limit) {
    const auto status = process.wait_exit(limit);
    INFO("expected: exit status " << expected);
    CHECK_PROGRAM(process, status && WIFEXITED(*status) && WEXITSTATUS(*status) == expected);
}

void check_sleeps(Process &process, Milliseconds silence, Milliseconds most) {
    const Milliseconds used = processor_time(process.pid());
    CHECK_PROGRAM(process, !process.wait_exit(silence, false));
    CHECK_PROGRAM(process, processor_time(process.pid()) - used <= most);
}

void check_exchange(Server &server, Connection &client, const Exchange &exchange) {
    CHECK_PROGRAM(server, client.send(exchange.question));
    check_bytes(server, exchange.question, exchange.answer, client.receive(exchange.answer.size()));
}

void check_stops(Server &server, int signal) {
    server.signal(signal);
#ifdef __SANITIZE_THREAD__ // its runtime loses a signal now and then, also in a program of ten lines
    if (!server.wait_exit(Milliseconds(2'000))) server.signal(signal);
#endif
    check_exit(server, 0, stop_limit);
    const std::string out = server.standard_output(), last = "\nServer stopped\n";
    CHECK_PROGRAM(server, out.size() > last.size() &&
                              out.compare(out.size() - last.size(), last.size(), last) == 0);
    CHECK_PROGRAM(server, kill(-server.pid(), 0) != 0);
}

bool is_there(Server &server) {
    const bool there = !server.wait_exit(Milliseconds(0));
    CHECK_PROGRAM(server, there);
    return there;
}

void check_alive(Server &server) {
    Connection client(server.address());
    const auto [questions, answers] = pipelined(server.program());
    check_bytes(server, questions, answers, client.exchange(questions));
    CHECK_PROGRAM(server, client.ended());
}

std::string ask(const Program &program, const Endpoint &server, std::string_view question) {
    if (is_tcp_server(program)) return Connection(server).exchange(question);
    Datagrams client(server.host);
    client.send_to(server, question);
    return client.receive().bytes;
}

void check_answers(const Program &program, Process &server, const Endpoint &address) try {
    for (const auto &[question, answer] : exchanges(program))
        check_bytes(server, question, answer, ask(program, address, question));
} catch (const std::runtime_error &error) { // there may be nobody to connect to
    FAIL_CHECK(error.what() << "\n" << server.description());
}

Live::Live(Server &server) : server_(server) {
    check_answers(server.program(), server, server.address()); // now it has all that it keeps
    CHECK(eventually([&] { return children(server.pid()).empty(); }));
    descriptors_ = descriptor_count(server.pid());
    threads_ = thread_count(server.pid());
    children_ = children(server.pid()).size();
}

void Live::check_but_for_silence() {
    if (!is_there(server_)) return;
    const pid_t pid = server_.pid();
    check_answers(server_.program(), server_, server_.address());
    CHECK_PROGRAM(server_, eventually([&] { return descriptor_count(pid) <= descriptors_; }));
    CHECK_PROGRAM(server_, eventually([&] { return thread_count(pid) <= threads_; }));
    CHECK_PROGRAM(server_, eventually([&] { return children(pid).size() <= children_; }));
}

void Live::check() {
    check_but_for_silence();
    if (!server_.wait_exit(Milliseconds(0)))
        check_sleeps(server_, Milliseconds(200), Milliseconds(30));
}

bool needs_root(std::string_view tool) {
    if (geteuid() == 0 && (tool.empty() || std::filesystem::exists(tool))) return true;
    WARN("not run: needs root " << (tool.empty() ? "" : "and ") << tool);
    return false;
}

bool needs_strace() {
    if (std::filesystem::exists("/usr/bin/strace")) {
        Process trial({"/usr/bin/strace", "-o", "/dev/null", "/bin/true"});
        const auto status = trial.wait_exit();
        if (status && *status == 0) return true;
    }
    WARN("not run: needs strace, and the right to use it, which a container may not give");
    return false;
}

bool needs_own_network() {
#ifdef __SANITIZE_THREAD__
    WARN("not run: ThreadSanitizer has a thread that would keep the runner from going back");
    return false;
#endif
    // A process of its own tries it. In a chroot, what is mounted cannot be kept from the others.
    Process trial({"/usr/bin/env", "unshare", "--net", "--mount", "/bin/true"});
    const auto status = trial.wait_exit();
    if (status && *status == 0) return true;
    WARN("not run: needs root, and the right to have a network of its own: not so in a chroot");
    return false;
}

std::vector<std::string> injecting(std::initializer_list<std::string> injections) {
    // -D: strace is the child, so that signals go to the server.
    std::vector<std::string> all = {"/usr/bin/strace", "-D", "-f", "-qq", "-o", "/dev/null"};
    std::string traced;
    for (const std::string &injection : injections) {
        all.insert(all.end(), {"-e", "inject=" + injection});
        traced += (traced.empty() ? "" : ",") + injection.substr(0, injection.find(':'));
    }
    // Leaks cannot be looked for in a process that is traced.
    all.insert(all.end(), {"-e", "trace=" + traced, "/usr/bin/env", "ASAN_OPTIONS=detect_leaks=0"});
    return all;
}

void check_succeeds(Client &client, const std::string &output) {
    check_exit(client, 0);
    CHECK_PROGRAM(client, client.standard_output() == output);
    CHECK_PROGRAM(client, client.standard_error().empty());
}

void check_fails(Client &client, const std::string &line, int expected) {
    check_exit(client, expected);
    INFO(client.description() << "expected: " << line);
    const std::string error = client.standard_error();
    CHECK(error.substr(0, line.size() + 1) == line + "\n");
    CHECK(std::count(error.begin(), error.end(), '\n') == expected);
}

} // namespace test
