// ads: echo server, TCP; its frames end with a newline. The letters: a, the course's program
// is asynchronous (here each client has a thread); d, a delimiter after the message; s, server.
//
// Run:        ./framing/ads          in one terminal (127.0.0.1, port 8889; -h tells the options)
//             ./framing/adc          in others, as many as you like
// Simplified: a client that is silent, or does not read, keeps its thread for as long as it likes.
// See also:   frames.h (the frames), abs (frames with a length), afs (of fixed length), sszt and
//             socketserver.h (the framework that accepts and starts the threads).

#include "../socketserver.h"
#include "frames.h"

constexpr zen::Program program = {"ads", "TCP echo server of frames that end with a newline.",
                                  "+:hq", "./framing/ads 127.0.0.1 8000", "8889"};

class EchoHandler : public socketserver::BaseRequestHandler {
    void setup() override {
        peer = zen::printable(*client_address);
        zen::log("Connected by ", peer);
    }

    void handle() override try {
        zen::Messages frames = framing::delimited_frames();
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

    // Sends back the frames that are complete. False if the next one is too long.
    bool echo_frames(zen::Messages &frames) {
        while (const auto frame = frames.next()) {
            const std::string_view message = framing::message_of_delimited(*frame);
            zen::log("Received message: ", framing::excerpt(message));
            socketserver::sendall(request->socket, *frame);
        }
        if (frames.too_long()) // all of it has come: there is no header to say so
            zen::log("Frame too long from ", peer);
        return !frames.too_long();
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
