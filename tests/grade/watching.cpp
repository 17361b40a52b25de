#include "watching.h"

#include <algorithm>
#include <atomic>
#include <fstream>
#include <sstream>
#include <thread>

#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

using test::eventually, test::sanitizer_threads, test::sleeping_in, test::thread_count,
    test::threads;

namespace grade {

Talk talking_client(Server &server) {
    Talk client(server);
    client.send(question(0));
    client.expect(letter(0), "a client was not served");
    return client;
}

std::vector<Talk> talking_clients(Server &server, int count) {
    std::vector<Talk> clients;
    for (int i = 0; i < count; ++i) clients.push_back(talking_client(server));
    return clients;
}

test::Exchange simple_exchange(const Program &program) {
    if (!test::is_framing_server(program)) return test::exchanges(program)[0];
    const std::string frame = program.name == "abs"
                                  ? std::string("\0\1\1\0", 4) + std::string(0x010100, '.')
                                  : test::framed(program, "Hello");
    return {frame, frame};
}

bool is_answered(Server &server, Talk &client, Milliseconds limit) {
    const test::Exchange exchange = simple_exchange(server.program());
    client.send(exchange.question);
    if (!test::is_framing_server(server.program())) return client.gets(letter(0), limit);
    return client.connection().receive(exchange.answer.size(), limit) == exchange.answer;
}

void send_until_stuck(Talk &client, std::string_view bytes) {
    const int own = client.connection().get();
    pollfd writable = {own, POLLOUT, 0};
    while (!bytes.empty() && poll(&writable, 1, 200) > 0) {
        const ssize_t count = send(own, bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (count < 0 && errno != EAGAIN && errno != EINTR) return; // the server has closed
        if (count > 0) bytes.remove_prefix(static_cast<std::size_t>(count));
    }
}

long kept_for(Talk &client, std::size_t answers) {
    int arrived = 0;
    ioctl(client.connection().get(), FIONREAD, &arrived);
    return static_cast<long>(answers) - arrived - test::under_way_from_peer(client.connection());
}

void expect_threads(const Server &server, std::size_t count, const std::string &when) {
    std::size_t found = 0;
    const bool right = eventually([&] {
        found = thread_count(server.pid());
        return found >= count && found <= count + sanitizer_threads;
    });
    if (!right)
        fail("the number of threads is wrong " + when, std::to_string(count),
             std::to_string(found));
}

void expect_children(const Server &server, std::size_t count, const std::string &when) {
    // A process that has left its parent is a descendant of this one: all are counted but the server.
    std::size_t found = 0;
    const auto right = [&] {
        reap_adopted(server.pid());
        return (found = descendants(getpid()).size() - 1) == count;
    };
    if (!eventually(right))
        fail("the number of child processes, zombies included, is wrong " + when,
             std::to_string(count), std::to_string(found));
}

void expect_a_thread_in(const Server &server, const std::set<long> &calls, const std::string &name,
                        const std::string &when) {
    if (!can_look(server.pid())) return;
    std::string found;
    const bool right = eventually([&] {
        const LookAs as_it = server.eyes();
        found.clear();
        for (const pid_t thread : threads(server.pid())) {
            const long call = sleeping_in(thread);
            if (calls.count(call)) return true;
            if (call >= 0) found += (found.empty() ? "" : ", ") + call_name(call);
        }
        return false;
    });
    if (!right) fail("no thread sleeps in " + name + " " + when, name, found);
}

void expect_no_other_threads(const Server &server) {
    if (sanitizer_threads > 0) return;
    std::chrono::microseconds used{};
    const auto none = [&] { // while it runs, the two clocks are not read at the same time
        used = test::processor_time_of_other_threads(server.pid());
        return used < std::chrono::microseconds(1000);
    };
    if (!eventually(none, Milliseconds(500)))
        fail("other threads than the first have worked", "none",
             std::to_string(used.count()) + " microseconds of processor time");
}

void expect_one_master_in(const Server &server, const std::set<long> &calls,
                          const std::string &name) {
    if (!can_look(server.pid())) return;
    int count = 0;
    const auto several = [&] {
        const LookAs as_it = server.eyes();
        count = 0;
        for (const pid_t thread : threads(server.pid()))
            count += calls.count(sleeping_in(thread)) > 0;
        return count > 1;
    };
    if (eventually(several, Milliseconds(100)))
        fail("several threads sleep in " + name + ": only the master is to", "1",
             std::to_string(count));
}

void expect_work_of_several(const Server &server) {
    long long most = 0, all = 0; // nanoseconds
    for (const pid_t thread : threads(server.pid())) {
        std::ifstream file("/proc/" + std::to_string(server.pid()) + "/task/" +
                           std::to_string(thread) + "/schedstat");
        long long used = 0;
        file >> used;
        most = std::max(most, used);
        all += used;
    }
    if (sanitizer_threads == 0 && all > 0 && most > all / 10 * 9)
        fail("one thread has done nearly all of the work: the workers answer, not the master",
             "a part for each", std::to_string(most * 100 / all) + " % in one of them");
}

// The number that the last process or thread on this machine has got.
static long last_process() {
    std::ifstream file("/proc/loadavg");
    std::string word;
    for (int i = 0; i < 4; ++i) file >> word;
    long number = 0;
    return file >> number ? number : -1;
}

// The page faults of children that a process has waited for: each child that has ended has some.
static long faults_of_children(pid_t pid) {
    std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
    std::string text;
    std::getline(file, text);
    std::istringstream fields(text.substr(text.rfind(')') + 1));
    std::string skipped;
    for (int i = 0; i < 8; ++i) fields >> skipped; // state to minflt
    long faults = 0;
    return fields >> faults ? faults : 0;
}

Seen watch_answers(Server &server) {
    constexpr int datagrams = 1000;
    Seen seen;
    std::atomic<bool> done = false;
    const long first = last_process(), faults = faults_of_children(server.pid());
    std::thread watcher([&] {
        const std::string own = "/proc/" + std::to_string(server.pid()) + "/task/" +
                                std::to_string(server.pid()) + "/children";
        while (!done) {
            seen.threads = std::max(seen.threads, thread_count(server.pid()));
            std::ifstream file(own);
            std::size_t count = 0;
            for (std::string child; file >> child;) ++count;
            seen.children = std::max(seen.children, count);
        }
    });
    try {
        Ask client(server);
        for (int i = 0; i < datagrams; ++i) {
            client.send(question(0));
            client.expect(letter(0));
            reap_adopted(server.pid()); // else they count against the limit on processes
        }
    } catch (...) {
        done = true;
        watcher.join();
        throw;
    }
    done = true;
    watcher.join();
    seen.waited_for_children =
        eventually([&] { return faults_of_children(server.pid()) > faults; }, Milliseconds(300));
    const long last = last_process();
    seen.started_as_many = first < 0 || last < first || last - first >= datagrams;
    return seen;
}

} // namespace grade
