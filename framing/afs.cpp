// afs: echo server, TCP; its frames have a fixed length. The letters: a, the course's program
// is asynchronous (here each client has a thread); f, a fixed length; s, server.
//
// Run:        ./framing/afs          in one terminal (127.0.0.1, port 8890; -h tells the options)
//             ./framing/afc          in others, as many as you like
// Simplified: a client that is silent, or does not read, keeps its thread for as long as it likes.
// See also:   frames.h (the frames), abs (frames with a length), ads (with a delimiter), sszt and
//             socketserver.h (the framework that accepts and starts the threads).

#include "../socketserver.h"
#include "frames.h"

constexpr zen::Program program = {"afs", "TCP echo server of frames of a fixed length.", "q",
                                  "./framing/afs 127.0.0.1 8000", "8890"};

class EchoHandler : public socketserver::BaseRequestHandler {
    void setup() override { zen::log("Connected by ", *client_address); }

    void handle() override {
        framing::Frames frames = framing::padded_frames();
        char buffer[16384];
        while (!zen::stopping) {
            // TCP keeps no boundaries: this may bring a part of a frame, or many of them.
            const ssize_t size = recv(request->socket, buffer, sizeof buffer, 0);
            if (size < 0 && errno == EINTR) continue; // the loop looks at stopping
            if (size < 0) zen::fail("cannot receive");
            if (size == 0) break; // end of file: the client has no more messages
            frames.feed({buffer, static_cast<std::size_t>(size)});
            if (!echo_frames(frames)) return;
        }
        if (!frames.rest().empty() && !zen::stopping)
            zen::log("End of file in mid-frame from ", *client_address);
    }

    // Sends back the complete frames, in one send: a second one could wait for an acknowledgement.
    // False after a frame of only spaces: it ends the conversation.
    bool echo_frames(framing::Frames &frames) {
        std::string echo;
        bool goodbye = false;
        while (const auto frame = frames.next()) {
            const std::string_view message = framing::message_of_padded(*frame);
            goodbye = message.empty();
            if (goodbye) break;
            zen::log("Received message: ", framing::excerpt(message));
            echo += *frame;
        }
        socketserver::sendall(request->socket, echo);
        return !goodbye;
    }
};

struct EchoServer : socketserver::TCPServer {
    using TCPServer::TCPServer;
    void shutdown_request(socketserver::Request &request) override {
        TCPServer::shutdown_request(request);
        zen::log("Connection with ", request.client_address, " closed");
    }
};

int main(int argc, char *argv[]) {
    const zen::Options options = zen::start(argc, argv, program);
    try {
        using namespace socketserver;
        ThreadingMixIn<EchoServer> server(options.host, options.port, handler<EchoHandler>);
        zen::stop_on_signals();
        zen::say("TCP server started at ", server.server_address());
        server.serve_forever();
        server.server_close(); // also those that are still open
        zen::log("Server stopped");
    } catch (const std::exception &error) {
        return zen::report(program, error.what());
    }
}
