// What servers do when there is too much of something: clients, children, threads, datagrams, silence.
#include "checks_stream.h"
#include "watching.h"

#include <algorithm>
#include <fstream>

#include <netinet/in.h>
#include <poll.h>
#include <unistd.h>

using namespace grade;
using test::framing_servers;

namespace {

constexpr auto mzts = only<"mzts">(), mzus = only<"mzus">(), sszt = only<"sszt">(),
               sszt_fork = only<"sszt -f">();

// A connection that is not waited for: the backlog may be full.
class Visitor : public test::Socket {
  public:
    explicit Visitor(const Server &server)
        : Socket(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0)) {
        sockaddr_in address = {};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        address.sin_port = htons(server.address().port);
        static_cast<void>(
            connect(get(), reinterpret_cast<const sockaddr *>(&address), sizeof address));
    }
};

std::size_t descriptors(const Server &server) {
    const LookAs as_it = server.eyes();
    return test::descriptor_count(server.pid());
}

// Whether the kernel has completed the connection.
bool is_connected(const Visitor &visitor) {
    pollfd room = {visitor.get(), POLLOUT, 0};
    return poll(&room, 1, 0) == 1 && room.revents == POLLOUT;
}

void let_many_wait(const Program &program) {
    trying("200 clients connect while the server is stopped, so that it accepts nobody.",
           "The second argument of listen is how many connections may wait until they are "
           "accepted: with a small number, clients that come at the same moment are kept out.");
    chapter("The programs from outside");
    by_hand("", "kill -STOP PID; (for i in {1..200}; do exec {fd}<>/dev/tcp/127.0.0.1/" +
                    std::string(program.port) + "; done; echo all)     # then kill -CONT PID");
    std::ifstream most("/proc/sys/net/core/somaxconn");
    if (int count = 0; !(most >> count) || count < 200)
        undetermined(
            "this system lets fewer than 200 connections wait, whatever a server asks for");
    Server server(program, {"-q"});
    std::vector<Visitor> visitors;
    const Stopped while_they_come(server);
    for (int i = 0; i < 200; ++i) visitors.emplace_back(server);
    // An attempt that finds no room is repeated after a second, and finds none again.
    const auto waiting = [&] {
        return std::count_if(visitors.begin(), visitors.end(), is_connected);
    };
    if (!test::eventually([&] { return waiting() == 200; }, Milliseconds(3000)))
        fail("not all of 200 clients could connect while the server was busy", "200 clients",
             std::to_string(waiting()) + " clients");
    while_they_come.go_on();
}

void let_threads_go(const Program &program) {
    trying("With an address space of 1 GiB, 160 clients are served one after the other, while one "
           "stays connected all the time.",
           "A thread that has ended keeps its stack, 8 MiB of address space, until it is joined: "
           "join those that have ended, or detach them, also while others still run.");
    by_hand("", "nc -d 127.0.0.1 " + std::string(program.port) + " & for i in $(seq 99); do ./" +
                    std::string(test::client_of(program).path) +
                    " > /dev/null; done; ps -o vsz -C " + program.file());
    Limits limits;
    limits.address_space = 1024;
    Server server(program, {"-q"}, "127.0.0.1", limits);
    Talk stays(server);
    require(is_answered(server, stays), "the first client was not served");
    for (int i = 0; i < 160; ++i) {
        Talk client(server);
        if (!is_answered(server, client))
            fail("client " + std::to_string(i + 2) + " was not served");
        client.finish();
        client.ends(patience);
    }
}

// Clients that ask and stay: so many, or up to the first that is not answered. Whether all were.
bool all_are_served(Server &server, std::vector<Talk> &clients, int count) {
    bool served = true;
    for (int i = 0; i < count && served; ++i) {
        clients.emplace_back(server);
        served = is_answered(server, clients.back());
    }
    return served;
}

void do_without_a_thread(const Program &program) {
    trying("With an address space of 200 MiB, clients connect and stay until one is closed, or 60 "
           "are served. Then all leave but the first, which asks again, and so does a new one.",
           "The constructor of std::thread throws, and pthread_create fails, when the system has "
           "no room: catch it, say \"Cannot start a thread for CLIENT\", close that connection "
           "alone, and go on.");
    chapter("The programs from outside");
    by_hand("make " + program.file() + " && (ulimit -v 200000; ./" + std::string(program.path) +
                ")",
            "(for i in {1..60}; do exec {fd}<>/dev/tcp/127.0.0.1/" + std::string(program.port) +
                "; done; sleep 2); ./" + std::string(test::client_of(program).path));
    if (test::sanitized) undetermined("a sanitizer needs more address space than that");
    Limits limits;
    limits.address_space = 200;
    Server server(program, {}, "127.0.0.1", limits);
    std::vector<Talk> clients;
    const bool served = all_are_served(server, clients, 60);
    if (!served) {
        const std::string refused = clients.back().connection().local().name();
        require(clients.back().connection().ended() || clients.back().connection().was_reset(),
                "the connection of a client without a thread was not closed");
        // Where there is room for a thread and none for its first allocation, that one fails.
        if (!server.wait_for(refused + ": ") ||
            (server.standard_output().find("Cannot start a thread for " + refused) ==
                 std::string::npos &&
             server.standard_output().find("Error with " + refused) == std::string::npos))
            fail("the server did not say that it cannot start a thread",
                 "Cannot start a thread for " + refused, "no such line");
    }
    while (clients.size() > 1) {
        clients.back().finish();
        clients.back().ends(patience);
        clients.pop_back();
    }
    require(is_answered(server, clients.front()), "the first client was not served any more");
    const auto is_served = [&] {
        Talk another(server);
        return is_answered(server, another);
    };
    require(test::eventually(is_served), "when all but one had left, a new client was not served");
}

} // namespace

// ---- The backlog

CHECK_OF_EACH(stream_programs, "lets many clients wait in the backlog",
              "[pts:1][needs:serves one client]") {
    let_many_wait(program);
}
CHECK_OF_EACH(framing_servers, "lets many clients wait in the backlog",
              "[pts:1][needs:echoes a frame]") {
    let_many_wait(program);
}

// ---- Pools: the queue is bounded

CHECK_OF_EACH(mzts, "has a bounded queue",
              "[pts:1][needs:serves all that wait][needs:stops on SIGINT and SIGTERM]") {
    trying("With -w 1, 200 clients connect and say nothing; then the server gets SIGTERM.",
           "The queue has room for 32 clients. While it is full the master does not accept, so "
           "that the others wait in the backlog of the kernel and take no memory.");
    by_hand(
        "make mzts && ./mzts/mzts -q -w 1",
        "(for i in {1..200}; do exec {fd}<>/dev/tcp/127.0.0.1/65432; done; sleep 9) & sleep 2; ls "
        "/proc/PID/fd | wc -l");
    Server server(program, {"-w", "1"});
    const std::size_t before = descriptors(server);
    if (before == 0) undetermined("the system does not tell how many descriptors a process has");
    std::vector<Visitor> visitors;
    for (int i = 0; i < 200; ++i) visitors.emplace_back(server);
    const auto most_are_accepted = [&] { return descriptors(server) >= before + 150; };
    if (test::eventually(most_are_accepted, Milliseconds(1000)))
        fail("nearly all clients were accepted while the only worker had one", "33 clients or so",
             std::to_string(descriptors(server) - before) + " clients");
    check_stops(server, SIGTERM);
}

CHECK_OF_EACH(mzus, "has a bounded queue", "[pts:1][needs:has N workers]") {
    trying("Nobody reads the output of the server, so that its workers soon wait in a write; then "
           "come 6000 datagrams, each when there is room for it.",
           "The queue has room for 1024 datagrams. While it is full the master does not receive: "
           "the others wait in the buffer of the socket, or are lost, and take no memory.");
    by_hand("make mzus && ./mzus/mzus -w 2 | sleep 99", "while ./zuc/zuc -t 1; do :; done");
    Limits limits;
    limits.unread_output = 0;
    Server server(program, {"-w", "2"}, "127.0.0.1", limits);
    test::Datagrams client;
    const auto room = [&] { return test::unread_datagrams(server.address().port) < 100'000; };
    int taken = 0;
    for (; taken < 6000 && test::eventually(room, Milliseconds(500)); taken += 50)
        for (int i = 0; i < 50; ++i) client.send_to(server.address(), question(0));
    if (taken < 6000) return; // it has stopped receiving
    Ask another(server);
    another.send(question(1));
    if (another.receive(Milliseconds(500)).arrived) return; // its workers do not wait for a reader
    fail("the master went on to receive while the workers were stuck",
         "1024 datagrams on the queue", "all of 6000 datagrams received");
}

// ---- The framework: threads and children

CHECK_OF_EACH(sszt, "lets its threads go while it serves",
              "[pts:1][needs:lets its threads go][needs:closes when the client has closed]"
              "[needs:answers question after question]") {
    let_threads_go(program);
}
CHECK_OF_EACH(framing_servers, "lets its threads go while it serves",
              "[pts:1][needs:serves several clients at once][needs:echoes frame after frame]"
              "[needs:closes when the client has closed]") {
    let_threads_go(program);
}

CHECK_OF_EACH(sszt, "survives a thread that cannot be started",
              "[pts:1][needs:lets its threads go while it serves][faults][row 24]") {
    do_without_a_thread(program);
}
CHECK_OF_EACH(framing_servers, "survives a thread that cannot be started",
              "[pts:1][needs:lets its threads go while it serves][faults][row 24]") {
    do_without_a_thread(program);
}

CHECK_OF_EACH(sszt_fork, "survives a process that cannot be started",
              "[pts:1][needs:leaves no zombie][needs:answers question after question][needs:closes "
              "its descriptors][faults][row 25]") {
    trying("With -f, the user may have 8 processes; clients connect and stay until one is closed. "
           "Then all leave but the first, which asks again, and so does a new one.",
           "fork returns -1 when the system has no room: say \"Cannot start a process for "
           "CLIENT\", close that connection alone, and go on.");
    chapter("The programs from outside");
    if (geteuid() != 0) undetermined("only root can run it as a user who has no other processes");
    Limits limits;
    limits.processes = 8;
    Server server(program, {}, "127.0.0.1", limits);
    std::vector<Talk> clients;
    const bool served = all_are_served(server, clients, 12);
    require(!served, "12 clients were served by less than 8 processes");
    const std::string refused = clients.back().connection().local().name();
    require(clients.back().connection().ended() || clients.back().connection().was_reset(),
            "the connection of a client without a process was not closed");
    if (!server.wait_for("Cannot start a process for " + refused))
        fail("the server did not say that it cannot start a process",
             "Cannot start a process for " + refused, "no such line");
    while (clients.size() > 1) clients.pop_back();
    require(is_answered(server, clients.front()), "the first client was not served any more");
    const auto is_served = [&] {
        Talk another(server);
        return is_answered(server, another);
    };
    require(test::eventually(is_served), "when all but one had left, a new client was not served");
}

CHECK_OF_EACH(
    sszt_fork, "has 40 children at most",
    "[pts:1][needs:forks a process for each client][needs:leaves no zombie][faults][row 25]") {
    trying("With -f, 40 clients talk and stay; three more connect and ask. One of the 40 leaves.",
           "The framework has a limit, max_children (40): the clients beyond it wait in the "
           "backlog until a child has ended.");
    by_hand(
        "make sszt && ./sszt/sszt -q -f",
        "(for i in {1..45}; do exec {fd}<>/dev/tcp/127.0.0.1/65432; done; sleep 5) & sleep 2; ps "
        "--no-headers -C sszt | wc -l     # 41");
    Server server(program, {"-q"});
    std::vector<Talk> clients = talking_clients(server, 40);
    for (int i = 0; i < 3; ++i) {
        clients.emplace_back(server);
        clients.back().send(question(0));
    }
    require(!clients[40].gets(letter(0), Milliseconds(400)),
            "the 41st client was answered while 40 children had clients");
    expect_children(server, 40, "with 43 clients");
    clients.front().leave();
    clients[40].expect("", "when one client had left, the 41st was not served");
}

// ---- Time

CHECK_OF_EACH(
    servers_with_time_limit, "gives up on a client that does not read",
    "[pts:1][needs:gives up on a silent client][needs:closes its descriptors][faults][row 23]") {
    trying(
        "With -t 1, a client sends questions and reads no answer.",
        "Set SO_SNDTIMEO as well (with asyncio, wait_for around the sending): a client that does "
        "not read must not hold the server, or a worker, for ever.");
    by_hand("make " + program.file() + " && ./" + std::string(program.path) + " -t 1",
            "(for i in $(seq 300000); do printf 'Simple is better than?'; done) | nc 127.0.0.1 "
            "65432 | sleep 20     # read terminal 1");
    Server server(program, {"-q", "-t", "1"});
    Talk client(server, 4096);
    send_until_stuck(client, test::repeat(test::three_questions, 200'000));
    require(test::eventually([&] { return test::is_closed_by_peer(client.connection()); }),
            "10 seconds later the server still has the connection");
    serve_another(server, "after that, another client was not served");
}

CHECK_OF_EACH(servers_with_time_limit, "does not give up on an active client",
              "[pts:1][needs:gives up on a silent client][needs:answers question after question]") {
    trying("With -t 2, a client asks six questions, one each 0.6 seconds.",
           "The limit is for the silence of a client, not for all of its conversation: begin to "
           "count anew when something has come.");
    by_hand("make " + program.file() + " && ./" + std::string(program.path) + " -t 2",
            "(for i in 1 2 3 4 5 6; do printf 'Simple is better than?'; sleep 0.6; done) | nc -N "
            "127.0.0.1 65432");
    Server server(program, {"-t", "2"});
    Talk client(server);
    for (int i = 0; i < 6; ++i) {
        if (i > 0) require(!client.ends(Milliseconds(600)), "it has given up on an active client");
        client.send(question(2));
        client.expect(letter(2), "an active client was not served any more");
    }
}
