// sszu: Zen server, UDP, by a framework. socketserver.h receives, and starts a thread for each
// datagram, with -f a process; only the handler is written here.
//
// Run:        ./sszu/sszu            in one terminal (127.0.0.1, port 65432; -h tells the options)
//             ./zuc/zuc              in others, as many as you like
// Differs:    from zus in who calls whom: the framework calls the handler.
// See also:   socketserver.h (what happens inside), zus (the same without it), sszt (TCP).

#include "../socketserver.h"
#include "../zen.h"

constexpr zen::Program program = {"sszu", "UDP server of the Zen protocol, with socketserver.h.",
                                  "qf", "./sszu/sszu -f 127.0.0.1 8000"};

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

struct ZenHandler : socketserver::BaseRequestHandler {
    void handle() override { answer_question(request->socket, *client_address, request->data); }
};

template <class Server> void serve_forever(const zen::Options &options) {
    Server server(options.host, options.port, socketserver::handler<ZenHandler>);
    zen::stop_on_signals();
    zen::say("UDP server started at ", server.server_address());
    server.serve_forever();
}

int main(int argc, char *argv[]) {
    const zen::Options options = zen::start(argc, argv, program);
    try {
        using namespace socketserver;
        if (options.fork) serve_forever<ForkingMixIn<UDPServer>>(options);
        else serve_forever<ThreadingMixIn<UDPServer>>(options);
        zen::log("Server stopped");
    } catch (const std::exception &error) {
        return zen::report(program, error.what());
    }
}
