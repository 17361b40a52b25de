// sszt: Zen server, TCP, by a framework. socketserver.h accepts, and starts a thread for each
// connection, with -f a process; only the handler is written here.
//
// Run:        ./sszt/sszt            in one terminal (127.0.0.1, port 65432; -h tells the options)
//             ./zenc/zenc            in others, as many as you like
// Differs:    from zens in who calls whom: the framework calls setup() and handle().
// See also:   socketserver.h (what happens inside), zens (the same without it), sszu (UDP).

#include "../socketserver.h"
#include "../zen.h"

constexpr zen::Program program = {"sszt", "TCP server of the Zen protocol, with socketserver.h.",
                                  "qt:f", "./sszt/sszt -f 127.0.0.1 8000"};
int time_limit = 0; // seconds that recv and send may wait for a client; 0 = for ever

// Collects the answers to the complete questions, and logs them as if they were sent already. False
// if a question is not in the table or is too long: then hang up.
bool answer_questions(const std::string &peer, zen::Messages &questions, std::string &answers) {
    while (const auto question = questions.next()) {
        const std::string_view answer = zen::answer_to(*question);
        if (answer.empty()) {
            zen::log("Unrecognized question from ", peer, ": ", *question);
            return false;
        }
        zen::log("Received from ", peer, ": ", *question);
        answers += answer;
        zen::log("Sent to ", peer, ": ", answer);
    }
    if (questions.too_long()) zen::log("Question too long from ", peer);
    return !questions.too_long();
}

// A conversation: as many questions as the client likes. Throws when the connection fails.
void converse(int client, const std::string &peer) {
    // TCP is a stream of bytes: recv may bring a part of a question, or many of them.
    zen::Messages questions('?', zen::max_message, zen::white_space);
    char buffer[4096];
    while (!zen::stopping) {
        const ssize_t size = recv(client, buffer, sizeof buffer, 0);
        if (size < 0 && errno == EINTR) continue; // the loop looks at stopping
        if (size < 0) zen::fail("cannot receive");
        if (size == 0) break; // end of file: the client has no more questions
        questions.feed({buffer, static_cast<std::size_t>(size)});
        // All answers go in one send. A second one would wait until the client's kernel has
        // acknowledged the first, which may take 40 ms (Nagle's algorithm, delayed ACK).
        std::string answers;
        const bool all_answered = answer_questions(peer, questions, answers);
        socketserver::sendall(client, answers);
        if (!all_answered) return;
    }
    if (!questions.rest().empty() && !zen::stopping)
        zen::log("End of file in mid-question from ", peer, ": ", questions.rest());
}

class ZenHandler : public socketserver::BaseRequestHandler {
    void setup() override {
        zen::log("Connected by ", *client_address);
        const timeval limit = {time_limit, 0};
        setsockopt(request->socket, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
        setsockopt(request->socket, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    }
    void handle() override { converse(request->socket, zen::printable(*client_address)); }
};

struct ZenServer : socketserver::TCPServer {
    using TCPServer::TCPServer;
    void shutdown_request(socketserver::Request &request) override {
        TCPServer::shutdown_request(request);
        zen::log("Connection with ", request.client_address, " closed");
    }
};

template <class Server> void serve_forever(const zen::Options &options) {
    Server server(options.host, options.port, socketserver::handler<ZenHandler>);
    zen::stop_on_signals();
    zen::say("TCP server started at ", server.server_address());
    server.serve_forever();
}

int main(int argc, char *argv[]) {
    const zen::Options options = zen::start(argc, argv, program);
    time_limit = options.timeout;
    try {
        if (options.fork) serve_forever<socketserver::ForkingMixIn<ZenServer>>(options);
        else serve_forever<socketserver::ThreadingMixIn<ZenServer>>(options);
        zen::log("Server stopped");
    } catch (const std::exception &error) {
        return zen::report(program, error.what());
    }
}
