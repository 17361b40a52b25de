// sszt: Zen server, TCP, by a framework. socketserver.h accepts, and starts a thread for each
// connection, with -f a process; only the handler is written here.
//
// Run:        ./sszt/sszt            in one terminal (127.0.0.1, port 65432; -h tells the options)
//             ./zenc/zenc            in others, as many as you like
// Differs:    from zens in who calls whom: the framework calls setup(), handle(), finish().
// See also:   socketserver.h (what happens inside), zens (the same without it), sszu (UDP).

#include "../socketserver.h"

constexpr zen::Program program = {"sszt", "TCP server of the Zen protocol, with socketserver.h.",
                                  "+:hqt:f", "./sszt/sszt -f 127.0.0.1 8000"};
int time_limit = 0; // seconds, of silence or of not reading, 0 = none

class ZenHandler : public socketserver::BaseRequestHandler {
    void setup() override {
        peer = zen::printable(*client_address);
        zen::log("Connected by ", peer);
        const timeval limit = {time_limit, 0};
        setsockopt(request->socket, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
        setsockopt(request->socket, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    }

    void handle() override try {
        zen::Messages questions('?', zen::max_message, zen::white_space);
        char buffer[4096];
        while (!zen::stopping) {
            const ssize_t size = recv(request->socket, buffer, sizeof buffer, 0);
            if (size == 0) break;
            if (size < 0 && zen::interrupted()) continue;
            if (size < 0) zen::fail("cannot receive");
            questions.feed({buffer, static_cast<std::size_t>(size)});
            if (!answer_questions(questions)) return;
        }
        if (!questions.rest().empty())
            zen::log("End of file in mid-question from ", peer, ": ", questions.rest());
    } catch (const std::exception &error) { // handle_error() would say so after finish()
        zen::log("Error with ", peer, ": ", error.what());
    }

    // Answers the questions that are complete. False if there is one that has no answer.
    bool answer_questions(zen::Messages &questions) {
        while (const auto question = questions.next()) {
            const std::string_view answer = zen::answer_to(*question);
            if (answer.empty()) {
                zen::log("Unrecognized question from ", peer, ": ", *question);
                return false;
            }
            zen::log("Received from ", peer, ": ", *question);
            socketserver::sendall(request->socket, answer);
            zen::log("Sent to ", peer, ": ", answer);
        }
        if (questions.too_long()) zen::log("Question too long from ", peer);
        return !questions.too_long();
    }

    void finish() override { zen::log("Connection with ", peer, " closed"); }

    std::string peer;
};

template <class Server> void serve(const zen::Options &options) {
    Server server(options.host, options.port, socketserver::handler<ZenHandler>);
    zen::stop_on_signals();
    zen::print("TCP server started at ", server.server_address());
    server.serve_forever();
}

int main(int argc, char *argv[]) {
    const zen::Options options = zen::start(argc, argv, program);
    time_limit = options.timeout;
    try {
        using namespace socketserver;
        if (options.fork) serve<ForkingMixIn<TCPServer>>(options);
        else serve<ThreadingMixIn<TCPServer>>(options);
        if (!zen::quiet) zen::print("Server stopped");
        return 0;
    } catch (const std::exception &error) {
        return zen::report(program, error);
    }
}
