// What every UDP server of the kit does.
#include "support/kit.h"
#include "support/network.h"
#include "support/procfs.h"

using namespace test;

namespace {

const std::string question(zen[0].first), answer(zen[0].second);

} // namespace

TEST_OF_EACH(udp_servers, "survives clients that are gone when the answer comes",
             "[hostile][faults][row 37]") {
    Server server(program);
    for (int i = 0; i < 50; ++i) Datagrams().send_to(server.address(), question);
    CHECK(ask(program, server.address(), question) == answer);
}

TEST_OF_EACH(udp_servers, "goes on where it was stopped", "[faults][row 29]") {
    Server server(program);
    Datagrams client;
    server.signal(SIGSTOP);
    client.send_to(server.address(), question);
    stop_and_continue(server.pid());
    check_bytes(server, question, answer, client.receive().bytes);
}

TEST_OF_EACH(udp_servers, "survives datagrams whose sender is forged", "[faults][row 35]") {
    if (!needs_root()) return;
    Server server(program);
    Live live(server);
    for (int i = 0; i < 10; ++i)
        for (const Endpoint &source : {Endpoint{"127.0.0.1", 0}, Endpoint{"127.255.255.255", 9},
                                       Endpoint{"255.255.255.255", 9}, Endpoint{"0.0.0.0", 9}})
            CHECK(send_forged(source, server.address(), question));
    CHECK_PROGRAM(server, server.wait_for("127.0.0.1:0"));
    live.check();
}
