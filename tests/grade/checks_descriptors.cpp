// What the TCP servers do without a free descriptor: a client waits in the backlog until there is one.
#include "checks_stream.h"
#include "place.h"
#include "watching.h"

#include <filesystem>

using namespace grade;
using test::framing_servers, test::zen_tcp_servers;

namespace {

constexpr std::size_t most = 24; // descriptors that the server may have

// Where each client does not cost its server a descriptor for as long as it stays.
bool keeps_no_clients(const Program &program) {
    return program.name == "zens" || test::is_forking_server(program);
}

std::size_t descriptors(const Server &server) {
    const LookAs as_it = server.eyes();
    return test::descriptor_count(server.pid());
}

// The number that its next descriptor gets.
std::size_t lowest_free(const Server &server) {
    const LookAs as_it = server.eyes();
    std::size_t number = 0;
    const std::string directory = "/proc/" + std::to_string(server.pid()) + "/fd/";
    while (std::filesystem::is_symlink(directory + std::to_string(number))) ++number;
    return number;
}

// Lets the server have descriptors with numbers below that one alone, besides those that it has.
void allow(const Server &server, std::size_t count) {
    test::Process changed(
        sandboxed({"prlimit", "--pid=" + std::to_string(server.pid()),
                   "--nofile=" + std::to_string(count) + ":" + std::to_string(most)},
                  place.scratch, place.user, {}));
    if (changed.wait_exit() != 0)
        undetermined("the limits of a running process cannot be changed here");
}

// Leaves, and waits until the server has noticed.
void leave(Talk &client, Milliseconds limit = patience) {
    client.finish();
    client.ends(limit);
    client.leave();
}

// Clients that are answered and stay until the server has no descriptor left.
std::vector<Talk> exhaust(Server &server) {
    std::vector<Talk> clients;
    if (descriptors(server) == 0)
        undetermined("the system does not tell which descriptors a process has");
    if (keeps_no_clients(server.program())) {
        allow(server, lowest_free(server));
        // An accept that sleeps already has a number, which the first client gets.
        Talk first(server);
        is_answered(server, first, Milliseconds(500));
        leave(first, Milliseconds(500));
        return clients;
    }
    for (std::size_t i = 0; i < most && lowest_free(server) < most; ++i) {
        clients.emplace_back(server);
        if (!is_answered(server, clients.back(), patience))
            fail("client " + std::to_string(i + 1) + " was not served, with descriptors left");
    }
    return clients;
}

Limits few_descriptors() {
    Limits limits;
    limits.descriptors = most;
    return limits;
}

void survive(const Program &program) {
    trying("The server may have 24 descriptors; clients come until it has no more, and two others "
           "after them. When all have left, another one asks.",
           "accept fails with EMFILE then: log it, do not end, do not call it again and again, and "
           "accept when a client has left.");
    by_hand("make " + program.file() + " && (ulimit -n 24; ./" + std::string(program.path) + ")",
            "(for i in $(seq 40); do timeout 5 nc -d 127.0.0.1 " + std::string(program.port) +
                " & done; wait)     # then a client");
    Server server(program, {}, "127.0.0.1", few_descriptors());
    std::vector<Talk> clients = exhaust(server);
    for (int i = 0; i < 2; ++i) clients.emplace_back(server); // no more: the backlog may be short
    check_idle(server);
    if (clients.size() > 2)
        require(is_answered(server, clients.front(), patience),
                "the first client was not served any more");
    if (keeps_no_clients(program)) allow(server, most);
    for (Talk &client : clients) leave(client);
    Talk another(server);
    require(is_answered(server, another, patience),
            "when all had left, another client was not served");
}

void let_wait(const Program &program) {
    trying(
        "The server has no descriptor left; a client connects and asks. It must wait, and be "
        "answered when there is a descriptor again.",
        "The client stays in the backlog: do not accept and close it. Say once \"Cannot "
        "accept: Too many open files\", and try again when a client has left, or after a while.");
    chapter("The programs from outside");
    by_hand("make " + program.file() + " && (ulimit -n 24; ./" + std::string(program.path) + ")",
            "(for i in $(seq 40); do timeout 5 nc -d 127.0.0.1 " + std::string(program.port) +
                " & done; wait)     # read terminal 1");
    Server server(program, {}, "127.0.0.1", few_descriptors());
    std::vector<Talk> clients = exhaust(server);
    Talk waiting(server);
    require(!is_answered(server, waiting, Milliseconds(600)),
            "a client was answered for which no descriptor was left");
    require(!waiting.connection().ended() && !waiting.connection().was_reset(),
            "the connection of a client was closed that should wait in the backlog");
    if (!server.wait_for("Cannot accept: "))
        fail("the server did not say that it cannot accept", "Cannot accept: Too many open files",
             "no such line");
    const std::string log = server.standard_output();
    std::size_t said = 0;
    for (auto at = log.find("Cannot accept"); at != log.npos;
         at = log.find("Cannot accept", at + 1))
        ++said;
    if (said > 3)
        fail("the server said again and again that it cannot accept", "once",
             std::to_string(said) + " times in 0.6 seconds");
    if (keeps_no_clients(program)) allow(server, most);
    else leave(clients.front());
    const std::string answer = simple_exchange(program).answer;
    const bool served = test::is_framing_server(program)
                            ? waiting.connection().receive(answer.size()) == answer
                            : waiting.gets("", patience);
    require(served, "the client that waited was not served when there was a descriptor again");
}

} // namespace

CHECK_OF_EACH(zen_tcp_servers, "survives running out of descriptors",
              "[pts:1][needs:closes its descriptors][needs:sleeps when it has nothing to do]"
              "[needs:answers question after question][faults][row 15]") {
    survive(program);
}
CHECK_OF_EACH(
    framing_servers, "survives running out of descriptors",
    "[pts:1][needs:serves several clients at once][needs:closes when the client has closed]"
    "[needs:echoes frame after frame]"
    "[needs:sleeps when it has nothing to do][faults][row 15]") {
    survive(program);
}

CHECK_OF_EACH(zen_tcp_servers, "lets clients wait without a descriptor",
              "[pts:1][needs:survives running out of descriptors]") {
    let_wait(program);
}
CHECK_OF_EACH(framing_servers, "lets clients wait without a descriptor",
              "[pts:1][needs:survives running out of descriptors]") {
    let_wait(program);
}
