// Hosts with two addresses: which one a program takes, and what it says if it can use none.
#include "support/kit.h"
#include "support/network.h"

#include <memory>

#include <sys/wait.h>

using namespace test;

namespace {

// "zens: cannot listen on two.test:65432: Address already in use"
void check_is_in_use(const Program &program, std::uint16_t port) {
    Process server(command(program, {two_addresses, std::to_string(port)}));
    check_exit(server, 1);
    CHECK_PROGRAM(server, server.standard_output().empty());
    const std::string what = is_tcp_server(program) ? ": cannot listen on " : ": cannot bind to ";
    CHECK(server.standard_error() == program.file() + what + two_addresses + ":" +
                                         std::to_string(port) + ": Address already in use\n");
}

// Somebody else who has a port.
std::unique_ptr<Socket> take_port(const Program &program, const std::string &host) {
    if (is_tcp_server(program)) return std::make_unique<Listener>(host);
    return std::make_unique<Datagrams>(host);
}

} // namespace

TEST_OF_EACH(servers, "stops if its port is in use at the first address of its host",
             "[addresses][errors][faults][row 49]") {
    if (!needs_own_network()) return;
    const OwnNetwork network(OwnNetwork::ipv4_and_ipv6);
    const std::vector<std::string> addresses = addresses_of(two_addresses);
    REQUIRE(addresses.size() == 2);
    const auto other = take_port(program, addresses[0]);
    check_is_in_use(program, other->local().port);
}

TEST_OF_EACH(servers, "takes the first address of its host, whoever has the second one",
             "[addresses][faults][row 49]") {
    if (!needs_own_network()) return;
    const OwnNetwork network(OwnNetwork::ipv4_and_ipv6);
    const std::vector<std::string> addresses = addresses_of(two_addresses);
    const auto other = take_port(program, addresses[1]);
    const Endpoint expected = {addresses[0], other->local().port};
    Process server(command(program, {two_addresses, std::to_string(expected.port)}));
    CHECK_PROGRAM(server, server.wait_for(" server started at " + expected.name() + "\n"));
    check_answers(program, server, expected);
}

TEST_OF_EACH(servers, "takes the address that the machine has, and says if it is in use",
             "[addresses][errors][faults][row 49]") {
    if (!needs_own_network()) return;
    const OwnNetwork network(OwnNetwork::ipv4_only);
    Server server(program, {}, two_addresses);
    CHECK(server.address().host == "127.0.0.1");
    check_answers(program, server, server.address());
    check_is_in_use(program, server.address().port);
}

TEST_OF_EACH(client_programs, "says that nobody listens, not that an address is missing",
             "[addresses][errors][faults][row 49]") {
    if (!needs_own_network()) return;
    for (const auto versions : {OwnNetwork::ipv4_only, OwnNetwork::ipv4_and_ipv6}) {
        const OwnNetwork network(versions);
        const Endpoint nobody = {"127.0.0.1", 65432}; // a port that nobody has: the network is new
        Client client(program, nobody, {"-t", "1"}, two_addresses);
        const std::string what =
            is_tcp_client(program) ? ": cannot connect to " : ": no answer from ";
        check_fails(client, program.file() + what + two_addresses + ":65432: Connection refused");
    }
}

TEST_OF_EACH(client_programs, "finds its server at either address of a host",
             "[addresses][faults][row 49]") {
    if (!needs_own_network()) return;
    for (const std::string host : {"127.0.0.1", "::1"}) {
        const OwnNetwork network(OwnNetwork::ipv4_and_ipv6);
        Server server(server_of(program), {}, host);
        Client client(program, server.address(), {}, two_addresses);
        check_exit(client, 0);
    }
}
