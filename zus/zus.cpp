// zus: Zen server, UDP, iterative. Receives a datagram with a question, sends one with the answer
// back.
//
// Run:        ./zus/zus              in one terminal (127.0.0.1, port 65432; -h tells the options)
//             ./zuc/zuc              in another
// Simplified: bound to 0.0.0.0 or to ::, it answers from the address that the system chooses.
// See also:   zuc (the client), zens (the same over TCP), mzus (with threads), uas (with select).

#include "../program.h"
#include "../zen.h"

constexpr zen::Program program = {"zus", "Iterative UDP server of the Zen protocol.", "q",
                                  "./zus/zus 127.0.0.1 8000"};

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

// Receives a datagram and answers it. False if there is none now.
bool serve_datagram(int server) {
    char buffer[zen::max_message + 1]; // recvfrom cuts what is longer: one byte more shows it
    zen::Address client;
    const ssize_t size = recvfrom(server, buffer, sizeof buffer, 0, client.get(), &client.size);
    if (size < 0 && zen::not_ready()) return false;
    if (size < 0) {
        zen::say("Cannot receive: ", std::strerror(errno));
        zen::pause_shortly(); // whatever it is, do not fill the log with it
        return false;
    }
    answer_question(server, client, {buffer, static_cast<std::size_t>(size)});
    return true;
}

// Serves datagrams until a signal comes.
void serve_forever(int server) {
    zen::stop_on_signals();
    zen::Address own;
    getsockname(server, own.get(), &own.size); // with port 0, the system has chosen the port
    zen::say("UDP server started at ", own);
    while (!zen::stopping) serve_datagram(server);
}

int main(int argc, char *argv[]) {
    const zen::Options options = zen::start(argc, argv, program);
    try {
        const zen::Descriptor server = open_socket(options);
        serve_forever(server.get());
        zen::log("Server stopped");
    } catch (const std::exception &error) {
        return zen::report(program, error.what());
    }
}
