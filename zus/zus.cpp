// zus: Zen server, UDP, iterative. Receives a datagram with a question, sends one with the answer
// back.
//
// Run:        ./zus/zus              in one terminal (127.0.0.1, port 65432; -h tells the options)
//             ./zuc/zuc              in another
// Simplified: bound to 0.0.0.0 or to ::, it answers from the address that the system chooses.
// See also:   zuc (the client), zens (the same over TCP), mzus (with threads), uas (with select).

#include "../zen.h"

constexpr zen::Program program = {"zus", "Iterative UDP server of the Zen protocol.", "+:hq",
                                  "./zus/zus 127.0.0.1 8000"};

// A socket bound to the first address of the host that lets itself be bound.
zen::Descriptor open_socket(const zen::Options &options) {
    const zen::Addresses addresses = zen::resolve(options.host, options.port, SOCK_DGRAM);
    for (const addrinfo *address = addresses.get(); address; address = address->ai_next) {
        zen::Descriptor server(socket(address->ai_family, SOCK_DGRAM, 0));
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

// Receives and answers one datagram after the other, until a signal comes.
void serve_forever(int server) {
    zen::stop_on_signals();
    zen::Address own;
    getsockname(server, own.get(), &own.size); // for port 0, the system has chosen one
    zen::print("UDP server started at ", own);
    char buffer[zen::max_message + 1]; // recvfrom cuts what is longer: one byte more shows it
    while (!zen::stopping) {
        zen::Address client;
        const ssize_t size = recvfrom(server, buffer, sizeof buffer, 0, client.get(), &client.size);
        if (size >= 0) {
            answer_question(server, client, {buffer, static_cast<std::size_t>(size)});
        } else if (errno != EINTR) {
            zen::print("Cannot receive: ", std::strerror(errno));
            usleep(100'000); // whatever it is, do not fill the log with it
        }
    }
}

int main(int argc, char *argv[]) {
    const zen::Options options = zen::start(argc, argv, program);
    try {
        const zen::Descriptor server = open_socket(options);
        serve_forever(server.get());
        if (!zen::quiet) zen::print("Server stopped");
        return 0;
    } catch (const std::exception &error) {
        return zen::report(program, error);
    }
}
