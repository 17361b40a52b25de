// That a server sleeps while it has nothing to do, whatever its clients do or fail to do: it is woken by
// events, and does not wake up to look whether there is one.
#include "watching.h"

using namespace grade;
using test::servers, test::tcp_servers;

namespace {

using Clock = std::chrono::steady_clock;

// A process and its children.
std::vector<pid_t> family(const Server &server) {
    std::vector<pid_t> all = test::children(server.pid());
    all.push_back(server.pid());
    return all;
}

// That in a second in which nothing happens, it wakes up twice at most, or a little more often on a
// slow machine, and uses little processor time. A second of several is enough.
void expect_to_sleep(Server &server, const std::string &when) {
    long woken = 0;
    Milliseconds has_run{}, was_runnable{};
    const auto add = [&](int sign) {
        for (const pid_t pid : family(server)) {
            woken += sign * test::times_slept(pid);
            has_run += sign * test::processor_time(pid);
            was_runnable += sign * test::runnable_time(pid);
        }
    };
    // It may have work left, which takes its time on a loaded machine.
    const auto deadline = Clock::now() + patience;
    bool runs = false;
    for (int i = 0; i < 3 || (runs && Clock::now() < deadline); ++i) {
        woken = 0, has_run = was_runnable = {};
        const auto begin = Clock::now();
        add(-1);
        require(!server.wait_exit(Milliseconds(1000), false), "the server has ended");
        add(+1);
        const auto passed = std::chrono::ceil<Milliseconds>(Clock::now() - begin);
        // What wants to run gets some of the processor even on a loaded machine.
        runs = has_run > passed / 5 || (has_run > Milliseconds(60) && was_runnable > passed / 2);
        if (!runs && (woken <= 2 + 2 * passed.count() / 1000 || test::sanitizer_threads > 0))
            return;
    }
    fail("it does not sleep " + when, "asleep; two wake-ups in a second at most",
         std::to_string(woken) + " wake-ups in a second, " + std::to_string(has_run.count()) +
             " ms of processor time");
}

} // namespace

CHECK_OF_EACH(servers, "is woken by events alone",
              "[pts:1][needs:sleeps when it has nothing to do]") {
    const bool is_stream = test::is_tcp_server(program);
    trying(
        "In a second with silent clients (over UDP: without any), the wake-ups of all threads and "
        "children are counted.",
        "A wait ends when something has come, not after 50 ms to look whether it has: wait "
        "without a time limit, on a condition variable in a pool, and let a signal interrupt "
        "the wait.");
    chapter("The programs from outside");
    by_hand("", "grep -h ^vol /proc/PID/task/*/status     # twice: it must not grow");
    Server server(program);
    if (!is_stream) {
        Ask client(server);
        client.send(question(0));
        client.expect(letter(0));
    }
    // Only zens waits elsewhere without a client. In a pool there are always workers without one.
    if (!is_stream || program.name == "zens") expect_to_sleep(server, "without a client");
    if (!is_stream) return;
    std::vector<Talk> clients;
    for (int i = 0; i < (program.name == "zens" ? 1 : 3); ++i) {
        const std::string asked = simple_exchange(program).question;
        clients.emplace_back(server);
        clients.back().send(i == 0 ? asked : asked.substr(0, 3));
        if (i == 0) clients.back().expect_any();
    }
    expect_to_sleep(server, "while its clients are silent");
}

CHECK_OF_EACH(tcp_servers, "sleeps while a client does not read",
              "[pts:1][needs:sleeps when it has nothing to do]") {
    trying("A client sends without reading an answer until the server takes no more; then the "
           "wake-ups and the processor time of the server are measured for a second.",
           "Wait for room to send, in send itself or in the wait for all: do not try again and "
           "again. A client that is not read from now must not be waited for either.");
    by_hand("",
            "(for i in $(seq 300000); do printf 'Simple is better than?'; done) | nc 127.0.0.1 " +
                std::string(program.port) +
                " | sleep 20 & sleep 5; top -b -n 1 -p PID     # the column %CPU");
    Server server(program, {"-q"});
    Talk client(server, 4096);
    const std::string asked = simple_exchange(program).question;
    send_until_stuck(client, test::repeat(asked, (16 << 20) / static_cast<int>(asked.size())));
    expect_to_sleep(server, "while a client does not read");
}

CHECK_OF_EACH(test::answer_keepers, "keeps what is unsent after the end of file",
              "[pts:1][needs:stops reading from a client that does not read]"
              "[needs:loses no answer of a slow reader][needs:sleeps when it has nothing to do]"
              "[needs:closes when the client has closed]") {
    trying("A client reads nothing until the server has answers left that it cannot send, shuts "
           "down its sending side, and reads a second later; meanwhile the server must sleep.",
           "After the end of file a client stays readable for ever: take it out of the set of "
           "those to read from, but not out of the set of those to write to while answers are "
           "left, and close it when they are sent.");
    by_hand("", "(for i in $(seq 300000); do printf 'Simple is better than?'; done) | nc -N "
                "127.0.0.1 65432 | (sleep 3; wc -c)     # 2400000 bytes");
    Server server(program, {"-q"});
    Talk client(server, 4096);
    const test::Exchange some = test::pipelined(program, 50);
    std::string expected;
    // From 65,536 bytes on, it would not read the end of file; it may also stop reading before that,
    // and then read on later.
    while (kept_for(client, expected.size()) < 10'000) {
        client.send(some.question);
        expected += some.answer;
        if (!test::wait_until_read(client.connection())) break;
    }
    client.finish();
    expect_to_sleep(server, "after the end of file of a client that does not read");
    const std::string received = client.connection().receive_all(3 * patience);
    if (answers_in(received) != answers_in(expected))
        fail("not all answers came", std::to_string(expected.size()) + " bytes of answers",
             std::to_string(received.size()) + " bytes");
    require(client.connection().ended(), "after the last answer, the connection was not closed");
}
