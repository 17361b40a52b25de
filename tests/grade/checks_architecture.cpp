// The architecture of each server, seen from outside: who waits for whom, its threads and children,
// and the system call that it sleeps in, while it is idle and while it is under load.
#include "check.h"

#include <atomic>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

#include <unistd.h>

using namespace grade;
using test::accept_calls, test::receive_calls, test::select_calls, test::poll_calls,
    test::epoll_calls, test::sleep_calls;
using test::sanitizer_threads, test::three_questions, test::tcp_event_loops;
using test::thread_count, test::threads, test::sleeping_in, test::eventually, test::wait_until_read;

namespace {

constexpr auto zens = only<"zens">(), mzts = only<"mzts">(), sszt = only<"sszt">(),
               sszt_fork = only<"sszt -f">(), tas = only<"tas">(), zus = only<"zus">(),
               mzus = only<"mzus">(), sszu = only<"sszu">(), sszu_fork = only<"sszu -f">();

constexpr bool holds_thousands(const Program &program) {
    return program.name == "tap" || program.name == "tae";
}
constexpr auto thousands = test::select<holds_thousands>();
constexpr bool waits_in_select(const Program &program) {
    return program.name == "tas" || program.name == "uas";
}
constexpr bool waits_in_poll(const Program &program) {
    return program.name == "tap" || program.name == "uap";
}
constexpr bool waits_in_epoll(const Program &program) {
    return program.name == "tae" || program.name == "uae";
}
constexpr auto by_select = test::select<waits_in_select>(), by_poll = test::select<waits_in_poll>(),
               by_epoll = test::select<waits_in_epoll>();

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

// The threads that a server has beside those of its clients, of whom there is one.
std::size_t threads_without_clients(const Server &server) {
    const std::size_t with_one = thread_count(server.pid());
    return with_one > 0 ? with_one - 1 : 0;
}

// That one of the threads comes to sleep in such a call, if that can be seen here.
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

// That a server which has been busy has done everything in its first thread. Threads that have ended
// since cannot be counted, but the time that they have used can.
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

// That a single thread sleeps in such a call, if that can be seen here: the master.
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

// That a server whose workers have had much to do has not done it all in one thread, if that can be
// seen here.
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

// How many sockets the epoll instances of a process watch.
std::size_t watched_by_epoll(const Server &server) {
    const LookAs as_it = server.eyes();
    std::size_t count = 0;
    std::error_code error;
    const std::string directory = "/proc/" + std::to_string(server.pid()) + "/fdinfo";
    for (const auto &entry : std::filesystem::directory_iterator(directory, error)) {
        std::ifstream file(entry.path());
        for (std::string line; std::getline(file, line);) count += line.rfind("tfd:", 0) == 0;
    }
    return count;
}

// The calls of those kinds in which programs wait for others; a sleep in another one, as for memory,
// tells nothing of the architecture.
bool is_waiting_call(long call) {
    for (const auto *calls :
         {&accept_calls, &receive_calls, &select_calls, &poll_calls, &epoll_calls, &sleep_calls})
        if (calls->count(call)) return true;
    return false;
}

// That a server with one thread sleeps in these calls alone: `ask` gives it work, once a round, and
// `answers` waits until it is done.
void expect_to_sleep_in(const Server &server, const std::set<long> &calls, const std::string &name,
                        const std::function<void()> &ask, const std::function<void()> &answers) {
    expect_threads(server, 1, "(there must be one alone)");
    expect_children(server, 0, "(there must be none)");
    if (!can_look(server.pid()))
        undetermined("the system does not tell in which system call a process sleeps");
    int right = 0, wrong = 0;
    std::string found;
    const auto look = [&](int times) {
        for (const long call : calls_slept_in(server.pid(), times)) {
            if (calls.count(call)) ++right;
            else if (is_waiting_call(call)) ++wrong, found = call_name(call);
        }
    };
    eventually([&] { return look(1), right > 0 || wrong > 2; });
    look(200); // idle
    const int idle = right;
    for (int round = 0; round < 300; ++round) {
        ask();
        look(1); // it must not wait for anything else before it answers
        answers();
        look(1);
    }
    // One look may catch a call that waits for memory; a server that waits in it is caught often.
    if (idle == 0 || wrong * 20 > right)
        fail("it sleeps in another system call than " + name, name,
             found.empty() ? "it does not sleep" : found);
    expect_threads(server, 1, "under load");
    expect_children(server, 0, "under load");
    expect_no_other_threads(server);
}

void expect_tcp_to_sleep_in(const Program &program, const std::set<long> &calls,
                            const std::string &name) {
    Server server(program, {"-q"});
    std::vector<Talk> clients = talking_clients(server, 5);
    expect_to_sleep_in(
        server, calls, name,
        [&] {
            for (Talk &client : clients) client.send(question(1));
        },
        [&] {
            for (Talk &client : clients)
                client.expect(letter(1), "under load, a client was not served");
        });
    if (!can_look(server.pid())) return;
    const std::size_t watched = watched_by_epoll(server);
    if (name == "epoll_wait" && watched < clients.size())
        fail("its epoll instance does not watch its clients", "5 sockets and more",
             std::to_string(watched));
    if (name != "epoll_wait" && watched > 0)
        fail("it has an epoll instance that watches sockets", "none", std::to_string(watched));
}

void expect_udp_to_sleep_in(const Program &program, const std::set<long> &calls,
                            const std::string &name) {
    Server server(program, {"-q"});
    std::vector<Ask> clients;
    for (int i = 0; i < 5; ++i) clients.emplace_back(server);
    expect_to_sleep_in(
        server, calls, name,
        [&] {
            for (Ask &client : clients) client.send(question(1));
        },
        [&] {
            for (Ask &client : clients) client.expect(letter(1));
        });
    const std::size_t watched = can_look(server.pid()) ? watched_by_epoll(server) : 0;
    if (name != "epoll_wait" && watched > 0)
        fail("it has an epoll instance that watches sockets", "none", std::to_string(watched));
}

void expect_to_sleep_in(const Program &program, const std::set<long> &calls,
                        const std::string &name) {
    trying("Five clients ask, in rounds; between and meanwhile it is looked which system call the "
           "server sleeps in.",
           "One thread serves all clients, and waits for all of them at once in " + name +
               ", in no other call: not in recv or send either, for its sockets are non-blocking.");
    by_hand("", "cat /proc/$(pgrep -n -x " + program.file() +
                    ")/syscall     # the first number is the system call; or: strace -p");
    if (test::is_tcp_server(program)) expect_tcp_to_sleep_in(program, calls, name);
    else expect_udp_to_sleep_in(program, calls, name);
}

// The number that the last process or thread on this machine has got.
long last_process() {
    std::ifstream file("/proc/loadavg");
    std::string word;
    for (int i = 0; i < 4; ++i) file >> word;
    long number = 0;
    return file >> number ? number : -1;
}

// The page faults of children that a process has waited for: each child that has ended has some.
long faults_of_children(pid_t pid) {
    std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
    std::string text;
    std::getline(file, text);
    std::istringstream fields(text.substr(text.rfind(')') + 1));
    std::string skipped;
    for (int i = 0; i < 8; ++i) fields >> skipped; // state to minflt
    long faults = 0;
    return fields >> faults ? faults : 0;
}

// What was to be seen while a UDP server answered 1000 datagrams.
struct Seen {
    std::size_t threads = 0, children = 0; ///< most at a time
    bool waited_for_children = false;
    bool started_as_many = false; ///< as many processes or threads as datagrams, on this machine
};

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

} // namespace

// ---- zens and zus

CHECK_OF_EACH(zens, "serves one client after the other",
              "[pts:2][mechanism][needs:serves one client]") {
    trying("A second client connects and asks while the first is connected; then the first leaves.",
           "zens is iterative: accept, converse until the client has gone, close, and only then "
           "accept again.");
    by_hand("", "nc -d 127.0.0.1 65432 & sleep 1; ./zenc/zenc     # waits until: kill %1");
    Server server(program);
    Talk first(server); // says nothing
    Talk second(server);
    second.send(question(1));
    require(!second.gets(letter(1), Milliseconds(300)),
            "the second client was answered while the first was connected");
    first.leave();
    second.expect("", "when the first client had left, the second was not served");
}

CHECK_OF_EACH(zens, "sleeps in accept and in recv", "[pts:2][mechanism][needs:serves one client]") {
    trying("The threads, the children and the system call of the server are looked at: idle, and "
           "with a silent client.",
           "One thread does all: it sleeps in accept while there is no client, and in recv while "
           "its client says nothing.");
    by_hand("", "cat /proc/$(pgrep -n -x zens)/syscall     # the first number; or: strace -p");
    Server server(program);
    expect_threads(server, 1, "(there must be one alone)");
    expect_a_thread_in(server, accept_calls, "accept", "while there is no client");
    Talk client = talking_client(server);
    expect_threads(server, 1, "with a client");
    expect_children(server, 0, "(there must be none)");
    expect_a_thread_in(server, receive_calls, "recv", "while the client is silent");
    if (!can_look(server.pid())) undetermined("the system does not tell which calls it sleeps in");
}

CHECK_OF_EACH(zus, "answers in one thread", "[pts:2][mechanism][needs:serves one client]") {
    trying(
        "1000 datagrams are asked while its threads, its children and its system call are looked "
        "at.",
        "zus is iterative: one thread, which sleeps in recvfrom and answers what it receives.");
    by_hand("", "cat /proc/$(pgrep -n -x zus)/syscall     # the first number; or: strace -p");
    Server server(program);
    expect_a_thread_in(server, receive_calls, "recvfrom", "while nobody asks");
    const Seen seen = watch_answers(server);
    if (seen.threads > 1 + sanitizer_threads)
        fail("it has started threads", "1", std::to_string(seen.threads));
    expect_no_other_threads(server);
    require(seen.children == 0 && !seen.waited_for_children, "it has started children");
    if (!can_look(server.pid())) undetermined("the system does not tell which calls it sleeps in");
}

// ---- Pools

CHECK_OF_EACH(mzts, "has N workers", "[pts:2][mechanism][needs:serves one client]") {
    trying("With -w 3, the threads are counted: before the first client, with two, with "
           "eight, and when they have left.",
           "The pool is made once, at the start: N workers and the master, however many clients "
           "there are. The master sleeps in accept and serves nobody itself.");
    by_hand("make mzts && ./mzts/mzts -w 3",
            "ls /proc/$(pgrep -n -x mzts)/task | wc -l     # 4; again with clients");
    Server server(program, {"-w", "3"});
    expect_threads(server, 4, "before the first client");
    expect_one_master_in(server, accept_calls, "accept");
    std::vector<Talk> clients = talking_clients(server, 2);
    expect_threads(server, 4, "with two clients");
    expect_a_thread_in(server, accept_calls, "accept", "with two clients");
    for (int i = 0; i < 6; ++i) clients.emplace_back(server);
    expect_threads(server, 4, "with eight clients");
    clients.clear();
    for (int i = 0; i < 6; ++i) talking_client(server).leave();
    expect_threads(server, 4, "when eleven clients have left");
    expect_children(server, 0, "(there must be none)");
}

CHECK_OF_EACH(mzts, "makes client N+1 wait", "[pts:2][mechanism][needs:serves one client]") {
    trying(
        "With -w 3, three clients talk and fall silent; a fourth asks; then one of the three "
        "leaves.",
        "A worker serves its client until that one leaves. With all workers busy the next client "
        "waits in the queue, and the master must not serve it.");
    by_hand("make mzts && ./mzts/mzts -w 3",
            "nc -d 127.0.0.1 65432 & nc -d 127.0.0.1 65432 & nc -d 127.0.0.1 65432 & sleep 1; "
            "./zenc/zenc -t 60     # waits until: kill %1");
    Server server(program, {"-w", "3"});
    std::vector<Talk> clients = talking_clients(server, 3);
    Talk next(server);
    next.send(question(1));
    require(!next.gets(letter(1), Milliseconds(300)),
            "the fourth client was answered while the three workers had clients");
    clients.pop_back();
    next.expect("", "when one client had left, the fourth was not served");
}

CHECK_OF_EACH(mzts, "serves all that wait", "[pts:1][needs:makes client N+1 wait]") {
    trying("With -w 2, 60 clients connect and ask at once.",
           "The queue is bounded, but nobody is turned away: when it is full, the master waits.");
    by_hand("make mzts && ./mzts/mzts -w 2",
            "(for i in $(seq 60); do ./zenc/zenc -t 20 & done; wait) | grep -c Received     # 180");
    Server server(program, {"-w", "2"});
    std::vector<Talk> clients;
    for (int i = 0; i < 60; ++i) {
        clients.emplace_back(server);
        clients.back().send(question(0));
        clients.back().finish();
    }
    for (Talk &client : clients) {
        client.expect(letter(0), "a client that waited was not served");
        client.expect_end();
    }
}

CHECK_OF_EACH(mzus, "has N workers", "[pts:3][mechanism][needs:serves one client]") {
    trying(
        "With -w 3, the threads are counted before the first datagram and while 1000 are asked.",
        "The pool is made once, at the start: N workers and the master, which sleeps in recvfrom "
        "and answers nothing itself.");
    by_hand("make mzus && ./mzus/mzus -w 3", "ls /proc/$(pgrep -n -x mzus)/task | wc -l     # 4");
    Server server(program, {"-w", "3"});
    expect_threads(server, 4, "before the first datagram");
    expect_a_thread_in(server, receive_calls, "recvfrom", "while nobody asks");
    const Seen seen = watch_answers(server);
    if (seen.threads > 4 + sanitizer_threads)
        fail("it has started threads", "4", std::to_string(seen.threads));
    expect_threads(server, 4, "after 1000 datagrams");
    expect_work_of_several(server);
    expect_children(server, 0, "(there must be none)");
}

// ---- The framework

CHECK_OF_EACH(sszt, "starts a thread for each client",
              "[pts:2][mechanism][needs:serves one client]") {
    trying("20 clients talk, one after the other; each time the threads are counted.",
           "The threading mix-in starts a thread for each connection, so one client more is one "
           "thread more.");
    by_hand("",
            "nc -d 127.0.0.1 65432 & sleep 1; ls /proc/$(pgrep -n -x sszt)/task | wc -l     # 2");
    Server server(program);
    std::vector<Talk> clients = talking_clients(server, 1);
    const std::size_t others = threads_without_clients(server);
    for (std::size_t i = 2; i <= 20; ++i) {
        clients.push_back(talking_client(server));
        expect_threads(server, others + i, "with " + std::to_string(i) + " clients");
    }
    expect_children(server, 0, "(there must be none)");
}

CHECK_OF_EACH(sszt, "lets its threads go", "[pts:1][needs:starts a thread for each client]") {
    trying("Five clients talk and leave; then the threads are counted.",
           "When its client has gone, a thread ends; and somebody must join or detach it.");
    by_hand("", "./zenc/zenc; ls /proc/$(pgrep -n -x sszt)/task | wc -l     # 1");
    Server server(program);
    std::vector<Talk> clients = talking_clients(server, 1);
    const std::size_t others = threads_without_clients(server);
    for (int i = 0; i < 4; ++i) clients.push_back(talking_client(server));
    clients.clear();
    expect_threads(server, others, "when all clients have left");
}

CHECK_OF_EACH(sszt_fork, "forks a process for each client",
              "[pts:2][mechanism][needs:serves one client]") {
    trying("With -f, five clients talk, one after the other; each time the children are counted.",
           "With -f, the forking mix-in starts a child process for each connection.");
    by_hand("", "nc -d 127.0.0.1 65432 & sleep 1; ps --ppid $(pgrep -o -x sszt)");
    Server server(program);
    std::vector<Talk> clients;
    std::size_t threads_with_one = 0;
    for (std::size_t i = 1; i <= 5; ++i) {
        clients.push_back(talking_client(server));
        expect_children(server, i, "with " + std::to_string(i) + " clients");
        if (i == 1) threads_with_one = thread_count(server.pid());
    }
    expect_threads(server, threads_with_one, "with 5 clients: -f starts none");
}

CHECK_OF_EACH(sszt_fork, "leaves no zombie", "[pts:1][needs:forks a process for each client]") {
    trying("With -f, 20 clients talk and leave; then the children are counted.",
           "Collect children that have ended with waitpid, else they stay as zombies: \"defunct\" "
           "in the output of ps.");
    by_hand("", "./zenc/zenc; sleep 1; ps --ppid $(pgrep -o -x sszt)     # none");
    Server server(program);
    talking_clients(server, 20).clear();
    expect_children(server, 0, "when all clients have left");
}

CHECK_OF_EACH(sszt_fork, "closes the connection in the parent",
              "[pts:1][needs:forks a process for each client]") {
    trying("With -f, a client asks, gets its answer, and waits for the end of file.",
           "After fork both processes have the connection: it is closed only when parent and child "
           "have closed it.");
    Server server(program);
    Talk client = talking_client(server);
    client.send("Flat is better than?"); // the child closes
    client.expect_end();
}

CHECK_OF_EACH(sszt_fork, "frees the port when it is killed",
              "[pts:1][needs:forks a process for each client]") {
    trying(
        "With -f, the parent is killed while a child serves a client; then the server is started "
        "again on the same port.",
        "A child inherits the listening socket. It must close it, or the port is in use for as "
        "long as the child lives.");
    by_hand("make sszt && ./sszt/sszt -f",
            "nc -d 127.0.0.1 65432 & sleep 1; pkill -KILL -o -x sszt; ./sszt/sszt -f");
    const std::string host = host_of_our_own();
    Server first(program, {}, host);
    const Talk client = talking_client(first);
    first.signal(SIGKILL);
    first.wait_exit(patience, false);
    Server second(program, {}, host, {}, first.address().port);
    talking_client(second);
}

CHECK_OF_EACH(sszu, "starts a thread for each datagram",
              "[pts:3][mechanism][needs:serves one client]") {
    trying("1000 datagrams are asked while the threads and children of the server are looked at.",
           "The threading mix-in starts a thread for each datagram, which ends when that is "
           "answered.");
    by_hand("", "strace -f -c -e trace=clone,clone3 -p $(pgrep -n -x sszu)     # and ./zuc/zuc");
    Server server(program);
    const Seen seen = watch_answers(server);
    require(seen.children == 0 && !seen.waited_for_children, "it has started child processes");
    require(seen.threads > 1 + sanitizer_threads || seen.started_as_many,
            "no thread was started for a datagram");
    const auto gone = [&] { return thread_count(server.pid()) <= 4 + sanitizer_threads; };
    if (!eventually(gone))
        fail("the threads of the datagrams have not ended", "4 at most",
             std::to_string(thread_count(server.pid())));
}

CHECK_OF_EACH(sszu_fork, "forks a process for each datagram",
              "[pts:2][mechanism][needs:leaves no zombie]") {
    trying("With -f, 1000 datagrams are asked while the children of the server are looked at.",
           "With -f, the forking mix-in starts a child process for each datagram.");
    by_hand("", "strace -f -c -e trace=clone,clone3 -p $(pgrep -o -x sszu)     # and ./zuc/zuc");
    Server server(program);
    const Seen seen = watch_answers(server);
    require(seen.children > 0 || seen.waited_for_children,
            "no child process was started for a datagram");
    const std::size_t left = thread_count(server.pid());
    if (seen.threads > left)
        fail("it has started threads", std::to_string(left), std::to_string(seen.threads));
}

CHECK_OF_EACH(sszu_fork, "leaves no zombie", "[pts:1][needs:serves one client]") {
    trying("With -f, 20 datagrams are answered; then the children are counted.",
           "Collect children that have ended with waitpid, else they stay as zombies.");
    by_hand("", "./zuc/zuc; sleep 1; ps --ppid $(pgrep -o -x sszu)     # none");
    Server server(program);
    Ask client(server);
    for (int i = 0; i < 20; ++i) {
        client.send(question(0));
        client.expect(letter(0));
    }
    expect_children(server, 0, "when all datagrams are answered");
}

// ---- Event loops

CHECK_OF_EACH(by_select, "waits in select", "[pts:3][mechanism][needs:serves one client]") {
    expect_to_sleep_in(program, select_calls, "select");
}
CHECK_OF_EACH(by_poll, "waits in poll", "[pts:3][mechanism][needs:serves one client]") {
    expect_to_sleep_in(program, poll_calls, "poll");
}
CHECK_OF_EACH(by_epoll, "waits in epoll", "[pts:3][mechanism][needs:serves one client]") {
    expect_to_sleep_in(program, epoll_calls, "epoll_wait");
}

CHECK_OF_EACH(tcp_event_loops, "is not held up by half a question",
              "[pts:1][needs:takes a question in pieces]") {
    trying("Ten clients send half a question and fall silent; another one asks.",
           "One thread must never wait for one client: take what is there, keep it, and go back to "
           "the wait for all.");
    by_hand("", "(printf 'Simple is '; sleep 20) | nc 127.0.0.1 65432 & ./zenc/zenc");
    Server server(program);
    std::vector<Talk> clients;
    for (int i = 0; i < 10; ++i) {
        clients.emplace_back(server);
        clients.back().send("Simple is");
        wait_until_read(clients.back().connection());
    }
    Talk another(server);
    another.send(question(0));
    another.expect(letter(0), "while others are silent, a client was not served");
    clients.front().send(" better than?");
    clients.front().expect(letter(2), "a question that was completed later was not answered");
}

CHECK_OF_EACH(tcp_event_loops, "is not held up by a client that does not read",
              "[pts:1][needs:serves one client]") {
    trying("A client sends questions and reads no answer until the server takes no more; another "
           "one asks.",
           "The sockets of clients must be non-blocking: send then fails with EAGAIN instead of "
           "waiting, and you wait for the client to become writable together with all others.");
    by_hand("", "(for i in $(seq 300000); do printf 'Simple is better than?'; done) | nc 127.0.0.1 "
                "65432 | sleep 20 & sleep 2; ./zenc/zenc");
    Server server(program, {"-q"});
    Talk greedy(server, 4096);
    greedy.send_without_reading(test::repeat(three_questions, 20'000));
    Talk another(server);
    another.send(question(0));
    another.expect(letter(0), "while another does not read, a client was not served");
}

CHECK_OF_EACH(tcp_event_loops, "stops reading from a client that does not read",
              "[pts:1][needs:is not held up by a client that does not read]") {
    trying("A client sends up to 48 MiB of questions and reads no answer.",
           "While more than 64 KiB of answers wait for a client, do not read from it: else its "
           "answers fill the memory.");
    by_hand("", "yes 'Simple is better than?' | head -c 50000000 | nc 127.0.0.1 65432 | sleep 60 & "
                "sleep 20; ps -o rss,cmd -p $(pgrep -n -x " +
                    program.file() + ")");
    Server server(program, {"-q"});
    Talk greedy(server, 4096);
    const std::string questions = test::repeat(three_questions, 48 * 1024 * 1024 / 71);
    require(greedy.send_without_reading(questions) < questions.size(),
            "it took all questions of a client that reads no answer");
    Talk another(server);
    another.send(question(0));
    another.expect(letter(0), "after that, another client was not served");
}

CHECK_OF_EACH(tas, "refuses a descriptor that select cannot watch",
              "[pts:1][needs:serves one client]") {
    trying(
        "1100 clients connect and ask; the first 1000 must be answered, the last one refused.",
        "FD_SET writes outside its set for a descriptor of FD_SETSIZE (1024) or more: close such "
        "a connection at once.");
    by_hand("",
            "(for i in $(seq 1100); do timeout 20 nc -d 127.0.0.1 65432 & done; wait)     # with "
            "ulimit -n 4096 in both terminals");
    needs_descriptors(1200);
    Server server(program, {"-q"});
    std::vector<Talk> clients = talking_clients(server, 1000);
    for (int i = 0; i < 100; ++i) {
        clients.emplace_back(server);
        clients.back().send(question(0));
        clients.back().gets(letter(0), patience); // or it is closed
    }
    clients.back().expect_end("the connection of client 1100 was not closed");
    clients.front().send(question(0));
    clients.front().expect(letter(0), "the first client was not served on");
}

CHECK_OF_EACH(thousands, "serves a thousand clients and more", "[pts:1][needs:serves one client]") {
    trying("1500 clients connect and ask while the server's soft limit on descriptors is 1024, and "
           "its hard limit 4096; then the first asks again.",
           "Neither poll nor epoll has a limit of 1024: raise the soft limit on descriptors to the "
           "hard limit (setrlimit) at the start.");
    by_hand("",
            "(for i in $(seq 1500); do timeout 20 nc -d 127.0.0.1 65432 & done; wait)     # with "
            "ulimit -n 4096 in both terminals");
    needs_descriptors(1600);
    Limits limits;
    limits.soft_descriptors = 1024;
    Server server(program, {"-q"}, "127.0.0.1", limits);
    std::vector<Talk> clients = talking_clients(server, 1500);
    clients.front().send(question(0));
    clients.front().expect(letter(0), "with 1500 clients, the first was not served");
}
