// The architecture of each server but the event loops, seen from outside: who waits for whom, its threads
// and children, and the system call that it sleeps in.
#include "watching.h"

#include <unistd.h>

using namespace grade;
using test::accept_calls, test::receive_calls, test::three_questions, test::sanitizer_threads;
using test::thread_count, test::eventually, test::wait_until_read;

namespace {

constexpr auto zens = only<"zens">(), mzts = only<"mzts">(), sszt = only<"sszt">(),
               sszt_fork = only<"sszt -f">(), zus = only<"zus">(), mzus = only<"mzus">(),
               sszu = only<"sszu">(), sszu_fork = only<"sszu -f">();

// The threads that a server has beside those of its clients, of whom there is one.
std::size_t threads_without_clients(const Server &server) {
    const std::size_t with_one = thread_count(server.pid());
    return with_one > 0 ? with_one - 1 : 0;
}

} // namespace

// ---- zens and zus

CHECK_OF_EACH(zens, "serves one client after the other",
              "[pts:2][mechanism][needs:serves one client]") {
    trying("A second client connects and asks while the first is connected; then the first leaves.",
           "zens is iterative: accept, converse until the client has gone, close, and only then "
           "accept again.");
    by_hand("", "nc -d 127.0.0.1 65432 & sleep 1; ./zenc/zenc     # waits until: kill %1");
    Server server(program, patient(program));
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
    by_hand("", "cat /proc/PID/syscall     # the first number; or: strace -p");
    Server server(program, patient(program));
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
    by_hand("", "cat /proc/PID/syscall     # the first number; or: strace -p");
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
            "ls /proc/PID/task | wc -l     # 4; again with clients");
    Server server(program, patient(program, {"-w", "3"}));
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

CHECK_OF_EACH(mzts, "makes client N+1 wait",
              "[pts:2][mechanism][needs:serves one client][faults][row 23]") {
    trying(
        "With -w 3, three clients talk and fall silent; a fourth asks; then one of the three "
        "leaves.",
        "A worker serves its client until that one leaves. With all workers busy the next client "
        "waits in the queue, and the master must not serve it.");
    by_hand("make mzts && ./mzts/mzts -w 3",
            "nc -d 127.0.0.1 65432 & nc -d 127.0.0.1 65432 & nc -d 127.0.0.1 65432 & sleep 1; "
            "./zenc/zenc -t 60     # waits until: kill %1");
    Server server(program, patient(program, {"-w", "3"}));
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
    by_hand("make mzus && ./mzus/mzus -w 3", "ls /proc/PID/task | wc -l     # 4");
    Server server(program, {"-w", "3"});
    expect_threads(server, 4, "before the first datagram");
    expect_a_thread_in(server, receive_calls, "recvfrom", "while nobody asks");
    expect_one_master_in(server, receive_calls, "recvfrom");
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
    by_hand("", "nc -d 127.0.0.1 65432 & sleep 1; ls /proc/PID/task | wc -l     # 2");
    Server server(program, patient(program));
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
    by_hand("", "./zenc/zenc; ls /proc/PID/task | wc -l     # 1");
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
    by_hand("", "nc -d 127.0.0.1 65432 & sleep 1; ps --ppid PID");
    Server server(program, patient(program));
    std::vector<Talk> clients;
    std::size_t threads_with_one = 0;
    for (std::size_t i = 1; i <= 5; ++i) {
        clients.push_back(talking_client(server));
        expect_children(server, i, "with " + std::to_string(i) + " clients");
        if (i == 1) threads_with_one = thread_count(server.pid());
    }
    expect_threads(server, threads_with_one, "with 5 clients: -f starts none");
}

CHECK_OF_EACH(sszt_fork, "leaves no zombie",
              "[pts:1][needs:forks a process for each client][faults][row 25]") {
    trying("With -f, 20 clients talk and leave; then the children are counted.",
           "Collect children that have ended with waitpid, else they stay as zombies: \"defunct\" "
           "in the output of ps.");
    by_hand("", "./zenc/zenc; sleep 1; ps --ppid PID     # none");
    Server server(program);
    talking_clients(server, 20).clear();
    expect_children(server, 0, "when all clients have left");
}

CHECK_OF_EACH(sszt_fork, "closes the connection in the parent",
              "[pts:1][needs:forks a process for each client]") {
    trying("With -f, a client asks, gets its answer, and waits for the end of file.",
           "After fork both processes have the connection: it is closed only when parent and child "
           "have closed it.");
    Server server(program, patient(program));
    Talk client = talking_client(server);
    client.send("Flat is better than?"); // the child closes
    client.expect_end();
}

CHECK_OF_EACH(sszt_fork, "frees the port when it is killed",
              "[pts:1][needs:forks a process for each client][faults][row 26]") {
    trying(
        "With -f, the parent is killed while a child serves a client; then the server is started "
        "again on the same port.",
        "A child inherits the listening socket. It must close it, or the port is in use for as "
        "long as the child lives.");
    by_hand("make sszt && ./sszt/sszt -f",
            "nc -d 127.0.0.1 65432 & sleep 1; kill -KILL PID; ./sszt/sszt -f");
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
    trying(
        "100 datagrams are asked while nobody reads the log, so that who prints has to wait, then "
        "1000 more; meanwhile the threads and children of the server are looked at.",
        "The threading mix-in starts a thread for each datagram, which ends when that is "
        "answered.");
    by_hand("", "strace -f -c -e trace=clone,clone3 -p PID     # and ./zuc/zuc");
    Server server(program);
    server.narrow_output();
    const auto has_threads = [&] { return thread_count(server.pid()) > 1 + sanitizer_threads; };
    Ask client(server);
    bool some = false;
    {
        const auto unread = server.hold_output();
        for (int i = 0; i < 100; ++i) client.send(question(0));
        some = eventually(has_threads, Milliseconds(1000));
    }
    for (int i = 0; i < 100; ++i) require(client.receive().arrived, "no answer came");
    const bool logs = server.standard_output().size() > 1000;
    const Seen seen = watch_answers(server);
    require(seen.children == 0 && !seen.waited_for_children, "it has started child processes");
    // Without a log the threads are seen by chance, or by how many the machine has started.
    require(some || (!logs && (seen.threads > 1 + sanitizer_threads || seen.started_as_many)),
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
    by_hand("", "strace -f -c -e trace=clone,clone3 -p PID     # and ./zuc/zuc");
    Server server(program);
    const Seen seen = watch_answers(server);
    require(seen.children > 0 || seen.waited_for_children,
            "no child process was started for a datagram");
    const std::size_t left = thread_count(server.pid());
    if (seen.threads > left)
        fail("it has started threads", std::to_string(left), std::to_string(seen.threads));
}

CHECK_OF_EACH(sszu_fork, "leaves no zombie", "[pts:1][needs:serves one client][faults][row 25]") {
    trying("With -f, 20 datagrams are answered; then the children are counted.",
           "Collect children that have ended with waitpid, else they stay as zombies.");
    by_hand("", "./zuc/zuc; sleep 1; ps --ppid PID     # none");
    Server server(program);
    Ask client(server);
    for (int i = 0; i < 20; ++i) {
        client.send(question(0));
        client.expect(letter(0));
    }
    expect_children(server, 0, "when all datagrams are answered");
}
