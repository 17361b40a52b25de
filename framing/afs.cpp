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

constexpr zen::Program program = {"afs", "TCP echo server of frames of a fixed length.", "+:hq",
                                  "./framing/afs 127.0.0.1 8000", "8890"};

class EchoHandler : public socketserver::BaseRequestHandler {
    void setup() override {
        peer = zen::printable(*client_address);
        zen::log("Connected by ", peer);
    }

    void handle() override try {
        framing::Frames frames = framing::padded_frames();
        char buffer[16384];
        while (!zen::stopping) {
            // TCP keeps no boundaries: this may bring a part of a frame, or many of them.
            const ssize_t size = recv(request->socket, buffer, sizeof buffer, 0);
            if (size == 0) break; // end of file: the client has no more messages
            if (size < 0 && zen::interrupted()) continue;
            if (size < 0) zen::fail("cannot receive");
            frames.feed({buffer, static_cast<std::size_t>(size)});
            if (!echo_frames(frames)) return;
        }
        if (!frames.rest().empty()) zen::log("End of file in mid-frame from ", peer);
    } catch (const std::exception &error) { // handle_error() would say so after finish()
        zen::log("Error with ", peer, ": ", error.what());
    }

    // Sends back the frames that are complete. False after one of only spaces: it ends the
    // conversation.
    bool echo_frames(framing::Frames &frames) {
        while (const auto frame = frames.next()) {
            const std::string_view message = framing::message_of_padded(*frame);
            if (message.empty()) return false;
            zen::log("Received message: ", framing::excerpt(message));
            socketserver::sendall(request->socket, *frame);
        }
        return true;
    }

    void finish() override { zen::log("Connection with ", peer, " closed"); }

    std::string peer;
};

int main(int argc, char *argv[]) {
    const zen::Options options = zen::start(argc, argv, program);
    try {
        using namespace socketserver;
        ThreadingMixIn<TCPServer> server(options.host, options.port, handler<EchoHandler>);
        zen::stop_on_signals();
        zen::print("TCP server started at ", server.server_address());
        server.serve_forever();
        server.server_close(); // also those that are still open
        if (!zen::quiet) zen::print("Server stopped");
        return 0;
    } catch (const std::exception &error) {
        return zen::report(program, error);
    }
}
