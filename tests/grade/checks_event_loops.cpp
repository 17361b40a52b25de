// The event loops, seen from outside: one thread, and the system call that it sleeps in, while it is idle
// and while it is under load; what holds it up, and how many clients it takes.
#include "watching.h"

#include <filesystem>
#include <fstream>

#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <unistd.h>

using namespace grade;
using test::accept_calls, test::receive_calls, test::select_calls, test::poll_calls,
    test::epoll_calls, test::sleep_calls;
using test::eventually, test::tcp_event_loops, test::three_questions, test::wait_until_read;

namespace {

constexpr auto tas = only<"tas">();
constexpr bool holds_thousands(const Program &program) {
    return program.name == "tap" || program.name == "tae" ||
           (test::is_tcp_event_loop(program) && test::is_of_asyncio(program));
}
constexpr auto thousands = test::select<holds_thousands>();
constexpr bool waits_in_select(const Program &program) {
    return program.name == "tas" || program.name == "uas";
}
constexpr bool waits_in_poll(const Program &program) {
    return program.name == "tap" || program.name == "uap";
}
constexpr bool waits_in_epoll(const Program &program) {
    return program.name == "tae" || program.name == "uae" ||
           (test::is_event_loop(program) && test::is_of_asyncio(program));
}
constexpr auto by_select = test::select<waits_in_select>(), by_poll = test::select<waits_in_poll>();
constexpr auto by_epoll = test::select<waits_in_epoll>();

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
    by_hand("", "cat /proc/PID/syscall     # the first number is the system call; or: strace -p");
    if (test::is_tcp_server(program)) expect_tcp_to_sleep_in(program, calls, name);
    else expect_udp_to_sleep_in(program, calls, name);
}

} // namespace

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
                "sleep 20; ps -o rss,cmd -p PID");
    Server server(program, {"-q"});
    Talk greedy(server, 4096);
    const std::string questions = test::repeat(three_questions, 48 * 1024 * 1024 / 71);
    const std::size_t taken = greedy.send_without_reading(questions);
    require(taken < questions.size(), "it took all questions of a client that reads no answer");
    int in_own_kernel = 0;
    ioctl(greedy.connection().get(), SIOCOUTQ, &in_own_kernel);
    const auto unread =
        static_cast<std::size_t>(test::unread_by_peer(greedy.connection()) + in_own_kernel);
    const std::size_t answers = (taken - unread) / 71 * test::three_answers.size();
    // A little more than 64 KiB is what LAB.md allows; how much, depends on how it reads.
    if (const long kept = kept_for(greedy, answers); kept > 256 * 1024)
        fail("it keeps too many answers of a client that reads none", "a little over 64 KiB",
             std::to_string(kept / 1024) + " KiB");
    Talk another(server);
    another.send(question(0));
    another.expect(letter(0), "after that, another client was not served");
}

CHECK_OF_EACH(tas, "refuses a descriptor that select cannot watch",
              "[pts:1][needs:serves one client]") {
    trying(
        "1100 clients connect and ask; the first 1000 must be answered, the last one refused.",
        "FD_SET writes outside its set for a descriptor of FD_SETSIZE (1024) or more: close such "
        "a connection at once, and say so, also with -q.");
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
    const std::string line = "Connection with " + clients.back().connection().local().name() +
                             " closed: cannot select: its descriptor is beyond FD_SETSIZE";
    if (!server.wait_for(line))
        fail("the server did not say why it has closed the connection", line, "no such line");
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
