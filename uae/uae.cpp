// uae: Zen server, UDP, asynchronous with epoll. Sleeps until datagrams have come, answers those
// that are there, and sleeps again.
//
// Run:        ./uae/uae              in one terminal (127.0.0.1, port 65432; -h tells the options)
//             ./zuc/zuc              in another; with -e, nc -u
// Differs:    from uap in the wait: the kernel keeps the list of descriptors.
// Simplified: bound to 0.0.0.0 or to ::, it answers from the address that the system chooses.
// See also:   zuc (the client), uas (with select), uap (with poll), tae (over TCP).

#include "../program.h"
#include "../zen.h"

#include <sys/epoll.h>

constexpr zen::Program program = {"uae", "Asynchronous UDP server of the Zen protocol (epoll).",
                                  "eq", "./uae/uae -e 127.0.0.1 8000"};
constexpr int datagram_limit = 64; // datagrams that are served before the next look for a signal

// Binds to the first of the host's addresses that can be bound. Fails where the port is in use.
zen::Descriptor open_socket(const zen::Options &options) {
    const zen::Addresses addresses = zen::resolve(options.host, options.port, SOCK_DGRAM);
    int error = 0;
    for (auto *info = addresses.get(); info && error != EADDRINUSE; info = info->ai_next) {
        zen::Descriptor server(socket(info->ai_family, SOCK_DGRAM, 0));
        if (server && bind(server.get(), info->ai_addr, info->ai_addrlen) == 0) return server;
        error = zen::telling_error(error, errno);
    }
    zen::fail("cannot bind to " + zen::address_name(options.host, options.port), error);
}

// Sends a datagram. If the kernel has no room for it, it is lost, as it could be lost on the way.
void send_back(int server, zen::Address &client, std::string_view bytes) {
    ssize_t sent = -1;
    do sent = sendto(server, bytes.data(), bytes.size(), 0, client.get(), client.size);
    while (sent < 0 && zen::interrupted());
    if (sent >= 0) zen::log("Sent to ", client, ": ", bytes);
    else zen::log("Cannot send to ", client, ": ", std::strerror(errno));
}

// Answers a datagram. One that holds no question of the table gets no answer.
void answer_question(int server, zen::Address &client, std::string_view datagram) {
    const std::string_view question = zen::trim(datagram);
    const std::string_view answer = zen::answer_to(question);
    if (datagram.size() > zen::max_message) {
        zen::log("Question too long from ", client);
    } else if (answer.empty()) {
        zen::log("Unrecognized question from ", client, ": ", question);
    } else {
        zen::log("Received from ", client, ": ", question);
        send_back(server, client, answer);
    }
}

// Sends a datagram back, but not to the server's own port, or it would echo to itself for ever.
void echo(int server, zen::Address &client, std::string_view datagram, in_port_t own_port) {
    zen::log("Received from ", client, ": ", datagram);
    if (client.port() != own_port) send_back(server, client, datagram);
}

// Receives a datagram and answers it. False if there is none now.
bool serve_datagram(int server, bool echoing, in_port_t own_port) {
    char buffer[65'536]; // larger than any datagram
    zen::Address client;
    const ssize_t size = recvfrom(server, buffer, sizeof buffer, 0, client.get(), &client.size);
    if (size < 0 && zen::not_ready()) return false;
    if (size < 0) {
        zen::say("Cannot receive: ", std::strerror(errno));
        zen::pause_shortly(); // whatever it is, do not fill the log with it
        return false;
    }
    const std::string_view datagram(buffer, static_cast<std::size_t>(size));
    if (echoing) echo(server, client, datagram, own_port);
    else answer_question(server, client, datagram);
    return true;
}

// Serves datagrams until a signal comes.
void serve_forever(int server, bool echoing) {
    zen::stop_on_signals();
    zen::Address own;
    getsockname(server, own.get(), &own.size); // with port 0, the system has chosen the port
    fcntl(server, F_SETFL, O_NONBLOCK); // where a datagram was damaged, recvfrom does not sleep
    const zen::Descriptor epoll(epoll_create1(0));
    if (!epoll) zen::fail("epoll_create1 failed");
    epoll_event event = {EPOLLIN, {}};
    if (epoll_ctl(epoll.get(), EPOLL_CTL_ADD, server, &event) < 0) zen::fail("epoll_ctl failed");
    zen::say("UDP server started at ", own);
    while (!zen::stopping) {
        epoll_event list[1];
        const int count = epoll_wait(epoll.get(), list, 1, -1);
        if (count < 0 && !zen::not_ready()) zen::fail("epoll_wait failed");
        for (int i = 0; count > 0 && i < datagram_limit; ++i)
            if (!serve_datagram(server, echoing, own.port())) break;
    }
}

int main(int argc, char *argv[]) {
    const zen::Options options = zen::start(argc, argv, program);
    try {
        const zen::Descriptor server = open_socket(options);
        serve_forever(server.get(), options.echo);
        zen::log("Server stopped");
    } catch (const std::exception &error) {
        return zen::report(program, error.what());
    }
}
