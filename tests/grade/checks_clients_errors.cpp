// What a client says when something is wrong, and which servers it finds: the errors, the addresses
// of a host, and a server that resets the connection.
#include "checks_clients.h"

#include "../support/network.h"

#include <memory>

using namespace grade;
using test::Connection, test::Datagrams, test::Listener;

namespace {

constexpr auto zenc = only<"zenc">(), zuc = only<"zuc">();
constexpr auto clients_with_limit = only<"abc", "adc">();
using test::client_programs;

// A server on that address and port: it plays one conversation.
void serve(const Program &program, Listener &listener, Datagrams &datagrams, Student &client) {
    if (program.name == "zuc") {
        answer_datagrams(datagrams);
    } else {
        Connection server = listener.accept();
        play(program, server);
        server.receive_all();
    }
    expect_status(client, 0);
}

std::uint16_t port_of(const Program &program, const Listener &listener,
                      const Datagrams &datagrams) {
    return program.name == "zuc" ? datagrams.local().port : listener.local().port;
}

// That the client finds a server that is on `address` alone, if it is told `host`.
void expect_found(const Program &program, const std::string &host, const std::string &address) {
    Listener listener(address);
    Datagrams datagrams(address);
    Student client(program, at({host, port_of(program, listener, datagrams)}));
    serve(program, listener, datagrams, client);
}

// The recipe's command that builds and starts the client's server.
std::string start_server(const Program &program) {
    const Program &server = test::server_of(program);
    return "make " + std::string(server.name) + " && ./" + std::string(server.path);
}

// In lower case, as reasons are written in both.
std::string lower(std::string text) {
    for (char &c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    return text;
}

} // namespace

CHECK_OF_EACH(client_programs, "says in one line what went wrong", "[pts:1]") {
    trying("The client is started with -t 1 while nobody listens on its port.",
           "One line on standard error: the program, what it could not do, and why, as strerror "
           "tells it. Nothing of it on standard output.");
    by_hand("(none: no server)", run(program, " -t 1"));
    Listener listener;
    Datagrams datagrams;
    const Endpoint closed = program.name == "zuc" ? datagrams.local() : listener.local();
    listener.close();
    datagrams.close();
    Student client(program, at(closed, {"-t", "1"}));
    expect_failure(client);
    const std::string error = client.standard_error(),
                      wanted = program.file() + ": cannot connect to " + closed.name() +
                               ": Connection refused";
    if (std::count(error.begin(), error.end(), '\n') != 1 || error.back() != '\n')
        fail("what it printed on standard error is not one line", wanted, test::shown(error));
    if (error.find(program.file()) == error.npos)
        fail("the line does not begin with the name of the program", wanted, test::shown(error));
    // zuc need not hear of the refusal: a socket that is not connected does not tell.
    if (program.name != "zuc" && lower(error).find("refused") == error.npos)
        fail("the line does not say why", wanted, test::shown(error));
    if (const std::string found = lines(client, "Received"); !found.empty())
        fail("it printed an answer", "none", test::shown(found));
}

CHECK_OF_EACH(client_programs, "takes HOST as a name and as an IPv6 address",
              "[pts:1][needs:base]") {
    trying("The client is started with the host localhost, and with the host ::1.",
           "Ask getaddrinfo, for addresses of any family (AF_UNSPEC), and make the socket of the "
           "family that it returns. inet_pton takes no names.");
    by_hand(start_server(program) + " localhost", run(program, " localhost"));
    const std::vector<std::string> addresses = test::addresses_of("localhost");
    expect_found(program, "localhost", addresses.front());
    try {
        Listener("::1");
    } catch (const std::exception &) {
        return; // no IPv6 here
    }
    expect_found(program, "::1", "::1");
}

CHECK_OF_EACH(client_programs, "tries each address of a host",
              "[pts:1][needs:takes HOST as a name and as an IPv6 address]") {
    trying(
        "A host has the addresses ::1 and 127.0.0.1. The server is on one of them alone: first on "
        "the one, then on the other.",
        "getaddrinfo returns a list. If the first address refuses, try the next one, with a new "
        "socket.");
    by_hand(start_server(program) + "     # on 127.0.0.1",
            run(program, " localhost") + "     # where localhost is ::1 as well");
    std::unique_ptr<test::OwnNetwork> network;
    std::string host = "localhost";
    try {
        network = std::make_unique<test::OwnNetwork>(test::OwnNetwork::ipv4_and_ipv6);
        host = test::two_addresses;
    } catch (const std::exception &) { // not allowed here
    }
    const std::vector<std::string> addresses = test::addresses_of(host);
    if (addresses.size() < 2) undetermined("here, localhost has one address only");
    needs_ipv6();
    for (const std::string &address : addresses) expect_found(program, host, address);
}

CHECK_OF_EACH(zenc, "is not ended by SIGPIPE", "[pts:1][needs:asks the three questions]") {
    trying(
        "The server answers the first question and resets the connection, before the client asks "
        "the second one.",
        "Sending over a connection that has been reset raises SIGPIPE, which ends the program "
        "without a word: send with MSG_NOSIGNAL, or ignore the signal; then report EPIPE.");
    by_hand("(none)", run(program) + "     # 141 is 128 + SIGPIPE");
    auto [listener, client, server] = Met(program);
    receive_up_to(server, question(0));
    test::stop(client.pid()); // until all has come
    server.send(answer(0));
    server.shut_down_sending();
    server.reset();
    client.signal(SIGCONT);
    expect_failure(client);
}

CHECK_OF_EACH(clients_with_limit, "refuses a response over the limit",
              "[pts:1][needs:prints the response][faults][row 43]") {
    const bool prefixed = program.name == "abc";
    trying(prefixed ? "The server announces a response of 1,048,577 bytes, another one of 512 MiB, "
                      "and sends no more."
                    : "The server sends 70,000 bytes without a newline, and no more.",
           prefixed ? "Do not trust a length: over 1 MiB, say so and return 1, before you wait for "
                      "the bytes or make room for them."
                    : "After 65,536 bytes without a newline, say so and return 1.");
    by_hand(prefixed
                ? "(sleep 3; printf '\\000\\020\\000\\001'; sleep 9) | nc -l 127.0.0.1 8888"
                : "(sleep 3; head -c 70000 /dev/zero | tr '\\0' x; sleep 9) | nc -l 127.0.0.1 8889",
            run(program, " -t 60"));
    const std::vector<std::string> responses =
        prefixed ? std::vector<std::string>{std::string("\0\x10\0\1", 4), {"\x20\0\0\0", 4}}
                 : std::vector<std::string>{std::string(70'000, 'x')};
    Limits limits;
    limits.address_space = 400; // MiB: for whoever makes room for 512 of them
    for (const std::string &response : responses) {
        auto [listener, client, server] = Met(program, {"-t", "60"}, limits);
        take_request(program, server);
        server.send(response, Milliseconds(1000));
        expect_failure(client);
    }
}

// ---- What may come to zuc

CHECK_OF_EACH(zuc, "goes on after a refusal", "[pts:1][needs:asks again]") {
    trying("The server is gone when the client asks again, and there again a moment later.",
           "A host tells that nobody has the port, and the next call on a connected socket fails "
           "with ECONNREFUSED: that is no reason to give up before -t is over.");
    by_hand("sleep 3; make zus && ./zus/zus", run(program, " -t 30") + "     # at once");
    const std::string host = host_of_our_own(); // where nobody else takes the port meanwhile
    auto server = std::make_unique<Datagrams>(host);
    const Endpoint address = server->local();
    Student client(program, at(address, {"-t", "30"}));
    next_question(*server, 0);
    server.reset();
    if (client.wait_exit(Milliseconds(1500), false)) // it has asked again, and was refused
        fail("it has given up when it was refused", "patience", client.status_text());
    server = std::make_unique<Datagrams>(host, address.port);
    answer_datagrams(*server);
    expect_received(client);
}

CHECK_OF_EACH(zuc, "compares the whole address of the server",
              "[pts:1][needs:accepts only the server it asked]") {
    trying("Before each answer of the server, another one comes from the same port of another "
           "address, and one from another port of the same address.",
           "An address and a port are the other end together: compare both, or connect the "
           "socket.");
    by_hand("make zus && ./zus/zus", run(program));
    Datagrams server;
    Datagrams same_port(host_of_nobody(), server.local().port), same_host;
    Student client(program, at(server.local()));
    answer_datagrams(server, [&](std::size_t number, const Endpoint &asker) {
        const std::string wrong = number == 2 ? "Stranger." : answer(2);
        same_port.send_to(asker, wrong);
        same_host.send_to(asker, wrong);
    });
    expect_received(client);
}
