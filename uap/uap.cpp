// uap: Zen server, UDP, asynchronous with poll. Sleeps until datagrams have come, answers those
// that are there, and sleeps again.
//
// Run:        ./uap/uap              in one terminal (127.0.0.1, port 65432; -h tells the options)
//             ./zuc/zuc              in another; with -e, nc -u
// Differs:    from uas in the wait: poll takes a list of descriptors instead of sets.
// Simplified: bound to 0.0.0.0 or to ::, it answers from the address that the system chooses.
// See also:   zuc (the client), uas (with select), uae (with epoll), tap (over TCP).

#include "../zen.h"

#include <poll.h>

constexpr zen::Program program = {"uap", "Asynchronous UDP server of the Zen protocol (poll).",
                                  "+:ehq", "./uap/uap -e 127.0.0.1 8000"};
constexpr int datagram_limit = 64; // datagrams taken before the next look for a signal

// A socket bound to the first address of the host that lets itself be bound. It does not block: a
// datagram that was reported may turn out damaged, and recvfrom would sleep for the next.
zen::Descriptor open_socket(const zen::Options &options) {
    const zen::Addresses addresses = zen::resolve(options.host, options.port, SOCK_DGRAM);
    for (const addrinfo *address = addresses.get(); address; address = address->ai_next) {
        zen::Descriptor server(socket(address->ai_family, SOCK_DGRAM | SOCK_NONBLOCK, 0));
        if (!server) continue;
        if (bind(server.get(), address->ai_addr, address->ai_addrlen) == 0) return server;
    }
    zen::fail("cannot bind to " + zen::address_name(options.host, options.port));
}

// Sends a datagram. One that the kernel has no room for is lost, as it may be on its way as well.
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

// Receives and answers the datagrams that are there, up to a limit.
void on_readable(int server, bool echo) {
    char buffer[65'536]; // larger than any datagram
    for (int i = 0; i < datagram_limit; ++i) {
        zen::Address client;
        const ssize_t size = recvfrom(server, buffer, sizeof buffer, 0, client.get(), &client.size);
        if (size < 0 && (errno == EAGAIN || errno == EINTR)) return;
        if (size < 0) {
            zen::print("Cannot receive: ", std::strerror(errno));
            usleep(100'000); // whatever it is, do not fill the log with it
            return;
        }
        const std::string_view datagram(buffer, static_cast<std::size_t>(size));
        if (!echo) {
            answer_question(server, client, datagram);
        } else {
            zen::log("Received from ", client, ": ", datagram);
            send_back(server, client, datagram);
        }
    }
}

// Sleeps until datagrams have come and serves them, again and again, until a signal comes.
void serve_forever(int server, bool echo) {
    const sigset_t &mask = zen::block_signals(); // but while it waits, so that none is missed
    zen::Address own;
    getsockname(server, own.get(), &own.size); // for port 0, the system has chosen one
    zen::print("UDP server started at ", own);
    while (!zen::stop_requested()) {
        pollfd list[] = {{server, POLLIN, 0}};
        if (ppoll(list, 1, nullptr, &mask) > 0) on_readable(server, echo);
        else if (errno != EINTR) zen::fail("cannot poll");
    }
}

int main(int argc, char *argv[]) {
    const zen::Options options = zen::start(argc, argv, program);
    try {
        const zen::Descriptor server = open_socket(options);
        serve_forever(server.get(), options.echo);
        if (!zen::quiet) zen::print("Server stopped");
        return 0;
    } catch (const std::exception &error) {
        return zen::report(program, error);
    }
}
