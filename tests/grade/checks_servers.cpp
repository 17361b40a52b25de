// What servers of both transports must do alike: what they print, where they listen, how they take a
// wrong command line.
#include "check.h"

using namespace grade;

namespace {

using test::framing_servers;

// That a fresh client gets an answer.
void serve_another(Server &server) {
    if (test::is_udp_server(server.program())) {
        Ask another(server);
        another.send(question(2));
        another.expect(letter(2));
    } else {
        Talk another(server);
        another.send(question(2));
        another.expect(letter(2), "a client was not served");
    }
}

std::string run(const Program &program, const std::string &arguments) {
    return "make " + program.file() + " && ./" + std::string(program.path) + arguments;
}

// A port of that address that nobody has: the system has just chosen it.
std::uint16_t free_port(const Program &program, const std::string &host) {
    if (test::is_udp_server(program)) return test::Datagrams(host).local().port;
    return test::Listener(host).local().port;
}

// Whether a server answers at that address, or takes connections.
bool is_reached_at(const Program &program, const Endpoint &address, Milliseconds limit) {
    if (test::is_udp_server(program)) {
        test::Datagrams another("0.0.0.0");
        another.send_to(address, question(2));
        return another.receive(limit).arrived;
    }
    try {
        const test::Connection another(address);
        return true;
    } catch (const std::exception &) {
        return false;
    }
}

std::string client(const Program &program) {
    return "./" + std::string(test::client_of(program).path);
}

} // namespace

static void check_listens(const Program &program) {
    trying(
        "The server is started with a HOST and a PORT.",
        "bind to the HOST and PORT of the command line, not to a fixed port or to all addresses.");
    by_hand(run(program, " 127.0.0.2 34567"), client(program) + " 127.0.0.2 34567");
    const std::string host = host_of_our_own(); // where nobody else takes the port meanwhile
    const std::uint16_t port = free_port(program, host);
    Server server(program, {}, host, {}, port);
    if (server.address().port != port)
        fail("it has bound another port", std::to_string(port),
             std::to_string(server.address().port));
    require(is_reached_at(program, {host, port}, patience), "it cannot be reached at " + host);
    require(!is_reached_at(program, {host_of_nobody(), port}, Milliseconds(100)),
            "it can be reached at another address than " + host + " as well");
}

CHECK_OF_EACH(zen_servers, "listens where it is told", "[pts:1][needs:serves one client]") {
    check_listens(program);
}
CHECK_OF_EACH(framing_servers, "listens where it is told", "[pts:1][needs:echoes a frame]") {
    check_listens(program);
}

CHECK_OF_EACH(base_servers, "prints the ready line at once", "[pts:1]") {
    const std::string kind = test::is_udp_server(program) ? "UDP" : "TCP";
    trying(
        "The server is started on port 0 with its output in a pipe; the first line is read.",
        "Print \"" + kind +
            " server started at HOST:PORT\" with the port that the system chose "
            "(getsockname), and flush it: into a pipe, output is kept until the buffer is full.");
    by_hand(run(program, " 127.0.0.1 0 | cat"), "(none)");
    check_ready_line(program, kind);
}

CHECK_OF_EACH(zen_servers, "reports a port in use",
              "[pts:1][needs:serves one client][faults][row 33]") {
    const std::string reuse =
        test::is_udp_server(program)
            ? " On a UDP socket, SO_REUSEADDR lets two servers share a port: do not set it."
            : "";
    trying(
        "The server is started on a port that another program has, and on one that a server of its "
        "like has.",
        "Look at the result of bind (and listen): one line on standard error, PROGRAM: what: "
        "why, and exit status 1." +
            reuse);
    check_port_in_use(program);
}

CHECK_OF_EACH(base_servers, "reports a bad command line", "[pts:1]") {
    check_command_line(program);
}

CHECK_OF_EACH(zen_servers, "goes on without its standard output",
              "[pts:1][needs:serves one client][faults][row 31]") {
    trying(
        "The pipe that takes the output of the server is closed; then clients ask.",
        "Output that fails must not end a server: ignore SIGPIPE, and go on when a write fails.");
    by_hand(run(program, " | head -n 1"), client(program) + "; " + client(program));
    Server server(program);
    server.close_output();
    for (int i = 0; i < 3; ++i) serve_another(server);
}

CHECK_OF_EACH(zen_servers, "serves IPv6", "[pts:1][needs:serves one client]") {
    trying("The server is started on ::1. The ready line is to end with [::1]:PORT.",
           "Ask getaddrinfo for addresses of any family (AF_UNSPEC), make the socket of the family "
           "that it returns, and keep addresses of clients in a sockaddr_storage.");
    by_hand(run(program, " ::1"), client(program) + " ::1");
    needs_ipv6();
    Server server(program, {}, "::1");
    serve_another(server);
    const auto line = server.ready_line(Milliseconds(5000));
    const std::string wanted = "[::1]:" + std::to_string(server.address().port);
    const bool is_ready_line = line && line->find("started") != line->npos; // else: its own check
    if (is_ready_line && line->find(wanted) == line->npos)
        fail("the ready line does not name the address", wanted, *line);
}
