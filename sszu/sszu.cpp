// sszu: Zen server, UDP, by a framework. socketserver.h receives, and starts a thread for each
// datagram, with -f a process; only the handler is written here.
//
// Run:        ./sszu/sszu            in one terminal (127.0.0.1, port 65432; -h tells the options)
//             ./zuc/zuc              in others, as many as you like
// Differs:    from zus in who calls whom: the framework calls the handler.
// See also:   socketserver.h (what happens inside), zus (the same without it), sszt (TCP).

#include "../socketserver.h"

constexpr zen::Program program = {"sszu", "UDP server of the Zen protocol, with socketserver.h.",
                                  "+:hqf", "./sszu/sszu -f 127.0.0.1 8000"};

class ZenHandler : public socketserver::BaseRequestHandler {
    void handle() override {
        const std::string_view question = zen::trim(request->data);
        const std::string_view answer = zen::answer_to(question);
        if (request->data.size() > zen::max_message) {
            zen::log("Question too long from ", *client_address);
        } else if (answer.empty()) {
            zen::log("Unrecognized question from ", *client_address, ": ", question);
        } else {
            zen::log("Received from ", *client_address, ": ", question);
            ssize_t sent = -1;
            do
                sent = sendto(request->socket, answer.data(), answer.size(), 0,
                              client_address->get(), client_address->size);
            while (sent < 0 && zen::interrupted());
            if (sent < 0) zen::fail("cannot send");
            zen::log("Sent to ", *client_address, ": ", answer);
        }
    }
};

template <class Server> void serve(const zen::Options &options) {
    Server server(options.host, options.port, socketserver::handler<ZenHandler>);
    zen::stop_on_signals();
    zen::print("UDP server started at ", server.server_address());
    server.serve_forever();
}

int main(int argc, char *argv[]) {
    const zen::Options options = zen::start(argc, argv, program);
    try {
        using namespace socketserver;
        if (options.fork) serve<ForkingMixIn<UDPServer>>(options);
        else serve<ThreadingMixIn<UDPServer>>(options);
        if (!zen::quiet) zen::print("Server stopped");
        return 0;
    } catch (const std::exception &error) {
        return zen::report(program, error);
    }
}
